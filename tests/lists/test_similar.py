"""Neighbours are those of brute force, a missing modality speaks for nothing, and a change costs what it reaches."""

import numpy as np
import polars as pl
import pytest

from mmrec import tables
from mmrec.builds.report import WHOLE
from mmrec.errors import MmrecError
from mmrec.lists import neighbours
from mmrec.models import ranking
from mmrec.published.features import Features
from mmrec.queries import similar as similar_to

TABLE = tables.SIMILAR_ITEMS
EMPTY = tables.contract(TABLE).empty()


def blocks_of(seed, n=90, duplicates=0):
    """Three blocks: everybody has the first, the second half of them, the third a few; some vectors are equal."""
    rng = np.random.default_rng(seed)
    made = {}
    for name, width, share in (("text", 6, 0.95), ("image", 9, 0.5), ("audio", 3, 0.1)):
        block = rng.normal(size=(n, width)).astype(np.float32) / np.float32(width**0.5)
        block[:duplicates] = block[0]
        made[name] = block * (rng.random((n, 1)) < share).astype(np.float32)
    return made


def ids(n):
    return [f"item-{at:03}" for at in range(n)]


def brute(blocks, names):
    """item → its neighbours and similarities, by two loops over everything."""
    n = len(names)
    lists = {}
    for a in range(n):
        found = []
        for b in range(n):
            shared = [block for block in blocks if block[a].any() and block[b].any()]
            if a != b and shared:
                pairs = [(block[a].astype(float), block[b].astype(float)) for block in shared]
                cosines = [x @ y / np.sqrt((x @ x) * (y @ y)) for x, y in pairs]
                found.append((-round(float(np.mean(cosines)), 12), names[b]))
        if found:
            lists[names[a]] = [(name, -score) for score, name in sorted(found)[: neighbours.LENGTH]]
    return lists


def as_lists(rows):
    grouped = rows.sort("item_id", "rank").group_by("item_id", maintain_order=True).agg("neighbour", "similarity")
    return {item: list(zip(*parts, strict=True)) for item, *parts in grouped.iter_rows()}


def rebuilt(by, names, blocks, code_version="1"):
    return neighbours.brought_up_to_date(EMPTY, by, names, blocks, code_version)[:2]


# -- the measure -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tile", [1, 700, 10**9])
@pytest.mark.parametrize("duplicates", [0, 60])
def test_neighbours_are_those_of_brute_force_whatever_the_tiling(monkeypatch, tile, duplicates):
    monkeypatch.setattr(ranking, "TILE_SCORES", tile)
    blocks, names = blocks_of(3, duplicates=duplicates), ids(90)
    for by, compared in neighbours.kinds(blocks).items():
        rows, anew = rebuilt(by, names, compared)
        expected = brute(compared, names)
        assert anew == len(expected) > 5
        found = as_lists(rows)
        assert set(found) == set(expected)
        for item, listed in expected.items():
            assert np.allclose([s for _, s in found[item]], [s for _, s in listed], atol=1e-12)
            if not duplicates:
                assert [name for name, _ in found[item]] == [name for name, _ in listed]


def test_equals_are_told_apart_by_their_id_alone():
    names = ids(60)
    rows, _ = rebuilt("text", names, [np.ones((60, 4), np.float32)])
    for item, listed in as_lists(rows).items():
        assert listed == [(name, 1.0) for name in names if name != item][: neighbours.LENGTH]


def test_similarity_is_symmetric_to_the_last_bit_and_of_equals_exactly_one():
    compared = neighbours.Compared.by([blocks_of(1)["text"], blocks_of(1)["image"]])
    a, b = (each.ravel() for each in np.meshgrid(np.arange(90), np.arange(90)))
    share = (compared.present[a] & compared.present[b]).any(1)
    a, b = a[share], b[share]
    there, back = compared.similarities(a, b), compared.similarities(b, a)
    assert np.array_equal(there, back)
    assert (there[a == b] == 1.0).all()
    assert np.abs(there).max() <= 1.0
    assert all(compared.similarities(a[[at]], b[[at]])[0] == there[at] for at in range(0, len(a), 97))


def test_a_missing_modality_speaks_neither_for_nor_against():
    text = np.array([[1, 0], [1, 1], [1, 1]], np.float32)
    image = np.array([[1, 0], [-1, 0], [0, 0]], np.float32)
    found = as_lists(rebuilt("all", ids(3), [text, image])[0])
    assert [name for name, _ in found["item-000"]] == ["item-002", "item-001"]
    assert np.allclose([s for _, s in found["item-000"]], [2**-0.5, (2**-0.5 - 1) / 2])


def test_the_length_of_a_block_does_not_weigh():
    blocks = blocks_of(2)
    rows, _ = rebuilt("all", ids(90), [*blocks.values()])
    louder, _ = rebuilt("all", ids(90), [blocks["text"] * 64, blocks["image"], blocks["audio"]])
    assert rows.drop("checksum").equals(louder.drop("checksum"))


def test_what_cannot_be_compared_has_no_list():
    text = np.array([[1, 0], [0, 1], [0, 0], [1e-9, 0]], np.float32)  # the last is the mean, up to rounding
    image = np.array([[0, 0], [0, 0], [1, 0], [0, 0]], np.float32)
    assert set(as_lists(rebuilt("text", ids(4), [text])[0])) == {"item-000", "item-001"}
    assert set(as_lists(rebuilt("all", ids(4), [text, image])[0])) == {"item-000", "item-001"}
    assert rebuilt("text", [], [text[:0]])[0].equals(EMPTY)


# -- what a change costs -----------------------------------------------------------------------------------------------


def test_an_update_is_a_rebuild_list_by_list_and_bit_by_bit():
    rng = np.random.default_rng(5)
    blocks, names = blocks_of(5, n=150), ids(150)
    kept = dict.fromkeys(neighbours.kinds(blocks), EMPTY)
    for turn in range(6):
        for by, compared in neighbours.kinds(blocks).items():
            kept[by], anew, _ = neighbours.brought_up_to_date(kept[by], by, names, compared, "1")
            expected, everything = rebuilt(by, names, compared)
            assert kept[by].equals(expected), (turn, by)
            assert anew == everything if turn == 0 else anew < everything, (turn, by)
        stay = rng.permutation(len(names))[:-2]  # two go, one comes, one changes, one loses and one gains a picture
        named = [*[names[at] for at in stay], f"item-{rng.integers(150):03}-{turn}"]
        order = np.argsort(named)
        names = [named[at] for at in order]
        blocks = {name: np.vstack([block[stay], rng.normal(size=block[:1].shape)]) for name, block in blocks.items()}
        blocks = {name: block[order].astype(np.float32) for name, block in blocks.items()}
        blocks["text"][4] = rng.normal(size=6)
        blocks["image"][[7, 8]] = np.vstack([np.zeros(9), rng.normal(size=9)])


def test_another_code_version_makes_every_list_anew():
    blocks, names = [blocks_of(6)["text"]], ids(90)
    first, _ = rebuilt("text", names, blocks)
    again, anew, _ = neighbours.brought_up_to_date(first, "text", names, blocks, "1")
    assert (anew, again.equals(first)) == (0, True)
    other, anew, _ = neighbours.brought_up_to_date(first, "text", names, blocks, "2")
    assert anew == first["item_id"].n_unique()
    assert other.drop("checksum").equals(first.drop("checksum"))


# -- the stage ---------------------------------------------------------------------------------------------------------


def update(shop):
    """Brings content and neighbours up to date; the report of the neighbours."""
    shop.run(*shop.content)
    return shop.run(TABLE)


def matches_a_rebuild(shop):
    features, parts = Features(shop.lake), []
    for by, blocks in neighbours.kinds(features.blocks).items():
        parts.append(rebuilt(by, features.item_ids, blocks)[0])
    key = ["item_id", "by", "rank"]
    return shop.scan(TABLE).sort(key).equals(pl.concat(parts).sort(key))


def test_every_item_has_neighbours_by_what_it_has(built):
    having = {by: set(built.scan(TABLE, by=by)["item_id"]) for by in ("text", "image", "all")}
    assert having["text"] == having["all"] == set(built.items) - set(built.without_text)
    assert having["image"] == set(built.with_picture)
    assert built.scan(TABLE, by="text").group_by("item_id").len()["len"].unique().to_list() == [12]
    assert matches_a_rebuild(built)
    report = built.run(TABLE)
    assert report.total("computed") == 0
    assert report.facts["lists_made_anew"] == 0
    assert dict(report.tables["lists by modality"].select("by", "items").iter_rows()) == {
        "all": 13,
        "image": 10,
        "text": 13,
    }
    assert report.tables["neighbours of some items"]["neighbours"].str.contains("Title").all()


def test_an_edit_reaches_the_lists_it_must_and_equals_a_rebuild(shop):
    before = shop.scan(TABLE)
    version = shop.run(TABLE).periods[WHOLE].data_version
    shop.edit_item("item-03", about="Something else")
    shop.edit_item("item-13", about="Now it has a text")
    shop.remove_item("item-05")
    report = update(shop)
    assert matches_a_rebuild(shop)
    assert 0 < report.total("computed") < report.total("rows")
    assert "item-05" not in {*shop.scan(TABLE)["item_id"], *shop.scan(TABLE)["neighbour"]}
    shop.edit_item("item-03", about="A thing number 3")
    shop.edit_item("item-13", about="")
    shop.add_item("item-05,Title 5,A thing number 5,item-05.png")
    assert update(shop).periods[WHOLE].data_version == version
    assert shop.scan(TABLE).sort("item_id", "by", "rank").equals(before.sort("item_id", "by", "rank"))


def test_a_new_title_costs_nothing(shop):
    version, reports = shop.lake.version(TABLE), shop.rows("ledger/builds")
    shop.run(TABLE)
    assert shop.rows("ledger/builds") == reports
    shop.edit_item("item-03", title="Another title")
    report = update(shop)
    assert (report.total("computed"), report.facts["lists_made_anew"]) == (0, 0)
    assert shop.lake.version(TABLE) == version


def test_another_encoder_leaves_the_other_modality_as_it_is(shop):
    before = shop.scan(TABLE, by="image").sort("item_id", "rank")
    shop.configure(embeddings={"text": {"encoder": "hash:6"}})
    report = update(shop)
    assert shop.scan(TABLE, by="image").sort("item_id", "rank").equals(before)
    assert report.facts["lists_made_anew"] == 2 * 13
    assert matches_a_rebuild(shop)


def test_without_any_modality_there_are_no_neighbours(new_shop):
    new_shop.settings = new_shop.settings.model_copy(update={"embeddings": {}})
    new_shop.run("raw/items", "raw/media", "validated/items", "fused/items")
    assert new_shop.run(TABLE).total("rows") == 0


def test_a_snapshot_waits_for_the_neighbours_of_its_catalogue(shop):
    shop.edit_item("item-03", about="Something else")
    shop.run(*shop.content)
    rest = [asset for asset in shop.answers if asset != TABLE]
    day = shop.days[-1:]
    assert "similar items" in shop.run(*rest, periods=day, strict=False)["recommendations/snapshot"].refusals[0]
    before = similar_to.similar(shop.lake, shop.settings, "item-04", "text")
    shop.run(TABLE)
    assert similar_to.similar(shop.lake, shop.settings, "item-04", "text") == before  # not published yet
    shop.run("recommendations/snapshot", periods=day)
    assert similar_to.similar(shop.lake, shop.settings, "item-04", "text") != before


# -- the question ------------------------------------------------------------------------------------------------------


def refused(*arguments):
    with pytest.raises(MmrecError) as caught:
        similar_to.similar(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_answer_has_title_similarity_and_what_was_compared(built):
    answer = similar_to.similar(built.lake, built.settings, "item-12")
    assert (answer["title"], answer["by"], answer["has"], answer["stand_in_media"]) == ("Title 12", "all", ["text"], [])
    assert [row["rank"] for row in answer["items"]] == list(range(1, 13))
    stored = built.scan(TABLE, item_id="item-12", by="all").sort("rank")
    assert [row["item_id"] for row in answer["items"]] == stored["neighbour"].to_list()
    assert [row["similarity"] for row in answer["items"]] == stored["similarity"].to_list()
    for row in answer["items"]:
        assert row["title"] == f"Title {int(row['item_id'][-2:])}"
        assert row["compared_by"] == ["text"]
    both = similar_to.similar(built.lake, built.settings, "item-02")["items"]
    assert {len(row["compared_by"]) for row in both} == {1, 2}
    assert similar_to.similar(built.lake, built.settings, "item-02", "image")["items"][0]["compared_by"] == ["image"]


def test_stand_ins_are_named_where_they_were_compared(shop):
    shop.configure(media={"stand_in": ["image"]})
    ask = [
        similar_to.similar(shop.lake, shop.settings, item, by) for item, by in (("item-02", "all"), ("item-12", "all"))
    ]
    ask.append(similar_to.similar(shop.lake, shop.settings, "item-02", "text"))
    assert [answer["stand_in_media"] for answer in ask] == [["image"], [], []]


def test_a_snapshot_from_before_there_were_neighbours_says_what_to_do(shop):
    kept = shop.scan("ledger/snapshots").filter(pl.col("table") != TABLE)
    shop.lake.replace("ledger/snapshots", kept)
    told = f"the snapshot of {shop.days[-1]} was published without similar items; type `mmrec run`"
    assert refused(shop.lake, shop.settings, "item-02") == told


def test_what_cannot_be_answered_is_one_clear_line(built, new_shop):
    known = built.lake, built.settings
    assert refused(*known, "item-404").startswith("no item is called 'item-404'; see `mmrec sql")
    assert refused(*known, "item-12", "image") == "item 'item-12' has no picture to compare by; it has: text"
    nothing = "nothing that could be compared"
    assert refused(*known, "item-14") == f"item 'item-14' has no vector to compare by; it has: {nothing}"
    told = refused(*known, "item-02", "smell")
    assert told == "items are not compared by 'smell'; this data set compares them by: text, image, all"
    assert refused(*known, "item-02", "audio").startswith("items are not compared by 'audio'")
    assert refused(new_shop.lake, new_shop.settings, "item-02").startswith("nothing is published yet")
