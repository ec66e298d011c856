"""Folders that are full, read-only or no folder: one line that names the folder, nothing half-published, and the next
run after the cause is gone ends where any run does.
"""

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import deltalake
import duckdb
import polars as pl
import pytest
from deltalake.exceptions import DeltaError
from sqlalchemy.exc import OperationalError

from mmrec import folders as storage
from mmrec.folders import StorageError
from tests.helpers.reading import check_snapshots
from tests.helpers.shop import DAYS
from tests.helpers.webserver import ROOT

FULL, READ_ONLY, NOT_ALLOWED = "no space is left on its disk", "its file system is read-only", "may not read or write"
ERRORS = {  # as the libraries word them
    "the system": (OSError(errno.ENOSPC, "No space left on device"), FULL),
    "the system's quota": (OSError(errno.EDQUOT, "Disk quota exceeded"), "its disk quota is used up"),
    "Delta Lake": (DeltaError("Generic LocalFileSystem error: No space left on device (os error 28)"), FULL),
    "Delta Lake, read-only": (DeltaError("Unable to create dir: Read-only file system (os error 30)"), READ_ONLY),
    "Polars": (pl.exceptions.ComputeError("Permission denied (os error 13): /lake/x.parquet"), NOT_ALLOWED),
    "DuckDB": (duckdb.OutOfMemoryException("failed to offload data block: max_temp_directory_size"), FULL),
    "SQLite": (sqlite3.OperationalError("database or disk is full"), FULL),
    "SQLite, read-only": (sqlite3.OperationalError("attempt to write a readonly database"), READ_ONLY),
    "SQLAlchemy": (OperationalError("INSERT", {}, sqlite3.OperationalError("disk I/O error")), "reports an error"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_the_cause_is_known_whichever_library_found_out(name):
    error, found = ERRORS[name]
    line = str(storage.problem(error, "the lake's folder /lake"))
    assert line.startswith("the lake's folder /lake cannot be used: ")
    assert found in line
    assert line.endswith("then try again")
    assert "\n" not in line


@pytest.mark.parametrize("error", [ValueError("no space left on device"), KeyError("disk is full"), DeltaError("x")])
def test_words_of_others_are_no_cause(error):
    assert storage.problem(error, "the lake's folder /lake") is None


def test_a_cause_behind_another_error_is_found():
    try:
        try:
            raise OSError(errno.EROFS, "Read-only file system")
        except OSError as cause:
            raise RuntimeError("it did not work") from cause
    except RuntimeError as error:
        assert READ_ONLY in str(storage.problem(error, "a folder"))


class _Disk:
    """Delta Lake on a disk that is full for whoever writes at the n-th write from 0 or later; its words are real."""

    def __init__(self, monkeypatch, after):
        self.left, self.write = after, deltalake.write_deltalake
        monkeypatch.setattr(deltalake, "write_deltalake", self)

    def __call__(self, *arguments, **options):
        if self.left == 0:
            raise OSError("Generic LocalFileSystem error: Unable to copy data to file: No space left on device")
        self.left -= 1
        return self.write(*arguments, **options)


@pytest.mark.parametrize("after", [4, *(pytest.param(each, marks=pytest.mark.full) for each in (0, 9, 14))])
def test_a_disk_that_fills_up_is_one_line_and_the_next_run_ends_well(shop, monkeypatch, after):
    shop.edit_item("item-02", about="Something else")
    shop.write_events(DAYS[-1], shop.lines(DAYS[-1])[:-2])
    published = shop.rows("ledger/snapshots")
    with monkeypatch.context() as patch:
        _Disk(patch, after)
        with pytest.raises(StorageError) as told:
            shop.run()
    assert str(told.value) == f"the lake's folder {shop.settings.lake_root} cannot be used: {FULL}; " + (
        "free some space there, then try again"
    )
    check_snapshots(shop.settings.lake_root)
    assert shop.rows("ledger/snapshots") == published
    shop.run()
    check_snapshots(shop.settings.lake_root)
    assert shop.rows("ledger/snapshots") > published


def test_a_lake_without_room_is_seen_before_anything_is_written(shop, monkeypatch):
    shop.write_events(DAYS[-1], shop.lines(DAYS[-1])[:-2])
    usage = shutil.disk_usage(shop.folder)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=2**19))
        with pytest.raises(StorageError, match=r"0\.5 MB are free, up to 2 MB are needed"):
            shop.run("raw/interactions")
    shop.run("raw/interactions")


@pytest.mark.parametrize("name", ["MMREC_LAKE", "DAGSTER_HOME"])
def test_a_place_that_is_no_folder_ends_in_one_line_that_names_it(mmrec, new_shop, monkeypatch, tmp_path, name):
    (file := tmp_path / "file").touch()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    if name == "MMREC_LAKE":
        config = new_shop.folder / "mmrec.toml"
        config.write_text(config.read_text().replace('root = "lake"', f'root = "{file}/lake"'))
    else:
        monkeypatch.setenv(name, str(file / "home"))
    answer = mmrec(new_shop, "run")
    assert answer.code == 1
    assert str(file) in answer.err
    assert "cannot be used: a part of its path is no folder; correct the path" in " ".join(answer.err.split())
    assert "Traceback" not in answer.err


# -- disks that are full or read-only indeed: a small file system of memory in a user's own namespace ------------------

INSIDE = """
set -e
mount -t tmpfs -o size={size}k disk "$PLACE"
cp -a "$FROM/." "$PLACE/"
{before}
code=0; {run} >"$LOG" 2>&1 || code=$?
cat "$LOG"; echo "code $code"
{after}
{run} >"$LOG" 2>&1 || {{ cat "$LOG"; exit 9; }}
"""
CAUSES = {
    FULL: ('dd if=/dev/zero of="$PLACE/fill" bs=1k 2>/dev/null || true', 'rm "$PLACE/fill"'),
    READ_ONLY: ('mount -o remount,ro "$PLACE"', 'mount -o remount,rw "$PLACE"'),
}


def _namespaces():
    tried = ["unshare", "-rm", "sh", "-c", "mount -t tmpfs disk /mnt"]
    return (
        shutil.which("unshare") is not None and subprocess.run(tried, capture_output=True, check=False).returncode == 0
    )


def run_on_a_disk(shop, tmp_path, place, cause):
    """What `mmrec run` says while one of its folders is such a disk, and then a second run that must end well."""
    if not _namespaces():
        pytest.skip("this system gives a user no namespace to mount a small disk in")
    before, after = CAUSES[cause]
    folders = {name: tmp_path / name for name in ("lake", "dagster", "temporary", "nothing")}
    for folder in folders.values():
        folder.mkdir()
    lake = Path(shop.settings.lake_root)
    environment = {
        **os.environ,
        "MMREC_CONFIG": str(shop.folder / "mmrec.toml"),
        "MMREC_LAKE": str(folders["lake"] if place == "lake" else lake),
        "DAGSTER_HOME": str(folders["dagster"]),
        "TMPDIR": str(folders["temporary"]),
        "PLACE": str(folders[place]),
        "FROM": str(lake if place == "lake" else folders["nothing"]),
        "LOG": str(tmp_path / "log"),
    }
    run = f"{sys.executable} -m mmrec_assets.cli.command run"
    script = INSIDE.format(size=200_000, before=before, after=after, run=run)
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout
    return done.stdout, folders[place]


@pytest.mark.full
@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize("place", ["lake", "dagster"])
def test_a_disk_that_cannot_be_used_ends_in_one_line_and_when_it_can_the_next_run_ends_well(
    fused_shop, tmp_path, place, cause
):
    told, folder = run_on_a_disk(fused_shop, tmp_path, place, cause)
    assert "code 1" in told
    assert cause in " ".join(told.split())
    assert str(folder) in "".join(told.split())


@pytest.mark.full
@pytest.mark.parametrize("cause", CAUSES)
def test_a_folder_of_temporary_files_that_nothing_needs_stops_nothing(fused_shop, tmp_path, cause):
    told, _ = run_on_a_disk(fused_shop, tmp_path, "temporary", cause)
    assert "code 0" in told
