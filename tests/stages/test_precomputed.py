"""Vectors that were computed elsewhere: only those that differ are taken over, and a bad one costs its item alone."""

import hashlib
import pickle

import numpy as np
import polars as pl
import pytest

from mmrec import encoders
from mmrec.errors import MmrecError
from mmrec.planning import walk
from mmrec.published.vectors import read_vectors
from mmrec.queries import impact, search, why
from mmrec.settings import Settings, load
from mmrec.verification import oracle, scope
from tests.helpers.shop import DAYS, ITEMS, PEOPLE, Shop, write_shop

RAW, ITEMS_ASSET, IMAGE = "raw/precomputed", "validated/items", "embeddings/image"
WIDTH = 6


def made(count=15, width=WIDTH, dtype=np.float32):
    return np.random.default_rng(5).normal(size=(count, width)).astype(dtype)


def parquet(path, ids, vectors):
    pl.DataFrame({"item_id": ids, "vector": [list(map(float, v)) if v is not None else None for v in vectors]}).cast(
        {"vector": pl.List(pl.Float32)}
    ).write_parquet(path)


@pytest.fixture
def shop(tmp_path):
    """The tiny shop with pictures' vectors of its first twelve items in `clip.parquet`."""
    shop = Shop(write_shop(tmp_path))
    shop.file = shop.data / "clip.parquet"
    parquet(shop.file, ITEMS[:12], made()[:12])
    return shop.configure(embeddings={"image": {"encoder": f"precomputed:{shop.file}"}})


def embed(shop):
    shop.run("raw/items", "raw/media", RAW, ITEMS_ASSET)
    return shop.run(IMAGE)


def vectors(shop):
    """item → its current vector."""
    current = shop.scan(f"{IMAGE}/current")
    found, matrix = read_vectors(shop.lake, "image", current.select("key").unique())
    by_key = dict(zip(found, matrix, strict=True))
    return {item: by_key[key] for item, key in current.select("item_id", "key").iter_rows()}


def failures(shop):
    return dict(shop.scan(f"{IMAGE}/failed").select("item_id", "reason").iter_rows())


def numbers(report):
    return report.facts["keys_planned"], report.facts["keys_done"], report.facts["keys_failed"]


def test_the_vectors_are_taken_over_as_they_are(shop):
    report = embed(shop)
    assert numbers(report) == (12, 12, 0)
    found = vectors(shop)
    assert set(found) == set(ITEMS[:12])
    assert np.array_equal(np.stack([found[item] for item in ITEMS[:12]]), made()[:12])
    assert report.facts["items_without"] == 3


def test_the_input_hash_is_that_of_the_vectors_bytes(shop):
    embed(shop)
    hashes = dict(shop.scan(ITEMS_ASSET).select("item_id", "image_hash").iter_rows())
    assert hashes[ITEMS[3]] == hashlib.sha256(made()[3].tobytes()).hexdigest()
    assert hashes[ITEMS[12]] is None


def test_the_encoder_is_its_declared_name_width_and_dtype(shop):
    def identity(encoder):
        return encoders.identity("image", encoder, "fp32", shop.settings.weights)

    first = identity(f"precomputed:{shop.file}")
    assert (first.width, first.fields["name"], first.fields["dtype"]) == (WIDTH, "clip", "float32")
    other = shop.data / "of tomorrow.parquet"
    parquet(other, ITEMS, -made())
    assert identity(f"precomputed:clip@{other}").id == first.id
    assert identity(f"precomputed:{other}").id != first.id
    with pytest.raises(MmrecError, match="leave out precision"):
        encoders.identity("image", f"precomputed:{shop.file}", "bf16", shop.settings.weights)


def test_only_changed_rows_are_taken_over(shop):
    embed(shop)
    changed = made()[:12]
    changed[4] += 1
    parquet(shop.file, ITEMS[:12][::-1], changed[::-1])  # in another order
    plan = [row for row in walk.plan(shop.lake, shop.settings, []).rows if row.asset in (RAW, ITEMS_ASSET, IMAGE)]
    assert [(row.asset, row.rows) for row in plan] == [(RAW, 1), (ITEMS_ASSET, 1), (IMAGE, 1)]
    assert plan[-1].reason == "content changed"
    assert numbers(embed(shop)) == (1, 1, 0)
    assert np.array_equal(vectors(shop)[ITEMS[4]], changed[4])
    parquet(shop.file, ITEMS[:12], made()[:12])
    assert numbers(embed(shop)) == (0, 0, 0)  # the vector is known
    assert np.array_equal(vectors(shop)[ITEMS[4]], made()[4])


def test_a_vector_that_is_gone_leaves_its_item_without(shop):
    embed(shop)
    parquet(shop.file, ITEMS[:11], made()[:11])
    assert embed(shop).facts["items_without"] == 4
    assert set(vectors(shop)) == set(ITEMS[:11])


def test_a_bad_vector_is_one_recorded_failure(shop):
    rows = [*map(np.array, made()[:12])]
    rows[1], rows[2], rows[3] = rows[1][:4], rows[2] * np.nan, rows[3] * np.inf
    rows[5] = None
    parquet(shop.file, [*ITEMS[:12], ITEMS[7], ITEMS[8]], [*rows, rows[9], rows[8]])
    report = embed(shop)
    found = failures(shop)
    assert set(found) == {ITEMS[1], ITEMS[2], ITEMS[3], ITEMS[7]}
    assert found[ITEMS[1]] == "the vector has 4 numbers, expected 6"
    assert "not finite" in found[ITEMS[2]]
    assert "not finite" in found[ITEMS[3]]
    assert "several different vectors" in found[ITEMS[7]]
    assert set(vectors(shop)) == set(ITEMS[:12]) - set(found) - {ITEMS[5]}
    assert numbers(report) == (11, 7, 4)


@pytest.mark.parametrize("dtype", ["<f2", ">f4", "<f8"])
def test_a_matrix_with_a_file_of_ids(shop, dtype):
    rows = np.asfortranarray(made().astype(dtype))
    np.save(shop.data / "clip.npy", rows)
    (shop.data / "clip.ids.txt").write_text("\n".join(f" {item} " for item in ITEMS) + "\n")
    shop.configure(embeddings={"image": {"encoder": f"precomputed:{shop.data / 'clip.npy'}"}})
    assert numbers(embed(shop)) == (15, 15, 0)
    found = vectors(shop)
    assert np.array_equal(np.stack([found[item] for item in ITEMS]), rows.astype(np.float32))


def test_ids_may_be_numbers_and_columns_have_other_names(tmp_path):
    path = tmp_path / "v.parquet"
    frame = pl.DataFrame(
        {"sku": [1.0, 2.0, None], "embedding": made(3)}, schema_overrides={"embedding": pl.Array(pl.Float64, WIDTH)}
    )
    frame.write_parquet(path)
    shop = Shop(write_shop(tmp_path / "shop")).configure(embeddings={"image": {"encoder": f"precomputed:{path}"}})
    shop.run(RAW)
    assert shop.scan(RAW).select("item_id", "source_row").rows() == [("1", 1), ("2", 2), (None, 3)]


def test_texts_may_have_precomputed_vectors_too(shop):
    shop.configure(embeddings={"text": {"encoder": f"precomputed:{shop.file}"}})
    shop.run(*shop.content[:3], RAW, ITEMS_ASSET, "embeddings/text")
    assert set(shop.scan("embeddings/text/current")["item_id"]) == set(ITEMS[:12])
    raw = {"users": {"files": ["people.csv"]}}
    with pytest.raises(ValueError, match=r"embeddings.text\] is precomputed"):
        Settings.model_validate({**shop.settings.model_dump(), **raw})


def test_a_catalogue_needs_no_column_of_files(shop):
    config = shop.settings.model_dump()
    config["items"]["columns"]["image"] = None
    shop.settings = Settings.model_validate(config)
    assert numbers(embed(shop)) == (12, 12, 0)


MALFORMED = {
    "missing": (lambda path: path.unlink(), "no file"),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:-40]), "cannot be read"),
    "text": (lambda path: path.write_text("item_id,vector\n"), "cannot be read"),
    "no list": (lambda path: pl.DataFrame({"item_id": ["a"], "vector": [1.0]}).write_parquet(path), "has the columns"),
    "numbers": (lambda path: pl.DataFrame({"item_id": ["a"], "vector": [[1]]}).write_parquet(path), "has the columns"),
    "two lists": (
        lambda path: pl.DataFrame({"item_id": ["a"], "a": [[1.0]], "b": [[1.0]]}).write_parquet(path),
        "has the columns",
    ),
    "empty": (lambda path: parquet(path, [], []), "no vector"),
    "null": (lambda path: parquet(path, ["a"], [None]), "no vector"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_file_is_one_line(shop, case):
    spoil, told = MALFORMED[case]
    spoil(shop.file)
    for ask in (lambda: shop.run(RAW), lambda: walk.plan(shop.lake, shop.settings, [])):
        with pytest.raises(MmrecError, match=told) as error:
            ask()
        assert "\n" not in str(error.value)


def test_a_damaged_page_is_one_line_and_leaves_what_had_landed(shop):
    embed(shop)
    data = bytearray(shop.file.read_bytes())
    data[40:120] = bytes(80)
    shop.file.write_bytes(bytes(data))
    with pytest.raises(MmrecError, match="cannot be read"):
        shop.run(RAW)
    assert shop.rows(RAW) == 12


class Evil:
    def __reduce__(self):
        return (pytest.fail, ("code of a pickle ran",))


@pytest.mark.parametrize(
    ("write", "told"),
    [
        (lambda path: np.save(path, np.array([Evil()], dtype=object), allow_pickle=True), "Python objects"),
        (lambda path: path.write_bytes(pickle.dumps(Evil())), "cannot be read"),
        (lambda path: np.save(path, made()[0]), r"expected is \[items, width\]"),
        (lambda path: np.save(path, np.ones((15, 3), int)), "holds int64"),
        (lambda path: np.savez(path.open("wb"), made()), "an archive"),
        (lambda path: np.save(path, made(14)), "15 lines"),
    ],
    ids=["objects", "pickle", "one row", "whole numbers", "archive", "fewer"],
)
def test_a_malformed_matrix_is_one_line_and_runs_no_code(shop, write, told):
    path = shop.data / "bad.npy"
    write(path)
    path.with_suffix(".ids.txt").write_text("\n".join(ITEMS))
    shop.configure(embeddings={"image": {"encoder": f"precomputed:{path}"}})
    with pytest.raises(MmrecError, match=told) as error:
        shop.run(RAW)
    assert "\n" not in str(error.value)


def test_ids_of_another_catalogue_are_told(shop):
    parquet(shop.file, ["x-1", "x-2"], made(2))
    assert embed(shop).warnings == [
        f"no item has a vector of precomputed:{shop.file}: the first id of its vectors is 'x-1', "
        f"the catalogue's '{ITEMS[0]}'"
    ]


def test_a_file_that_changes_after_it_has_landed_is_never_taken_for_what_it_was(shop):
    shop.run("raw/items", "raw/media", RAW, ITEMS_ASSET)
    parquet(shop.file, ITEMS[:12], -made()[:12])
    report = shop.run(IMAGE)
    assert numbers(report) == (12, 0, 12)
    assert all("no longer holds" in reason for reason in failures(shop).values())


def test_the_path_counts_from_the_settings_file_and_frames_take_no_vectors(shop):
    config = shop.folder / "mmrec.toml"
    text = config.read_text().replace('"hash:4"', '"precomputed:ours@data/clip.parquet"')
    config.write_text(text)
    settings = load(config, environment={})
    assert settings.precomputed == {"image": f"precomputed:ours@{shop.file}"}
    with pytest.raises(MmrecError, match="sees no frames"):
        encoders.identity("video", f"frames:precomputed:{shop.file}", "fp32", settings.weights)


def test_a_change_of_encoder_reads_the_files_again(shop):
    embed(shop)
    shop.configure(embeddings={"image": {"encoder": "hash:4"}})
    shop.run("raw/items", "raw/media", ITEMS_ASSET, IMAGE)
    assert set(vectors(shop)) == set(shop.with_picture)


def test_a_whole_run_is_verified_and_followed_back_to_the_bytes(shop):
    assets = ("raw/items", "raw/media", RAW, *shop.events, ITEMS_ASSET, "embeddings/text", IMAGE, "fused/items")
    shop.run(*assets)
    shop.run(*shop.answers, periods=DAYS[3:])
    outcomes = list(oracle.verify(shop.lake, shop.settings, scope.choose(shop.lake, shop.settings)))
    assert all(outcome.equal for outcome in outcomes)
    assert {RAW, f"{IMAGE}/vectors"} <= {outcome.table for outcome in outcomes}
    told = why.why(shop.lake, shop.settings, PEOPLE[0], ITEMS[2])["content"]["image"]
    assert told["input"] == "clip.parquet row 3"
    assert told["input_sha256"] == hashlib.sha256(made()[2].tobytes()).hexdigest()
    inputs = impact.of_item(shop.lake, shop.settings, ITEMS[11]).answers["inputs"]
    assert [row["modality"] for row in inputs] == ["text", "image"]
    assert walk.plan(shop.lake, shop.settings, DAYS[3:]).rows == []
    with pytest.raises(MmrecError, match="computed elsewhere"):
        search.by_file(shop.lake, shop.settings, shop.data / "pictures" / "item-01.png", "image")
