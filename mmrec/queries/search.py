"""Which items are nearest to a sentence or to a file that belongs to no item.

A file is compared within its modality, by the measure of the published neighbours (`mmrec/lists/neighbours.py`). A
sentence is compared with texts by the same measure, and with pictures, sounds and clips where one model places them and
sentences in one space (CLIP, SigLIP, CLAP): by the plain cosine there, as the model was trained. Similarities of two
modalities do not compare, so each gives a list of its own. Here: reading only; who asks leaves no trace. Not here: the
neighbours of an item (`similar.py`), lists of recommendations for a sentence (`ad_hoc.py`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import polars as pl

from mmrec import encoders
from mmrec.encoders import Encoder, EncoderIdentity, Failure, SentenceEncoder
from mmrec.errors import MmrecError
from mmrec.lake.store import Lake
from mmrec.lists import neighbours
from mmrec.media.opening import BadMedia, MediaRef, register
from mmrec.modalities import MODALITIES, NOUNS
from mmrec.published import snapshots, user_texts
from mmrec.published.features import Features
from mmrec.quality.rules import clean_text
from mmrec.settings import Settings

_MAX_BYTES = {each.name: each.max_bytes for each in MODALITIES}


def by_text(lake: Lake, settings: Settings, text: str, by: str = neighbours.ALL) -> dict[str, Any]:
    """The items nearest to a sentence, by one modality or by each that a sentence can be compared with.

    Of each item `rank`, `item_id`, `title`, `similarity`, `compared_by`. Raises one line for an empty sentence and for
    a modality whose encoder reads none.
    """
    cleaned = pl.select(clean_text(pl.lit(text))).item()
    if cleaned is None:
        raise MmrecError("--text is empty; type what you are looking for, such as 'a red bowl for tea'")
    search = _Search(lake, settings)
    wanted = [by] if by != neighbours.ALL else [m for m in search.modalities if search.identity(m).reads_sentences]
    found = [search.nearest_to_sentence(modality, cleaned) for modality in wanted]
    if not found:
        raise MmrecError("no encoder of this data set reads sentences; CLIP, SigLIP or CLAP read them (hf:<folder>)")
    return {"query": cleaned, "by": wanted, **search.told(found)}


def by_file(lake: Lake, settings: Settings, path: Path, modality: str) -> dict[str, Any]:
    """The items nearest to a picture, sound or clip by what it shows; the answer is that of `by_text`.

    The file is opened and decoded under the rules of the catalogue's own: what these refuse ends in one line.
    """
    search = _Search(lake, settings)
    try:
        ref = register(path, _MAX_BYTES[modality])
    except BadMedia as error:
        raise MmrecError(f"{path}: {error}") from error
    found = search.nearest_to_file(modality, ref)
    return {"query": str(path), "by": [modality], **search.told([found])}


def served_identity(settings: Settings, features: Features, modality: str) -> EncoderIdentity:
    """The configured encoder of a modality; a line where the published vectors are of another one."""
    wanted = settings.embeddings[modality]  # type: ignore[index]
    identity = encoders.identity(modality, wanted.encoder, wanted.precision, settings.weights)
    if identity.id != features.statistics(modality).encoder_id:
        raise MmrecError(
            f"the {modality} encoder {wanted.encoder} is not the one that is served; type `mmrec run` first"
        )
    return identity


class _Search:
    """The published items, and the encoders that their vectors are of."""

    def __init__(self, lake: Lake, settings: Settings) -> None:
        published = snapshots.read(lake, settings)
        self.settings, self.titles = settings, published.titles()
        self.features = Features(published.lake)
        self.modalities = [m for m in self.features.slices if m in settings.embeddings]

    def identity(self, modality: str) -> EncoderIdentity:
        """What encodes a modality; it must be what the published vectors are of."""
        if modality not in self.modalities:
            known = ", ".join(self.modalities) or "nothing"
            raise MmrecError(f"items are not compared by '{modality}'; this data set compares them by: {known}")
        return served_identity(self.settings, self.features, modality)

    def nearest_to_sentence(self, modality: str, sentence: str) -> pl.DataFrame:
        """Items by one modality and a sentence."""
        identity = self.identity(modality)
        if not identity.reads_sentences:
            raise MmrecError(
                f"{identity.name} reads no sentences, so no {NOUNS[modality]} is found by one; CLIP, SigLIP or CLAP do "
                f'(encoder = "hf:<folder>"), and --{modality} FILE searches by a file'
            )
        encoder = cast(SentenceEncoder, self._loaded(identity))
        return self._nearest(modality, encoder.encode_query(sentence), is_centred=modality == user_texts.MODALITY)

    def nearest_to_file(self, modality: str, ref: MediaRef) -> pl.DataFrame:
        """Items by one modality and a registered file."""
        encoder = self._loaded(self.identity(modality))
        [prepared] = encoder.prepare([ref])
        if isinstance(prepared, Failure):
            raise MmrecError(f"{ref.path}: {prepared.reason}")
        return self._nearest(modality, np.asarray(encoder.encode([prepared]))[0], is_centred=True)

    def _loaded(self, identity: EncoderIdentity) -> Encoder:
        return encoders.load(identity, self.settings.embeddings[identity.modality].device)  # type: ignore[index]

    def _nearest(self, modality: str, vector: np.ndarray, *, is_centred: bool) -> pl.DataFrame:
        """The items nearest to a vector [width]: by vectors about the mean, or as they come from the encoder."""
        statistics, items = self.features.statistics(modality), np.flatnonzero(self.features.present[modality])
        block = self.features.matrix[items, self.features.slices[modality]]
        asked = statistics.apply(vector[None])
        if not is_centred:
            block, asked = (each * statistics.scale + statistics.mean for each in (block, asked))
        compared = neighbours.Compared.by([np.concatenate([block, asked]).astype(np.float32)])
        if not compared.present[-1, 0]:
            raise MmrecError(f"this is like every {NOUNS[modality]} and none: nothing sets it apart from their mean")
        last, among = np.array([len(items)]), np.flatnonzero(compared.present[:-1, 0])
        [found], [scores] = compared.lists(last, among, min(neighbours.LENGTH, max(1, len(among))))
        there = found >= 0
        named = pl.Series("item_id", self.features.item_ids, dtype=pl.String).gather(items[found[there]]).to_frame()
        rows = named.with_columns(similarity=pl.Series(scores[there]), compared_by=pl.lit([modality]))
        return rows.with_row_index("rank", offset=1)

    def told(self, found: list[pl.DataFrame]) -> dict[str, Any]:
        """The lists one below the other, with titles, and what of them is drawn."""
        rows = pl.concat(found).join(self.titles, on="item_id", how="left", maintain_order="left")
        shown = rows.select("rank", "item_id", "title", "similarity", "compared_by").to_dicts()
        compared = {modality for row in shown for modality in row["compared_by"]}
        return {"stand_in_media": [m for m in self.settings.media.stand_in if m in compared], "items": shown}
