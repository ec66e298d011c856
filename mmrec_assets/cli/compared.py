"""How a comparison of models looks: for a person at a terminal, and as Markdown.

Here: which of its figures make which table. Not here: the figures (`mmrec/queries/compare.py`), the looks of other
answers (`printed.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mmrec.evaluation.comparison import CUTOFFS, FAMILY, HEADLINE
from mmrec.evaluation.fusions import HIDDEN
from mmrec.evaluation.metrics import ALL
from mmrec.modalities import stand_ins
from mmrec_assets.cli.printed import table_of
from mmrec_assets.terminal import Console, visible

_ACCURACY = ("NDCG", "Recall")
_BREADTH = ("Coverage", "Popular share", "Novelty", "Diversity")
LEVEL = 0.05  # of the corrected p below which a difference is called one


@dataclass(frozen=True)
class Table:
    """Cells by row; the first column holds names."""

    title: str
    columns: Sequence[str]
    rows: list[list[str]]


def compared(out: Console, answer: dict[str, Any]) -> None:
    """The tables, and what they rest on."""
    for line in _told(answer):
        out.print(line)
    for table in _tables(answer):
        shown = table_of(table.columns[0], *[(name, "right") for name in table.columns[1:]], title=table.title)
        for row in table.rows:
            shown.add_row(*row)
        out.print(shown)
    for line in _notes(answer):
        out.print(line)


def markdown(answer: dict[str, Any]) -> str:
    """The same as Markdown."""
    parts = ["\n".join(_told(answer))]
    for table in _tables(answer):
        head = ["| " + " | ".join(table.columns) + " |", "|---" * len(table.columns) + "|"]
        parts.append(
            "\n".join([f"**{table.title}**", "", *head, *["| " + " | ".join(row) + " |" for row in table.rows]])
        )
    return _visible_lines([*parts, "\n".join(f"- {line}" for line in _notes(answer))])


def _visible_lines(parts: Iterable[str]) -> str:
    """Parts with a blank line between them, in which every character can be seen."""
    return "\n\n".join("\n".join(visible(line) for line in part.split("\n")) for part in parts)


def _told(answer: dict[str, Any]) -> list[str]:
    counts = ", ".join(f"{count:,} {part}" for part, count in answer["events"].items())
    lines = [
        f"as of {answer['period']}: {answer['people']:,} people, {answer['items']:,} items; liked events: {counts}",
        f"split {answer['split']}: {answer['leaks']}",
        f"fitted on train, chosen on validation, the full catalogue ranked; {_reads(answer['test_reads'])}",
    ]
    return lines if answer["too_little"] is None else [*lines, answer["too_little"]]


def _reads(reads: dict[str, int]) -> str:
    """How often test was read, as it was counted."""
    most = max(reads.values(), default=0)
    times = {0: "never", 1: "once a model"}.get(most, f"up to {most} times a model")
    return f"test was read {times}, by {len(reads)} models"


def _notes(answer: dict[str, Any]) -> list[str]:
    notes = {row["model"]: row["note"] for row in _of(answer, HEADLINE) if row["note"]}
    served = f"mf is what is served: {answer['served']}"
    drawn = [stand_ins(answer["stand_in_media"])] if answer["stand_in_media"] else []
    return [served, *[f"{model}: {note}" for model, note in notes.items()], *drawn]


def _tables(answer: dict[str, Any]) -> list[Table]:
    if answer["too_little"] is not None:
        return []
    return [_accuracy(answer), _differences(answer), *_fusions(answer), _breadth(answer), _segments(answer)]


def _accuracy(answer: dict[str, Any]) -> Table:
    metrics = [f"{name}@{k}" for name in _ACCURACY for k in CUTOFFS]
    rows = [
        [
            row["model"],
            _figure(row),
            *[_number(_one(answer, row["model"], each)) for each in metrics if each != HEADLINE],
        ]
        for row in _of(answer, HEADLINE)
    ]
    columns = ["model", f"{HEADLINE} [95 % interval]", *[each for each in metrics if each != HEADLINE]]
    return Table("test, all held-out items", columns, rows)


def _differences(answer: dict[str, Any]) -> Table:
    rows = [
        [f"{row['model']} − {row['minus']}", metric, _figure(row, sign="+"), _p(row["p"])]
        for metric, _ in FAMILY
        for row in _of(answer, metric, differences=True)
    ]
    title = f"paired differences; p by Holm's correction over these {len(rows)}"
    return Table(title, ["difference", "metric", "value [95 % interval]", "p"], rows)


def _fusions(answer: dict[str, Any]) -> list[Table]:
    """Kinds of fusion on items that are hidden from the fit; no table where none were compared."""
    told = [row for row in answer["figures"] if row["segment"] == HIDDEN]
    minus = {row["minus"]: row for row in told if row["minus"] is not None}
    rows = [
        [
            row["model"],
            row["note"] or "",
            _figure(row),
            _figure(minus[row["model"]], sign="+") if row["model"] in minus else "",
            _p(minus[row["model"]]["p"]) if row["model"] in minus else "",
        ]
        for row in told
        if row["minus"] is None
    ]
    columns = ["model", "fusion", f"{HEADLINE} [95 % interval]", "mf − it", "p"]
    return [Table("items hidden from the fit, ranked among themselves", columns, rows)] if rows else []


def _breadth(answer: dict[str, Any]) -> Table:
    k = next((r["metric"].split("@")[1] for r in answer["figures"] if r["metric"].startswith("Coverage@")), "20")
    metrics = [f"{name}@{k}" for name in _BREADTH if _of(answer, f"{name}@{k}")]
    rows = [
        [row["model"], *[_number(_one(answer, row["model"], each)) for each in metrics]]
        for row in _of(answer, HEADLINE)
    ]
    return Table("the lists as they are", ["model", *metrics], rows)


def _segments(answer: dict[str, Any]) -> Table:
    models = [row["model"] for row in _of(answer, HEADLINE)]
    told = [r for r in answer["figures"] if r["split"] == "test" and r["metric"] == HEADLINE and r["minus"] is None]
    rows = []
    for segment in dict.fromkeys(row["segment"] for row in told):
        mine = {row["model"]: row for row in told if row["segment"] == segment}
        people = max(row["people"] for row in mine.values())
        rows.append([segment, f"{people:,}", *[_number(mine.get(model)) for model in models]])
    return Table(f"{HEADLINE} on test by segment", ["segment", "people", *models], rows)


def _of(answer: dict[str, Any], metric: str, *, differences: bool = False) -> list[dict[str, Any]]:
    """The rows of a metric on test over all held-out items, a model each or a difference each."""
    return [
        row
        for row in answer["figures"]
        if (row["split"], row["segment"], row["metric"]) == ("test", ALL, metric)
        and (row["minus"] is not None) == differences
    ]


def _one(answer: dict[str, Any], model: str, metric: str) -> dict[str, Any] | None:
    return next((row for row in _of(answer, metric) if row["model"] == model), None)


def _figure(row: dict[str, Any], sign: str = "") -> str:
    if row["value"] is None:
        return "-"
    if row["low"] is None:
        return f"{row['value']:{sign}.4f} (no interval)"
    return f"{row['value']:{sign}.4f} [{row['low']:{sign}.4f}, {row['high']:{sign}.4f}]"


def _number(row: dict[str, Any] | None) -> str:
    return "-" if row is None or row["value"] is None else f"{row['value']:.4f}"


def _p(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" + ("" if value < LEVEL else " (may be chance)")
