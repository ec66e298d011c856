"""fused: one vector an item, and what it was made with."""

import polars as pl

from mmrec.tables import names
from mmrec.tables.columns import ITEM
from mmrec.tables.table import FACTOR, VECTOR, Column, Table

ASSET = "fused/items"

TABLES = (
    Table(
        names.FUSED_STATISTICS,
        ASSET,
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
        given=True,
    ),
    Table(
        names.FUSED_SPACES,
        ASSET,
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
        names.FUSED_CURRENT,
        ASSET,
        "one item's fused vector, by key, and which modalities it had",
        "one of its embeddings, or the frozen statistics, change",
        (
            ITEM,
            Column("modalities", pl.List(pl.String), "the modalities it has, in block order"),
            Column("space", pl.String, "digest of the blocks, widths and statistics: vectors of one space compare"),
            Column("digest", pl.String, "sha256 over the space and the item's embedding keys"),
        ),
        ("item_id",),
        pinned=True,
        main=True,
    ),
    Table(
        names.FUSED_VECTORS,
        ASSET,
        "one distinct fused vector; never changed, only added",
        "never: other embeddings or another space are another key",
        (
            Column("key", pl.String, "the digest that names it in `current`"),
            Column("space", pl.String, "digest of the blocks, widths and statistics"),
            Column("modalities", pl.List(pl.String), "the modalities in it, in block order"),
            Column("vector", VECTOR, "standardised blocks side by side; a missing modality's block is 0"),
            Column("checksum", pl.Int64, "multilinear hash of the vector's bits, checked on read"),
        ),
        ("key",),
        heavy=True,
        dated=False,
    ),
)

# `fused.items`, as it is asked in SQL: what is current, with its vector.
VIEWS = {
    "fused.items": (
        (names.FUSED_CURRENT, names.FUSED_VECTORS),
        "SELECT c.*, v.vector FROM fused.current AS c LEFT JOIN fused.vectors AS v ON c.digest = v.key",
    ),
}
