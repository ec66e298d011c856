"""Only what has no vector is computed: a first run, edits, duplicates, encoders, a budget."""

import numpy as np
import polars as pl
import pytest

from mmrec import encoders, tables
from mmrec.encoders.hashed import HashEncoder
from mmrec.errors import MmrecError
from mmrec.published.vectors import read_vectors
from mmrec.stages.embeddings import vectors as embedding_stage
from tests.helpers.embedding_shop import IMAGE, TEXT, UP_TO_ITEMS, current, embed, keys_of_vectors


@pytest.fixture
def shop(fused_shop):
    return fused_shop


def lose(shop, key):
    """A vector's row is no longer there."""
    table = "embeddings/text/vectors"
    shop.lake.replace(table, tables.contract(table).empty(), {"key": [key]})


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


# -- nothing to do, and no more than a budget -------------------------------------------------------------------------


def test_nothing_is_planned_where_nobody_has_written(shop, monkeypatch):
    embed(shop)
    with monkeypatch.context() as patch:
        patch.setattr(embedding_stage, "plan_embeddings", lambda *_, **__: pytest.fail("it planned"))
        done, _, report = embed(shop)
    assert (done, report.periods[""].reused, report.periods[""].rows) == (0, 13, 13)
    lose(shop, current(shop)["item-03"])
    assert embed(shop)[0] == 1


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
