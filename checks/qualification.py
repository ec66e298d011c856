"""Is an encoder worth its place? Asked when it or the refit boundary has changed; an answer warns and stops nothing.

The card of the encoder is the check's metadata. Where neither has changed since, the last answer is given again. Here:
when to ask, and how it is shown. Not here: the figures (`mmrec/queries/encoder_card.py`). An encoder that is doubted
stays in: the model's search chooses.
"""

from typing import Any

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from mmrec import tables
from mmrec.builds.assets import FACTORS
from mmrec.queries import encoder_card
from mmrec.settings import Settings
from resources.lake import LakeResource

NAME = "qualified"
_OF = "rests_on"  # of the metadata: the key of the card
_DESCRIPTION = (
    "its vectors are finite, not collapsed and not duplicates, and rank items that nobody has met better than chance"
)


def definitions(settings: Settings) -> list[dg.AssetChecksDefinition]:
    """A check a modality; it waits for the item factors of the same run, whose boundary the probe rests on."""
    return [_of(settings, modality) for modality in settings.embeddings]


def _of(settings: Settings, modality: str) -> dg.AssetChecksDefinition:
    key = dg.AssetKey(tables.current(modality).split("/")[:-1])
    factors = dg.AssetKey(FACTORS.split("/"))

    @dg.asset_check(asset=key, name=NAME, description=_DESCRIPTION, additional_deps=[factors])
    def qualified(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> dg.AssetCheckResult:
        opened = lake.open()
        rests_on = encoder_card.key(opened, settings, modality)
        last = _last(context.instance, dg.AssetCheckKey(key, NAME))
        if last is not None and last.metadata.get(_OF) == dg.MetadataValue.text(rests_on):
            return _result(last.passed, last.description or "", last.metadata)
        card = encoder_card.card(opened, settings, modality)
        told = "; ".join(card.doubts) or "nothing speaks against it"
        return _result(not card.doubts, told, {**_metadata(card), _OF: dg.MetadataValue.text(rests_on)})

    return qualified


def _result(passed: bool, told: str, metadata: Any) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=passed, severity=dg.AssetCheckSeverity.WARN, description=told, metadata=dict(metadata)
    )


def _last(instance: dg.DagsterInstance, key: dg.AssetCheckKey) -> dg.AssetCheckEvaluation | None:
    """The newest evaluation; that of the present run is only planned."""
    done = {AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED}
    for record in instance.event_log_storage.get_asset_check_execution_history(key, limit=1, status=done):
        event = record.event.dagster_event if record.event else None
        return event.asset_check_evaluation_data if event else None
    return None


def _metadata(card: encoder_card.Card) -> dict[str, dg.MetadataValue[Any]]:
    """The card: numbers stay numbers, texts are text."""
    shown: dict[str, dg.MetadataValue[Any]] = {}
    for name, value in card.facts.items():
        if isinstance(value, str):
            shown[name] = dg.MetadataValue.text(value)
        else:
            shown[name] = dg.MetadataValue.int(value) if isinstance(value, int) else dg.MetadataValue.float(value)
    records = [dg.TableRecord(dict(row)) for row in card.examples.iter_rows(named=True)]
    return {**shown, "nearest_of_some": dg.MetadataValue.table(records)} if records else shown
