"""Questions in SQL: a view a table, frames beside them, nothing that writes or reads another file."""

from concurrent.futures import ThreadPoolExecutor

import duckdb
import polars as pl
import pytest

from mmrec import tables
from mmrec.errors import MmrecError
from mmrec.lake.store import Lake
from tests.helpers.lake_rows import CURRENT, VECTORS, both, current, items_of, vectors


@pytest.mark.parametrize(
    "query",
    [
        "SELECT item_id FROM embeddings.text_current ORDER BY 1",
        'SELECT item_id FROM "embeddings"."text_current" ORDER BY 1',
        "select c.item_id from EMBEDDINGS . Text_Current c order by 1",
        "WITH q AS (SELECT item_id FROM embeddings.text_current) SELECT * FROM q ORDER BY 1",
    ],
)
def test_a_question_reads_a_view_a_table(lake, query):
    lake.append(CURRENT, current("b", "a"))
    assert lake.sql(query).rows() == [("a",), ("b",)]


@both
def test_a_question_may_join_tables_and_given_frames(lake):
    lake.append(CURRENT, current("a", "b"))
    lake.append(VECTORS, vectors("k-a"))
    query = (
        "SELECT c.item_id, m.mark FROM embeddings.text_current c "
        "JOIN embeddings.text_vectors v USING (key) JOIN mine m USING (item_id)"
    )
    assert lake.sql(query, mine=pl.DataFrame({"item_id": ["a", "b"], "mark": [1, 2]})).rows() == [("a", 1)]


def test_every_table_has_a_view(lake):
    with lake.connect() as connection:
        views = connection.sql("SELECT table_schema || '.' || table_name FROM information_schema.tables").fetchall()
        for name in [table.name for table in tables.ALL]:
            found = connection.sql(f"SELECT * FROM {tables.view(name)}")
            assert found.columns == tables.contract(name).columns
    assert {tables.view(table.name) for table in tables.ALL} <= {view for (view,) in views}


def test_questions_beside_each_other_see_their_own_lake(tmp_path):
    lakes = [Lake(str(tmp_path / str(at))) for at in range(4)]
    for at, lake in enumerate(lakes):
        lake.append(CURRENT, current(*[f"{at}-{row}" for row in range(at + 1)]))
    count = {"n": "SELECT count(*) AS n FROM embeddings.text_current", "one": "SELECT 1 AS n"}
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda at: lakes[at % 4].answers(count), range(40)))
    assert [(each["n"].item(), each["one"].item()) for each in found] == [(at % 4 + 1, 1) for at in range(40)]
    with pytest.raises(duckdb.Error):
        lakes[0].answers({"bad": "SELECT nothing FROM embeddings.text_current"})
    assert lakes[0].sql(count["n"]).item() == 1


def test_a_reader_may_be_shown_a_few_rows_instead_of_a_table(lake):
    lake.append(CURRENT, current("a", "b"))
    few = lake.showing({CURRENT: lake.scan(CURRENT).filter(pl.col("item_id") == "b")})
    assert items_of(few) == ["b"]
    assert few.sql("SELECT item_id FROM embeddings.text_current").rows() == [("b",)]
    assert items_of(few, version=0) == ["a", "b"]
    assert items_of(lake) == ["a", "b"]


def test_times_are_utc_whatever_the_machine_says(lake, monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    assert lake.sql("SELECT current_setting('TimeZone') AS zone").item() == "UTC"


@pytest.mark.parametrize(
    "question",
    [
        "COPY (SELECT 1) TO '{folder}/out.csv'",
        "ATTACH '{folder}/out.db'",
        "SELECT * FROM read_csv('{folder}/secret.csv')",
        "SELECT * FROM read_text('{folder}/secret.csv')",
        "INSERT INTO embeddings.text_current VALUES ('z', 'z', 'z', 'z')",
        "DELETE FROM embeddings.text_current",
        "SET enable_external_access=true",
        "INSTALL httpfs",
        "SELECT * FROM embeddings.nothing",
        "SELEC 1",
    ],
)
def test_a_question_cannot_write_nor_read_anything_else(lake, tmp_path, question):
    (tmp_path / "secret.csv").write_text("a\n1\n")
    lake.append(CURRENT, current("a"))
    before = sorted(path for path in tmp_path.rglob("*"))
    with pytest.raises(duckdb.Error):
        lake.sql(question.format(folder=tmp_path))
    assert sorted(path for path in tmp_path.rglob("*")) == before
    assert items_of(lake) == ["a"]


@pytest.mark.parametrize("question", ["", "  ", "-- nothing", ";"])
def test_a_question_that_asks_nothing_is_told_so(lake, question):
    with pytest.raises(MmrecError, match="SELECT"):
        lake.sql(question)
