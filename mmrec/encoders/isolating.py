"""Finding the row that makes others fail: the batch is halved until the row is alone.

Here: halving, and whether an error is a row's fault, the machine's or the device's. Not here: what is done with the
rows (`preparing`, `running`). Never imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from mmrec import folders
from mmrec.encoders import Failure
from mmrec.errors import MmrecError

_Row = TypeVar("_Row")
_Result = TypeVar("_Result")


class NotFinite(Exception):
    """Some vector of a batch holds a NaN or an infinity."""


def halving(
    work: Callable[[list[_Row]], Sequence[_Result]], rows: list[tuple[int, _Row]], failure: Failure | None = None
) -> Iterator[tuple[int, _Result | Failure]]:
    """Do `work` on all numbered rows at once; when that fails, on each half, down to the one row that is to blame.

    With `failure` the first attempt has been made elsewhere and failed. Errors that are no row's fault are raised.
    """
    if not rows:
        return
    if failure is None:
        try:
            results = work([row for _, row in rows])
        except Exception as error:
            failure = blame(error, len(rows))
        else:
            yield from zip((number for number, _ in rows), results, strict=True)
            return
    # Outside the handler: the traceback would keep the memory of the failed attempt alive.
    if len(rows) == 1:
        yield rows[0][0], failure
        return
    middle = len(rows) // 2
    yield from halving(work, rows[:middle])
    yield from halving(work, rows[middle:])


def blame(error: Exception, rows: int) -> Failure:
    """Turn an exception of an attempt at `rows` rows into a row's failure; a `MmrecError` when no row is to blame."""
    if isinstance(error, MmrecError):
        raise error
    if (unusable := folders.of_machine(error)) is not None:
        raise unusable from error
    if _is_out_of_memory(error):
        if rows == 1:
            raise MmrecError(
                "out of memory with a single row; use bf16, a smaller encoder or another device"
            ) from error
    elif _is_device_gone(error):
        raise MmrecError(f"the device broke down: {_one_line(error)}; start again, or use another device") from error
    if isinstance(error, NotFinite):
        return Failure(str(error))
    return Failure(f"could not be encoded: {type(error).__name__}: {_one_line(error)}")


def _is_out_of_memory(error: Exception) -> bool:
    """Tell without importing torch: its own class by name, and the words of allocators that raise RuntimeError."""
    if isinstance(error, MemoryError) or any(kind.__name__ == "OutOfMemoryError" for kind in type(error).__mro__):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)


def _is_device_gone(error: Exception) -> bool:
    """After an error on the device itself every later call fails too, so it must not be held against rows."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return "AcceleratorError" in names or (isinstance(error, RuntimeError) and "CUDA error" in str(error))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
