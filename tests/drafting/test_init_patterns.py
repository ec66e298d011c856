"""File names as patterns in a draft: later files of the same series match, other sources never do, or it is said."""

import hashlib
import uuid

import pytest

from mmrec.drafting.patterns import event_files, globs, other_files
from mmrec.ingest import sources

UUIDS = [str(uuid.UUID(int=at * 0x123456789ABCDEF0123456789ABC)) for at in (1, 2, 3)]
DIGESTS = [hashlib.sha256(bytes([at])).hexdigest() for at in range(1, 9)]


def touched(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def is_found(folder, patterns, name):
    touched(folder, name)
    return name in sources.find(folder, patterns, "files")


def test_a_pattern_matches_its_files_and_no_other(tmp_path):
    days = ["2024-01-01.csv", "2024-01-02.csv"]
    names = [*(f"events-{day}" for day in days), *days, "items.csv", "x[1].csv"]
    touched(tmp_path, *names)
    assert globs(tmp_path, names[:2]) == (["events-*.csv"], True)
    assert globs(tmp_path, names[2:4]) == (["[0-9]*.csv"], True)
    assert globs(tmp_path, ["items.csv", "x[1].csv"]) == (["items.csv", "x[[]*].csv"], False)
    many = [f"log/part-{letter * 3}.csv" for letter in "abcdefg"]
    touched(tmp_path, *many)
    assert globs(tmp_path, many) == (["log/part-*.csv"], True)
    for patterns, files in ((globs(tmp_path, names)[0], names), (["log/part-*.csv"], many)):
        assert sources.find(tmp_path, patterns, "files") == sorted(files)


SERIES = {
    "digests in folders of days": [f"log/dt=2026-09-0{at}/{DIGESTS[at][:32]}-0.parquet" for at in (1, 2, 3)],
    "digests alone": [f"{each[:40]}.csv" for each in DIGESTS],
    "short digests": [f"events-{each[:8]}.csv" for each in DIGESTS],
    "what Spark writes": [f"log/part-0000{at}-{each}-c000.snappy.parquet" for at, each in enumerate(UUIDS)],
    "GUIDs in capitals": [f"{each.upper()}.jsonl" for each in UUIDS],
    "times of several forms": ["e-2026-09-01T10:30:00Z.csv", "e-2026-09-02T10:30:00Z.csv", "e-20260903T103000Z.csv"],
    "months": ["sales-2026-jan.csv", "sales-2026-feb.csv", "sales-2026-mar.csv"],
    "countries": ["log/country=DE/0.csv", "log/country=US/0.csv", "log/country=FR/1.csv"],
    "mixed ids": ["x-k3j9x2ab1q.csv", "x-9zz8a7bq2c.csv", "x-p0o9i8u7y6.csv"],
    "long ids": [
        "01J6ZQ8X5TABCDEFGHJKMNPQRS.jsonl",
        "01J6ZQ8X5TZBCDEFGHJKMNPQR2.jsonl",
        "01J7ZQ8X5TABCDEFGHJKMNPQ3S.jsonl",
    ],
    "counted": ["ratings_1.csv", "ratings_2.csv", "ratings_10.csv"],
    "words that hold hexadecimal digits alone": ["feed2024.csv", "feed2025.csv", "feed2026.csv"],
    "names": ["log/ann.csv", "log/bea.csv", "log/cem.csv"],
}


@pytest.mark.parametrize("names", SERIES.values(), ids=SERIES)
@pytest.mark.parametrize(
    "others", [["items.csv"], ["items-2026-09-01.csv", "catalogue.parquet", "more/a-1.csv", "b.jsonl"]]
)
def test_later_files_of_a_series_match_and_other_sources_do_not(tmp_path, names, others):
    *now, later = names
    touched(tmp_path, *now, *others)
    patterns, likely = globs(tmp_path, now)
    assert likely
    assert sources.find(tmp_path, patterns, "files") == sorted(now)
    assert is_found(tmp_path, patterns, later)


@pytest.mark.parametrize("kind", [kind for kind in SERIES if kind not in ("names", "short digests")])
def test_one_file_is_enough_where_its_name_holds_a_number_or_an_id(tmp_path, kind):
    first, *later = SERIES[kind]
    touched(tmp_path, first, "items.csv")
    found = event_files(tmp_path, [first])
    assert "later files are found" in found.later
    assert sources.find(tmp_path, found.patterns, "files") == [first]
    assert is_found(tmp_path, found.patterns, later[-1])


@pytest.mark.parametrize(
    ("files", "others", "patterns", "said"),
    [
        (["events.csv"], [], ["events.csv"], '"events*.csv" would find later files too'),
        (
            ["v1.0/events.csv.gz"],
            [],
            ["v*/events.csv.gz"],
            "later files are found if their names differ where * and ? stand",
        ),
        (["events.csv"], ["events_items.csv"], ["events.csv"], "a later file under another name is not found"),
        (["ml100k.csv"], [], ["ml100k.csv"], "a later file under another name is not found"),
        ([f"{DIGESTS[0]}.csv"], [f"{DIGESTS[1]}.csv"], [f"{DIGESTS[0]}.csv"], "under another name is not found"),
        (["test.csv", "train.csv"], ["items.csv"], ["test.csv", "train.csv"], "see that the patterns match it"),
        (["a/1.csv", "b/1.csv"], ["c/1.csv"], ["a/*.csv", "b/*.csv"], "see that the patterns match it"),
    ],
)
def test_what_becomes_of_later_files_is_said(tmp_path, files, others, patterns, said):
    touched(tmp_path, *files, *others)
    found = event_files(tmp_path, files)
    assert found.patterns == patterns
    assert said in found.later


def test_a_catalogue_alone_is_named_as_it_is(tmp_path):
    touched(tmp_path, "items-2026-09-01.csv")
    found = other_files(tmp_path, ["items-2026-09-01.csv"])
    assert found.patterns == ["items-2026-09-01.csv"]
    assert "a later edition has to come under the same name" in found.later


def test_many_files_of_many_names_take_no_pattern_each(tmp_path):
    names = [f"log/{word * 3}-{at}.csv" for at, word in enumerate("abcdefghijklmnopqrstuvwxyz" * 4)]
    touched(tmp_path, *names, "items.csv")
    assert globs(tmp_path, names) == (["log/*.csv"], True)
