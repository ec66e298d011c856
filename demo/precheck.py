"""Says before anything is installed whether this machine can build the project: one line for each unmet need.

Here: what `make` needs of the machine. The standard library only, and nothing that Python 3.7 cannot read: it is run by
whatever `python3` is, and must be able to say that it is too old. Not here: anything that needs the project's packages.

Run as `python demo/precheck.py [folder of the virtual environment]`.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

OLDEST, TOO_NEW = (3, 11), (3, 14)
FREE_GB = 12  # the peak on a fresh Linux machine, while wheels and unpacked files lie side by side; 7 GB stay


def problems(venv: Path, version: tuple[int, ...] | None = None, free_gb: float | None = None) -> list[str]:
    """One line for each unmet need; `venv` is the folder that the packages go to, or lie in already."""
    version = sys.version_info[:2] if version is None else version
    needs = [_python_problem(version)]
    if not has_python(venv):
        needs += [_venv_problem(), _disk_problem(_free_gb(venv) if free_gb is None else free_gb)]
    return [line for line in needs if line]


def has_python(venv: Path) -> bool:
    """Whether the virtual environment is there already, made by an earlier run or by the user."""
    return (venv / "bin" / "python").exists()


def _python_problem(version: tuple[int, ...]) -> str:
    if OLDEST <= version < TOO_NEW:
        return ""
    age = "old" if version < OLDEST else "new"
    return f"Python {version[0]}.{version[1]} is too {age}: 3.11, 3.12 or 3.13 is needed; try make PYTHON=python3.12"


def _venv_problem() -> str:
    if all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        return ""
    return (
        "this Python cannot make virtual environments (venv or ensurepip is missing): install your system's package "
        "for that (Debian and Ubuntu: python3-venv), or name another Python with make PYTHON=…"
    )


def _disk_problem(free_gb: float) -> str:
    if free_gb >= FREE_GB:
        return ""
    return (
        f"{free_gb:.1f} GB of disk are free here, about {FREE_GB} GB are needed while packages are unpacked (7 GB "
        "stay): free some, or bring your own smaller torch"
    )


def _free_gb(venv: Path) -> float:
    folder = next(parent for parent in venv.resolve().parents if parent.exists())
    return shutil.disk_usage(str(folder)).free / 1e9


def main() -> int:
    """The command: says what a first run will download, then what is unmet; 1 if anything is."""
    venv = Path(sys.argv[1] if len(sys.argv) > 1 else ".venv")
    if not has_python(venv):
        print(
            f"3 GB to download for the plain Linux torch; to bring your own CPU build, create {venv} yourself with "
            "torch and torchvision installed and run make again"
        )
    found = problems(venv)
    for line in found:
        print(f"error: {line}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
