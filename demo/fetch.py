"""Fetches the demo data: MovieLens-100K out of a published package, cut into one file a week, with stand-in posters.

Belongs here: getting the bytes, checking them, cutting them into files as a service would deliver them. Does not
belong here: cleaning (the data's real dirt stays in, `validated` deals with it) and drawing (`demo/posters.py`).

Run as `python -m demo.fetch`: the data goes to `.mmrec/demo`. `python -m demo.fetch weights` fetches the weights of
the encoders that the demo's settings name, to `.mmrec/weights`.
"""

import argparse
import csv
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from demo.posters import RECIPE, Film, has_poster, poster_bytes, poster_name
from mmrec import settings
from mmrec.encoders import weights
from mmrec.errors import MmrecError

ROOT = settings.HOME / "demo"
PACKAGE = "recbole==1.2.1"
FOLDER = "recbole/dataset_example/ml-100k"
# The user file is checked as part of the delivery and then left alone: nothing here needs age, gender or post code.
SHA256 = {
    "ml-100k.inter": "4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff",
    "ml-100k.item": "51d7cdf777ce5c0f5b32c1d947a4a81fe07d75e78abbe761e0cd4d0756064532",
    "ml-100k.user": "4f670007d9cfbeb9807e757209af1555b9bcc186bde25e767f67cb67c6dd5972",
}
FIRST_DAY = date(1997, 9, 20)
WEEKS = 31
LATER = 1  # the newest weeks that go to `later/`, outside the glob, so that a week can arrive
MANIFEST = "manifest.json"
LICENCE_NOTE = """\
MovieLens-100K, made by GroupLens Research at the University of Minnesota, is not part of this project and not under
its licence. It was fetched for you from a published package and may be used under the terms of its makers:

- for research; not for any commercial or revenue-bearing purpose without permission from GroupLens;
- not to be redistributed without separate permission, so do not commit or publish this folder;
- no endorsement by the University of Minnesota or GroupLens may be stated or implied;
- it comes without any guarantee of correctness or fitness;
- publications that use it acknowledge it: F. Maxwell Harper and Joseph A. Konstan. 2015. The MovieLens Datasets:
  History and Context. ACM Transactions on Interactive Intelligent Systems 5, 4, Article 19.

The pictures in `posters/` are drawn by this project from title, genres and year. They are stand-ins and say so; they
show no real poster.
"""


class Rating(NamedTuple):
    """One event as delivered: who rated which film with how many stars (1 to 5), and when (unix seconds)."""

    user_id: str
    item_id: str
    rating: str
    timestamp: int


def fetch(root: Path) -> Path:
    """Puts the demo data into `root` and returns it; downloads and writes nothing when all of it is already there."""
    changed = _changed(root)
    if changed is None:
        print(f"demo data is there: {root}")
        return root
    if changed:
        names = ", ".join(changed[:3]) + (", …" if len(changed) > 3 else "")
        print(f"demo data: {len(changed)} files are missing or not as fetched and are restored: {names}")
    with tempfile.TemporaryDirectory() as scratch:
        build(_members(_download(Path(scratch))), root)
    print(LICENCE_NOTE)
    print(f"demo data is ready: {root}")
    return root


def fetch_weights(root: Path) -> list[Path]:
    """Puts the weights that the demo's settings name into `root`, one folder an encoder; downloads what is missing."""
    encoders = [modality.encoder for modality in settings.load(settings.DEMO_CONFIG).embeddings.values()]
    absent = weights.missing(encoders, root)
    print(f"fetching weights: {', '.join(absent)}" if absent else f"weights are there: {root}", flush=True)
    return [weights.fetch(encoder, root) for encoder in encoders]


def build(members: Mapping[str, bytes], root: Path) -> None:
    """Writes the demo data of the checked `members` (file name → bytes) to `root`, all at once or not at all."""
    check_digests(members)
    root = root.absolute()
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root.parent, prefix=f".{root.name}-") as scratch:
        fresh = Path(scratch) / "fresh"
        ratings = parse_ratings(members["ml-100k.inter"].decode())
        films = parse_films(members["ml-100k.item"].decode())
        written = [*write_weeks(ratings, fresh), *write_items(films, fresh), *write_posters(films, fresh)]
        written.append(_write(fresh / "LICENCE-NOTE.txt", LICENCE_NOTE.encode()))
        _write(fresh / MANIFEST, _manifest(fresh, written))
        _swap(fresh, root, Path(scratch) / "old")


def check_digests(members: Mapping[str, bytes]) -> None:
    """Refuses members whose bytes are not the ones this demo was made for."""
    for name, expected in SHA256.items():
        found = hashlib.sha256(members[name]).hexdigest()
        if found != expected:
            raise MmrecError(
                f"{name} of {PACKAGE} has sha256 {found[:12]}…, expected {expected[:12]}…: "
                "it is damaged or another version; clear pip's cache (pip cache purge) and fetch again"
            )


def parse_ratings(text: str) -> list[Rating]:
    """The ratings, ordered by time, then ids: the delivered order says nothing."""
    rows = (Rating(user, item, stars, int(float(time))) for user, item, stars, time in _records(text, 4))
    return sorted(rows, key=lambda row: (row.timestamp, _numeric(row.user_id), _numeric(row.item_id)))


def parse_films(text: str) -> list[Film]:
    """The catalogue in its delivered order, misspellings, wrong years and duplicates included."""
    return [Film(item_id, title, genres, year) for item_id, title, year, genres in _records(text, 4)]


def week_starts() -> list[date]:
    """The first day of each week of the data set."""
    return [FIRST_DAY + timedelta(weeks=week) for week in range(WEEKS)]


def write_weeks(ratings: Iterable[Rating], root: Path) -> list[Path]:
    """Writes one CSV a week, named by its first day; weeks begin at midnight UTC. The last ones go to `later/`."""
    starts = week_starts()
    by_week: dict[date, list[Rating]] = {start: [] for start in starts}
    for row in ratings:
        day = datetime.fromtimestamp(row.timestamp, UTC).date()
        start = FIRST_DAY + timedelta(weeks=(day - FIRST_DAY).days // 7)
        if start not in by_week:
            raise MmrecError(f"a rating of {day} lies outside the {WEEKS} weeks from {FIRST_DAY}")
        by_week[start].append(row)
    folders = ["interactions"] * (WEEKS - LATER) + ["later"] * LATER
    return [
        _write_csv(root / folder / f"{start}.csv", Rating._fields, by_week[start])
        for folder, start in zip(folders, starts, strict=True)
    ]


def write_items(films: Iterable[Film], root: Path) -> list[Path]:
    """Writes the catalogue: the delivered columns and the file name of the poster, empty where there is none."""
    rows = ((*film, poster_name(film.item_id) if has_poster(film.item_id) else "") for film in films)
    return [_write_csv(root / "items.csv", (*Film._fields, "poster"), rows)]


def write_posters(films: Sequence[Film], root: Path) -> list[Path]:
    """Draws a stand-in for every film that has one."""
    drawn = [film for film in films if has_poster(film.item_id)]
    print(f"drawing {len(drawn):,} stand-in posters for {len(films):,} films", flush=True)
    return [_write(root / "posters" / poster_name(film.item_id), poster_bytes(film)) for film in drawn]


def _download(scratch: Path) -> Path:
    """Has pip fetch the package's wheel into `scratch`, without its dependencies; nothing is installed."""
    print(f"fetching {PACKAGE} (2 MB)", flush=True)
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-input"]
    command += ["--disable-pip-version-check", "--quiet", "--dest", str(scratch), PACKAGE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MmrecError(f"could not download {PACKAGE}: {last_line(done.stderr)}")
    return next(scratch.glob("*.whl"))


def last_line(output: str) -> str:
    """What pip said last, its errors before its warnings, without addresses: a package index may be a private one."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    said = [line for line in lines if line.startswith("ERROR")] or lines or ["pip gave no message"]
    return re.sub(r"\w+://\S+|host='[^']*'", "(address)", said[-1])


def _members(wheel: Path) -> dict[str, bytes]:
    """The bytes of the data set's files in the wheel."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            return {name: archive.read(f"{FOLDER}/{name}") for name in SHA256}
    except (KeyError, zipfile.BadZipFile) as error:
        raise MmrecError(f"{wheel.name} does not hold the data set: {error}") from error


def _records(text: str, width: int) -> Iterator[list[str]]:
    """The rows below the header of a tab-separated file, which has no quoting."""
    for number, line in enumerate(text.splitlines()[1:], start=2):
        row = line.split("\t")
        if len(row) != width:
            raise MmrecError(f"line {number} has {len(row)} fields, expected {width}")
        yield row


def _numeric(identifier: str) -> tuple[int, str]:
    """Orders "9" before "10"."""
    return len(identifier), identifier


def _write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    return path


def _made_from() -> dict[str, object]:
    """What decides the bytes of the outputs: a manifest made from anything else is out of date."""
    return {"format": 1, "package": PACKAGE, "sources": SHA256, "posters": RECIPE}


def _manifest(folder: Path, written: Iterable[Path]) -> bytes:
    files = {path.relative_to(folder).as_posix(): _digest(path) for path in sorted(written)}
    return json.dumps({"made_from": _made_from(), "files": files}, indent=1).encode()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _changed(root: Path) -> list[str] | None:
    """None if the data is there; else the files that miss or differ, none if it was never (or otherwise) made."""
    made_from, files = _read_manifest(root)
    if made_from != _made_from():
        return []
    changed = [name for name, digest in files.items() if not (root / name).is_file() or _digest(root / name) != digest]
    return changed or None


def _read_manifest(root: Path) -> tuple[object, dict[str, str]]:
    """What the data in `root` was made from, and file name → sha256; nothing where there is no readable manifest."""
    try:
        manifest = json.loads((root / MANIFEST).read_bytes())
        return manifest["made_from"], dict(manifest["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return None, {}


def _swap(fresh: Path, root: Path, old: Path) -> None:
    """Puts `fresh` in the place of `root`; files that others put there (a week moved in from `later/`) stay."""
    if root.exists():
        ours = _read_manifest(root)[1]
        for path in (path for path in root.rglob("*") if path.is_file()):
            name = path.relative_to(root)
            if name.as_posix() not in ours and not (fresh / name).exists():
                (fresh / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, fresh / name)
        root.rename(old)
    fresh.rename(root)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: fetches the demo's data, or its weights; one line and 1 if it cannot."""
    parser = argparse.ArgumentParser(prog="python -m demo.fetch", description="Fetch what the demo needs.")
    parser.add_argument("what", nargs="?", choices=["data", "weights"], default="data")
    what = parser.parse_args(arguments).what
    try:
        if what == "weights":
            fetch_weights(settings.HOME / "weights")
        else:
            fetch(ROOT)
    except (MmrecError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
