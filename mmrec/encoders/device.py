"""Where and how networks run: choosing the device, full fp32, and batches whose rows cannot disturb each other.

Here: what text and image encoders share about torch. Not here: anything about one modality.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from mmrec.errors import MmrecError

_START_SECONDS = 60.0
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}

Rows = Sequence[np.ndarray]
Work = Callable[[Rows], np.ndarray]


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


class Runner:
    """Runs a network over the rows of a batch, in tiles that keep each row's vector independent of its batch mates.

    On a CPU the tiles run side by side, each on one thread: the bits of a convolution depend on the number of rows
    and of threads together (on EfficientNet-Lite0 every row differs, by 7e-6), a whole tile a thread is as fast or
    faster, and it does not stall when another process holds a core. On a GPU kernels are chosen by shape, so every
    tile has the full number of rows, the last one filled up with copies; a tile that does not fit the memory is
    halved, for good.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        self.threads = torch.get_num_threads()
        self._pool: ThreadPoolExecutor | None = None
        self._halved = 1

    def run(self, rows: Rows, tile_rows: int, work: Work) -> np.ndarray:
        """Give the results of `work` (float32 [n, width] of up to `tile_rows` rows of equal shape) for all rows."""
        with full_precision():
            if self.device == "cpu":
                tiles = [rows[start : start + tile_rows] for start in range(0, len(rows), tile_rows)]
                return np.concatenate(list(self._threads().map(_inference(work), tiles)))
            return self._run_fixed(rows, tile_rows, _inference(work))

    def _run_fixed(self, rows: Rows, tile_rows: int, work: Work) -> np.ndarray:
        done: list[np.ndarray] = []
        start = 0
        while start < len(rows):
            size = max(1, tile_rows // self._halved)
            tile = list(rows[start : start + size])
            result = self._try(tile + [tile[0]] * (size - len(tile)), work)
            if result is not None:
                done.append(result[: len(tile)])
                start += len(tile)
        return np.concatenate(done)

    def _try(self, tile: Rows, work: Work) -> np.ndarray | None:
        """Give the result, or None after making tiles smaller; out of memory with a single row is the caller's."""
        try:
            return work(tile)
        except RuntimeError as error:  # torch.OutOfMemoryError is one; Apple's GPU raises it plain
            if len(tile) == 1 or "out of memory" not in str(error).lower():
                raise
        # Outside the handler: the traceback would keep the failed tensors alive.
        self._halved *= 2
        if self.device.startswith("cuda"):
            torch.cuda.empty_cache()
        return None

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = _single_threaded_pool(self.threads)
        return self._pool


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


def _inference(work: Work) -> Work:
    def without_gradients(rows: Rows) -> np.ndarray:
        with torch.inference_mode():  # per thread, so it is entered where the work is done
            return work(rows)

    return without_gradients
