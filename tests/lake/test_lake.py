"""Every verb of the lake, what pinned readers see, and that writers beside each other lose nothing."""

import random
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import deltalake
import duckdb
import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from deltalake.exceptions import CommitFailedError, DeltaError

from mmrec import tables
from mmrec.errors import MmrecError
from mmrec.lake import files, store, writing
from mmrec.lake.hashing import digest
from mmrec.lake.store import Lake
from tests.helpers.memory_lake import MemoryLake

CURRENT, REJECTED, VECTORS = "embeddings/text/current", "validated/rejected", "embeddings/text/vectors"


both = pytest.mark.parametrize("lake", ["files", "memory"], indirect=True)


@pytest.fixture
def lake(request, tmp_path):
    """A lake of files in a folder with a space; for tests of `both` also the dictionary that stands in for it."""
    root = str(tmp_path / "a lake")
    return MemoryLake(root) if getattr(request, "param", "files") == "memory" else Lake(root)


def current(*items, mark="h"):
    return pl.DataFrame(
        [{"item_id": item, "input_hash": f"{mark}-{item}", "encoder_id": "e", "key": f"k-{item}"} for item in items],
        schema=tables.contract(CURRENT).schema,
    )


def rejected(table, period, *rows):
    return pl.DataFrame(
        [
            {
                "table": table,
                "period": period,
                "rule": "r",
                "reason": "",
                "source_file": "f",
                "source_row": r,
                "row": "",
            }
            for r in rows
        ],
        schema=tables.contract(REJECTED).schema,
    )


def vectors(*keys, value=0.0):
    return pl.DataFrame(
        [{"key": key, "encoder_id": "e", "vector": [value, 1.0], "checksum": 1} for key in keys],
        schema=tables.contract(VECTORS).schema,
    )


def items_of(lake, **options):
    return sorted(lake.scan(CURRENT, **options).collect()["item_id"])


# -- verbs -----------------------------------------------------------------------------------------------------------


@both
def test_a_table_that_was_never_written_has_no_rows_but_its_columns(lake):
    found = lake.scan(REJECTED).collect()
    assert found.is_empty()
    assert found.schema == pl.Schema(tables.contract(REJECTED).schema)
    assert lake.version(REJECTED) is None
    assert not lake.exists(REJECTED)
    assert lake.rows(REJECTED) == 0
    assert lake.reads == {}


@both
def test_append_adds_rows_and_tells_the_new_version(lake):
    assert lake.append(CURRENT, current("a")) == 0
    assert lake.append(CURRENT, current("b", "b")) == 1
    assert items_of(lake) == ["a", "b", "b"]
    assert lake.rows(CURRENT) == 3


@both
def test_replace_puts_rows_in_place_of_all(lake):
    lake.append(CURRENT, current("a", "b"))
    lake.replace(CURRENT, current("c"))
    assert items_of(lake) == ["c"]
    lake.replace(CURRENT, current())
    assert items_of(lake) == []
    assert lake.exists(CURRENT)
    assert lake.rows(CURRENT) == 0


@both
def test_replace_touches_only_the_named_partitions(lake):
    lake.append(REJECTED, pl.concat([rejected("t", "p1", 1, 2), rejected("t", "p2", 3), rejected("u", "p1", 4)]))
    lake.replace(REJECTED, rejected("t", "p1", 9), {"table": ["t"], "period": ["p1"]})
    found = lake.scan(REJECTED).sort("source_row").select("table", "period", "source_row").collect().rows()
    assert found == [("t", "p2", 3), ("u", "p1", 4), ("t", "p1", 9)]
    lake.replace(REJECTED, rejected("t", "p1"), {"table": ["t", "u"], "period": ["p1"]})
    assert lake.scan(REJECTED).select("table", "period").collect().rows() == [("t", "p2")]


@both
@pytest.mark.parametrize("period", ["", "a b", "it's", "a/b", "50%", "ä=ö", "__x__"])
def test_partition_values_come_back_as_they_were_written(lake, period):
    lake.append(REJECTED, rejected("t", period, 1))
    lake.append(REJECTED, rejected("t", "other", 2))
    assert lake.scan(REJECTED).filter(pl.col("period") == period).collect()["source_row"].to_list() == [1]
    lake.replace(REJECTED, rejected("t", period, 3), {"period": [period]})
    assert sorted(lake.scan(REJECTED).collect()["source_row"]) == [2, 3]
    lake.replace(REJECTED, rejected("t", period), {"period": [period]})
    assert lake.scan(REJECTED).collect()["source_row"].to_list() == [2]


@both
def test_replace_with_no_named_value_replaces_nothing(lake):
    lake.append(REJECTED, rejected("t", "p1", 1))
    lake.replace(REJECTED, rejected("t", "p1"), {"period": []})
    assert lake.rows(REJECTED) == 1


@both
def test_merge_updates_inserts_and_deletes_in_one_commit(lake):
    lake.append(CURRENT, current("a", "b", "c"))
    version = lake.merge(CURRENT, current("b", "d", mark="new"), ["item_id"], removed=current("c").select("item_id"))
    assert version == 1
    found = dict(lake.scan(CURRENT).select("item_id", "input_hash").collect().iter_rows())
    assert found == {"a": "h-a", "b": "new-b", "d": "new-d"}


@both
def test_merge_into_no_table_makes_it_and_forgets_the_removed(lake):
    version = lake.merge(CURRENT, current("a"), ["item_id"], removed=current("z").select("item_id"))
    assert version == lake.version(CURRENT)
    assert items_of(lake) == ["a"]
    assert lake.merge(CURRENT, current("b"), ["item_id"]) == version + 1


def test_compaction_keeps_the_rows_and_leaves_fewer_files(lake):
    assert lake.compact(CURRENT) is None
    for item in "abcde":
        lake.append(CURRENT, current(item))
    lake.compact(CURRENT)
    assert items_of(lake) == list("abcde")
    assert len(deltalake.DeltaTable(lake.uri(CURRENT)).get_add_actions()["path"]) == 1


def test_many_appends_compact_themselves(lake, monkeypatch):
    monkeypatch.setattr(store, "COMPACT_EVERY", 4)
    for number in range(9):
        lake.append(CURRENT, current(str(number)))
    assert items_of(lake) == [str(number) for number in range(9)]
    assert len(deltalake.DeltaTable(lake.uri(CURRENT)).get_add_actions()["path"]) < 6


@both
def test_rows_must_have_the_columns_of_the_contract(lake):
    with pytest.raises(pl.exceptions.ColumnNotFoundError):
        lake.append(CURRENT, current("a").drop("key"))
    with pytest.raises(MmrecError, match=r"no table is called 'nix/da'; there are: .*validated/items"):
        lake.scan("nix/da")


def test_a_column_that_an_older_file_lacks_is_null(lake, monkeypatch):
    older = tables.contract("raw/media")
    shorter = tables.Table(**{**vars(older), "columns_": older.columns_[:-1]})
    row = {"uri": "u", "size_bytes": 1, "ctime_ns": 1, "sha256": "s"}
    with monkeypatch.context() as patch:
        patch.setattr(tables, "contract", lambda _: shorter)
        lake.append("raw/media", pl.DataFrame([row]))
    assert lake.scan("raw/media").collect().rows(named=True) == [{**row, "problem": None}]


def test_every_commit_carries_who_wrote_it(lake):
    lake.acting_as("embeddings/text", "7", "run-1").append(CURRENT, current("a"))
    lake.acting_as("embeddings/text", "8", "run-2").merge(CURRENT, current("b"), ["item_id"])
    newest, first = deltalake.DeltaTable(lake.uri(CURRENT)).history()
    assert {k: first[k] for k in ("run_id", "asset", "code_version")} == {
        "run_id": "run-1",
        "asset": "embeddings/text",
        "code_version": "7",
    }
    assert newest["run_id"] == "run-2"


def test_a_table_of_another_format_is_refused_by_name(lake, tmp_path):
    deltalake.write_deltalake(f"{lake.root}/{CURRENT}", current("a").to_arrow(), description="mmrec lake, format 0")
    for use in (lake.scan, lake.version, lambda table: lake.append(table, current("b"))):
        with pytest.raises(
            MmrecError, match=r"embeddings/text/current is not a table of this version.*another lake root"
        ):
            use(CURRENT)


# -- what a reader sees ----------------------------------------------------------------------------------------------


@both
def test_a_lake_sees_one_state_of_a_table_and_remembers_which(lake):
    lake.append(CURRENT, current("a"))
    reader = lake.acting_as("fused/items", "1")
    assert items_of(reader) == ["a"]
    lake.append(CURRENT, current("b"))
    assert items_of(reader) == ["a"]
    assert reader.reads == {CURRENT: 0}
    assert items_of(lake.acting_as("fused/items", "1")) == ["a", "b"]


@both
def test_a_writer_sees_what_it_wrote_itself(lake):
    lake.append(CURRENT, current("a"))
    writer = lake.acting_as("embeddings/text", "1")
    assert items_of(writer) == ["a"]
    writer.append(CURRENT, current("b"))
    assert items_of(writer) == ["a", "b"]


@both
def test_an_older_version_can_be_read_by_number_or_by_pin(lake):
    lake.append(CURRENT, current("a"))
    lake.replace(CURRENT, current("b"))
    lake.compact(CURRENT)
    assert items_of(lake, version=0) == ["a"]
    pinned = lake.pinned({CURRENT: 0})
    assert items_of(pinned) == ["a"]
    assert pinned.sql("SELECT item_id FROM embeddings.text_current")["item_id"].to_list() == ["a"]
    assert items_of(lake) == ["b"]


@both
def test_vectors_come_one_a_key_sorted_and_only_those_asked_for(lake):
    lake.append(VECTORS, vectors("b", "c"))
    lake.append(VECTORS, vectors("a", "b"))
    found = lake.vectors(VECTORS, pl.DataFrame({"key": ["b", "a", "zz"]}))
    assert found["key"].to_list() == ["a", "b"]
    assert found["vector"].to_list() == [[0.0, 1.0]] * 2
    assert lake.vectors(VECTORS, pl.DataFrame({"key": ["zz"]})).is_empty()
    assert lake.vectors(VECTORS, pl.DataFrame({"key": []}, schema={"key": pl.String})).is_empty()
    assert lake.vectors("embeddings/image/vectors", pl.DataFrame({"key": ["a"]})).is_empty()


def test_of_a_big_table_of_vectors_only_the_groups_of_rows_are_read_that_hold_what_is_asked_for(lake, monkeypatch):
    for start in (0, 3000, 6000):
        numbers = range(start, start + 3000)
        held = vectors(*(f"{each:04}" for each in numbers))
        lake.append(
            VECTORS, held.with_columns(vector=pl.Series([[float(each)] for each in numbers], dtype=tables.VECTOR))
        )
    read = []
    groups = pq.ParquetFile.read_row_groups

    def watched(self, wanted, **more):
        read.extend(wanted)
        return groups(self, wanted, **more)

    monkeypatch.setattr(pq.ParquetFile, "read_row_groups", watched)
    wanted = [0, 1, 2, 2999, 3000, 5999, 7000, 8999]
    found = lake.vectors(VECTORS, pl.DataFrame({"key": [f"{each:04}" for each in wanted]}))
    assert found["vector"].to_list() == [[float(each)] for each in wanted]
    assert sorted(read) == [0, 0, 7, 23, 23, 23]  # of 24 groups of 128 rows in each of three files
    scattered = list(range(0, 9000, 100))
    found = lake.vectors(VECTORS, pl.DataFrame({"key": [f"{each:04}" for each in reversed(scattered)]}))
    assert found["vector"].to_list() == [[float(each)] for each in scattered]


@both
def test_floats_come_back_bit_by_bit(lake):
    values = np.random.default_rng(1).normal(size=(50, 2)).astype(np.float32)
    values[0] = [np.float32(-0.0), np.finfo(np.float32).tiny]
    rows = vectors(*[f"{at:02}" for at in range(50)]).with_columns(vector=pl.Series(values).cast(tables.VECTOR))
    lake.append(VECTORS, rows)
    found = lake.scan(VECTORS).sort("key").collect()["vector"].list.to_array(2).to_numpy()
    assert found.tobytes() == values.tobytes()


@both
def test_what_was_added_since_a_version_is_told_without_the_rest(lake):
    def added(since):
        return sorted(lake.added(VECTORS, since).collect()["key"])

    assert added(None) == []
    seen = lake.append(VECTORS, vectors("a"))
    assert added(None) == ["a"]
    assert added(seen) == []
    reader = lake.acting_as("embeddings/text", "1")
    assert reader.scan(VECTORS).collect()["key"].to_list() == ["a"]
    lake.append(VECTORS, vectors("b"))
    lake.append(VECTORS, vectors("b", "c"))
    assert added(seen) == ["b", "b", "c"]
    assert sorted(reader.added(VECTORS, seen).collect()["key"]) == ["b", "b", "c"]  # whatever is pinned
    assert reader.scan(VECTORS).collect()["key"].to_list() == ["a"]
    before = lake.version(VECTORS)
    lake.compact(VECTORS)
    assert added(before) == ["a", "b", "b", "c"]


# -- SQL -------------------------------------------------------------------------------------------------------------


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


# -- writers beside each other ---------------------------------------------------------------------------------------

_WRITER = """
import sys, polars as pl
from mmrec.lake.store import Lake
root, name, verb = sys.argv[1:]
lake = Lake(root)
for number in range(6):
    rows = pl.DataFrame([{"item_id": f"{name}-{number}", "input_hash": "h", "encoder_id": "e", "key": "k"}])
    if verb == "append":
        lake.append("embeddings/text/current", rows)
    else:
        lake.merge("embeddings/text/current", rows, ["item_id"])
"""


@pytest.mark.parametrize("verb", ["append", "merge"])
def test_two_processes_write_beside_each_other_and_both_finish(lake, verb):
    lake.append(CURRENT, current("first"))
    command = [sys.executable, "-c", _WRITER, lake.root]
    running = [subprocess.Popen([*command, name, verb], stderr=subprocess.PIPE, text=True) for name in "ab"]
    failures = [process.communicate()[1] for process in running if process.wait() != 0]
    assert not failures
    assert items_of(lake) == sorted(["first", *[f"{name}-{number}" for name in "ab" for number in range(6)]])


@pytest.mark.parametrize("verb", ["append", "merge", "replace"])
def test_writers_that_make_a_table_together_lose_no_row(lake, verb):
    start, failures = threading.Barrier(3), []

    def write(name):
        start.wait()
        try:
            if verb == "append":
                lake.append(REJECTED, rejected("t", name, 1))
            elif verb == "merge":
                lake.merge(CURRENT, current(name), ["item_id"])
            else:
                lake.replace(REJECTED, rejected("t", name, 1), {"period": [name]})
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    if verb == "merge":
        assert items_of(lake.pinned({})) == ["a", "b", "c"]
    else:
        assert sorted(lake.pinned({}).scan(REJECTED).collect()["period"]) == ["a", "b", "c"]


@pytest.mark.parametrize("verb", ["replace", "merge"])
def test_rows_that_another_writer_adds_meanwhile_do_not_stay_beside_ours(lake, monkeypatch, verb):
    write, other, meanwhile = deltalake.write_deltalake, Lake(lake.root), []
    lake.append(CURRENT, current())

    def late(target, data, **options):
        if options["mode"] == "overwrite" and not meanwhile:
            meanwhile.append(other.append(CURRENT, current("a", mark="theirs")))
        write(target, data, **options)

    monkeypatch.setattr(deltalake, "write_deltalake", late)
    if verb == "replace":
        lake.replace(CURRENT, current("a", mark="ours"))
    else:
        lake.merge(CURRENT, current("a", mark="ours"), ["item_id"])
    assert meanwhile
    assert lake.scan(CURRENT).collect()["input_hash"].to_list() == ["ours-a"]


def test_a_first_merge_keeps_what_another_writer_merges_right_after_the_look_at_the_empty_table(lake, monkeypatch):
    size, other, meanwhile = files.size, Lake(lake.root), []

    def slow(delta):
        found = size(delta)
        if not meanwhile:
            meanwhile.append(True)
            other.merge(CURRENT, current("b"), ["item_id"])
        return found

    monkeypatch.setattr(store, "size", slow)
    lake.merge(CURRENT, current("a"), ["item_id"])
    assert items_of(lake) == ["a", "b"]


def test_a_conflict_is_tried_again_from_a_fresh_look(lake, monkeypatch):
    monkeypatch.setattr(store.time, "sleep", lambda seconds: None)
    lake.append(CURRENT, current("a"))
    write, tries = lake._write, []

    def meddled(self, table, frame, *more):
        tries.append(table)
        if len(tries) < 4:
            raise CommitFailedError("somebody was faster")
        write(table, frame, *more)

    monkeypatch.setattr(Lake, "_write", meddled)
    assert lake.append(CURRENT, current("b")) == 1
    assert len(tries) == 4
    assert items_of(lake) == ["a", "b"]


def test_a_conflict_that_never_ends_is_an_error_and_writes_nothing(lake, monkeypatch):
    monkeypatch.setattr(store.time, "sleep", lambda seconds: None)
    lake.append(CURRENT, current("a"))
    monkeypatch.setattr(Lake, "_write", lambda *_, **__: (_ for _ in ()).throw(CommitFailedError("always")))
    with pytest.raises(CommitFailedError):
        lake.append(CURRENT, current("b"))
    assert items_of(lake) == ["a"]


def test_the_log_of_vectors_does_not_grow_for_ever_and_a_late_writer_catches_up(lake, monkeypatch):
    monkeypatch.setattr(writing, "_UNDATED", "interval 0 seconds")
    late = Lake(lake.root)
    lake.append(VECTORS, vectors("first"))
    late.append(VECTORS, vectors("second"))
    for number in range(25):
        lake.append(VECTORS, vectors(f"{number}"))
    log = (Path(lake.uri(VECTORS)) / "_delta_log").glob("*.json")
    assert len(list(log)) < 15
    late.append(VECTORS, vectors("last"))
    assert late.version(VECTORS) == lake.version(VECTORS) == 27
    keys = pl.DataFrame({"key": ["first", "second", "last"]})
    assert lake.acting_as("a", "1").vectors(VECTORS, keys).height == 3


def test_an_error_that_is_no_conflict_is_not_tried_again(lake, monkeypatch):
    tries = []
    monkeypatch.setattr(Lake, "_write", lambda *_, **__: tries.append(1) or (_ for _ in ()).throw(DeltaError("disk")))
    with pytest.raises(DeltaError, match="disk"):
        lake.append(CURRENT, current("b"))
    assert len(tries) == 1


# -- digests ---------------------------------------------------------------------------------------------------------


def test_a_digest_does_not_depend_on_the_order_of_rows():
    rows = [{"period": f"p{at % 3}", "a": at, "b": f"x{at}" if at % 4 else None, "c": at / 7} for at in range(60)]
    frame = pl.DataFrame(rows)
    random.Random(1).shuffle(rows)
    assert digest(frame, "period", ["a", "b", "c"]) == digest(pl.DataFrame(rows), "period", ["a", "b", "c"])
    assert set(digest(frame, "period", ["a"])) == {"p0", "p1", "p2"}


def test_a_digest_counts_duplicates_and_every_value():
    def of(*rows):
        return digest(pl.DataFrame(rows, schema={"p": pl.String, "a": pl.String}, orient="row"), "p", ["a"])["p"]

    once, twice = of(("p", "x"), ("p", "y")), of(("p", "x"), ("p", "x"), ("p", "y"))
    assert len({once, twice, of(("p", "x"), ("p", "y"), ("p", "y")), of(("p", "x"), ("p", None)), of(("p", ""))}) == 5


def test_a_digest_tells_columns_apart():
    one = pl.DataFrame({"p": ["p"], "a": ["1"], "b": ["2"]})
    other = pl.DataFrame({"p": ["p"], "a": ["2"], "b": ["1"]})
    assert digest(one, "p", ["a", "b"]) != digest(other, "p", ["a", "b"])


def test_a_digest_is_what_it_was():  # a recorded value: every data version in every lake rests on it
    frame = pl.DataFrame({"p": ["p", "p"], "a": ["ä", None], "f": [0.1, -0.0], "t": [[1, 2], []]})
    expected = "4112af7cca05f6ae1143fa5d081cefd4c117253a577bb48f0b5ab4995294d59d"
    assert digest(frame, "p", ["a", "f", "t"]) == {"p": expected}


def test_a_digest_of_nothing_is_nothing():
    assert digest(pl.DataFrame(schema={"p": pl.String, "a": pl.String}), "p", ["a"]) == {}


def test_digests_of_several_threads_do_not_meet():
    frames = [pl.DataFrame({"p": [f"p{n}"] * 50, "a": [str(n * at) for at in range(50)]}) for n in range(8)]
    expected = [digest(frame, "p", ["a"]) for frame in frames]
    found = [None] * 8

    def work(number):
        for _ in range(5):
            found[number] = digest(frames[number], "p", ["a"])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == expected


def test_a_table_of_before_a_column_was_added_is_read_and_written_on(tmp_path, monkeypatch):
    lake, table = Lake(str(tmp_path)), tables.contract("embeddings/text/failed")
    older = replace(table, columns_=tuple(c for c in table.columns_ if c.name != "user_id"))
    row = {"item_id": "i", "input_hash": "h", "encoder_id": "e", "key": "k", "reason": "r", "run_id": "-"}
    with monkeypatch.context() as patch:
        patch.setattr(tables, "contract", lambda name: older)
        lake.append(table.name, pl.DataFrame([row]))
    new = row | {"item_id": "j", "user_id": "u"}
    lake.append(table.name, pl.DataFrame([new]))
    assert dict(lake.scan(table.name).select("item_id", "user_id").collect().iter_rows()) == {"i": None, "j": "u"}
    lake.merge(table.name, pl.DataFrame([new | {"reason": "other"}]), ["item_id"])
    assert dict(lake.scan(table.name).select("item_id", "user_id").collect().iter_rows()) == {"i": None, "j": "u"}
    lake.replace(table.name, pl.DataFrame([new]))
    assert lake.scan(table.name).collect()["reason"].to_list() == ["r"]
