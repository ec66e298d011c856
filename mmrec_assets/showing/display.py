"""How tables and reports look in the Dagster UI.

Here: metadata builders. Numbers stay numbers, so that the UI plots them; texts of items and reasons become text or
table cells, never markdown; personal columns are left out. Not here: what is emitted when
(`mmrec_assets/running/events.py`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import polars as pl

from mmrec import tables
from mmrec.builds.report import PeriodReport, StageReport
from mmrec.lake.store import Lake
from mmrec.planning.graph import Node
from mmrec.tables import Column, Table
from mmrec_assets.showing import lineage

Metadata = dict[str, dg.MetadataValue[Any]]

REJECTED_FROM = (tables.RAW_INTERACTIONS, tables.RAW_ITEMS, tables.RAW_USERS)  # what rows are kept out of
_WARNINGS, _NO_WARNING = "warnings", "none"
_ROWS = 20  # of a shown table
_CHARACTERS = 160  # of a shown text
_TYPES = {pl.String: "string", pl.Int64: "int", pl.Float64: "float", pl.Boolean: "bool", pl.Binary: "bytes"}


def declaration(root: str, asset: str) -> Metadata:
    """What is known of an asset before its first run: columns, table, address."""
    table = tables.main_table(asset)
    return {
        "dagster/column_schema": dg.MetadataValue.table_schema(schema(table)),
        "dagster/table_name": dg.MetadataValue.text(tables.view(table.name)),
        "dagster/uri": dg.MetadataValue.url(Lake(root).uri(table.name)),
        "dagster/storage_kind": dg.MetadataValue.text("deltalake"),
        "other_tables": dg.MetadataValue.text(
            ", ".join(tables.view(other.name) for other in tables.owned_by(asset) if other is not table) or "none"
        ),
    }


def materialization(node: Node, report: StageReport, period: str) -> Metadata:
    """What one period's materialization shows: counts, a sample, versions, lineage, and the stage's own facts.

    Facts and tables of the report are about the run's newest period and stand there only.
    """
    counts = report.periods[period]
    table = tables.main_table(node.asset)
    return {
        **(_facts(report, table) if period == max(report.periods) else {}),
        **{_key(name): _number_or_text(round(value, 4)) for name, value in counts.facts.items()},
        **_counts(counts, node.partitioned),
        "run_seconds": dg.MetadataValue.float(round(report.seconds, 3)),
        "run_periods": dg.MetadataValue.int(len(report.periods)),
        "seconds": dg.MetadataValue.float(round(counts.seconds or report.seconds / max(len(report.periods), 1), 3)),
        "sample": shown(_without_people(report.sample, table)),
        "dagster/column_schema": dg.MetadataValue.table_schema(schema(table)),
        "dagster/column_lineage": dg.MetadataValue.column_lineage(lineage.of(node.asset, node.deps)),
        "lake_version": _version(report.lake_version),
        "input_versions": input_versions(node.asset, report.inputs),
        "data_version": dg.MetadataValue.text(counts.data_version),
        **warned(report),
    }


def warned(report: StageReport) -> Metadata:
    """What a stage warned of, a line each."""
    return {_WARNINGS: dg.MetadataValue.text("\n".join(report.warnings) or _NO_WARNING)}


def warnings(metadata: Mapping[str, dg.MetadataValue[Any]]) -> list[str]:
    """The lines of `warned`, out of a materialization's or a failure's metadata."""
    found = metadata.get(_WARNINGS)
    text = found.value if isinstance(found, dg.TextMetadataValue) else None
    return text.splitlines() if text and text != _NO_WARNING else []


def rejected(by_rule: pl.DataFrame, first: pl.DataFrame, version: int | None, data_version: str) -> Metadata:
    """What the rejected rows show: how many by rule, and the first ones by file and row number."""
    table = tables.contract(tables.REJECTED)
    return {
        "dagster/row_count": dg.MetadataValue.int(int(by_rule["rows"].sum())),
        "rejected_by_rule": shown(by_rule),
        "sample": shown(_without_people(first, table)),
        "dagster/column_lineage": dg.MetadataValue.column_lineage(lineage.of(table.name, REJECTED_FROM)),
        "lake_version": _version(version),
        "data_version": dg.MetadataValue.text(data_version),
    }


def schema(table: Table) -> dg.TableSchema:
    """A table's columns with type, meaning and constraints."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                type=_type(column.dtype),
                description=column.meaning,
                constraints=dg.TableColumnConstraints(nullable=column.nullable, other=_other(column, table)),
            )
            for column in table.columns_
        ]
    )


def input_versions(asset: str, inputs: dict[str, int]) -> dg.MetadataValue[Any]:
    """The Delta version of each table that was read, other than the asset's own."""
    read = {name: version for name, version in inputs.items() if tables.contract(name).owner != asset}
    if not read:
        return dg.MetadataValue.text("no table")
    return dg.MetadataValue.table(
        [dg.TableRecord({"table": name, "lake_version": version}) for name, version in sorted(read.items())]
    )


def shown(frame: pl.DataFrame) -> dg.MetadataValue[Any]:
    """A few rows as a table; vectors and long texts are shortened."""
    if frame.is_empty():
        return dg.MetadataValue.text("no rows")
    rows = frame.head(_ROWS).iter_rows(named=True)
    return dg.MetadataValue.table(
        records=[dg.TableRecord({name: cell(value) for name, value in row.items()}) for row in rows],
        schema=dg.TableSchema(columns=[dg.TableColumn(name, type=_type(t)) for name, t in frame.schema.items()]),
    )


def cell(value: object) -> str | int | float | bool | None:
    """One value as a table cell: `[0.12, …, −0.03] × 384` for a vector."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, (list, tuple)):
        return _vector(value) if value and isinstance(value[0], float) else _short(", ".join(map(str, value)))
    return _short(str(value))


def _facts(report: StageReport, table: Table) -> Metadata:
    facts = {_key(name): _number_or_text(value) for name, value in report.facts.items()}
    return {**facts, **{_key(name): shown(_without_people(frame, table)) for name, frame in report.tables.items()}}


def _key(name: str) -> str:
    """A metadata key: lower-case words joined by underscores."""
    return name.lower().replace(" − ", "_minus_").replace(" ", "_")


def _counts(counts: PeriodReport, partitioned: bool) -> Metadata:
    rows = "dagster/partition_row_count" if partitioned else "dagster/row_count"
    return {
        rows: dg.MetadataValue.int(counts.rows),
        "rows_computed": dg.MetadataValue.int(counts.computed),
        "rows_reused": dg.MetadataValue.int(counts.reused),
        "rows_removed": dg.MetadataValue.int(counts.removed),
        "rows_rejected": dg.MetadataValue.int(counts.rejected),
        "work": dg.MetadataValue.int(counts.work),
    }


def _without_people(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """A stage leaves personal columns out of a sample; here they are dropped whatever it did."""
    return frame.drop([name for name in {*table.personal, "user_id", "query"} if name in frame.columns])


def _version(version: int | None) -> dg.MetadataValue[Any]:
    return dg.MetadataValue.null() if version is None else dg.MetadataValue.int(version)


def _number_or_text(value: int | float | str) -> dg.MetadataValue[Any]:
    if isinstance(value, int):
        return dg.MetadataValue.int(int(value))
    return dg.MetadataValue.float(value) if isinstance(value, float) else dg.MetadataValue.text(value)


def _vector(values: Sequence[float]) -> str:
    ends = [f"{value:.2f}".replace("-", "−") for value in (values[0], values[-1])]
    return f"[{ends[0]}, …, {ends[1]}] × {len(values)}"


def _short(text: str) -> str:
    return text if len(text) <= _CHARACTERS else text[: _CHARACTERS - 1] + "…"


def _other(column: Column, table: Table) -> list[str]:
    said = {"key": column.name in table.key, "personal": column.personal, "provenance": column.provenance}
    return [word for word, holds in said.items() if holds]


def _type(dtype: object) -> str:
    if isinstance(dtype, pl.List):
        return f"list of {_type(dtype.inner)}"
    for known, word in _TYPES.items():
        if dtype == known:
            return word
    return "time (UTC)" if dtype == tables.TIME else str(dtype).lower()
