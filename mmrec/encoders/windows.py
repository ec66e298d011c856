"""Long texts, whole: cut into windows that a text encoder can read, whose vectors are averaged.

Here: `windows:<text encoder>`. A text that fits the encoder has the vector that it gives alone. Not here: the encoder
(`text`, `e5`), where windows begin (`mmrec.encoders.recipes`), averaging parts (`pooling`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import cast

import numpy as np

from mmrec import encoders
from mmrec.encoders import EncoderIdentity, Failure, Prepared, pooling
from mmrec.encoders.pending import Pending
from mmrec.encoders.recipes import WindowRecipe
from mmrec.encoders.text import TextEncoder
from mmrec.errors import MmrecError

_FAMILY = "windows:"
_RECIPE = WindowRecipe()
_BATCH_TOKENS = 16_384
_NO_TOKEN = -1  # stands behind the tokens of a window that is shorter than the longest of its text


def identify(modality: str, name: str, precision: str, weights_root: Path) -> EncoderIdentity:
    """Give the identity of `windows:<text encoder>`, which holds that of the text encoder whole."""
    text = encoders.identity(modality, name.removeprefix(_FAMILY), precision, weights_root)
    if "max_tokens" not in text.fields["recipe"]:
        raise MmrecError(f"{text.name!r} reads no tokens: `windows:` takes a network of texts, such as windows:minilm")
    fields = {
        "modality": modality,
        "architecture": "windows",
        "text": text.fields,
        "pooling": "mean over windows",
        "normalization": "l2",
        "precision": precision,
        "width": text.width,
        "recipe": _RECIPE.fields(),
    }
    return EncoderIdentity(modality, name, text.width, fields, text.paths, reads_sentences=True)


def build(identity: EncoderIdentity, device: str) -> WindowsEncoder:
    """Load the text encoder of an identity; see `mmrec.encoders.load`."""
    return WindowsEncoder(identity, device)


class WindowsEncoder:
    """See `mmrec.encoders.Encoder`. Inputs are cleaned strings; a row's size is the padded tokens of its windows."""

    def __init__(self, identity: EncoderIdentity, device: str) -> None:
        self.identity = identity
        name, fields = identity.name.removeprefix(_FAMILY), identity.fields["text"]
        text = EncoderIdentity(identity.modality, name, identity.width, fields, identity.paths)
        self._text = cast(TextEncoder, encoders.load(text, device))
        self.device, self.device_reason = self._text.device, self._text.device_reason
        self.block_rows, self.piece_rows = self._text.block_rows, self._text.piece_rows

    def size_hint(self, item: str) -> int:
        """Give the number of characters, which goes with the number of tokens."""
        return self._text.size_hint(item)

    def prepare(self, inputs: Sequence[str]) -> list[Prepared | Failure]:
        """Cut what is too long, and tokenize."""
        windows = self._text.windows(inputs, _RECIPE)
        rows = iter(self._text.prepare([window for text in windows for window in text]))
        return [_joined(islice(rows, len(text))) for text in windows]

    def encode_query(self, text: str) -> np.ndarray:
        """See `mmrec.encoders.SentenceEncoder`; what does not fit one window is cut off."""
        return self._text.encode_query(text)

    def batches(self, prepared: Sequence[Prepared]) -> list[list[int]]:
        """Group rows of one window by padded length, and the others within a budget of tokens."""
        groups: list[list[int]] = []
        windows = np.array([len(item.data) for item in prepared])
        for is_it, cut in ((windows == 1, self._text.batches), (windows > 1, _within)):
            rows = np.flatnonzero(is_it).tolist()
            groups += [[rows[at] for at in group] for group in cut([prepared[row] for row in rows])]
        return groups

    def encode(self, batch: Sequence[Prepared]) -> Pending:
        """Give the mean of the vectors of each text's windows, scaled to unit length."""
        return pooling.encode(batch, self._encode_windows)

    def _encode_windows(self, windows: Sequence[np.ndarray]) -> Pending:
        rows = [self._text.row(window[window != _NO_TOKEN]) for window in windows]
        groups = self._text.batches(rows)
        places = np.argsort(np.concatenate(groups))
        parts = [self._text.encode([rows[row] for row in group]) for group in groups]
        return Pending(parts, lambda found: found[places])


def _within(prepared: Sequence[Prepared]) -> list[list[int]]:
    return pooling.batches(prepared, _BATCH_TOKENS)


def _joined(windows: Iterator[Prepared | Failure]) -> Prepared | Failure:
    """Make one row of the windows of a text, int64 [windows, tokens of the longest]."""
    rows: list[Prepared] = []
    for window in windows:
        if isinstance(window, Failure):
            return window
        rows.append(window)
    ids = np.full((len(rows), max(len(row.data) for row in rows)), _NO_TOKEN)
    for into, row in zip(ids, rows, strict=True):
        into[: len(row.data)] = row.data
    return Prepared(ids, sum(row.size for row in rows))
