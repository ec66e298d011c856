"""What a person sees while `mmrec run` works: a bar an asset in a terminal, elsewhere a line an asset as it begins.

It reads Dagster's own events and the lake's row counts: the run knows nothing of it.
"""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from mmrec import tables
from mmrec.errors import MmrecError
from mmrec.lake.store import Lake
from mmrec.planning.graph import nodes
from mmrec.settings import Settings
from mmrec_assets import terminal

if TYPE_CHECKING:
    import dagster as dg

_EVERY_SECONDS = 0.4


class Progress:
    """One bar an asset; an embedding's bar counts the vectors that its chunks have committed."""

    def __init__(self, settings: Settings, *, quiet: bool = False) -> None:
        """Bars in a terminal, lines elsewhere, and only what is told where it is to be `quiet`."""
        self._settings = settings
        self._lake = Lake(settings.lake_root)
        columns = (
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description:28}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            TimeElapsedColumn(),
        )
        self._bars = Bars(*columns, console=terminal.errors(), disable=quiet or not sys.stderr.isatty())
        self._quiet = quiet
        self._tasks: dict[str, TaskID] = {}
        self._begun: set[str] = set()  # of those that a line was printed of
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        self._bars.stop()

    def begin(self, run_id: str, title: str, instance: dg.DagsterInstance) -> None:
        """Starts to watch a run that is about to begin."""
        self._end()
        if self._quiet:
            return
        self._bars.console.print(title)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, args=(run_id, instance, self._stop), daemon=True)
        self._thread.start()

    def tell(self, line: str) -> None:
        """Prints a line above the bars, also where there are none."""
        self._bars.console.print(line)

    def _end(self) -> None:
        if self._thread is not None:
            self._stop.set()
            self._thread.join()
            self._thread = None

    def _watch(self, run_id: str, instance: dg.DagsterInstance, stop: threading.Event) -> None:
        known = {node.asset.replace("/", "__"): node.asset for node in nodes(self._settings)}
        last = False
        while not last:
            last = stop.wait(_EVERY_SECONDS)  # one look more after the run has ended
            for entry in instance.all_logs(run_id):
                event = entry.dagster_event
                if event is not None and event.step_key in known:
                    self._show(known[event.step_key], event)
            self._count_vectors()

    def _show(self, asset: str, event: dg.DagsterEvent) -> None:
        if self._bars.disable:
            if event.is_step_start and asset not in self._begun:
                self._begun.add(asset)
                self._bars.console.print(f"  {time.strftime('%H:%M:%S')} {asset}")
            return
        if event.is_step_start and asset not in self._tasks:
            self._tasks[asset] = self._bars.add_task(asset, total=None, note="")
        if (event.is_step_success or event.is_step_failure) and asset in self._tasks:
            self._bars.update(self._tasks[asset], total=1, completed=1, note="failed" if event.is_step_failure else "")

    def _count_vectors(self) -> None:
        for modality in self._settings.embeddings:
            asset = f"embeddings/{modality}"
            task = self._tasks.get(asset)
            if task is None or self._bars.tasks[task].finished:
                continue
            try:
                rows = self._lake.rows(f"{asset}/vectors")
                items = self._lake.rows(tables.VALIDATED_ITEMS)
            except (MmrecError, OSError):
                continue
            self._bars.update(task, total=max(items, rows + 1), completed=rows, note=f"{rows:,} vectors")
