"""The graph: every asset of a data set with the functions that make it and that find its stage keys.

Here: binding declarations (`mmrec/builds/assets.py`) to the functions of the stages, by reference. Not here: any work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

from mmrec import tables
from mmrec.builds import assets
from mmrec.builds.assets import FACTORS, FUSED, SNAPSHOT, Asset, Keys
from mmrec.builds.costs import Estimate
from mmrec.builds.report import StageReport
from mmrec.lake.store import Lake
from mmrec.lists import neighbours
from mmrec.settings import Settings
from mmrec.stages import fused
from mmrec.stages.embeddings import vectors
from mmrec.stages.model import evaluation as model_evaluation
from mmrec.stages.model import factors as model_factors
from mmrec.stages.raw import catalogue as raw_catalogue
from mmrec.stages.raw import interactions as raw_interactions
from mmrec.stages.raw import media as raw_media
from mmrec.stages.raw import precomputed as raw_precomputed
from mmrec.stages.recommendations import reasons, similar_items, snapshot, top_k
from mmrec.stages.validated import interactions as validated_interactions
from mmrec.stages.validated import whole as validated_whole
from mmrec.tables import owned_by

Work = Callable[..., StageReport]  # (lake, settings, periods where the asset has some) → its report
Bound = Callable[[Settings, int, int], int]  # (settings, people, items) → rows at most


def _lists(settings: Settings, people: int, _: int) -> int:
    return people * settings.recommendations.k


def _neighbours(settings: Settings, _: int, items: int) -> int:
    kinds = len(settings.embeddings) + 1 if settings.embeddings else 0
    return items * kinds * neighbours.LENGTH


@dataclass(frozen=True)
class Functions:
    """The functions of an asset: its work, its stage keys, and how many rows a period of it can have at most."""

    work: Work
    keys: Keys
    bound: Bound = lambda *_: 0


_FUNCTIONS = {
    tables.RAW_ITEMS: Functions(raw_catalogue.items, raw_catalogue.items_keys),
    tables.RAW_MEDIA: Functions(raw_media.media, raw_media.media_keys),
    tables.RAW_PRECOMPUTED: Functions(raw_precomputed.precomputed, raw_precomputed.precomputed_keys),
    tables.RAW_INTERACTIONS: Functions(raw_interactions.interactions, raw_interactions.interactions_keys),
    tables.RAW_USERS: Functions(raw_catalogue.users, raw_catalogue.users_keys),
    tables.VALIDATED_ITEMS: Functions(validated_whole.items, validated_whole.items_keys),
    tables.VALIDATED_INTERACTIONS: Functions(
        validated_interactions.interactions, validated_interactions.interactions_keys
    ),
    tables.VALIDATED_USERS: Functions(validated_whole.users, validated_whole.users_keys),
    FUSED: Functions(fused.items, fused.items_keys),
    FACTORS: Functions(model_factors.factors, model_factors.factors_keys),
    tables.EVALUATION: Functions(model_evaluation.evaluation, model_evaluation.evaluation_keys),
    tables.TOP_K: Functions(top_k.top_k, top_k.top_k_keys, _lists),
    tables.REASONS: Functions(reasons.reasons, reasons.reasons_keys, _lists),
    tables.SIMILAR_ITEMS: Functions(similar_items.similar_items, similar_items.similar_items_keys, _neighbours),
    SNAPSHOT: Functions(snapshot.snapshot, snapshot.snapshot_keys),
}


@dataclass(frozen=True)
class Node(Asset):
    """An asset that can be made."""

    def run(
        self,
        lake: Lake,
        settings: Settings,
        periods: list[str],
        run_id: str = "-",
        *,
        retry_failed: bool = False,
        budget: float | None = None,
    ) -> StageReport:
        """Makes the asset for `periods` (ignored where it has none) by its stage function.

        Embeddings try inputs again that could not be encoded (`retry_failed`), and raise one line instead of starting
        what is expected to take more seconds than a `budget`. The report says what was expected and what it took.
        """
        acting = lake.acting_as(self.asset, self.code_version, run_id)
        estimate = Estimate(acting)
        report = self._work(acting, settings, periods, retry_failed, budget)
        # A stage that found nothing to do has read its keys only; what it rests on are the versions as they are.
        names = {table.name for dep in self.deps for table in owned_by(dep)} - report.inputs.keys()
        rests_on = {name: lake.version(name) for name in sorted(names)}
        present = {name: version for name, version in rests_on.items() if version is not None}
        cost = {"plan and cost": estimate.against(report)}
        return replace(report, inputs={**present, **report.inputs}, tables={**report.tables, **cost})

    def keys(self, lake: Lake, settings: Settings, periods: list[str]) -> dict[str, str]:
        """The stage keys by period that the asset would get now; one for a period whose inputs are there.

        Of embeddings a plan says more than a key: they have none here.
        """
        return self.keys_by(_FUNCTIONS[self.asset].keys, lake, settings, periods)

    def bound(self, settings: Settings, people: int, items: int) -> int:
        """How many rows one of its periods can have at most, where nothing tells how many there will be."""
        return _FUNCTIONS[self.asset].bound(settings, people, items)

    def _work(
        self, acting: Lake, settings: Settings, periods: list[str], retry_failed: bool, budget: float | None
    ) -> StageReport:
        if self.stage == "embeddings":
            return vectors.embed(acting, settings, self.name, retry_failed=retry_failed, budget=budget)
        work = _FUNCTIONS[self.asset].work
        return work(acting, settings, periods) if self.partitioned else work(acting, settings)


def nodes(settings: Settings) -> list[Node]:
    """Every asset of a data set, each after what it rests on."""
    return [_bound(each) for each in assets.declared(settings)]


def node(settings: Settings, asset: str) -> Node:
    """The asset by its key; one line with the known keys where there is none."""
    return _bound(assets.declaration(settings, asset))


def _bound(declared: Asset) -> Node:
    return Node(**{field.name: getattr(declared, field.name) for field in fields(declared)})
