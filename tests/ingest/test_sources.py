"""Which delivered files there are, and which are read and hashed again."""

import os
import time

import pytest

from mmrec.errors import MmrecError
from mmrec.ingest import sources
from mmrec.ingest.sources import Stat


def test_files_are_found_by_pattern_sorted_and_once(tmp_path):
    for name in ("b.csv", "a.csv", "sub/c.jsonl", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.csv").mkdir()
    assert sources.find(tmp_path, ["*.csv", "a.*", "**/*.jsonl"], "k") == ["a.csv", "b.csv", "sub/c.jsonl"]


def test_two_stars_stand_for_any_folders_without_the_hidden_ones(tmp_path):
    for name in ("a.csv", "one/b.csv", "one/two/c.csv.gz", ".mmrec/lake/d.csv", ".e.csv", "one/.f/g.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    everything = ["a.csv", "one/b.csv", "one/two/c.csv.gz"]
    assert sources.find(tmp_path, ["**/*.csv*"], "k") == everything
    assert sources.find(tmp_path, ["**"], "k") == everything
    assert sources.find(tmp_path, ["one/**"], "k") == everything[1:]
    assert sources.find(tmp_path, [".mmrec/*/*.csv"], "k") == [".mmrec/lake/d.csv"]


def test_a_file_name_that_is_no_text_is_one_line(tmp_path):
    (tmp_path / os.fsdecode(b"a\xff.csv")).touch()
    with pytest.raises(MmrecError, match="has a name that is not UTF-8"):
        sources.find(tmp_path, ["*.csv"], "k")


@pytest.mark.parametrize("pattern", ["/etc/*.csv", "", "../*.csv", "sub/../../*.csv"])
def test_patterns_stay_inside_the_data_folder(tmp_path, pattern):
    with pytest.raises(MmrecError) as caught:
        sources.find(tmp_path, [pattern], "interactions.files")
    assert str(caught.value).startswith("interactions.files: ")


def test_no_file_and_files_of_another_kind_name_the_setting(tmp_path):
    with pytest.raises(MmrecError, match=r"items\.files: no file matches \*\.csv in .*; put files there or change"):
        sources.find(tmp_path, ["*.csv"], "items.files")
    (tmp_path / "a.xlsx").touch()
    with pytest.raises(MmrecError, match=r"items\.files: a\.xlsx is not one of \.csv, \.tsv, \.jsonl, "):
        sources.find(tmp_path, ["*"], "items.files")


def settled(path):
    """Waits until a file is no longer so fresh that it is hashed again in any case."""
    while time.time_ns() - path.stat().st_ctime_ns < 30_000_000:
        time.sleep(0.01)


def test_a_file_is_hashed_again_only_when_size_or_time_differ(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"one")
    settled(path)
    with path.open("rb") as file:
        first = sources.stat(file, None)
    assert first.ctime_ns == path.stat().st_ctime_ns
    lie = Stat(first.size_bytes, first.ctime_ns, "believed")
    with path.open("rb") as file:
        assert sources.stat(file, lie) is lie
    path.touch()
    settled(path)
    with path.open("rb") as file:
        assert sources.stat(file, lie).sha256 == first.sha256


def test_a_file_of_the_same_size_whose_time_was_set_back_is_hashed_again(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"one")
    settled(path)
    was = path.stat()
    with path.open("rb") as file:
        first = sources.stat(file, None)
    path.write_bytes(b"two")
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    settled(path)
    assert path.stat().st_mtime_ns == was.st_mtime_ns
    assert not sources.untouched(path, first)
    with path.open("rb") as file:
        assert sources.stat(file, first).sha256 != first.sha256


def test_a_file_that_is_still_fresh_is_hashed_again_the_next_time(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"one")
    with path.open("rb") as file:
        first = sources.stat(file, None)
    now = path.stat().st_mtime_ns
    path.write_bytes(b"two")  # within the same tick, of the same size
    os.utime(path, ns=(now, now))
    with path.open("rb") as file:
        assert sources.stat(file, first).sha256 != first.sha256


def test_a_file_is_untouched_while_it_looks_as_it_did_and_can_be_read(tmp_path, monkeypatch):
    file = tmp_path / "0.png"
    file.write_bytes(b"one")
    settled(file)
    with file.open("rb") as opened:
        known = sources.stat(opened, None)
    assert sources.untouched(file, known)
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda path, mode: False)  # root may read everything
        assert not sources.untouched(file, known)
    file.touch()
    assert not sources.untouched(file, known)
    assert not sources.untouched(tmp_path / "absent.png", known)
    moved = file.rename(tmp_path / "1.png")
    settled(moved)
    with moved.open("rb") as opened:
        known = sources.stat(opened, None)
    file.symlink_to(moved)
    assert sources.untouched(moved, known)
    assert not sources.untouched(file, known)
