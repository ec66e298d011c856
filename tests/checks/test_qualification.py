"""The check of an encoder: a card is made when the encoder or the refit boundary has changed, else shown again."""

import dagster as dg
import polars as pl

from checks import qualification
from mmrec.queries import encoder_card
from mmrec_assets.assembly import build_defs

KEY = dg.AssetKey(["embeddings", "text"])


def verdict(shop, instance):
    """Runs the texts' embeddings with their checks; the evaluation of the encoder."""
    job = build_defs(shop.settings).resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(instance=instance, asset_selection=[KEY])
    [found] = [each for each in result.get_asset_check_evaluations() if each.check_name == qualification.NAME]
    return found


def test_a_card_is_made_once_for_an_encoder_and_a_boundary(shop, monkeypatch):
    instance = dg.DagsterInstance.ephemeral()
    first = verdict(shop, instance)
    assert (first.passed, first.description, first.asset_key) == (True, "nothing speaks against it", KEY)
    assert first.metadata["encoder"].value == "hash:8"
    assert first.metadata["width"].value == 8
    assert len(first.metadata["nearest_of_some"].value.records) == 5
    made = []
    bad = encoder_card.Card({"width": 9}, pl.DataFrame(), ["it is bad"])
    monkeypatch.setattr(encoder_card, "card", lambda *_: made.append(1) or bad)
    again = verdict(shop, instance)
    assert (made, again.metadata, again.description) == ([], first.metadata, first.description)
    shop.configure(embeddings={"text": {"encoder": "hash:9"}})
    other = verdict(shop, instance)
    assert (made, other.passed, other.description) == ([1], False, "it is bad")
    assert other.severity == dg.AssetCheckSeverity.WARN
    assert other.metadata["width"].value == 9
