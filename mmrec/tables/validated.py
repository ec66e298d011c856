"""validated: good rows, and what was kept out."""

import polars as pl

from mmrec.modalities import FILES
from mmrec.tables import names
from mmrec.tables.columns import FILE, ITEM, NAMED_FILES, PERIOD, ROW, USER
from mmrec.tables.table import TIME, Column, Table

TABLES = (
    Table(
        names.VALIDATED_INTERACTIONS,
        names.VALIDATED_INTERACTIONS,
        "one good event",
        "the period's landed rows change",
        (
            PERIOD,
            USER,
            Column("item_id", pl.String, "the item; null for a search, which has a query instead", nullable=True),
            Column("event", pl.String, "the event type"),
            Column("value", pl.Float64, "the value, such as a rating", nullable=True),
            Column("time", TIME, "when it happened, UTC"),
            Column("query", pl.String, "what was searched for", nullable=True, personal=True),
            Column("review", pl.String, "what the person wrote of the item, cleaned", nullable=True, personal=True),
            Column("words_hash", pl.String, "sha256 of the query or review, cleaned", nullable=True, personal=True),
            Column("split", pl.String, "train, validation or test, where a column says so", nullable=True, silent=True),
            FILE,
            ROW,
        ),
        ("user_id", "item_id", "event", "time", "query"),
        ("period",),
        pinned=True,
    ),
    Table(
        names.VALIDATED_ITEMS,
        names.VALIDATED_ITEMS,
        "one item, with the hash of each modality's input",
        "its catalogue entry or a file's bytes change",
        (
            ITEM,
            Column("title", pl.String, "its title"),
            Column("text", pl.String, "the cleaned text that is encoded", nullable=True),
            Column("text_hash", pl.String, "sha256 of the cleaned text, or of its precomputed vector", nullable=True),
            *[
                column
                for kind, named in zip(FILES, NAMED_FILES, strict=True)
                for column in (
                    named,
                    Column(
                        f"{kind.name}_hash",
                        pl.String,
                        f"sha256 of the {kind.noun}'s bytes, or of those of its precomputed vector",
                        nullable=True,
                    ),
                    Column(
                        f"{kind.name}_problem", pl.String, f"why the named {kind.noun} cannot be used", nullable=True
                    ),
                )
            ],
            Column("categories", pl.String, "its categories", nullable=True),
            Column(
                "attributes",
                pl.String,
                "further columns of it as one JSON object: numbers as they were written, all else as text",
                nullable=True,
            ),
            FILE,
            ROW,
        ),
        ("item_id",),
        pinned=True,
    ),
    Table(
        names.VALIDATED_USERS,
        names.VALIDATED_USERS,
        "one person's profile, with the hash of the text that their consent lets be read",
        "their profile's row changes",
        (
            USER,
            Column("consent", pl.String, "yes: their profile, searches and reviews may be read; else no"),
            Column("text", pl.String, "the cleaned text that is encoded", nullable=True, personal=True),
            Column("text_hash", pl.String, "sha256 of the cleaned text", nullable=True, personal=True),
            FILE,
            ROW,
        ),
        ("user_id",),
        pinned=True,
    ),
    Table(
        names.REJECTED,
        names.REJECTED,
        "one landed row that is not published: table, kind, rule, reason, source file and row, the row itself",
        "the period it landed in is judged again",
        (
            Column("table", pl.String, "the table it was meant for: interactions, items or users"),
            Column("period", pl.String, "the period it landed in; empty for items and users"),
            Column("kind", pl.String, "rejected, duplicate or ignored: landed = valid + these three"),
            Column("rule", pl.String, "the rule it broke, or why it is kept out"),
            Column("reason", pl.String, "what was found and expected, in words"),
            FILE,
            ROW,
            Column("row", pl.String, "the row itself as JSON; null where it is ignored", nullable=True, personal=True),
        ),
        ("table", "source_file", "source_row"),
        ("table",),  # a period may be empty, which no partition of a Delta table can be
    ),
)
