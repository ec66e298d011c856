"""What the pages say holds: the page for one's own data runs from top to bottom, and no link or name is stale."""

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.main import get_command

from demo.config import HOME
from mmrec.encoders import weights
from mmrec_assets.cli import shell

ROOT = Path(__file__).resolve().parents[2]
RUNNABLE = {
    ROOT / "docs" / "your-own-data.md": ["minilm", "efficientnet-lite0"],
    ROOT / "docs" / "sounds-and-words.md": ["minilm", "aisfx"],
}
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(ROOT.glob("docs/*.md"))
FENCE = re.compile(r"^```(\w+)(?: title=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = "::: block"
# A plan with work ends with 10, which is no failure of the page.
SHELL = 'set -e\nmmrec() { command mmrec "$@" || [ $? -eq 10 ]; }'


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, the file it is saved as, and its text."""

    language: str
    title: str
    text: str


def blocks(page):
    return [Block(*found) for found in FENCE.findall(page.read_text(encoding="utf-8"))]


def script(found):
    """The page as one shell script: files are written where they stand, and every command block is announced."""
    parts = [SHELL]
    for index, block in enumerate(found):
        if block.title:
            parts.append(f"cat > {shlex.quote(block.title)} <<'END_OF_BLOCK'\n{block.text}END_OF_BLOCK")
        elif block.language == "bash":
            parts.append(f"echo '{MARK} {index}'\n{block.text}")
    return "\n".join(parts)


def words(line):
    """A line without what may differ: spaces, seconds, bytes and other decimals, digests."""
    line = re.sub(r"[-+]?\d+\.\d+", "#", line)
    line = re.sub(r"(#|\b\d+) (s|min|h|B|kB|MB|GB)\b", "#", line)
    return " ".join(re.sub(r"\b[0-9a-f]{12,}\b", "#", line).split())


def expected(found):
    """(index of a command block, line that its output must hold) for every line of the page's output blocks."""
    asked = 0
    for index, block in enumerate(found):
        if block.language == "bash":
            asked = index
        elif block.language == "text":
            yield from ((asked, words(line)) for line in block.text.splitlines() if words(line) not in ("", "…"))


def run_page(page, folder):
    """Runs a page in a folder that has a `.venv`, as the project has; what each command block printed."""
    project, venv = folder / "project", Path(sys.prefix)
    if not (venv / "bin" / "activate").exists():
        pytest.skip("the page activates a virtual environment, and these tests do not run in one")
    project.mkdir()
    (project / ".venv").symlink_to(venv)
    ours = {"MMREC_WEIGHTS": str(HOME / "weights"), "COLUMNS": "160", "HF_HUB_OFFLINE": "1"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MMREC_", "DAGSTER_"))}
    command = ["bash", "-c", script(blocks(page))]
    done = subprocess.run(
        command, cwd=project, env=kept | ours, capture_output=True, text=True, timeout=560, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    pieces = re.split(rf"^{MARK} (\d+)$", done.stdout, flags=re.MULTILINE)[1:]
    return {int(index): text for index, text in zip(pieces[::2], pieces[1::2], strict=True)}


@pytest.mark.full
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "page",
    [pytest.param(page, id=page.name) for page in RUNNABLE],
)
def test_a_page_runs_from_top_to_bottom(page, tmp_path):
    if weights.missing(RUNNABLE[page], HOME / "weights"):
        pytest.skip("the encoders' weights are not there; `make test` fetches them")
    printed = run_page(page, tmp_path)
    lines = {index: {words(line) for line in text.splitlines()} for index, text in printed.items()}
    absent = [(index, line) for index, line in expected(blocks(page)) if line not in lines[index]]
    assert not absent, f"{absent[0]} is not in\n{printed[absent[0][0]]}"


@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.name)
def test_every_file_of_a_page_is_named_in_the_words_before_it(page):
    text = page.read_text(encoding="utf-8")
    titles = [block.title for block in blocks(page) if block.title]
    assert titles
    named = [title for title in titles if re.search(rf"as\s+`{re.escape(title)}`", text)]
    assert named == titles


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings_that_are_there(page):
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"(?:src|srcset|href)=\"([^\"]+)\"", text)
    for target in targets:
        name, _, anchor = target.partition("#")
        if "://" in name:
            continue
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), f"{page.name} links to {target}"
        assert not anchor or anchor in anchors(path), f"{page.name} links to {target}"


def anchors(page):
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_targets_that_a_page_names_exist(page):
    text = page.read_text(encoding="utf-8")
    commands = set(re.findall(r"\bmmrec ([a-z]+)\b", " ".join(re.findall(r"`[^`]+`|```.*?```", text, re.DOTALL))))
    assert commands <= set(get_command(shell.app).commands), page.name
    targets = set(re.findall(r"`make ([a-z-]+)`", text))
    assert targets <= set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)), page.name


def test_readme_names_every_command():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in get_command(shell.app).commands if f"mmrec {name}" not in text] == []


def test_the_transcript_in_the_readme_is_what_the_tour_printed():
    """`python -m demo.tour --write` makes docs/tour.txt; the README shows lines of it in order, with … for the rest."""
    [shown] = [block.text for block in blocks(ROOT / "README.md") if block.title == "tour"]
    printed = iter((ROOT / "docs" / "tour.txt").read_text(encoding="utf-8").splitlines())
    assert [line for line in shown.splitlines() if line not in ("…", "") and line not in printed] == []


def test_every_row_of_the_source_document_is_accounted_for_once():
    text = (ROOT / "docs" / "source-document.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| S(\d+) \|[^|]+\|[^|]+\| (works|partly|not yet|decided otherwise) \|", text, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 90))
    counts = {state: sum(found == state for _, found in rows) for _, state in rows}
    for state, count in counts.items():
        assert f"{count} {state}" in text, f"the sum of '{state}' is {count}"
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"{counts['works']} work, {counts['partly']} partly, {counts['not yet']} not yet" in readme


def test_pictures_stay_small():
    assert (ROOT / "docs" / "architecture.svg").stat().st_size < 40_000
    large = [path.name for path in (ROOT / "docs" / "images").iterdir() if path.stat().st_size > 400_000]
    assert large == []
