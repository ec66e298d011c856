"""The lake as a run is about to leave it, as far as that can be told without running anything.

Landed rows are judged by the row rules, so it is known who acts and which items move; keys of vectors, fused digests
and people's histories follow from them. A stage that is asked for its keys is shown this lake. Here: tables and builds
to come. Not here: which of them have work (`walk.py`), nor how much (`work.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from mmrec import periods, tables
from mmrec.builds import assets, ledger, publishing
from mmrec.builds.assets import FUSED
from mmrec.builds.ledger import Build
from mmrec.builds.report import WHOLE
from mmrec.ingest.landing import Landed
from mmrec.lake.store import Lake
from mmrec.settings import Settings
from mmrec.stages import fused
from mmrec.stages.embeddings import vectors
from mmrec.stages.embeddings.rows import REMOVED, EmbeddingPlan
from mmrec.stages.raw import catalogue as raw_catalogue
from mmrec.stages.raw import interactions as raw_interactions
from mmrec.stages.raw import media as raw_media
from mmrec.stages.raw import precomputed as raw_precomputed
from mmrec.stages.validated import interactions as validated_interactions
from mmrec.stages.validated import whole as validated_whole


@dataclass
class Ahead:
    """`now` is the lake as it is and `lake` shows what is to come; `landed` and `tables` are what the sources hold,
    `refused` the files that cannot be read, and `held` the periods of events that stay as they are for it.
    """

    settings: Settings
    now: Lake
    lake: Lake
    files: list[Landed]
    tables: Mapping[str, pl.DataFrame]  # the sources' unpartitioned tables as they are about to be
    refused: list[str]
    held: set[str]
    landed: dict[str, int] = field(default_factory=dict)  # period → rows

    @classmethod
    def of(cls, lake: Lake, settings: Settings) -> Ahead:
        """By the sources as they lie there now; what is made of them is added as it becomes known."""
        files = raw_interactions.landed_files(lake, settings)
        refused = raw_interactions.refusals(files)
        held = raw_interactions.held_periods(lake, files, periods.keys(settings.calendar)) if refused else {}
        items, unread = raw_catalogue.ahead(lake, settings, tables.RAW_ITEMS)
        media = raw_media.named_media(lake, settings, items.lazy())
        delivered = raw_precomputed.landed(lake, settings) if settings.precomputed else None
        shown = {
            tables.RAW_ITEMS: items,
            tables.RAW_MEDIA: media,
            tables.VALIDATED_ITEMS: validated_whole.preview_items(items, media, delivered, settings),
        }
        refused += unread
        if delivered is not None:
            shown[tables.RAW_PRECOMPUTED] = delivered
        if settings.users:
            profiles, unread = raw_catalogue.ahead(lake, settings, tables.RAW_USERS)
            refused += unread
            shown |= {tables.RAW_USERS: profiles, tables.VALIDATED_USERS: validated_whole.preview_users(profiles)}
        showing = lake.showing({name: rows.lazy() for name, rows in shown.items()})
        found = cls(settings, lake, showing, files, shown, refused, set(held))
        for file in files:
            for period, rows in file.rows.items():
                found.landed[period] = found.landed.get(period, 0) + rows
        return found

    def whole(self, table: str, keys: Mapping[str, str]) -> None:
        """A table of the sources that is judged or landed whole."""
        contract, rows = tables.contract(table), self.tables[table]
        version = publishing.digests(contract, rows).get(WHOLE, publishing.EMPTY)
        self._builds(table, keys, {WHOLE: (version, rows.height)})

    def events(self, table: str, keys: Mapping[str, str], stale: list[str]) -> None:
        """Periods of raw/interactions that land anew, or of validated/interactions that are judged anew."""
        contract = tables.contract(table)
        if table == tables.RAW_INTERACTIONS:
            rows = raw_interactions.rows_of(self.settings, self.files, stale)
        else:
            rows = validated_interactions.foreseen(self.lake, self.settings, stale)
        kept = self.lake.scan(table).filter(~pl.col("period").is_in(stale))
        self.lake = self.lake.showing({table: pl.concat([kept, contract.conform(rows).lazy()])})
        versions, counts = publishing.digests(contract, rows), dict(rows["period"].value_counts().iter_rows())
        made = {period: (versions.get(period, publishing.EMPTY), counts.get(period, 0)) for period in stale}
        self._builds(table, keys, made)

    def vectors(self, plan: EmbeddingPlan) -> None:
        """The current keys of a modality, as if everything that is to be encoded can be."""
        for table, rows in (("current", plan.rows), ("words", plan.words)):
            if rows.is_empty():
                continue
            name = f"{assets.embedding(plan.modality)}/{table}"
            contract = tables.contract(name)
            new = rows.filter(pl.col("reason") != REMOVED).with_columns(encoder_id=pl.lit(plan.encoder_id))
            kept = self.lake.scan(name).join(rows.lazy(), on=list(contract.key), how="anti")
            self.lake = self.lake.showing({name: pl.concat([kept, contract.conform(new).lazy()]).collect().lazy()})
        rows_now, version = vectors.content(self.lake, plan.modality)
        self._builds(assets.embedding(plan.modality), {}, {WHOLE: (version, rows_now)})

    def fused(self, keys: Mapping[str, str]) -> int:
        """The items' fused digests; how many of their vectors are not there yet."""
        rows = fused.foreseen(self.lake, self.settings)
        self.lake = self.lake.showing(
            {tables.FUSED_CURRENT: tables.contract(tables.FUSED_CURRENT).conform(rows).lazy()}
        )
        self._builds(FUSED, keys, {WHOLE: (fused.data_version(rows), rows.height)})
        return rows["digest"].n_unique() - self.lake.keyed(tables.FUSED_VECTORS).stored(rows["digest"]).len()

    def factors(self, keys: Mapping[str, str], made: Mapping[str, tuple[str, int]]) -> None:
        """Periods of model/factors by data version and rows."""
        self._builds(assets.FACTORS, keys, made)

    def _builds(self, asset: str, keys: Mapping[str, str], made: Mapping[str, tuple[str, int]]) -> None:
        code_version = assets.declaration(self.settings, asset).code_version
        builds = {
            period: Build(keys.get(period, ""), version, rows, rows, 0, 0.0, code_version)
            for period, (version, rows) in made.items()
        }
        self.lake = ledger.foreseeing(self.lake, asset, builds)
