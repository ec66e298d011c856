"""recommendations: lists, reasons and neighbours."""

import polars as pl

from mmrec.tables import names
from mmrec.tables.columns import ITEM, PERIOD, USER
from mmrec.tables.table import Column, Table

TABLES = (
    Table(
        names.TOP_K,
        names.TOP_K,
        "one recommended item of one person as of a period",
        "the person's factor, the item factors or the catalogue change",
        (
            PERIOD,
            USER,
            Column("rank", pl.Int64, "1 is best"),
            ITEM,
            Column("score", pl.Float64, "inner product of the two factors, float64", versioned=False),
            Column("state", pl.String, "what the list was made under: a name in list_states", versioned=False),
            Column("checksum", pl.Int64, "hash of the factor and the history it was made of", versioned=False),
        ),
        ("period", "user_id", "rank"),
        ("period",),
        pinned=True,
    ),
    Table(
        names.LIST_STATES,
        names.TOP_K,
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
        names.REASONS,
        names.REASONS,
        "one recommended item's reason in words, with its evidence",
        "the list, a factor or a title it names changes",
        (
            PERIOD,
            USER,
            Column("rank", pl.Int64, "1 is best"),
            ITEM,
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
        pinned=True,
    ),
    Table(
        names.SIMILAR_ITEMS,
        names.SIMILAR_ITEMS,
        "one neighbour of one item, by one modality or by all of them together",
        "the item's vector changes, or that of an item that is or becomes one of its neighbours",
        (
            ITEM,
            Column("by", pl.String, "the modality that was compared; `all` = the mean over those that both have"),
            Column("rank", pl.Int64, "1 is the most similar"),
            Column("neighbour", pl.String, "the similar item"),
            Column("similarity", pl.Float64, "cosine of the centred vectors, -1 to 1", versioned=False),
            Column("checksum", pl.Int64, "hash of the bits that the item is compared by", versioned=False),
        ),
        ("item_id", "by", "rank"),
        pinned=True,
    ),
)
