"""CPU seconds of work, of encoders inside it, and of whole processes; what the benches share."""

import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mmrec import encoders
from mmrec.encoders import Encoder, EncoderIdentity


@dataclass
class Spent:
    """CPU seconds: `forward` in an encoder's prepare and encode, `loading` networks; and vectors made."""

    forward: float = 0.0
    loading: float = 0.0
    vectors: int = 0
    tell: Callable[[int], None] = field(default=lambda vectors: None)


def watched(spent: Spent) -> None:
    """From now on every encoder that is loaded in this process counts into `spent`."""
    load = encoders.load

    def counting(identity: EncoderIdentity, device: str = "auto") -> Encoder:
        began = time.process_time()
        encoder = load(identity, device)
        prepare, encode = encoder.prepare, encoder.encode
        spent.loading += time.process_time() - began

        def timed(work: Callable[[Any], Any]) -> Callable[[Any], Any]:
            def run(rows: Any) -> Any:
                before = time.process_time()
                result = work(rows)
                spent.forward += time.process_time() - before
                return result

            return run

        def counted(rows: Any) -> Any:
            result = timed(encode)(rows)
            spent.vectors += len(result)
            spent.tell(len(result))
            return result

        encoder.prepare, encoder.encode = timed(prepare), counted  # type: ignore[method-assign]
        return encoder

    encoders.load = counting


def cpu(work: Callable[[], Any]) -> float:
    """CPU seconds of a call, all threads together."""
    began = time.process_time()
    work()
    return time.process_time() - began


def in_process(work: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    """The answer of a module's function run in a fresh Python, and the CPU seconds of that whole process."""
    context = multiprocessing.get_context("spawn")
    before = _children()
    with context.Pool(1) as pool:
        answer = pool.apply(work, arguments)
        pool.close()
        pool.join()
    return answer, _children() - before


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def median(work: Callable[[], float], times: int) -> float:
    """The median of several calls."""
    return statistics.median(work() for _ in range(times))


def line(name: str, found: float, unit: str = "CPU s", bar: float | None = None, note: str = "") -> None:
    """One line of a table: what, how much, and the bar it is held against."""
    against = "" if bar is None else f"bar {bar:g}"
    print(f"  {name:58} {found:9.4f} {unit:12} {against:12} {note}".rstrip())
