"""Rows of a few tables, for tests of the lake itself."""

import polars as pl
import pytest

from mmrec import tables

CURRENT, REJECTED, VECTORS = "embeddings/text/current", "validated/rejected", "embeddings/text/vectors"
both = pytest.mark.parametrize("lake", ["files", "memory"], indirect=True)


def current(*items, mark="h"):
    return pl.DataFrame(
        [{"item_id": item, "input_hash": f"{mark}-{item}", "encoder_id": "e", "key": f"k-{item}"} for item in items],
        schema=tables.contract(CURRENT).schema,
    )


def rejected(table, period, *rows):
    return pl.DataFrame(
        [
            {
                "table": table,
                "period": period,
                "rule": "r",
                "reason": "",
                "source_file": "f",
                "source_row": r,
                "row": "",
            }
            for r in rows
        ],
        schema=tables.contract(REJECTED).schema,
    )


def vectors(*keys, value=0.0):
    return pl.DataFrame(
        [{"key": key, "encoder_id": "e", "vector": [value, 1.0], "checksum": 1} for key in keys],
        schema=tables.contract(VECTORS).schema,
    )


def items_of(lake, **options):
    return sorted(lake.scan(CURRENT, **options).collect()["item_id"])
