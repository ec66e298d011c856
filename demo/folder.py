"""The demo's data folder: put in place whole or not at all, and recognised by a manifest as what it was made from.

Here: writing files, their digests, the manifest, the swap. Not here: what the files hold.
"""

import csv
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

MANIFEST = "manifest.json"


def put(root: Path, made_from: Mapping[str, object], fill: Callable[[Path], Iterable[Path]]) -> None:
    """Has `fill` write files below a fresh folder (it gives their paths) and puts that in the place of `root`.

    Files that others put into `root` (a week moved in from `later/`) stay. A failure leaves `root` as it was.
    """
    root = root.absolute()
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root.parent, prefix=f".{root.name}-") as scratch:
        fresh = Path(scratch) / "fresh"
        written = sorted(fill(fresh))
        files = {path.relative_to(fresh).as_posix(): digest(path) for path in written}
        write(fresh / MANIFEST, json.dumps({"made_from": made_from, "files": files}, indent=1).encode())
        _swap(fresh, root, Path(scratch) / "old")


def changed(root: Path, made_from: Mapping[str, object]) -> list[str] | None:
    """None if the data is there; else the files that miss or differ, none if it was never (or otherwise) made."""
    found, files = _read_manifest(root)
    if found != made_from:
        return []
    differ = [name for name, sha256 in files.items() if not (root / name).is_file() or digest(root / name) != sha256]
    return differ or None


def write(path: Path, data: bytes) -> Path:
    """Writes a file, with the folders it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
    """Writes a CSV file in UTF-8, with the folders it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    return path


def digest(path: Path) -> str:
    """The sha256 of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read_manifest(root: Path) -> tuple[object, dict[str, str]]:
    """What the data in `root` was made from, and file name → sha256; nothing where there is no readable manifest."""
    try:
        manifest = json.loads((root / MANIFEST).read_bytes())
        return manifest["made_from"], dict(manifest["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return None, {}


def _swap(fresh: Path, root: Path, old: Path) -> None:
    """Puts `fresh` in the place of `root`, with the files of `root` that are not ours."""
    if root.exists():
        ours = _read_manifest(root)[1]
        for path in (path for path in root.rglob("*") if path.is_file()):
            name = path.relative_to(root)
            if name.as_posix() not in ours and not (fresh / name).exists():
                (fresh / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, fresh / name)
        root.rename(old)
    fresh.rename(root)
