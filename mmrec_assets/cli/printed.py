"""What commands print for a person: tables of answers and runs.

Here: looks only, each function printing one answer to a console. Not here: the answers (`mmrec/queries/recommend.py`
and its neighbours), plans (`plans.py`), nor the commands (`work.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table

from mmrec.modalities import NOUNS, stand_ins

_WARNINGS = 5  # lines an asset


def recommended(out: Console, answer: dict[str, Any]) -> None:
    """A list with its reasons."""
    table = table_of(("", "right"), "title", ("score", "right"), "reason", title=f"as of {answer['period']}")
    for row in answer["items"]:
        table.add_row(str(row["rank"]), row["title"] or row["item_id"], f"{row['score']:.3f}", row["reason"] or "")
    out.print(table)
    _stand_in(out, answer)


def why(out: Console, answer: dict[str, Any]) -> None:
    """One recommendation followed back."""
    place = f"rank {answer['rank']}" if answer["rank"] else "not on the list"
    place += " (re-ranked for diversity)" if answer["rank"] and answer["reranked"] else ""
    title = f"{answer['title'] or answer['item_id']} (item {answer['item_id']})"
    out.print(f"{title}, {place} as of {answer['period']}, score {answer['score']:.4f}")
    table = table_of("carried by", "event", "when (UTC)", ("share", "right"), "file", ("row", "right"))
    for row in answer["events"]:
        when = row["time"].strftime("%Y-%m-%d %H:%M") if row["time"] else ""
        at = (row["source_file"], str(row["source_row"]))
        table.add_row(row["title"] or row["item_id"], row["event"], when, f"{row['share']:+.4f}", *at)
    out.print(table)
    out.print(f"{answer['events_in_all']} past items in all; the shares of all of them sum to the score")
    out.print(
        "through: "
        + ", ".join(f"{name} {value:+.4f}" for name, value in answer["through"].items() if abs(value) >= 5e-5)
    )
    _content(out, answer["content"])
    model = answer["model"]
    out.print(
        f"model: {model['candidate']}, item factors {model['version']} fitted on the periods up to {model['boundary']}"
    )
    _verdicts(out, answer["verdicts"])
    _stand_in(out, answer)


def similar(out: Console, answer: dict[str, Any]) -> None:
    """An item's neighbours."""
    title = f"like {answer['title']} (item {answer['item_id']})"
    table = table_of(("", "right"), "title", ("similarity", "right"), "compared by", title=title)
    for row in answer["items"]:
        by_what = ", ".join(NOUNS[name] for name in row["compared_by"])
        table.add_row(str(row["rank"]), row["title"] or row["item_id"], f"{row['similarity']:.3f}", by_what)
    out.print(table)
    _stand_in(out, answer)


def nearest(out: Console, answer: dict[str, Any]) -> None:
    """What is nearest to a sentence or a file, a table for each modality."""
    for modality in answer["by"]:
        table = table_of(("", "right"), "title", ("similarity", "right"), title=f"{NOUNS[modality]}: {answer['query']}")
        for row in answer["items"]:
            if row["compared_by"] == [modality]:
                table.add_row(str(row["rank"]), row["title"] or row["item_id"], f"{row['similarity']:.3f}")
        out.print(table)
    _stand_in(out, answer)


def rejected(out: Console, answer: dict[str, Any]) -> None:
    """Rows that are kept out, and failed media; the only answer that shows a row."""
    counts = answer["by_kind"]
    kept_out = f"{counts['rejected']} rejected rows, {counts['duplicate']} duplicates, {counts['ignored']} ignored"
    out.print(kept_out + "".join(f"; {r['table']} {r['rule']}: {r['rows']}" for r in answer["by_rule"]))
    for row in answer["shown"]:
        out.print(f"{row['source_file']} row {row['source_row']}, {row['rule']}: {row['reason']}")
        if row["row"] is not None:
            out.print(f"    {_delivered(row['row'])}")
    more = sum(counts.values()) - len(answer["shown"])
    if more > 0:
        out.print(f"… and {more} more; --limit shows more")
    for row in answer["failures"]:
        whose = "a person's own words" if row["item_id"] is None else f"item {row['item_id']}"
        out.print(f"{row['modality']} of {whose}: {row['reason']}")


def rows(out: Console, answer: pl.DataFrame) -> None:
    """The first hundred rows of any table."""
    table = table_of(*answer.columns)
    for row in answer.head(100).iter_rows():
        table.add_row(*[_short(value) for value in row])
    out.print(table)
    if answer.height > 100:
        out.print(f"{answer.height:,} rows; the first 100 are shown, --json prints all")


def exported(out: Console, answer: dict[str, Any]) -> None:
    """What was written, and what it holds."""
    size = sum(file["size_bytes"] for file in answer["files"].values()) / 1e6
    what = f"{answer['people']:,} people and {answer['items']:,} items as of {answer['period']}"
    out.print(f"{what}: {answer['to']} ({', '.join(answer['files'])}, model.json; {size:.1f} MB)")
    out.print("these files name people and hold what they have met: keep them as you keep your events")
    _stand_in(out, answer)


def outcome_table(outcomes: Iterable[Any]) -> Table:
    """Seconds and rows of each asset of a run."""
    table = table_of(
        "asset",
        ("seconds", "right"),
        ("computed", "right"),
        ("reused", "right"),
        ("removed", "right"),
        ("rejected", "right"),
    )
    for o in outcomes:
        counts = (o.rows_computed, o.rows_reused, o.rows_removed, o.rows_rejected)
        table.add_row(o.asset, f"{o.seconds:.1f}", *[f"{count:,}" for count in counts])
    return table


def warnings(out: Console, warned: Iterable[str]) -> None:
    """What a run's assets have warned of, at most a few lines an asset."""
    by_asset: dict[str, list[str]] = {}
    for line in warned:
        by_asset.setdefault(line.partition(": ")[0], []).append(line)
    for asset, lines in by_asset.items():
        for line in lines[:_WARNINGS]:
            out.print(f"warning: {line}")
        if len(lines) > _WARNINGS:
            out.print(
                f"warning: {asset}: and {len(lines) - _WARNINGS} more; its page has all (`mmrec ui`), so has --json"
            )


def table_of(*columns: str | tuple[str, str], title: str | None = None) -> Table:
    """A plain table; a column is a name, or a name with its side."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        name, justify = column if isinstance(column, tuple) else (column, "left")
        table.add_column(name, justify=justify, overflow="fold")  # type: ignore[arg-type]
    return table


def _delivered(row: str) -> str:
    """A rejected row's own columns, without where it stood, which is told beside it."""
    columns = {name: value for name, value in json.loads(row).items() if value not in (None, [])}
    return ", ".join(f"{name}={value}" for name, value in columns.items() if not name.startswith("source_"))


def _verdicts(out: Console, verdicts: list[dict[str, Any]]) -> None:
    """One line a table whose checks held, and one for each period where they did not all."""
    for asset in dict.fromkeys(row["asset"] for row in verdicts):
        held = [row for row in verdicts if row["asset"] == asset and row["passed"]]
        if held:
            checks, landed = (sum(row[name] for row in held) for name in ("checks", "rows"))
            first, last = held[0]["period"], held[-1]["period"]
            span = f" of {len(held)} periods, {first} … {last}" if len(held) > 1 else f" {first}".rstrip()
            digest = f" ({held[0]['verdict'][:12]}…)" if len(held) == 1 else ""
            out.print(f"verdict on {asset}{span}: {checks} checks held over {landed:,} rows{digest}")
        for row in verdicts:
            if row["asset"] == asset and not row["passed"]:
                told = f"{row['checks']} checks did not all hold over {row['rows']:,} rows"
                out.print(f"verdict on {asset} {row['period']}: {told} ({row['verdict'][:12]}…)")


def _content(out: Console, content: dict[str, Any]) -> None:
    """The item's row in the catalogue and, a line a modality, its input's bytes, key and encoder."""
    if not content:
        out.print("no longer in the catalogue")
        return
    out.print(f"catalogue: {content['source_file']} row {content['source_row']}")
    for name, value in content.get("attributes", {}).items():
        out.print(f"{name}: {_short(value)}")
    for name, part in content.items():
        if isinstance(part, dict) and part.get("input_sha256"):
            made = f"key {str(part['key'])[:16]}… encoder {part['encoder']} {str(part['encoder_id'])[:16]}…"
            out.print(f"{name}: {_short(part['input'])!r} sha256 {part['input_sha256'][:16]}… {made}")


def _stand_in(out: Console, answer: dict[str, Any]) -> None:
    if answer.get("stand_in_media"):
        out.print(stand_ins(answer["stand_in_media"]))


def _short(value: object) -> str:
    if isinstance(value, list) and len(value) > 6 and isinstance(value[0], float):
        return f"[{value[0]:.2f}, {value[1]:.2f}, …, {value[-1]:.2f}] × {len(value)}"
    text = "" if value is None else str(value)
    return text if len(text) <= 200 else text[:199] + "…"
