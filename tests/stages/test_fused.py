"""One vector an item: missing is missing, statistics are frozen, and only what changed is computed."""

import numpy as np
import pytest

from mmrec.fusion import concat
from mmrec.fusion.concat import Block
from mmrec.fusion.statistics import Statistics, measure
from mmrec.lake.store import Lake
from mmrec.published.features import Features

UP_TO_ITEMS = ("raw/items", "raw/media", "validated/items", "embeddings/text", "embeddings/image")


@pytest.fixture
def shop(fused_shop):
    return fused_shop


def fuse(shop):
    """Runs up to the fused items; (computed, reused, removed)."""
    shop.run(*UP_TO_ITEMS)
    report = shop.run("fused/items").periods[""]
    return report.computed, report.reused, report.removed


def rows(shop):
    return {row["item_id"]: row for row in shop.lake.sql("SELECT * FROM fused.items").iter_rows(named=True)}


def test_a_missing_modality_is_zeros_and_is_not_listed(fused):
    for item, row in rows(fused).items():
        text, image = np.array(row["vector"][:8]), np.array(row["vector"][8:])
        has_text, has_image = item not in fused.without_text, item in fused.with_picture
        assert row["modalities"] == ["text"] * has_text + ["image"] * has_image
        assert text.any() == has_text
        assert image.any() == has_image
        assert len(image) == 4


def test_every_block_has_mean_zero_and_mean_squared_norm_one(fused):
    features = Features(fused.lake)
    for modality, block in features.blocks.items():
        present = block[features.present[modality]]
        assert np.abs(present.mean(axis=0)).max() < 1e-6
        assert np.isclose((present.astype(np.float64) ** 2).sum(axis=1).mean(), 1, atol=1e-6)


def test_features_are_taken_apart_as_they_were_put_together(fused):
    features = Features(fused.lake)
    assert features.item_ids == fused.items
    assert {name: block.shape for name, block in features.blocks.items()} == {"text": (15, 8), "image": (15, 4)}
    assert features.present["text"].sum() == 13
    assert features.present["image"].sum() == 10
    assert np.array_equal(features.matrix[3], np.array(rows(fused)["item-03"]["vector"], dtype=np.float32))


def test_the_report_counts_items_by_what_they_have(shop):
    report = shop.run("fused/items")
    assert dict(report.tables["items by modalities"].iter_rows()) == {"text + image": 10, "text": 3, "none": 2}
    assert report.facts["items_without_any_modality"] == 2


def test_a_second_run_computes_and_writes_nothing(shop):
    fuse(shop)  # its files are copies, which were never seen
    version, builds = shop.lake.version("fused/current"), shop.rows("ledger/builds")
    assert fuse(shop) == (0, 15, 0)
    assert (shop.lake.version("fused/current"), shop.rows("ledger/builds")) == (version, builds)


def test_only_the_rows_whose_embeddings_changed_are_computed(shop):
    before = rows(shop)
    shop.edit_item("item-03", about="Something else", title="Other title")
    shop.edit_item("item-13", picture="item-01.png")
    shop.edit_item("item-05", picture="")
    assert fuse(shop) == (3, 12, 0)
    after = rows(shop)
    assert {item for item in before if before[item] != after[item]} == {"item-03", "item-13", "item-05"}
    assert after["item-13"]["modalities"] == ["image"]
    assert after["item-05"]["modalities"] == ["text"]


def test_a_new_title_is_no_new_vector(shop):
    version = shop.lake.version("fused/current")
    shop.edit_item("item-03", title="Another title")
    assert fuse(shop) == (0, 15, 0)
    assert shop.lake.version("fused/current") == version


def test_new_and_removed_items(shop):
    shop.add_item("item-99,New,A thing number 4,")
    shop.remove_item("item-03")
    assert fuse(shop) == (1, 14, 1)
    after = rows(shop)
    assert after["item-99"]["vector"][:8] == after["item-04"]["vector"][:8]
    assert "item-03" not in after


def test_statistics_are_frozen_until_there_is_twice_as_much(shop):
    frozen = shop.scan("fused/statistics").sort("modality")
    space = {row["space"] for row in rows(shop).values()}
    assert frozen["items"].to_list() == [10, 13]
    for number in range(12):
        shop.add_item(f"more-{number},More,Very different {number},")
    assert fuse(shop) == (12, 15, 0)
    assert shop.scan("fused/statistics").sort("modality").equals(frozen)
    assert {row["space"] for row in rows(shop).values()} == space


def test_taking_an_edit_back_gives_the_old_version_and_the_old_bits(shop):
    before, version = rows(shop), shop.run("fused/items").periods[""].data_version
    shop.edit_item("item-03", about="Something else")
    fuse(shop)
    assert shop.run("fused/items").periods[""].data_version != version
    shop.edit_item("item-03", about="A thing number 3")
    fuse(shop)
    assert rows(shop) == before
    assert shop.run("fused/items").periods[""].data_version == version


def test_another_encoder_is_another_space_and_the_old_one_comes_back(shop):
    before = rows(shop)
    shop.configure(embeddings={"text": {"encoder": "hash:6"}})
    assert fuse(shop) == (14, 1, 0)  # two items have nothing, and share a vector
    assert {len(row["vector"]) for row in rows(shop).values()} == {10}
    assert shop.rows("fused/statistics") == 3
    shop.configure(embeddings={"text": {"encoder": "hash:8"}})
    assert fuse(shop) == (0, 15, 0)
    assert rows(shop) == before
    assert shop.rows("fused/statistics") == 3
    assert shop.rows("fused/spaces") == 4


def test_without_any_modality_the_items_stay_with_empty_vectors(new_shop):
    new_shop.settings = new_shop.settings.model_copy(update={"embeddings": {}})
    new_shop.run("raw/items", "raw/media", "validated/items", "fused/items")
    assert {(tuple(row["vector"]), tuple(row["modalities"])) for row in rows(new_shop).values()} == {((), ())}
    assert Features(new_shop.lake).matrix.shape == (15, 0)


def dies_with_a_key(_lake, _reports, keys):
    if any(keys.values()):
        raise KeyboardInterrupt


def test_a_run_that_dies_before_its_ledger_row_is_finished_by_the_next(shop, monkeypatch):
    shop.edit_item("item-03", about="Something else")
    shop.run(*UP_TO_ITEMS)
    commit = Lake._commit

    def dying(self, table, attempt):
        version = commit(self, table, attempt)
        if table == "fused/current":
            raise KeyboardInterrupt
        return version

    with monkeypatch.context() as patch:
        patch.setattr(Lake, "_commit", dying)
        with pytest.raises(KeyboardInterrupt):
            shop.run("fused/items")
    report = shop.run("fused/items").periods[""]
    assert (report.computed, report.rows) == (0, 15)
    assert shop.run("fused/items").periods[""].data_version == report.data_version


def test_a_run_that_dies_is_done_again_even_when_its_cause_is_taken_back(shop, monkeypatch):
    before = rows(shop)
    shop.edit_item("item-03", about="Something else")
    shop.run(*UP_TO_ITEMS)
    commit = Lake._commit

    def dying(self, table, attempt):
        version = commit(self, table, attempt)
        if table == "fused/current":
            raise KeyboardInterrupt
        return version

    with monkeypatch.context() as patch:
        patch.setattr(Lake, "_commit", dying)
        with pytest.raises(KeyboardInterrupt):
            shop.run("fused/items")
    shop.edit_item("item-03", about="A thing number 3")
    fuse(shop)
    assert rows(shop) == before


# -- arithmetic --------------------------------------------------------------------------------------------------------


def test_measuring_equal_vectors_divides_by_one():
    measured = measure("text", "e", np.ones((3, 2), dtype=np.float32))
    assert measured.scale == 1.0
    assert measured.mean.tolist() == [1.0, 1.0]
    assert measured.items == 3


def test_blocks_stand_side_by_side_where_they_belong():
    one = Statistics("text", "e", np.array([1.0, 1.0]), 2.0, 1)
    two = Statistics("image", "f", np.array([0.0]), 0.5, 1)
    blocks = [Block(one, np.array([2]), np.array([[3.0, 1.0]])), Block(two, np.array([0, 2]), np.array([[1.0], [2.0]]))]
    made = concat.fuse(blocks, 3)
    assert concat.cuts([one, two]) == {"text": slice(0, 2), "image": slice(2, 3)}
    assert concat.fuse([], 2).shape == (2, 0)
    assert made.tolist() == [[0, 0, 2], [0, 0, 0], [1, 0, 4]]


def test_statistics_are_named_by_their_bits():
    one = Statistics("text", "e", np.array([1.0]), 2.0, 1)
    others = [
        Statistics("image", "e", np.array([1.0]), 2.0, 1),
        Statistics("text", "f", np.array([1.0]), 2.0, 1),
        Statistics("text", "e", np.array([1.0 + 1e-15]), 2.0, 1),
        Statistics("text", "e", np.array([1.0]), 2.0 + 1e-15, 1),
    ]
    assert one.version == Statistics("text", "e", np.array([1.0]), 2.0, 99).version
    assert len({one.version, *[each.version for each in others]}) == 5
    assert concat.space([one]) != concat.space([one, others[0]])


def test_what_modalities_share_is_measured_once_a_space(new_shop):
    shop, told = new_shop, "what modalities share"
    shop.run(*UP_TO_ITEMS)
    assert shop.run("fused/items").tables[told].select("modality", "other", "stand_in").height == 2
    shop.edit_item("item-03", about="Something else")
    shop.run(*UP_TO_ITEMS)
    edited = shop.run("fused/items")
    assert edited.total("computed") == 1 and told not in edited.tables
