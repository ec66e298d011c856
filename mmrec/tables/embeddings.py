"""embeddings: one vector a key, and which key of an item or a text of a person is current."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from mmrec.modalities import NAMES
from mmrec.tables import names
from mmrec.tables.columns import ITEM, RUN, USER
from mmrec.tables.table import VECTOR, Column, Table

_KEYED = (
    Column("input_hash", pl.String, "sha256 of the canonical input"),
    Column("encoder_id", pl.String, "digest of everything that decides the encoder's numbers"),
    Column("key", pl.String, "sha256 over modality, input hash and encoder"),
)


_REMADE = "its input or the encoder changes"


def _of(modality: str) -> tuple[Table, ...]:
    asset = f"embeddings/{modality}"
    input_hash, encoder, key = _KEYED
    current = Table(
        names.current(modality),
        asset,
        f"one item's {modality} vector, by key; nothing is computed whose key is known",
        _REMADE,
        (ITEM, input_hash, encoder, key),
        ("item_id",),
        pinned=True,
        main=True,
    )
    return current, _vectors(modality, asset), _failed(modality, asset)


def _vectors(modality: str, asset: str) -> Table:
    _, encoder, key = _KEYED
    return Table(
        names.vectors(modality),
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
    )


def _failed(modality: str, asset: str) -> Table:
    return Table(
        names.failed(modality),
        asset,
        f"one item, or one text of a person, whose {modality} could not be encoded, and why",
        _REMADE,
        (
            Column("item_id", pl.String, "the item", nullable=True),
            Column("user_id", pl.String, "the person, where it is a text of theirs", nullable=True, personal=True),
            *_KEYED,
            Column("reason", pl.String, "why, in words"),
            RUN,
        ),
        ("item_id", "user_id", "input_hash"),
    )


_TEXTS = Table(
    names.USER_TEXTS,
    "embeddings/text",
    "one text of one person, by key",
    "the text, the person's consent or the encoder changes",
    (USER, *(replace(column, personal=True) for column in _KEYED[:1]), *_KEYED[1:]),
    ("user_id", "input_hash"),
    pinned=True,
)

TABLES = (*(table for modality in NAMES for table in _of(modality)), _TEXTS)
