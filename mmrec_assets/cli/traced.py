"""What `mmrec verify`, `impact` and `migrate` print for a person, and verify's outcomes as plain values.

Here: lines of text. Not here: what other commands print (`printed.py`), the answers, nor the commands (`work.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding

from mmrec.builds.costs import told_bytes
from mmrec.queries.impact import Impact
from mmrec.upkeep.migrate import Migration
from mmrec.verification.comparing import Compared
from mmrec.verification.differences import Difference
from mmrec.verification.scope import Scope
from mmrec_assets.cli.printed import table_of

_WIDTH = 30  # of the longest table's name


def scope_line(scope: Scope) -> str:
    """Which periods are verified, and which published ones are not."""
    first, last = scope.chosen[0], scope.chosen[-1]
    span = first if len(scope.chosen) == 1 else f"{first} … {last} ({len(scope.chosen)})"
    left = f"; {len(scope.behind)} other published ones are left out" if scope.behind else ""
    return f"rebuilding events and content, and model and lists of {span}{left}"


def outcome_lines(outcome: Compared) -> Iterator[str]:
    """One line a table; where it differs, its first differing row below."""
    differ = "1 row differs" if outcome.differing == 1 else f"{outcome.differing:,} rows differ"
    said = "equal" if outcome.equal else differ
    if outcome.largest:
        said += f", numbers by at most {outcome.largest:.3g}"
    note = f"  ({outcome.note})" if outcome.note else ""
    yield f"{outcome.table:<{_WIDTH}} {outcome.rows:>11,}  {outcome.digest[:12]:<12}  {said}{note}"
    if outcome.first:
        yield from _first_lines(outcome.first)


def _first_lines(first: Difference) -> Iterator[str]:
    key = ", ".join(f"{name} {value}" for name, value in first.key.items())
    yield f"    first: {key}: {first.told}"
    for name, (expected, found) in first.columns.items():
        yield f"      {name}: expected {expected}, found {found}"
    if first.command:
        yield f"      {first.command}"


def verdict_line(outcomes: Sequence[Compared]) -> str:
    """The end of it: how many tables are equal, and which are not."""
    differing = [outcome.table for outcome in outcomes if not outcome.equal]
    equal = f"{len(outcomes) - len(differing)} of {len(outcomes)} tables equal what a rebuild gives"
    return equal + (f"; these do not: {', '.join(differing)}" if differing else "")


def impact(out: Console, found: Impact, queries: bool) -> None:
    """What rests on a thing, a small table an answer; with `queries` the question above it."""
    for name, rows in found.answers.items():
        out.print(f"{name}{_HINTS.get(name, '')}{'' if rows else ': none'}")
        if queries:
            for line in found.queries[name].splitlines():
                out.print(f"  {line}", style="dim")
        if rows:
            table = table_of(*rows[0])
            for row in rows:
                table.add_row(*(_cell(value) for value in row.values()))
            out.print(Padding(table, (0, 0, 0, 2), expand=False))


_HINTS = {
    "people": ", as of each published period: who met it, whose list holds it, and whose list can change when it goes",
    "reasons": " that name its title",
    "neighbours": ": other items whose list of similar items holds it",
    "versions": ": item factors that were fitted with it",
}


def _cell(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, str) and len(value) == 64:  # a digest
        return f"{value[:16]}…"
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def as_json(outcome: Compared) -> dict[str, Any]:
    """One table's outcome as plain values."""
    first = outcome.first
    row = None
    if first:
        columns = {name: {"expected": a, "found": b} for name, (a, b) in first.columns.items()}
        row = {"key": first.key, "told": first.told, "columns": columns, "command": first.command}
    return {
        "table": outcome.table,
        "rows": outcome.rows,
        "digest": outcome.digest,
        "equal": outcome.equal,
        "differing": outcome.differing,
        "largest_difference": outcome.largest,
        "first": row,
        "note": outcome.note,
    }


def migration(todo: Migration) -> str:
    """What a migration carries over and gives up."""
    bytes_, rows = (sum(each) for each in zip(*todo.tables.values(), strict=True))
    lines = [f"{len(todo.tables)} tables are written anew beside the lake: {rows:,} rows, {told_bytes(bytes_)}"]
    if todo.period:
        lines.append(f"the snapshot of {todo.period} is pinned again")
    if todo.given_up:
        named = f"{', '.join(todo.given_up[:5])}{', …' if len(todo.given_up) > 5 else ''}"
        again = "`mmrec run --last N` makes such periods again"
        lines.append(f"given up are {len(todo.given_up)} older snapshots ({named}): {again}")
    return "\n".join(lines)
