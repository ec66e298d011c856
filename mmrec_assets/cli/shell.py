"""What every command shares: the application, its options, and how an answer or an error is printed.

Not here: what a command does (`work.py`, `questions.py`), nor how answers look (`printed.py`).
"""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Callable
from typing import Annotated, Any

import typer

from mmrec import periods
from mmrec.settings import Settings
from mmrec_assets import terminal
from mmrec_assets.terminal import Console

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Multimodal recommendations in which a change costs what changed.",
)
# Piped output is not cut to the 80 columns that a terminal is taken for where there is none.
_WIDTH = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 160
out = Console(width=_WIDTH)


def nfc(given: str | None) -> str | None:
    """An id as it is stored: a letter with its accent is one character."""
    return None if given is None else unicodedata.normalize("NFC", given.strip())


Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Period = Annotated[str | None, typer.Option(help="A period by its first day; the newest by default.")]
Last = Annotated[int, typer.Option(help="How many periods up to it get a model and lists.", min=1)]
Budget = Annotated[str | None, typer.Option(help="The most that may be spent, such as 10m or 90s.")]
User = Annotated[str, typer.Option(help="A person's id.", callback=nfc)]


def served_periods(settings: Settings, period: str | None, last: int) -> list[str]:
    """The periods that get a model and lists: `last` of them up to `period`, the newest configured one by default."""
    chosen = periods.check(settings.calendar, period) if period else periods.newest(settings.calendar)
    return periods.up_to(settings.calendar, chosen)[-last:]


def checked(settings: Settings, period: str | None) -> str | None:
    """The period, which must be one of the calendar; None stays None."""
    return None if period is None else periods.check(settings.calendar, period)


def show(answer: dict[str, Any], as_json: bool, show: Callable[[Console, dict[str, Any]], None]) -> None:
    """Prints an answer for a person, or as JSON."""
    if as_json:
        print_json(answer)
    else:
        show(out, answer)


def print_error(message: str) -> None:
    """One line on the error stream."""
    terminal.errors().print(f"error: {message}")


def print_text(text: str) -> None:
    """Text as it is, for another program to read."""
    print(text)


def print_json(value: object) -> None:
    """JSON whose control characters can be seen."""
    print(terminal.visible_json(value))
