"""The demo's acts two and three: what they print is what happened, and the real lake and files stay as they were."""

import hashlib
import io
import re
from pathlib import Path

import pytest

from demo import tour
from demo.config import PROJECT
from mmrec.errors import MmrecError
from mmrec_assets.terminal import Console

STORY = tour.Story(
    Path("later") / "events-2024-01-05.csv",
    Path("events-2024-01-05.csv"),
    "2024-01-06",
    "item-04",
    "A thing number 4",
    "A thing, seen again",
)


@pytest.fixture
def waiting(shop):
    """The shop with one day more that has not landed yet."""
    later = shop.data / "later"
    later.mkdir()
    lines = [line.replace(shop.days[-1], "2024-01-05") for line in shop.lines(shop.days[-1])]
    (later / STORY.arrives.name).write_text("\n".join([shop.event_header, *lines]) + "\n")
    return shop


def contents(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def shape(text):
    """A transcript without its figures, names and digests: which lines there are, and in which order."""
    lines = (line for line in text.splitlines() if line.strip())
    return [" ".join(re.split(r"[\W\d]+", line)).strip()[:14] for line in lines]


@pytest.mark.full
def test_a_change_costs_what_changed_and_undoing_it_nothing(waiting, monkeypatch):
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    before = contents(waiting.folder)
    tour.play(waiting.settings, Console(file=(printed := io.StringIO()), width=200), STORY)
    said = printed.getvalue()
    assert "plan: raw/interactions, never built: 37 rows" in said
    assert "plan: embeddings/text, content changed: 1 row;" in said
    assert re.search(r"embeddings/text +[\d.]+ +1 +\d+ ", said)
    assert "0 rows encoded: the old vector was still there" in said
    assert len(re.findall(r"^planned [\d.]+ (?:s|min), imports not counted; took", said, re.MULTILINE)) == 3
    assert "rank 1 as of 2024-01-04" in said
    assert contents(waiting.folder) == before
    assert list(waiting.folder.glob(".tour-*")) == []


def test_without_a_lake_it_says_what_to_type(new_shop):
    with pytest.raises(MmrecError, match="nothing is published yet"):
        tour.play(new_shop.settings, Console(file=io.StringIO()), STORY)


@pytest.mark.full
@pytest.mark.weights
def test_the_transcript_is_that_of_the_demo(capfd):
    """The demo's own lake, where it was made: the same lines as in docs/tour.txt, whatever their figures."""
    if not (PROJECT / ".mmrec" / "lake" / "ledger" / "snapshots").exists():
        pytest.skip("there is no demo lake; `make demo` makes it")
    printed = io.StringIO()
    tour.play(tour.load(tour.config.path()), Console(file=printed, width=118))
    assert shape(printed.getvalue()) == shape(tour.TRANSCRIPT.read_text(encoding="utf-8"))
