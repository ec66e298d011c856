"""The entry point of `mmrec`: what a person can put right ends as one line and exit code 1."""

from __future__ import annotations

import os
import sys

import typer

from mmrec import folders
from mmrec.errors import MmrecError
from mmrec.lake.store import Lake
from mmrec.settings import load
from mmrec.upkeep import damage
from mmrec_assets.cli import questions, shell, upkeep, work

__all__ = ["main", "questions", "upkeep", "work"]  # importing the commands is what makes them known


def main() -> None:
    """The entry point: an error that a person can put right is one line."""
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
    try:
        code = shell.app(standalone_mode=False)  # what `typer.Exit` carries
    except MmrecError as error:
        shell.print_error(str(error))
        sys.exit(1)
    except OSError as error:
        shell.print_error(_told(error))
        sys.exit(1)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    except SystemExit:
        raise
    except BaseException as error:  # a library's panic is no Exception
        if type(error).__module__.startswith(("click", "typer")) and hasattr(error, "format_message"):
            shell.print_error(error.format_message())
            sys.exit(2)
        if (told := folders.of_any(error, _lake_folder()) or _damage(error)) is None:
            raise
        shell.print_error(str(told))
        sys.exit(1)
    if code:
        sys.exit(code)


def _told(error: OSError) -> str:
    """What an error of the system says that nobody worded."""
    where = f" ({error.filename})" if error.filename else ""
    return str(
        folders.of_any(error, _lake_folder())
        or _damage(error)
        or f"{error.strerror or error}{where}; check the path and its permissions"
    )


def _damage(error: BaseException) -> MmrecError | None:
    """The damaged file of the lake that a library's error comes from."""
    try:
        return damage.explained(Lake(load().lake_root), error)
    except MmrecError as told:
        return told


def _lake_folder() -> str:
    try:
        return folders.lake_folder(load().lake_root)
    except (MmrecError, OSError):
        return "a folder that the command needs"


if __name__ == "__main__":
    main()
