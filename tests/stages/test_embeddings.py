"""Only what has no vector is computed: edits, duplicates, encoders and failures, and runs that die on the way."""

import random
from functools import partial

import numpy as np
import polars as pl
import pytest

from mmrec import encoders, tables
from mmrec.builds.publishing import Damaged
from mmrec.encoders import running
from mmrec.encoders.hashed import HashEncoder
from mmrec.errors import MmrecError
from mmrec.published.vectors import read_vectors
from mmrec.stages.embeddings import vectors as embedding_stage

pytestmark = pytest.mark.usefixtures("quick_judge")
UP_TO_ITEMS = ("raw/items", "raw/media", "validated/items")
TEXT, IMAGE = "embeddings/text", "embeddings/image"


@pytest.fixture
def shop(fused_shop):
    return fused_shop


def embed(shop, asset=TEXT):
    """Runs up to one modality; (keys computed, items by reason, its report)."""
    shop.run(*UP_TO_ITEMS)
    report = shop.run(asset)
    reasons = dict(report.tables["planned by reason"].iter_rows())
    numbers = report.facts
    assert numbers["keys_planned"] == numbers["keys_done"] + numbers["keys_found"] + numbers["keys_failed"]
    assert report.periods[""].computed == numbers["keys_done"]
    return numbers["keys_done"], reasons, report


def current(shop, modality="text"):
    return dict(shop.scan(f"embeddings/{modality}/current").select("item_id", "key").iter_rows())


def lose(shop, key):
    """A vector's row is no longer there."""
    table = "embeddings/text/vectors"
    shop.lake.replace(table, tables.contract(table).empty(), {"key": [key]})


def keys_of_vectors(shop, modality="text"):
    return sorted(shop.scan(f"embeddings/{modality}/vectors")["key"])


# -- a first run -------------------------------------------------------------------------------------------------------


def test_every_item_with_an_input_becomes_current(fused):
    assert set(current(fused)) == set(fused.items) - set(fused.without_text)
    assert set(current(fused, "image")) == set(fused.with_picture)
    assert sorted(set(current(fused).values())) == keys_of_vectors(fused)


def test_a_vector_is_what_the_encoder_makes_of_the_input(fused):
    identity = encoders.identity("text", "hash:8", "fp32", fused.settings.weights)
    encoder = HashEncoder(identity)
    text = "A thing number 4"
    key = current(fused)["item-04"]
    found, vectors = read_vectors(fused.lake, "text", pl.DataFrame({"key": [key]}))
    assert found == [key]
    assert np.array_equal(vectors, encoder.encode(encoder.prepare([text])))


def test_a_second_run_computes_and_writes_nothing(shop):
    shop.run(*UP_TO_ITEMS)  # its files are copies, which were never seen
    tables = [f"{asset}/{table}" for asset in (TEXT, IMAGE) for table in ("current", "vectors", "failed")]
    before = {table: shop.lake.version(table) for table in [*tables, "ledger/builds"]}
    for asset in (TEXT, IMAGE):
        done, reasons, report = embed(shop, asset)
        assert done == 0
        assert set(reasons) == {"same"}
        assert report.periods[""].reused == report.periods[""].rows > 0
    assert {table: shop.lake.version(table) for table in before} == before


def test_a_run_with_nothing_to_do_loads_no_encoder(shop, monkeypatch):
    monkeypatch.setattr(encoders, "load", lambda *_: pytest.fail("loaded"))
    embed(shop)


# -- what changed ------------------------------------------------------------------------------------------------------


def test_an_edited_text_is_one_key_and_taking_it_back_none(shop):
    before = current(shop)
    shop.edit_item("item-03", about="Something else")
    done, reasons, report = embed(shop)
    assert (done, reasons) == (1, {"content changed": 1, "same": 12})
    assert {item for item, key in current(shop).items() if before[item] != key} == {"item-03"}
    shop.edit_item("item-03", about="A thing number 3")
    done, reasons, again = embed(shop)
    assert (done, reasons) == (0, {"content changed": 1, "same": 12})
    assert current(shop) == before
    assert again.periods[""].data_version != report.periods[""].data_version


def test_a_title_that_is_no_part_of_the_text_is_no_change(shop):
    shop.edit_item("item-03", title="Another title")
    assert embed(shop)[:2] == (0, {"same": 13})


def test_the_same_text_is_computed_once_whatever_ids_have_it(shop):
    for number in range(3):
        shop.add_item(f"twin-{number},Twin,Twins all,")
    done, reasons, _ = embed(shop)
    assert (done, reasons) == (1, {"new": 3, "same": 13})
    assert len({current(shop)[f"twin-{number}"] for number in range(3)}) == 1
    shop.add_item("twin-3,Twin,A thing number 5,")
    assert embed(shop)[0] == 0
    assert current(shop)["twin-3"] == current(shop)["item-05"]


def test_a_removed_item_is_no_longer_current_but_its_vector_stays(shop):
    vectors = keys_of_vectors(shop)
    shop.remove_item("item-03")
    done, reasons, report = embed(shop)
    assert (done, reasons, report.periods[""].removed) == (0, {"removed": 1, "same": 12}, 1)
    assert "item-03" not in current(shop)
    assert keys_of_vectors(shop) == vectors


def test_an_item_that_loses_its_text_is_no_longer_current(shop):
    shop.edit_item("item-03", about="")
    assert embed(shop)[1] == {"removed": 1, "same": 12}
    assert "item-03" not in current(shop)


def test_an_encoder_switched_and_back_computes_once(shop):
    before = current(shop)
    shop.configure(embeddings={"text": {"encoder": "hash:16"}})
    assert embed(shop)[:2] == (13, {"encoder changed": 13, "same": 0})
    assert not set(current(shop).values()) & set(before.values())
    shop.configure(embeddings={"text": {"encoder": "hash:8"}})
    assert embed(shop)[:2] == (0, {"encoder changed": 13, "same": 0})
    assert current(shop) == before


def test_the_precision_is_part_of_the_key_and_the_device_is_not(shop):
    shop.configure(embeddings={"text": {"device": "cuda:3"}})
    assert embed(shop)[0] == 0
    shop.configure(embeddings={"text": {"precision": "bf16"}})
    assert embed(shop)[0] == 13


def test_a_picture_with_other_bytes_is_one_key(shop):
    (shop.data / "pictures" / "item-02.png").write_bytes(b"other bytes")
    done, reasons, _ = embed(shop, IMAGE)
    assert (done, reasons) == (1, {"content changed": 1, "same": 9})


def test_a_vector_that_was_lost_is_computed_again(shop):
    key = current(shop)["item-07"]
    lose(shop, key)
    assert embed(shop)[:2] == (1, {"vector missing": 1, "same": 12})
    assert key in keys_of_vectors(shop)


# -- failures ----------------------------------------------------------------------------------------------------------


def fail_on(monkeypatch, *texts):
    """An encoder that refuses these inputs, and the inputs that it was asked for."""
    asked = []

    def prepare(self, inputs):
        asked.extend(inputs)
        return [encoders.Failure("bad input") if item in texts else self._prepare(item) for item in inputs]

    monkeypatch.setattr(HashEncoder, "prepare", prepare)
    return asked


def test_a_bad_input_is_one_recorded_failure_and_its_neighbours_go_on(shop, monkeypatch):
    fail_on(monkeypatch, "bad")
    shop.edit_item("item-03", about="bad")
    shop.edit_item("item-04", about="good")
    done, reasons, report = embed(shop)
    assert (done, reasons["content changed"], report.facts["keys_failed"]) == (1, 2, 1)
    assert "item-03" not in current(shop)
    [failure] = shop.scan("embeddings/text/failed").iter_rows(named=True)
    assert (failure["item_id"], failure["reason"], failure["run_id"]) == ("item-03", "bad input", "test-run")
    assert report.warnings == ["1 inputs could not be encoded; see `mmrec rejected`"]
    assert report.periods[""].rejected == 1


def test_a_failure_is_not_tried_again_until_its_content_changes(shop, monkeypatch):
    asked = fail_on(monkeypatch, "bad")
    shop.edit_item("item-03", about="bad")
    embed(shop)
    asked.clear()
    version = shop.lake.version("embeddings/text/failed")
    done, _, report = embed(shop)
    assert (done, asked, report.facts["keys_planned"]) == (0, [], 0)
    assert report.periods[""].rejected == 1
    assert shop.lake.version("embeddings/text/failed") == version
    shop.edit_item("item-03", about="mended")
    assert embed(shop)[0] == 1
    assert shop.rows("embeddings/text/failed") == 0
    assert "item-03" in current(shop)


def test_a_failure_is_tried_again_when_asked_to(shop, monkeypatch):
    with monkeypatch.context() as patch:
        fail_on(patch, "bad")
        shop.edit_item("item-03", about="bad")
        embed(shop)
    report = embedding_stage.embed(shop.lake.acting_as(TEXT, "1"), shop.settings, "text", retry_failed=True)
    assert dict(report.tables["planned by reason"].iter_rows())["failed before"] == 1
    assert report.facts["keys_done"] == 1
    assert shop.rows("embeddings/text/failed") == 0
    assert "item-03" in current(shop)


def test_a_failure_of_a_removed_item_is_forgotten(shop, monkeypatch):
    fail_on(monkeypatch, "bad")
    shop.edit_item("item-03", about="bad")
    embed(shop)
    shop.remove_item("item-03")
    embed(shop)
    assert shop.rows("embeddings/text/failed") == 0


def test_a_picture_that_is_not_there_or_not_allowed_is_a_recorded_failure(shop):
    (shop.data / "secret.png").write_bytes(b"secret")
    (shop.data / "pictures" / "item-00.png").unlink()
    shop.edit_item("item-01", picture="../secret.png")
    shop.edit_item("item-02", picture="folder")
    (shop.data / "pictures" / "folder").mkdir()
    done, _, report = embed(shop, IMAGE)
    failures = dict(shop.scan("embeddings/image/failed").select("item_id", "reason").iter_rows())
    assert failures == {
        "item-00": "the file does not exist",
        "item-01": "the file is outside the media folder",
        "item-02": "not a regular file",
    }
    assert (done, report.periods[""].rows) == (0, 7)
    assert str(shop.folder) not in str(failures)


def test_a_picture_that_changed_since_it_was_registered_is_a_failure_and_mends_itself(shop):
    path = shop.data / "pictures" / "item-02.png"
    path.write_bytes(b"first")
    shop.run(*UP_TO_ITEMS)
    path.write_bytes(b"second")
    report = shop.run(IMAGE)
    assert (report.facts["keys_done"], report.facts["keys_failed"]) == (0, 1)
    assert shop.scan("embeddings/image/failed")["reason"].to_list() == ["the file changed since it was registered"]
    assert embed(shop, IMAGE)[0] == 1
    assert shop.rows("embeddings/image/failed") == 0


# -- runs that die, and runs beside each other -------------------------------------------------------------------------


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


# -- damage ------------------------------------------------------------------------------------------------------------


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


def test_nothing_is_planned_where_nobody_has_written(shop, monkeypatch):
    embed(shop)
    with monkeypatch.context() as patch:
        patch.setattr(embedding_stage, "plan_embeddings", lambda *_, **__: pytest.fail("it planned"))
        done, _, report = embed(shop)
    assert (done, report.periods[""].reused, report.periods[""].rows) == (0, 13, 13)
    lose(shop, current(shop)["item-03"])
    assert embed(shop)[0] == 1


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


def test_a_budget_refuses_what_is_dearer_or_unknown(shop):
    def asked(budget):
        return embedding_stage.embed(shop.lake.acting_as(TEXT, "1"), shop.settings, "text", budget=budget)

    embed(shop)
    shop.edit_item("item-03", about="edited")
    shop.run(*UP_TO_ITEMS)
    with pytest.raises(MmrecError, match=r"^embeddings/text: the cost of 1 rows is .* and the budget 0.0 s; nothing"):
        asked(0.0)
    assert asked(3600.0).facts["keys_done"] == 1
    shop.configure(embeddings={"text": {"encoder": "hash:6"}})
    with pytest.raises(MmrecError, match="is unknown, as nothing was built under this recipe"):
        asked(3600.0)


def test_a_folder_that_has_become_a_link_out_of_the_media_is_noticed_though_its_files_look_the_same(shop):
    inner, outer = shop.data / "pictures" / "inner", shop.folder / "elsewhere"
    inner.mkdir()
    (inner / "one.png").write_bytes(b"one")
    shop.edit_item("item-00", picture="inner/one.png")
    embed(shop, IMAGE)
    assert "item-00" in current(shop, "image")
    inner.rename(outer)
    inner.symlink_to(outer)
    embed(shop, IMAGE)
    assert "item-00" not in current(shop, "image")
    failures = dict(shop.scan("embeddings/image/failed").select("item_id", "reason").iter_rows())
    assert failures["item-00"] == "the file is outside the media folder"
