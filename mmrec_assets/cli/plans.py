"""How a plan looks: for a person at a terminal, and as Markdown for a pull request.

Not here: what a plan is (`mmrec/planning/plan.py`), nor the looks of other answers (`printed.py`).
"""

from __future__ import annotations

from rich.console import Console

from mmrec.builds.costs import told, told_bytes
from mmrec.planning.plan import NOTHING, Plan, Row
from mmrec_assets.cli.printed import table_of
from mmrec_assets.terminal import visible

_COLUMNS = ("asset", "reason", "work", "rows", "periods", "seconds", "bytes")
_RIGHT = {"work", "rows", "seconds", "bytes"}


def plan(out: Console, found: Plan, limit: float | None = None) -> None:
    """A plan as a table, its sum, and how it stands to a budget; first what will be refused."""
    for line in _before(found):
        out.print(line)
    if found.rows:
        table = table_of(*[(name, "right") if name in _RIGHT else name for name in _COLUMNS])
        for row in found.rows:
            table.add_row(*_cells(row))
        out.print(table)
    for line in _after(found, limit):
        out.print(line)


def markdown(found: Plan, limit: float | None = None) -> str:
    """The same as Markdown: a table, with what was to be said of it above and below."""
    lines = [f"**{found.verdict(limit)}**", *[_escaped(line) for line in _before(found)]]
    if found.rows:
        head = ["| " + " | ".join(_COLUMNS) + " |", "|" + "|".join(_rule(name) for name in _COLUMNS) + "|"]
        body = ["| " + " | ".join(_escaped(cell) for cell in _cells(row)) + " |" for row in found.rows]
        lines.append("\n".join([*head, *body]))
    return "\n\n".join([*lines, *[_escaped(line) for line in _after(found, limit)]])


def _before(found: Plan) -> list[str]:
    refused = [f"will be refused, and what had landed stays: {told_of}" for told_of in found.refused]
    return refused + [f"warning: {warning}" for warning in found.warnings]


def _after(found: Plan, limit: float | None) -> list[str]:
    """The sum, what has no known cost, and the budget."""
    if found.verdict(limit) == NOTHING:
        return ["nothing else to do" if found.refused else "nothing to do: everything is up to date"]
    if all(row.seconds is None for row in found.rows):
        lines = ["nothing was built here yet, so nothing says what it costs"]
    else:
        lines = [f"in all about {told(found.seconds)} and {_most(found)}{told_bytes(found.bytes)}, by the speeds here"]
        if found.unknown:
            lines.append(f"? = never built here, so nothing says what it costs: {', '.join(found.unknown)}")
    return lines + ([] if limit is None else [f"{found.verdict(limit)} of {told(limit)}"])


def _most(found: Plan) -> str:
    return "at most " if any(row.at_most for row in found.rows) else ""


def _cells(row: Row) -> tuple[str, ...]:
    """A row of the plan as texts, in the order of `_COLUMNS`."""
    span = "" if not row.periods else f"{row.first} … {row.last} ({row.periods})" if row.periods > 1 else row.first
    fits = [] if not row.fits else [f"{row.fits} fit{'s' if row.fits > 1 else ''}"]
    work = ", ".join([f"{row.work:,} {row.unit}", *fits])
    rows = "" if not row.rows else f"{'at most ' if row.at_most else ''}{row.rows:,}"
    seconds = "?" if row.seconds is None else told(row.seconds)
    return row.asset, row.reason, work, rows, span, seconds, told_bytes(row.bytes) if row.bytes else ""


def _rule(name: str) -> str:
    return "---:" if name in _RIGHT else "---"


def _escaped(text: str) -> str:
    """Text of which Markdown makes nothing: names of files and types of events are a stranger's."""
    return "".join(f"\\{letter}" if letter in r"\`*_{}[]<>()#|!~&" else letter for letter in visible(text))
