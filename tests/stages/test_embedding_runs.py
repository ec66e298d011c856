"""Runs that die while they embed, runs beside each other, and stored vectors that were damaged."""

import random
from functools import partial

import numpy as np
import polars as pl
import pytest

from mmrec import encoders
from mmrec.builds.publishing import Damaged
from mmrec.encoders import running
from mmrec.published.vectors import read_vectors
from mmrec.stages.embeddings import vectors as embedding_stage
from tests.helpers.embedding_shop import TEXT, UP_TO_ITEMS, current, embed, keys_of_vectors


@pytest.fixture
def shop(fused_shop):
    return fused_shop


class Killed(BaseException):
    """Nobody catches it."""


def test_a_killed_run_loses_only_what_it_had_not_committed(shop, monkeypatch):
    shop.configure(embeddings={"text": {"encoder": "hash:32"}})
    shop.run(*UP_TO_ITEMS)
    before = current(shop)

    def dying(*arguments, **options):
        for number, chunk in enumerate(running.run(*arguments, 0.0, block_rows=2, seed=options["seed"])):
            if number == 3:
                raise Killed
            yield chunk

    stand_in = type("executor", (), {"run": staticmethod(dying)})
    with monkeypatch.context() as patch:
        patch.setattr(embedding_stage, "running", stand_in)
        with pytest.raises(Killed):
            shop.run(TEXT)
    assert current(shop) == before
    kept = shop.rows("embeddings/text/vectors") - 13
    assert kept in (5, 6)  # three chunks of two, or two and the last key alone
    done, reasons, _ = embed(shop)
    assert (done, reasons) == (13 - kept, {"encoder changed": 13, "same": 0})
    assert len(set(current(shop).values())) == 13
    assert set(current(shop).values()) <= set(keys_of_vectors(shop))


@pytest.mark.parametrize("step", ["_switch", "_write_failed", "_period_report"])
def test_a_run_that_dies_after_encoding_is_finished_by_the_next(shop, monkeypatch, step):
    shop.edit_item("item-03", about="Something else")
    shop.run(*UP_TO_ITEMS)
    with monkeypatch.context() as patch:
        patch.setattr(embedding_stage, step, lambda *_: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            shop.run(TEXT)
    done, _, report = embed(shop)
    assert done == 0
    assert report.periods[""].rows == 13
    assert current(shop)["item-03"] in keys_of_vectors(shop)
    assert shop.scan("ledger/builds", asset=TEXT).height == 2


def test_what_another_run_has_done_since_the_plan_is_found_and_not_done_again(shop, monkeypatch):
    shop.configure(embeddings={"text": {"encoder": "hash:32"}})
    shop.run(*UP_TO_ITEMS)
    plan = partial(embedding_stage.plan_embeddings, shop.lake.acting_as(TEXT, "1"))
    stale = plan("text", encoders.identity("text", "hash:32", "fp32", shop.settings.weights).id)
    shop.run(TEXT)
    with monkeypatch.context() as patch:
        patch.setattr(embedding_stage, "_stage_key", lambda *_: "of before the other run")
        patch.setattr(embedding_stage, "plan_embeddings", lambda *_, **__: stale)
        report = shop.run(TEXT)
    assert [report.facts[f"keys_{name}"] for name in ("planned", "done", "found", "failed")] == [13, 0, 13, 0]
    assert not shop.scan("embeddings/text/vectors")["key"].is_duplicated().any()
    assert embed(shop)[0] == 0


def test_a_key_that_two_runs_stored_is_read_once(shop):
    table = "embeddings/text/vectors"
    shop.lake.append(table, shop.scan(table))
    assert shop.scan(table)["key"].is_duplicated().sum() == 26
    wanted = pl.DataFrame({"key": random.Random(1).sample(sorted(current(shop).values()), 13)})
    found, vectors = read_vectors(shop.lake, "text", wanted)
    assert found == sorted(wanted["key"])
    assert vectors.shape == (13, 8)
    assert embed(shop)[0] == 0


def test_flipped_bits_in_a_stored_vector_are_found_and_mended_as_the_message_says(shop):
    stored = shop.scan("embeddings/text/vectors")
    values = stored["vector"].list.to_array(8).to_numpy().copy()
    values[4, 2] = np.nextafter(values[4, 2], np.float32(9))
    shop.lake.replace(
        "embeddings/text/vectors", stored.with_columns(vector=pl.Series(values).cast(pl.List(pl.Float32)))
    )
    shop.settings = shop.settings.model_copy(update={"embeddings": {"text": shop.settings.embeddings["text"]}})
    with pytest.raises(
        Damaged,
        match=r"1 vectors of embeddings/text/vectors differ from their checksum.*delete embeddings/text from the lake",
    ):
        shop.run("fused/items")
    for table in ("current", "vectors", "failed"):
        folder = shop.folder / "lake" / "embeddings" / "text" / table
        for path in sorted(folder.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        folder.rmdir() if folder.exists() else None
    assert embed(shop)[0] == 13
    assert shop.run("fused/items").total("rows") == 15


def test_what_another_run_has_mixed_in_is_looked_at_again(shop, monkeypatch):
    """Between this run's plan and its merge another run makes every row another encoder's."""
    other = shop.settings.model_copy(
        update={"embeddings": {"text": shop.settings.embeddings["text"].model_copy(update={"encoder": "hash:6"})}}
    )
    shop.edit_item("item-03", about="edited")
    switch = embedding_stage._switch

    def disturbed(*of_this):
        with monkeypatch.context() as patch:
            patch.setattr(embedding_stage, "_switch", switch)
            embedding_stage.embed(shop.lake.acting_as(TEXT, "1"), other, "text")
        return switch(*of_this)

    with monkeypatch.context() as patch:
        patch.setattr(embedding_stage, "_switch", disturbed)
        embed(shop)
    assert shop.scan("embeddings/text/current")["encoder_id"].n_unique() == 2
    embed(shop)
    assert shop.scan("embeddings/text/current")["encoder_id"].n_unique() == 1
