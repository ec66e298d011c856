"""The bench of published splits on a tiny made one: both forms of a folder, content, one line where it is neither."""

import sys

import numpy as np
import polars as pl
import pytest

from bench import published
from mmrec.errors import MmrecError

PEOPLE, ITEMS = 40, 30


@pytest.fixture
def folder(tmp_path):
    """People of two tastes, each with ten items of train and two of test, and content that tells the tastes apart."""
    rng = np.random.default_rng(0)
    taste = np.arange(ITEMS) % 2
    lines = {"train": [], "test": []}
    for person in range(PEOPLE):
        own = rng.permutation(np.flatnonzero(taste == person % 2))[:12]
        for part, items in (("train", own[:10]), ("test", own[10:])):
            lines[part].append(" ".join(map(str, [person, *items])))
    for part, told in lines.items():
        (tmp_path / f"{part}.txt").write_text("\n".join([*told, f"{PEOPLE} "]) + "\n")
    np.save(tmp_path / "text.npy", np.eye(2)[taste] + rng.normal(0, 0.1, (ITEMS, 2)))
    return tmp_path


def test_lines_are_read_as_people_and_their_items(folder):
    data = published.read(folder)
    assert (data.train.height, data.test.height, len(data.items)) == (PEOPLE * 10, PEOPLE * 2, ITEMS)
    first = (folder / "train.txt").read_text().splitlines()[0].split()
    assert data.train.filter(user_id="0")["item_id"].to_list() == first[1:]
    block = data.content["text"]
    assert (block**2).sum(1).mean() == pytest.approx(1) and np.abs(block.mean(0)).max() < 1e-12
    stored = np.load(folder / "text.npy")[[int(each) for each in data.items]]
    np.testing.assert_allclose(np.corrcoef(block[:, 0], stored[:, 0])[0, 1], 1)


def test_a_table_gives_the_same(folder, tmp_path_factory):
    data, other = published.read(folder), tmp_path_factory.mktemp("parquet")
    parts = [rows.with_columns(split=pl.lit(name)) for name, rows in (("train", data.train), ("test", data.test))]
    pl.concat(parts).with_columns(pl.col("user_id", "item_id").cast(pl.Int64)).write_parquet(
        other / "interactions.parquet"
    )
    again = published.read(other)
    assert again.train.equals(data.train) and again.test.equals(data.test) and not again.content


def test_the_whole_bench_prints_figures_of_every_model(folder, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["published", str(folder), "--width", "4", "--models", "popularity,L3AE"])
    published.main()
    told = capsys.readouterr().out
    assert f"{PEOPLE} people, {ITEMS} items, {PEOPLE * 10} train events" in told
    value = {}
    for line in told.splitlines():
        if "NDCG@20" in line:
            name, _, rest = line.partition("NDCG@20")
            value[name.strip()] = float(rest.split()[0])
    assert set(value) == {"served", "MF alone", "popularity", "L3AE"}
    assert value["L3AE"] > value["popularity"]


def test_what_is_no_published_split_is_one_line(folder, tmp_path_factory):
    with pytest.raises(
        MmrecError, match=r"holds no published split; expected train\.txt and test\.txt, or interactions"
    ):
        published.read(tmp_path_factory.mktemp("empty"))
    (folder / "test.txt").write_text("1 2 x3\n")
    with pytest.raises(MmrecError, match=r"^test\.txt: 1 ids are no numbers; expected a line a person"):
        published.read(folder)
    (folder / "test.txt").write_text("1 2 99\n")
    with pytest.raises(
        MmrecError, match=r"^text\.npy: found shape \(30, 2\); expected \[items, width\] for 100 items$"
    ):
        published.read(folder)
