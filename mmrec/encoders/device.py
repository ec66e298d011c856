"""Where and how networks run: choosing the device, full fp32, and tiles that keep it busy.

Here: what all networks share about torch. Not here: anything about one modality.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmrec.encoders.pending import Pending
from mmrec.errors import MmrecError
from mmrec.media.shared import Shared

_START_SECONDS = 60.0
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}

Rows = Sequence[np.ndarray]
Load = Callable[[Rows], Sequence[Tensor]]
Forward = Callable[..., Tensor]


def choose(device: str) -> tuple[str, str]:
    """Turn `auto`, `cpu`, `cuda`, `cuda:<n>` or `mps` into a torch device and one line that says why.

    `auto` takes the first CUDA device that runs a product, then Apple's, then the CPU, and says what it lacked. A
    device asked for by name and not there is a `MmrecError`.
    """
    if device == "auto":
        return _first_usable()
    if not re.fullmatch(r"cpu|cuda(:\d+)?|mps", device):
        raise MmrecError(f"unknown device {device!r}; allowed: auto, cpu, cuda, cuda:<n>, mps")
    wanted = "cuda:0" if device == "cuda" else device
    trouble = _trouble(wanted)
    if trouble:
        raise MmrecError(f"device {device!r} cannot be used: {trouble}; `auto` or `cpu` runs everywhere")
    return wanted, "asked for by name"


def _first_usable() -> tuple[str, str]:
    no_cuda = _trouble("cuda:0")
    if not no_cuda:
        return "cuda:0", f"a GPU is there: {torch.cuda.get_device_name(0)}"
    if not _trouble("mps"):
        return "mps", "Apple's GPU is there"
    return "cpu", f"no GPU is used: {no_cuda}"


def _trouble(device: str) -> str:
    """Say in one line why a device cannot be used; empty when it can."""
    if device == "mps" and not torch.backends.mps.is_available():
        return "this torch or machine has no Apple GPU"
    if device.startswith("cuda"):
        if not torch.backends.cuda.is_built():
            return "this torch is built without CUDA"
        if not torch.cuda.is_available():
            return "no CUDA device or driver was found"
        if int(device.partition(":")[2]) >= torch.cuda.device_count():
            return f"there are {torch.cuda.device_count()} CUDA devices, counted from 0"
    try:
        torch.ones(2, 2, device=device).mm(torch.ones(2, 2, device=device)).sum().item()
    except RuntimeError as error:  # for example a GPU older than this torch supports
        return " ".join(str(error).split())[:200] or "it failed a first product"
    return ""


@contextmanager
def full_precision() -> Iterator[None]:
    """Make fp32 mean fp32 while it is held, whatever the process chose: no TF32 on a GPU, no bf16 in CPU products.

    torch computes convolutions in TF32 on a GPU unless told otherwise.
    """
    backends: Any = torch.backends  # its types leave these out
    places = (backends.cuda.matmul, backends.cudnn.conv, backends.mkldnn.matmul, backends.mkldnn.conv)
    before = [place.fp32_precision for place in places]
    try:
        for place in places:
            place.fp32_precision = "ieee"
        yield
    finally:
        for place, precision in zip(places, before, strict=True):
            place.fp32_precision = precision


_FULL_PRECISION = Shared(full_precision)


class Runner:
    """Runs a network over the rows of a batch in tiles, without waiting for them.

    `load` makes tensors of a tile's rows, which lead with the row; `forward` gives float [rows, width] of them on the
    device. On a CPU the tiles run side by side, each on one thread: the bits of a convolution depend on the number of
    rows and of threads together (on EfficientNet-Lite0 every row differs, by 7e-6), a whole tile a thread is as fast or
    faster, and it does not stall when another process holds a core. On a GPU a tile's tensors are copied on a stream of
    their own while the tile before is computed, and its result is copied back without anybody waiting; kernels are
    chosen by shape there, so the last bits of a row may differ with the size of its tile. A tile that does not fit the
    memory is halved, for good.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        self.threads = torch.get_num_threads()
        self._pool: ThreadPoolExecutor | None = None
        self._halved = 1
        self._copying = torch.cuda.Stream(device) if device.startswith("cuda") else None

    def run(self, rows: Rows, tile_rows: int, forward: Forward, load: Load | None = None) -> Pending:
        """Begin float32 [n, width] of all rows, in tiles of up to `tile_rows`; without `load` rows are stacked."""
        load = load or _stacked
        if self.device == "cpu":
            tiles = (rows[start : start + tile_rows] for start in range(0, len(rows), tile_rows))
            return Pending([self._threads().submit(_on_cpu, tile, load, forward) for tile in tiles])
        done: list[_Copied] = []
        start = 0
        while start < len(rows):
            tile = rows[start : start + max(1, tile_rows // self._halved)]
            copied = self._try(tile, load, forward)
            if copied is not None:
                done.append(copied)
                start += len(tile)
        return Pending(done)

    def _try(self, tile: Rows, load: Load, forward: Forward) -> _Copied | None:
        """Begin a tile, or make tiles smaller and give None; out of memory with a single row is the caller's."""
        try:
            with _FULL_PRECISION, torch.inference_mode():
                return self._back(forward(*self._there(load(tile))))
        except RuntimeError as error:  # torch.OutOfMemoryError is one; Apple's GPU raises it plain
            if len(tile) == 1 or "out of memory" not in str(error).lower():
                raise
        # Outside the handler: the traceback would keep the failed tensors alive.
        self._halved *= 2
        if self.device.startswith("cuda"):
            torch.cuda.empty_cache()
        return None

    def _there(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Copy tensors to the device; where it can, beside what is being computed."""
        if self._copying is None:
            return [tensor.to(self.device) for tensor in tensors]
        computing = torch.cuda.current_stream(self.device)
        with torch.cuda.stream(self._copying):
            moved = [tensor.pin_memory().to(self.device, non_blocking=True) for tensor in tensors]
        computing.wait_stream(self._copying)
        for tensor in moved:
            tensor.record_stream(computing)
        return moved

    def _back(self, found: Tensor) -> _Copied:
        found = found.float()
        if self._copying is None:
            return _Copied(found.cpu(), None)
        result = torch.empty(found.shape, dtype=found.dtype, pin_memory=True)
        result.copy_(found, non_blocking=True)
        copied = torch.cuda.Event()
        copied.record(torch.cuda.current_stream(self.device))
        return _Copied(result, copied)

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = _single_threaded_pool(self.threads)
        return self._pool


@dataclass(frozen=True)
class _Copied:
    """A result on its way back from a device; see `mmrec.encoders.pending.Part`."""

    tensor: Tensor
    event: torch.cuda.Event | None

    def done(self) -> bool:
        return self.event is None or self.event.query()

    def result(self) -> np.ndarray:
        if self.event is not None:
            self.event.synchronize()
        return self.tensor.numpy()


def _stacked(rows: Rows) -> Sequence[Tensor]:
    return [torch.from_numpy(np.stack(rows))]


def _on_cpu(rows: Rows, load: Load, forward: Forward) -> np.ndarray:
    with _FULL_PRECISION, torch.inference_mode():  # per thread, so it is entered where the work is done
        return forward(*load(rows)).float().numpy()


def _single_threaded_pool(workers: int) -> ThreadPoolExecutor:
    """Start threads in which torch uses one thread each, leaving the rest of the process as it was."""
    all_started = threading.Barrier(workers + 1, timeout=_START_SECONDS)

    def start() -> None:
        torch.get_num_threads()  # else the thread's first operation takes over the number of the process again
        torch.set_num_threads(1)
        all_started.wait()

    before = torch.get_num_threads()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="encode", initializer=start)
    for _ in range(workers):
        pool.submit(int)  # a pool starts a thread only when there is something to do
    all_started.wait()
    torch.set_num_threads(before)  # the number that threads started later take over is one for the whole process
    return pool
