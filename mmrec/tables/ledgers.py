"""The ledgers: what landed, what was judged, built and published."""

import polars as pl

from mmrec.tables import names
from mmrec.tables.columns import AT, PERIOD, RUN
from mmrec.tables.table import Column, Table

TABLES = (
    Table(
        names.LANDING,
        names.RAW_INTERACTIONS,
        "one landed file × period",
        "a file of the glob is new, gone or has other bytes",
        (
            Column("file", pl.String, "relative to the data folder"),
            Column("size_bytes", pl.Int64, "size of the file in bytes"),
            Column(
                "ctime_ns",
                pl.Int64,
                "ctime, nanoseconds; with the size a reason not to hash again",
            ),
            Column("sha256", pl.String, "of the file's bytes"),
            Column("period", pl.String, "a period that rows of the file fall into; empty when the file was refused"),
            Column("rows", pl.Int64, "the file's rows in that period"),
            Column("beyond", pl.Int64, "the file's rows dated after the calendar's last period when it was read"),
            Column("refused", pl.String, "why the file was refused whole", nullable=True),
            Column("reading", pl.String, "digest of the settings that it was read with"),
            *(
                Column(f"lines_{name}", pl.Int64, f"the file's lines (Parquet: rows): {meaning}", nullable=True)
                for name, meaning in (
                    ("total", "all; the sum of the others"),
                    ("head", "the header, and what stands above it"),
                    ("rows", "the first lines of rows"),
                    ("continued", "the further lines of rows that have several"),
                    ("rejected", "lines that are no row"),
                    ("blank", "blank lines"),
                )
            ),
            Column("day_only", pl.Int64, "the file's rows with a date and no clock time", nullable=True),
            Column("clock_skipped", pl.Int64, "its rows with a clock time that the clocks skip", nullable=True),
        ),
        ("file", "period"),
    ),
    Table(
        names.VERDICTS,
        names.VALIDATED_INTERACTIONS,
        "one check of one judged candidate",
        "the candidate, the suite or what it was judged against changes",
        (
            Column("asset", pl.String, "the judged asset"),
            PERIOD,
            Column("verdict", pl.String, "digest of candidate, suite and what it was judged against"),
            Column("check", pl.String, "name of the check"),
            Column("blocking", pl.Boolean, "whether a failure keeps the candidate from being published"),
            Column("passed", pl.Boolean, "whether it held"),
            Column("expected", pl.String, "what must hold, in words"),
            Column("found", pl.String, "what was found, in words and counts"),
            Column("rows", pl.Int64, "rows of the candidate, rejected ones included"),
            RUN,
            AT,
        ),
        ("asset", "period", "verdict", "check"),
    ),
    Table(
        names.SNAPSHOTS,
        "recommendations/snapshot",
        "one table that a published snapshot pins; the last act of a period, which publishes it",
        "a period is published",
        (
            Column("snapshot", pl.String, "name of the snapshot: digest of what it pins"),
            PERIOD,
            Column("table", pl.String, "the pinned table"),
            Column("version", pl.Int64, "its Delta version"),
            RUN,
            AT,
        ),
        ("snapshot", "table"),
        main=True,
    ),
    Table(
        names.BUILDS,
        "every asset",
        "one build of one asset's period, newest wins",
        "an asset's period was built, or found unchanged under a new key",
        (
            Column("asset", pl.String, "the asset"),
            Column("period", pl.String, "its period; empty for an asset without periods"),
            Column("stage_key", pl.String, "sha256 over code version, settings read and versions of the inputs"),
            Column("data_version", pl.String, "digest of what was built"),
            Column("rows", pl.Int64, "rows there after the build"),
            Column("computed", pl.Int64, "rows computed"),
            Column("reused", pl.Int64, "rows reused"),
            Column("removed", pl.Int64, "rows removed"),
            Column("rejected", pl.Int64, "rows rejected or failed"),
            Column("work", pl.Int64, "work done, in the asset's unit, such as people folded in", nullable=True),
            Column("seconds", pl.Float64, "wall seconds of the build"),
            Column("fixed_seconds", pl.Float64, "of them spent once, such as loading an encoder", nullable=True),
            Column("recipe", pl.String, "the encoder's id, where one sets the speed", nullable=True),
            Column("code_version", pl.String, "of the asset"),
            RUN,
            AT,
        ),
        ("asset", "period", "at"),
    ),
)
