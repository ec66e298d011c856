"""Fetches the demo data: MovieLens-100K cut into one file a week, with credits, and with posters, sounds and clips.

Here: what is asked for, in which order it is brought, and saying so. Not here: where things come from (`movielens.py`,
`archive.py`, `credits.py`, `own_media.py`), what is drawn (`media.py`), the folder (`folder.py`), and cleaning (the
data's real dirt stays in, `validated` deals with it).

Run as `python -m demo.fetch`: the data goes to `.mmrec/demo`. `python -m demo.fetch weights` fetches the weights of
the encoders that the demo's settings name, to `.mmrec/weights`. Two environment variables ask for something else:
DEMO_MEDIA names a folder with real posters and overviews, DEMO_ARCHIVE MovieLens' official archive.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from demo import archive, catalogue, config, credits, folder, licence, media, movielens, own_media, weeks
from mmrec import settings
from mmrec.encoders import weights
from mmrec.errors import MmrecError


class Wanted(NamedTuple):
    """What a person asks for: a folder of their own media, and an archive at a path or an https address."""

    media: Path | None = None
    archive: str | None = None


NOTHING_ELSE = Wanted()


def wanted(environment: Mapping[str, str]) -> Wanted:
    """What the environment asks for."""
    own = environment.get("DEMO_MEDIA")
    return Wanted(Path(own).expanduser() if own else None, environment.get("DEMO_ARCHIVE") or None)


def fetch(root: Path, want: Wanted = NOTHING_ELSE) -> Path:
    """Puts the demo data into `root` and returns it; downloads and writes nothing when all of it is already there."""
    made_from = _made_from(want)
    changed = folder.changed(root, made_from)
    if changed is None:
        print(f"demo data is there: {root}")
        return root
    if changed:
        names = ", ".join(changed[:3]) + (", …" if len(changed) > 3 else "")
        print(f"demo data: {len(changed)} files are missing or not as fetched and are restored: {names}")
    elif root.exists():
        print("demo data: what is there was not made from what is asked for, and is made again")
    began = time.perf_counter()
    folder.put(root, made_from, lambda fresh: _fill(fresh, want))
    print(_note(want))
    print(f"demo data is ready after {time.perf_counter() - began:.0f} s: {root}")
    return root


def fetch_weights(root: Path) -> list[Path]:
    """Puts the weights that the demo's settings name into `root`, one folder an encoder; downloads what is missing."""
    modalities = settings.load(config.DEMO_CONFIG).embeddings.values()
    encoders = weights.needed(modality.encoder for modality in modalities)
    absent = weights.missing(encoders, root)
    print(f"fetching weights: {', '.join(absent)}" if absent else f"weights are there: {root}", flush=True)
    return [weights.fetch(encoder, root) for encoder in encoders]


def _fill(root: Path, want: Wanted) -> Iterator[Path]:
    """Writes everything below `root` and gives the paths."""
    (ratings, films), known = _bring(want)
    yield from weeks.write_weeks(ratings, root)
    own = own_media.read(want.media, films) if want.media else None
    drawn = {kind: media.stand_ins(kind, films) for kind in media.KINDS if own is None or kind != "poster"}
    there = {kind: {film.item_id for film in each} for kind, each in drawn.items()}
    if own is not None:
        there["poster"] = set(own.posters)
        yield from own_media.copy(own, root)
        yield folder.write(root / config.NAME, config.with_real_posters(_settings()).encode())
    yield catalogue.write_items(films, known, own.overviews if own else {}, there, root)
    print("drawing " + ", ".join(f"{len(each):,} {kind}s" for kind, each in drawn.items()), flush=True)
    yield from media.draw(drawn, root)
    yield folder.write(root / licence.NAME, _note(want).encode())


def _bring(want: Wanted) -> tuple[movielens.Delivery, dict[str, credits.Credits]]:
    """Ratings and films, and the films' credits."""
    with tempfile.TemporaryDirectory() as scratch:
        delivery = archive.from_archive(want.archive) if want.archive else movielens.from_package(Path(scratch))
        known = credits.matched(delivery.films, credits.from_package(Path(scratch)))
    print(f"matched the credits of {len(known):,} of {len(delivery.films):,} films", flush=True)
    return delivery, known


def _made_from(want: Wanted) -> dict[str, object]:
    """What decides the bytes of the outputs: a manifest made from anything else is out of date."""
    parts: dict[str, object] = {kind: each.recipe for kind, each in media.KINDS.items()}
    if want.media:
        parts |= {"poster": own_media.identity(want.media), "settings": _settings()}
    ratings = {"archive": archive.identity(want.archive)} if want.archive else movielens.SHA256
    return parts | {"format": 3, "ratings": ratings, "credits": credits.SHA256}


def _settings() -> str:
    return config.DEMO_CONFIG.read_text(encoding="utf-8")


def _note(want: Wanted) -> str:
    return licence.note(archive=bool(want.archive), own_media=bool(want.media))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: fetches the demo's data, or its weights; one line and 1 if it cannot."""
    parser = argparse.ArgumentParser(prog="python -m demo.fetch", description="Fetch what the demo needs.")
    parser.add_argument("what", nargs="?", choices=["data", "weights"], default="data")
    what = parser.parse_args(arguments).what
    try:
        if what == "weights":
            fetch_weights(config.HOME / "weights")
        else:
            fetch(config.ROOT, wanted(os.environ))
    except (MmrecError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
