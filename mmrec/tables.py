"""What a table's rows and columns are, said once.

From these contracts come the Polars schemas, the Great Expectations suites (`mmrec/quality/contracts.py`), the columns
that Dagster shows, and the documentation. Here: names, types, meanings, keys. Not here: reading, writing, judging.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import polars as pl

from mmrec.errors import MmrecError
from mmrec.modalities import FILES, NAMES

TIME = pl.Datetime("us", "UTC")
VECTOR = pl.List(pl.Float32)
FACTOR = pl.List(pl.Float64)


@dataclass(frozen=True)
class Column:
    """One column: its type, what it means (with its unit), and what must hold."""

    name: str
    dtype: pl.DataType | type[pl.DataType]
    meaning: str
    nullable: bool = False
    personal: bool = False  # a person's id or words: never shown in metadata, logs or messages
    provenance: bool = False  # where the row came from
    versioned: bool = True  # part of the data version; floats that were computed, and provenance behind raw, are not


@dataclass(frozen=True)
class Table:
    """One table: what one row is, who writes it, when a row is made again, its columns and its key."""

    name: str
    owner: str  # the asset that writes it, as `stage/name`
    row: str
    remade: str
    columns_: tuple[Column, ...]
    key: tuple[str, ...]
    partition_by: tuple[str, ...] = ()
    heavy: bool = False  # vectors: written without dictionary and compression
    dated: bool = True  # older versions stay readable, as snapshots and people need them; else only what is there now

    @property
    def columns(self) -> list[str]:
        """Column names in their order."""
        return [column.name for column in self.columns_]

    @property
    def schema(self) -> dict[str, pl.DataType | type[pl.DataType]]:
        """Polars types by column name."""
        return {column.name: column.dtype for column in self.columns_}

    @property
    def content(self) -> list[str]:
        """The columns that a data version is a digest of."""
        return [column.name for column in self.columns_ if column.versioned]

    @property
    def personal(self) -> list[str]:
        """The columns that hold a person's id or words."""
        return [column.name for column in self.columns_ if column.personal]

    def empty(self) -> pl.DataFrame:
        """No rows, with the right columns and types."""
        return pl.DataFrame(schema=self.schema)

    def conform(self, rows: pl.DataFrame, *, partial: bool = False) -> pl.DataFrame:
        """`rows` in this table's column order and types; `partial` fills absent columns with null."""
        if partial:
            rows = rows.with_columns(
                pl.lit(None, dtype=column.dtype).alias(column.name)
                for column in self.columns_
                if column.name not in rows.columns
            )
        return rows.select(pl.col(name).cast(dtype) for name, dtype in self.schema.items())


def contract(name: str) -> Table:
    """The contract of a table by its name, `stage/table`."""
    found = _all().get(name)
    if found is None:
        raise MmrecError(f"no table is called '{name}'; there are: {', '.join(sorted(_all()))}")
    return found


def names() -> list[str]:
    """Every table's name, ledgers included."""
    return list(_all())


def view(name: str) -> str:
    """The SQL view of a table: `validated/items` → `validated.items`, `embeddings/text/current` → `…text_current`."""
    stage, _, rest = name.partition("/")
    return f"{stage}.{rest.replace('/', '_')}"


def owned_by(asset: str) -> list[Table]:
    """The tables that an asset writes."""
    return [table for table in _all().values() if table.owner == asset]


PERIOD = Column("period", pl.String, "the period's first day, YYYY-MM-DD in the calendar's time zone")
_USER = Column("user_id", pl.String, "the person, by the source's id", personal=True)
_ITEM = Column("item_id", pl.String, "the item, by the source's id")
_LANDED_FILE = Column("source_file", pl.String, "the delivered file, relative to the data folder", provenance=True)
_LANDED_ROW = Column("source_row", pl.Int64, "the row in that file, 1 = the first after the header", provenance=True)
# Behind raw an event that only moved to another row is the same event.
_FILE, _ROW = replace(_LANDED_FILE, versioned=False), replace(_LANDED_ROW, versioned=False)
_RUN = Column("run_id", pl.String, "the run that wrote the row")
_AT = Column("at", TIME, "when the row was written, UTC")
_NAMED_FILES = tuple(
    Column(kind.name, pl.String, f"its {kind.noun}, relative to the media root", nullable=True) for kind in FILES
)

_TABLES = (
    Table(
        "ledger/landing",
        "raw/interactions",
        "one landed file × period",
        "a file of the glob is new, gone or has other bytes",
        (
            Column("file", pl.String, "relative to the data folder"),
            Column("size_bytes", pl.Int64, "size of the file in bytes"),
            Column("mtime_ns", pl.Int64, "modification time, nanoseconds; with the size a reason not to hash again"),
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
        "ledger/verdicts",
        "validated/interactions",
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
            _RUN,
            _AT,
        ),
        ("asset", "period", "verdict", "check"),
    ),
    Table(
        "ledger/snapshots",
        "recommendations/snapshot",
        "one table that a published snapshot pins",
        "a period is published",
        (
            Column("snapshot", pl.String, "name of the snapshot: digest of what it pins"),
            PERIOD,
            Column("table", pl.String, "the pinned table"),
            Column("version", pl.Int64, "its Delta version"),
            _RUN,
            _AT,
        ),
        ("snapshot", "table"),
    ),
    Table(
        "ledger/builds",
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
            Column("seconds", pl.Float64, "wall seconds of the build"),
            Column("fixed_seconds", pl.Float64, "of them spent once, such as loading an encoder", nullable=True),
            Column("recipe", pl.String, "the encoder's id, where one sets the speed", nullable=True),
            Column("code_version", pl.String, "of the asset"),
            _RUN,
            _AT,
        ),
        ("asset", "period", "at"),
    ),
    Table(
        "raw/interactions",
        "raw/interactions",
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
            Column("problem", pl.String, "why the line does not fit the file's header", nullable=True),
            _LANDED_FILE,
            _LANDED_ROW,
        ),
        ("source_file", "source_row"),
        ("period",),
    ),
    Table(
        "raw/items",
        "raw/items",
        "one catalogue entry as delivered",
        "a catalogue file has other bytes",
        (
            Column("item_id", pl.String, "the item, as delivered", nullable=True),
            Column("title", pl.String, "its title, as delivered", nullable=True),
            Column("text", pl.List(pl.String), "the columns of its text, in the settings' order", nullable=True),
            *_NAMED_FILES,
            Column("categories", pl.String, "its categories, as delivered", nullable=True),
            Column("attributes", pl.List(pl.String), "further columns of it, in the settings' order", nullable=True),
            Column("problem", pl.String, "why the line does not fit the file's header", nullable=True),
            _LANDED_FILE,
            _LANDED_ROW,
        ),
        ("source_file", "source_row"),
    ),
    Table(
        "raw/users",
        "raw/users",
        "one person's profile as delivered",
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
            _LANDED_FILE,
            _LANDED_ROW,
        ),
        ("source_file", "source_row"),
    ),
    Table(
        "raw/media",
        "raw/media",
        "one file that the catalogue names; the bytes stay where they are",
        "the file's size or modification time changes, or the catalogue names another",
        (
            Column("uri", pl.String, "relative to the media root"),
            Column("size_bytes", pl.Int64, "size in bytes", nullable=True),
            Column("mtime_ns", pl.Int64, "modification time, nanoseconds", nullable=True, versioned=False),
            Column("sha256", pl.String, "of the bytes; null where the file cannot be used", nullable=True),
            Column("problem", pl.String, "why it cannot be used", nullable=True),
        ),
        ("uri",),
    ),
    Table(
        "validated/interactions",
        "validated/interactions",
        "one good event",
        "the period's landed rows change",
        (
            PERIOD,
            _USER,
            Column("item_id", pl.String, "the item; null for a search, which has a query instead", nullable=True),
            Column("event", pl.String, "the event type"),
            Column("value", pl.Float64, "the value, such as a rating", nullable=True),
            Column("time", TIME, "when it happened, UTC"),
            Column("query", pl.String, "what was searched for", nullable=True, personal=True),
            Column("review", pl.String, "what the person wrote of the item, cleaned", nullable=True, personal=True),
            Column("words_hash", pl.String, "sha256 of the query or review, cleaned", nullable=True, personal=True),
            _FILE,
            _ROW,
        ),
        ("user_id", "item_id", "event", "time", "query"),
        ("period",),
    ),
    Table(
        "validated/items",
        "validated/items",
        "one item, with the hash of each modality's input",
        "its catalogue entry or a file's bytes change",
        (
            _ITEM,
            Column("title", pl.String, "its title"),
            Column("text", pl.String, "the cleaned text that is encoded", nullable=True),
            Column("text_hash", pl.String, "sha256 of the cleaned text", nullable=True),
            *[
                column
                for kind, named in zip(FILES, _NAMED_FILES, strict=True)
                for column in (
                    named,
                    Column(f"{kind.name}_hash", pl.String, f"sha256 of the {kind.noun}'s bytes", nullable=True),
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
            _FILE,
            _ROW,
        ),
        ("item_id",),
    ),
    Table(
        "validated/users",
        "validated/users",
        "one person's profile",
        "their profile's row changes",
        (
            _USER,
            Column("consent", pl.String, "yes: their profile, searches and reviews may be read; else no"),
            Column("text", pl.String, "the cleaned text that is encoded", nullable=True, personal=True),
            Column("text_hash", pl.String, "sha256 of the cleaned text", nullable=True, personal=True),
            _FILE,
            _ROW,
        ),
        ("user_id",),
    ),
    Table(
        "validated/rejected",
        "validated/rejected",
        "one landed row that is not published: table, kind, rule, reason, source file and row, the row itself",
        "the period it landed in is judged again",
        (
            Column("table", pl.String, "the table it was meant for: interactions, items or users"),
            Column("period", pl.String, "the period it landed in; empty for items and users"),
            Column("kind", pl.String, "rejected, duplicate or ignored: landed = valid + these three"),
            Column("rule", pl.String, "the rule it broke, or why it is kept out"),
            Column("reason", pl.String, "what was found and expected, in words"),
            _FILE,
            _ROW,
            Column("row", pl.String, "the row itself as JSON; null where it is ignored", nullable=True, personal=True),
        ),
        ("table", "source_file", "source_row"),
        ("table",),  # a period may be empty, which no partition of a Delta table can be
    ),
    Table(
        "fused/statistics",
        "fused/items",
        "one modality's frozen mean and scale",
        "the modality's encoder changes",
        (
            Column("version", pl.String, "digest of the modality, its encoder, mean and scale"),
            Column("modality", pl.String, "the modality"),
            Column("encoder_id", pl.String, "the encoder whose vectors it is about"),
            Column("mean", FACTOR, "mean vector that is subtracted"),
            Column("scale", pl.Float64, "root of the mean squared norm after centring; vectors are divided by it"),
            Column("items", pl.Int64, "items it was measured on"),
        ),
        ("version",),
        heavy=True,
    ),
    Table(
        "fused/spaces",
        "fused/items",
        "one modality's block in a fused space",
        "a space is used for the first time",
        (
            Column("space", pl.String, "digest of the blocks, widths and statistics"),
            Column("modality", pl.String, "the modality"),
            Column("begin", pl.Int64, "the block's first position in the vector"),
            Column("end", pl.Int64, "the position after its last"),
            Column("statistics", pl.String, "version of the frozen statistics"),
        ),
        ("space", "modality"),
    ),
    Table(
        "fused/items",
        "fused/items",
        "one item's fused vector, and which modalities it had",
        "one of its embeddings, or the frozen statistics, change",
        (
            _ITEM,
            Column("modalities", pl.List(pl.String), "the modalities it has, in block order"),
            Column("space", pl.String, "digest of the blocks, widths and statistics: vectors of one space compare"),
            Column("digest", pl.String, "sha256 over the space and the item's embedding keys"),
            Column("vector", VECTOR, "standardised blocks side by side; a missing modality's block is 0"),
        ),
        ("item_id",),
        heavy=True,
    ),
    Table(
        "model/versions",
        "model/factors",
        "one fitted item-factor version",
        "a refit boundary is reached, or the settings or the fused space change",
        (
            Column("version", pl.String, "name: digest of boundary, settings, space, choice and factors"),
            Column("stage_key", pl.String, "sha256 over code version, boundary, settings and fused space"),
            Column("boundary", pl.String, "newest period whose events it was fitted on"),
            Column("space", pl.String, "the fused space its map reads; empty where content was not used"),
            Column("choice", pl.String, "the chosen candidate as JSON"),
            Column("weighing", pl.String, "what events weighed in the fit and weigh in every fold-in, as JSON"),
            Column("people", pl.Int64, "people it was fitted on"),
            Column("events", pl.Int64, "events it was fitted on"),
            _AT,
        ),
        ("version",),
    ),
    Table(
        "model/candidates",
        "model/factors",
        "one candidate that the search for an item-factor version compared, with one metric on validation",
        "the version is fitted",
        (
            Column("version", pl.String, "the item-factor version"),
            Column("candidate", pl.String, "the candidate's name"),
            Column("chosen", pl.Boolean, "whether it won the search"),
            Column("metric", pl.String, "the metric with its cut-off"),
            Column("value", pl.Float64, "mean over people", nullable=True),
            Column("low", pl.Float64, "lower end of the 95 % bootstrap interval over people", nullable=True),
            Column("high", pl.Float64, "upper end", nullable=True),
            Column("people", pl.Int64, "people it is a mean over"),
        ),
        ("version", "candidate", "metric"),
        ("version",),
    ),
    Table(
        "model/arrays",
        "model/factors",
        "one array of an item-factor version, as bytes",
        "the version is fitted",
        (
            Column("version", pl.String, "the item-factor version"),
            Column("name", pl.String, "the array's name in the formulas: B, Q, e, HQ …"),
            Column("dtype", pl.String, "its NumPy type, little-endian"),
            Column("shape", pl.List(pl.Int64), "its shape, row-major"),
            Column("sha256", pl.String, "of its bytes, checked on read"),
            Column("data", pl.Binary, "its bytes"),
        ),
        ("version", "name"),
        ("version",),
        heavy=True,
    ),
    Table(
        "model/items",
        "model/factors",
        "one item's factor in an item-factor version",
        "the version is fitted",
        (
            Column("version", pl.String, "the item-factor version"),
            Column("position", pl.Int64, "the item's row in the version's arrays"),
            _ITEM,
            Column("events", pl.Int64, "events it was fitted on; 0 = cold, placed by its content alone"),
        ),
        ("version", "item_id"),
        ("version",),
    ),
    Table(
        "model/users",
        "model/factors",
        "one person's factor as of a period",
        "the person's events or words up to the period, or the item-factor version, change",
        (
            PERIOD,
            _USER,
            Column("version", pl.String, "the item-factor version it was folded into"),
            Column("events", pl.Int64, "events it rests on; those of items met and not liked are none"),
            Column("words", pl.Int64, "texts of their own it rests on"),
            Column("text_weight", pl.Float64, "what each of these texts weighs", nullable=True),
            Column("events_digest", pl.String, "digest of the person's events and words up to the period"),
            Column("factor", FACTOR, "the person's factor, float64"),
        ),
        ("period", "user_id"),
        ("period",),
        heavy=True,
    ),
    Table(
        "model/evaluation",
        "model/evaluation",
        "one model × metric × segment",
        "the events up to the period, the settings or the chosen candidate change",
        (
            PERIOD,
            Column("model", pl.String, "the model; `a − b` is a paired difference"),
            Column("split", pl.String, "validation or test"),
            Column("metric", pl.String, "the metric with its cut-off"),
            Column("segment", pl.String, "whose or which items' share it is: all, warm items, cold items"),
            Column("value", pl.Float64, "mean over people", nullable=True),
            Column("low", pl.Float64, "lower end of the 95 % bootstrap interval over people", nullable=True),
            Column("high", pl.Float64, "upper end", nullable=True),
            Column("people", pl.Int64, "people it is a mean over"),
            Column("note", pl.String, "what a reader must know, such as too little history", nullable=True),
        ),
        ("period", "model", "split", "metric", "segment"),
        ("period",),
    ),
    Table(
        "recommendations/top_k",
        "recommendations/top_k",
        "one recommended item of one person as of a period",
        "the person's factor, the item factors or the catalogue change",
        (
            PERIOD,
            _USER,
            Column("rank", pl.Int64, "1 is best"),
            _ITEM,
            Column("score", pl.Float64, "inner product of the two factors, float64", versioned=False),
            Column("state", pl.String, "what the list was made under: a name in list_states", versioned=False),
            Column("checksum", pl.Int64, "hash of the factor and the history it was made of", versioned=False),
        ),
        ("period", "user_id", "rank"),
        ("period",),
    ),
    Table(
        "recommendations/list_states",
        "recommendations/top_k",
        "what one period's lists were made under, apart from the people",
        "the item-factor version, the catalogue or the length of a list changes",
        (
            PERIOD,
            Column("state", pl.String, "name: digest of the rest of the row and the code version"),
            Column("version", pl.String, "the item-factor version"),
            Column("k", pl.Int64, "items on a list at most"),
            Column("new_items", pl.List(pl.String), "items of the catalogue that the version does not know"),
            Column("new_digests", pl.List(pl.String), "their fused digests, which place them by content"),
            Column("gone", pl.List(pl.String), "items of the version that are not in the catalogue"),
        ),
        ("period",),
    ),
    Table(
        "recommendations/reasons",
        "recommendations/reasons",
        "one recommended item's reason in words, with its evidence",
        "the list, a factor or a title it names changes",
        (
            PERIOD,
            _USER,
            Column("rank", pl.Int64, "1 is best"),
            _ITEM,
            Column("reason", pl.String, "one sentence", personal=True),
            Column(
                "evidence", pl.String, "items and their shares of the score as JSON", personal=True, versioned=False
            ),
            Column(
                "content_share",
                pl.Float64,
                "part of the score through the item's content",
                nullable=True,
                versioned=False,
            ),
            Column(
                "named",
                pl.List(pl.String),
                "the items whose titles the evidence holds, its strongest first; null for a text that is of no item",
                personal=True,
                versioned=False,
            ),
            Column("checksum", pl.Int64, "hash of everything it was made of, those titles too", versioned=False),
        ),
        ("period", "user_id", "rank"),
        ("period",),
    ),
    Table(
        "recommendations/similar_items",
        "recommendations/similar_items",
        "one neighbour of one item, by one modality or by all of them together",
        "the item's vector changes, or that of an item that is or becomes one of its neighbours",
        (
            _ITEM,
            Column("by", pl.String, "the modality that was compared; `all` = the mean over those that both have"),
            Column("rank", pl.Int64, "1 is the most similar"),
            Column("neighbour", pl.String, "the similar item"),
            Column("similarity", pl.Float64, "cosine of the centred vectors, -1 to 1", versioned=False),
            Column("checksum", pl.Int64, "hash of the bits that the item is compared by", versioned=False),
        ),
        ("item_id", "by", "rank"),
    ),
)


_KEYED = (
    Column("input_hash", pl.String, "sha256 of the canonical input"),
    Column("encoder_id", pl.String, "digest of everything that decides the encoder's numbers"),
    Column("key", pl.String, "sha256 over modality, input hash and encoder"),
)


def _embedding(modality: str) -> tuple[Table, ...]:
    asset = f"embeddings/{modality}"
    input_hash, encoder, key = _KEYED
    remade = "its input or the encoder changes"
    return (
        Table(
            f"{asset}/current",
            asset,
            f"one item's {modality} vector, by key",
            remade,
            (_ITEM, input_hash, encoder, key),
            ("item_id",),
        ),
        Table(
            f"{asset}/vectors",
            asset,
            f"one distinct {modality} input under one encoder; never changed, only added",
            "never: another input or encoder is another key",
            (
                key,
                encoder,
                Column("vector", VECTOR, "the vector, float32"),
                Column("checksum", pl.Int64, "multilinear hash of the vector's bits, checked on read"),
                Column("device", pl.String, "kind of device that computed it: cpu, cuda or mps", nullable=True),
            ),
            ("key",),
            heavy=True,
            dated=False,  # a key never changes what it stands for, so the newest version answers every question
        ),
        Table(
            f"{asset}/failed",
            asset,
            f"one item, or one text of a person, whose {modality} could not be encoded, and why",
            remade,
            (
                Column("item_id", pl.String, "the item", nullable=True),
                Column("user_id", pl.String, "the person, where it is a text of theirs", nullable=True, personal=True),
                input_hash,
                encoder,
                key,
                Column("reason", pl.String, "why, in words"),
                _RUN,
            ),
            ("item_id", "user_id", "input_hash"),
        ),
    )


_WORDS = Table(
    "embeddings/text/words",
    "embeddings/text",
    "one text of one person, by key",
    "the text, the person's consent or the encoder changes",
    (_USER, *(replace(column, personal=True) for column in _KEYED[:1]), *_KEYED[1:]),
    ("user_id", "input_hash"),
)


@cache
def _all() -> dict[str, Table]:
    embeddings = [table for modality in NAMES for table in _embedding(modality)]
    return {table.name: table for table in (*_TABLES, *embeddings, _WORDS)}
