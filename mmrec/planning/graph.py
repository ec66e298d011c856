"""The stages in their order: which asset rests on which, and which function makes it.

Here: the one list that the asset graph, `mmrec plan` and the tests read. A dependency said here is one
that the stage's function may read; a test compares the tables a run has scanned with it. Not here: any work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module

from mmrec.builds.costs import Estimate
from mmrec.builds.report import StageReport
from mmrec.errors import MmrecError
from mmrec.lake.store import Lake
from mmrec.modalities import NAMES
from mmrec.settings import Settings
from mmrec.tables import owned_by

STAGES = ("raw", "validated", "embeddings", "fused", "model", "recommendations")


@dataclass(frozen=True)
class Node:
    """One asset: its key, what it rests on, and how its periods look upstream."""

    asset: str
    deps: tuple[str, ...]
    code_version: str  # set by hand when the meaning of the result changes
    partitioned: bool = False
    history: tuple[str, ...] = ()  # deps of which period D sees every period up to D
    gpu: bool = False

    @property
    def stage(self) -> str:
        """The stage word: module, group, key prefix and lake folder."""
        return self.asset.partition("/")[0]

    @property
    def name(self) -> str:
        """The asset's name within its stage."""
        return self.asset.partition("/")[2]

    def run(
        self,
        lake: Lake,
        settings: Settings,
        periods: list[str],
        run_id: str = "-",
        *,
        retry_failed: bool = False,
        budget: float | None = None,
    ) -> StageReport:
        """Makes the asset for `periods` (ignored where it has none) by its stage function.

        Embeddings try inputs again that could not be encoded (`retry_failed`), and raise one line instead of starting
        what is expected to take more seconds than a `budget`. The report says what was expected and what it took.
        """
        estimate = Estimate(lake, self.asset)
        report = self._work(lake, settings, periods, run_id, retry_failed, budget)
        # A stage that found nothing to do has read its keys only; what it rests on are the versions as they are.
        names = {table.name for dep in self.deps for table in owned_by(dep)} - report.inputs.keys()
        rests_on = {name: lake.version(name) for name in sorted(names)}
        present = {name: version for name, version in rests_on.items() if version is not None}
        cost = {"plan and cost": estimate.against(report)}
        return replace(report, inputs={**present, **report.inputs}, tables={**report.tables, **cost})

    def keys(self, lake: Lake, settings: Settings, periods: list[str]) -> dict[str, str]:
        """The stage keys by period that the asset would get now; one for a period whose inputs are there."""
        find: Callable[..., dict[str, str]] = getattr(import_module(f"mmrec.stages.{self.stage}"), f"{self.name}_keys")
        acting = lake.acting_as(self.asset, self.code_version)
        return find(acting, settings, periods) if self.partitioned else find(acting, settings)

    def _work(
        self,
        lake: Lake,
        settings: Settings,
        periods: list[str],
        run_id: str,
        retry_failed: bool,
        budget: float | None,
    ) -> StageReport:
        work: Callable[..., StageReport]
        module = import_module(f"mmrec.stages.{self.stage}")
        acting = lake.acting_as(self.asset, self.code_version, run_id)
        if self.stage == "embeddings":
            return module.embed(acting, settings, self.name, retry_failed=retry_failed, budget=budget)
        work = getattr(module, self.name)
        return work(acting, settings, periods) if self.partitioned else work(acting, settings)


def nodes(settings: Settings) -> list[Node]:
    """Every asset of a data set, each after what it rests on."""
    embeddings = [f"embeddings/{modality}" for modality in NAMES if modality in settings.embeddings]
    events = ("validated/interactions",)
    behind = (*events, "validated/items", "fused/items", *words(settings))
    return [
        Node("raw/items", (), "3"),
        Node("raw/media", ("raw/items",), "3"),
        Node("raw/interactions", (), "3", partitioned=True),
        *([Node("raw/users", (), "2")] if settings.users else []),
        Node("validated/items", ("raw/items", "raw/media"), "2"),
        Node("validated/interactions", ("raw/interactions", *_judged_against(settings)), "2", partitioned=True),
        *([Node("validated/users", ("raw/users",), "2")] if settings.users else []),
        *[Node(each, ("validated/items", *_said(settings, each)), _reading(each), gpu=True) for each in embeddings],
        Node("fused/items", ("validated/items", *embeddings), "1"),
        Node("model/factors", behind, "2", partitioned=True, history=events),
        Node(
            "model/evaluation",
            (*events, "validated/items", "fused/items", "model/factors"),
            "2",
            partitioned=True,
            history=events,
        ),
        Node(
            "recommendations/top_k",
            (*behind, "model/factors"),
            "1",
            partitioned=True,
            history=events,
        ),
        Node(
            "recommendations/reasons",
            (*behind, "model/factors", "recommendations/top_k"),
            "1",
            partitioned=True,
            history=events,
        ),
        Node("recommendations/similar_items", ("validated/items", "fused/items"), "1"),
        Node(
            "recommendations/snapshot",
            (
                "recommendations/top_k",
                "recommendations/reasons",
                "recommendations/similar_items",
                "model/factors",
                "model/evaluation",
            ),
            "1",
            partitioned=True,
        ),
    ]


def _judged_against(settings: Settings) -> tuple[str, ...]:
    """What events are held against: the catalogue, only where a share of unknown items refuses a period."""
    return () if settings.quality.max_unknown_item_share is None else ("validated/items",)


def _reading(asset: str) -> str:
    """The code version of an embedding: raised where inputs are read now that could not be; failed ones then get a try.

    A vector does not depend on it, but on its input and its encoder alone.
    """
    return "1" if asset == "embeddings/text" else "2"


def _said(settings: Settings, asset: str) -> tuple[str, ...]:
    """What an embedding reads besides the items: people's words are texts too."""
    return ("validated/users", "validated/interactions") if settings.users and asset == "embeddings/text" else ()


def words(settings: Settings) -> tuple[str, ...]:
    """The assets that people's own words come from; none where no profile says whose words may be read."""
    return ("validated/users", "embeddings/text") if settings.users else ()


def node(settings: Settings, asset: str) -> Node:
    """The asset by its key; one line with the known keys where there is none."""
    found = {each.asset: each for each in nodes(settings)}
    if asset not in found:
        raise MmrecError(f"no asset is called '{asset}'; there are: {', '.join(found)}")
    return found[asset]
