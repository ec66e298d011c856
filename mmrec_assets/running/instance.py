"""Dagster's home of a data set, and its instance there. Not here: what runs in it, nor what it is kept in
(`storage.py`).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import dagster as dg

from mmrec import folders
from mmrec.lake.files import local_folder
from mmrec.settings import Settings

# Events that Dagster knows all at once, such as those of the periods of a range, are stored so many at a time.
_BATCH, _EVENTS = "DAGSTER_EVENT_BATCH_SIZE", "1000"


def home(settings: Settings) -> Path:
    """DAGSTER_HOME: as set, else the folder `dagster` beside the lake, with our dagster.yaml in it."""
    lake = local_folder(settings.lake_root)
    ours = (settings.home if lake is None else lake.parent) / "dagster"
    folder = Path(os.environ.setdefault("DAGSTER_HOME", str(ours)))
    os.environ.setdefault(_BATCH, _EVENTS)
    told, here = resources.files("mmrec_assets").joinpath("dagster.yaml").read_text(), folder / "dagster.yaml"
    with folders.told(folder, _called(folder)):
        folders.check_room(folder, _called(folder))
        folder.mkdir(parents=True, exist_ok=True)
        if not here.exists() or (folder == ours and here.read_text() != told):
            here.unlink(missing_ok=True)
            here.write_text(told)
    return folder


@contextmanager
def instance_of(folder: Path) -> Iterator[dg.DagsterInstance]:
    """Dagster's instance in a folder; what goes wrong with its files is an error that a person is meant to read.

    One process at a time makes its databases: two that do it together leave them unusable for good.
    """
    with folders.told(folder, _called(folder)):
        with (folder / "making.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            instance = dg.DagsterInstance.get()
            _ = instance.run_storage, instance.event_log_storage, instance.schedule_storage  # each made when asked for
        with instance:
            yield instance


def _called(folder: Path) -> str:
    return f"Dagster's folder {folder}"
