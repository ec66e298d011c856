"""raw: what was delivered."""

import polars as pl

from mmrec.tables import names
from mmrec.tables.columns import FILE, LANDED_FILE, LANDED_ROW, NAMED_FILES, PERIOD, ROW
from mmrec.tables.table import TIME, Column, Table

_CTIME = Column("ctime_ns", pl.Int64, "time of its last change (ctime), nanoseconds", nullable=True, versioned=False)

TABLES = (
    Table(
        names.RAW_INTERACTIONS,
        names.RAW_INTERACTIONS,
        "one landed event, as delivered",
        "a file that touches the period has other bytes",
        (
            PERIOD,
            Column("user_id", pl.String, "the person, as delivered", nullable=True, personal=True),
            Column("item_id", pl.String, "the item, as delivered", nullable=True),
            Column("event", pl.String, "the event type, as delivered or as the settings say", nullable=True),
            Column("value", pl.String, "the value, as delivered", nullable=True),
            Column("time", pl.String, "the time, as delivered", nullable=True),
            Column(
                "time_utc", TIME, "the time, read; null where it cannot be or lies outside the calendar", nullable=True
            ),
            Column("query", pl.String, "what was searched for, as delivered", nullable=True, personal=True),
            Column("review", pl.String, "what the person wrote of it, as delivered", nullable=True, personal=True),
            Column("split", pl.String, "its part of the split, as delivered", nullable=True, silent=True),
            Column("problem", pl.String, "why the line does not fit the file's header", nullable=True),
            LANDED_FILE,
            LANDED_ROW,
        ),
        ("source_file", "source_row"),
        ("period",),
    ),
    Table(
        names.RAW_ITEMS,
        names.RAW_ITEMS,
        "one catalogue entry as delivered",
        "a catalogue file has other bytes",
        (
            Column("item_id", pl.String, "the item, as delivered", nullable=True),
            Column("title", pl.String, "its title, as delivered", nullable=True),
            Column("text", pl.List(pl.String), "the columns of its text, in the settings' order", nullable=True),
            *NAMED_FILES,
            Column("categories", pl.String, "its categories, as delivered", nullable=True),
            Column("attributes", pl.List(pl.String), "further columns of it, in the settings' order", nullable=True),
            Column("problem", pl.String, "why the line does not fit the file's header", nullable=True),
            LANDED_FILE,
            LANDED_ROW,
        ),
        ("source_file", "source_row"),
    ),
    Table(
        names.RAW_USERS,
        names.RAW_USERS,
        "one person's profile as delivered; its text only where the person's consent lets it be read",
        "a profile file has other bytes",
        (
            Column("user_id", pl.String, "the person, as delivered", nullable=True, personal=True),
            Column("consent", pl.String, "whether their words may be read, as delivered", nullable=True),
            Column(
                "text",
                pl.List(pl.String),
                "the columns of their text, in the settings' order; not read without consent",
                nullable=True,
                personal=True,
            ),
            Column("problem", pl.String, "why the line does not fit the file's header", nullable=True),
            LANDED_FILE,
            LANDED_ROW,
        ),
        ("source_file", "source_row"),
    ),
    Table(
        names.RAW_MEDIA,
        names.RAW_MEDIA,
        "one file that the catalogue names; the bytes stay where they are",
        "the file's size or time of change is another, or the catalogue names another",
        (
            Column("uri", pl.String, "relative to the media root"),
            Column("size_bytes", pl.Int64, "size in bytes", nullable=True),
            _CTIME,
            Column("sha256", pl.String, "of the bytes; null where the file cannot be used", nullable=True),
            Column("problem", pl.String, "why it cannot be used", nullable=True),
        ),
        ("uri",),
    ),
    Table(
        names.RAW_PRECOMPUTED,
        names.RAW_PRECOMPUTED,
        "one vector that was computed elsewhere and delivered for an item; the bytes stay where they are",
        "the size or time of change of its modality's file is another",
        (
            Column("modality", pl.String, "what it is a vector of: text, image, audio or video"),
            Column("item_id", pl.String, "the item, as delivered", nullable=True),
            Column("sha256", pl.String, "of the vector's bytes, as they are in the file"),
            Column("size_bytes", pl.Int64, "of the file", versioned=False),
            _CTIME,
            FILE,
            ROW,
        ),
        ("modality", "source_row"),
    ),
)
