"""No person's id or words are in the log of any table: not in a commit, and not in a checkpoint, decoded or not."""

import json
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from mmrec import tables
from mmrec.lake import store
from mmrec.lake.store import Lake
from tests.helpers.shop import PERSON

WORDS = "words of"  # begins every search and review of the shop


def logged(root):
    """Everything that the logs below a lake say: their raw bytes, and their checkpoints decoded."""
    found = {}
    for path in sorted(Path(root).rglob("_delta_log/*")):
        if path.is_file():
            found[path] = path.read_bytes()
        if path.suffix == ".parquet":
            found[path.with_suffix(".decoded")] = json.dumps(pl.read_parquet(path).to_dicts(), default=str).encode()
    return found


def test_people_are_in_no_log_of_a_lake_that_has_lived(shop, monkeypatch):
    monkeypatch.setattr(store, "COMPACT_EVERY", 3)
    day = shop.days[-1]
    for number in range(3):
        lines = shop.lines(day)
        shop.write_events(day, lines[:-1] if number % 2 else [*lines, lines[0].replace("item-0", "item-1")])
        shop.run(*shop.events, "model/factors", "recommendations/top_k", "recommendations/reasons", periods=[day])
    made = [table.name for table in tables.ALL if shop.lake.exists(table.name)]
    for table in made:
        DeltaTable(shop.lake.uri(table)).create_checkpoint()
    logs = logged(shop.lake.root)
    checkpointed = {path.parents[1] for path in logs if path.suffix == ".decoded"}
    assert checkpointed == {Path(shop.lake.root, table) for table in made}
    assert shop.scan("model/users")["user_id"].str.starts_with(PERSON).all()
    for path, said in logs.items():
        assert PERSON.encode() not in said, path
        assert WORDS.encode() not in said, path


@pytest.mark.parametrize("table", [table for table in tables.ALL if table.personal], ids=lambda table: table.name)
def test_no_value_of_a_personal_column_reaches_a_log_by_any_verb(table, tmp_path, monkeypatch):
    monkeypatch.setattr(store, "_SMALL_BYTES", 0)  # a merge is one, whatever the size
    lake = Lake(str(tmp_path))

    def filled(mark):
        """One row, with something planted in every personal column."""
        planted = {}
        for column in table.columns_:
            value = f"zq-planted-{mark}" if column.personal else mark
            if column.dtype in (pl.String, pl.List(pl.String)):
                planted[column.name] = value if column.dtype == pl.String else [value]
        return table.conform(pl.DataFrame([planted]), partial=True)

    for number in range(11):
        lake.append(table.name, filled(f"m{number}"))
    lake.merge(table.name, filled("m1"), list(table.key), removed=filled("m2"))
    lake.compact(table.name)
    if table.partition_by:
        lake.replace(table.name, filled("m3"), {table.partition_by[0]: ["m3"]})
    lake.replace(table.name, filled("m4"))
    assert "zq-planted" in str(lake.scan(table.name).collect().to_dicts())
    for path, said in logged(tmp_path).items():
        assert b"zq-planted" not in said, path


def test_rows_are_not_named_by_a_person(tmp_path):
    with pytest.raises(ValueError, match="may not be named by user_id"):
        Lake(str(tmp_path)).replace("model/users", tables.contract("model/users").empty(), {"user_id": ["somebody"]})
