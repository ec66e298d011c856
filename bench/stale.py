"""The ways in which a cache goes stale, played on a small shop: is each noticed, and is no more computed than it must?

    python -m bench.stale [part of a case's name …]

Each case is told in a public issue of another tool, which it cites. It changes something, runs every asset, and holds
the lake against one that is built from nothing: what differs was not noticed. What was computed is held against the
most that the change may cost. Prints a line a case and ends with 1 where one fails. The shop is that of the tests.
"""

import datetime as dt
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import polars as pl

from mmrec import tables
from mmrec.builds import assets, ledger
from mmrec.lake.store import Lake
from mmrec.quality import suites
from mmrec.settings import Settings, load
from mmrec.verification import oracle, scope
from tests.helpers.quick_judge import judge_quickly
from tests.helpers.shop import Shop, write_shop

ALL = 10**6
ANSWERS = ("model/factors", "model/evaluation", "recommendations/top_k", "recommendations/reasons")
EVERY_ANSWER = dict.fromkeys((*ANSWERS, "recommendations/similar_items"), ALL)
Cost = dict[str, int]  # asset → the most rows that may be computed; an asset that is not named computes none
CASES: dict[str, tuple[str, Callable[[Shop], None], Cost]] = {}


def case(name: str, issue: str, **cost: int) -> Callable[[Callable[[Shop], None]], Callable[[Shop], None]]:
    """Notes a case: what happens, who told it, and the most it may cost (`raw__items=1`; `answers` may all)."""

    def note(change: Callable[[Shop], None]) -> Callable[[Shop], None]:
        named = {asset.replace("__", "/"): rows for asset, rows in cost.items() if asset != "answers"}
        CASES[name] = issue, change, named | (EVERY_ANSWER if "answers" in cost else {})
        return change

    return note


ITEM = {"raw__items": 1, "validated__items": 1}
TEXT = {**ITEM, "embeddings__text": 1, "fused__items": 1, "answers": 1}
DAY = {"raw__interactions": 40, "validated__interactions": 40, "answers": 1}


@case("an event file is touched", "treeverse/dvc#10347")
def _(shop: Shop) -> None:
    shop.events_file(shop.days[0]).touch()


@case("the catalogue is touched", "nix-community/nix-direnv#771")
def _(shop: Shop) -> None:
    _catalogue(shop).touch()


@case("a picture is touched", "danvk/mapsnap#246")
def _(shop: Shop) -> None:
    _picture(shop).touch()


@case("the catalogue is written again with the same bytes", "EngreitzLab/scE2G#113")
def _(shop: Shop) -> None:
    _catalogue(shop).write_bytes(_catalogue(shop).read_bytes())


@case("an event file is edited to the same size", "treeverse/dvc#1496", **DAY)
def _(shop: Shop) -> None:
    _same_size(shop.events_file(shop.days[1]), b"item-0", b"item-1")


@case("a picture is replaced by one of the same size", "elwin013/parcel-plugin-static-files-copy#13",
      raw__media=1, validated__items=1, embeddings__image=1, fused__items=1, answers=1)  # fmt: skip
def _(shop: Shop) -> None:
    _flip(_picture(shop))


@case("a picture is replaced by one of the same size and time", "git-for-windows/git#5132",
      raw__media=1, validated__items=1, embeddings__image=1, fused__items=1, answers=1)  # fmt: skip
def _(shop: Shop) -> None:
    _kept_time(_picture(shop), _flip)


@case("an event file is edited to the same size and time", "msysgit/git#312", **DAY)
def _(shop: Shop) -> None:
    _kept_time(shop.events_file(shop.days[1]), lambda file: _same_size(file, b"item-0", b"item-1"))


@case("the catalogue is edited and its time set back", "geany/geany#1175", **TEXT)
def _(shop: Shop) -> None:
    shop.edit_item("item-03", about="A thing of another kind")
    os.utime(_catalogue(shop), (1e9, 1e9))


@case("a source file gets another name", "huggingface/datasets#2496", raw__interactions=40)
def _(shop: Shop) -> None:
    shop.events_file(shop.days[0]).rename(shop.data / "events-renamed.csv")


@case("the data folder is reached by another path", "huggingface/datasets#2496")
def _(shop: Shop) -> None:
    other = shop.folder / "also the data"
    other.symlink_to(shop.data, target_is_directory=True)
    shop.settings = shop.settings.model_copy(update={"data": other})


@case("a rule of the rows changes", "snakemake/snakemake#976", validated__interactions=ALL, answers=1)
def _(shop: Shop) -> None:
    shop.configure(interactions={"value_range": [1, 4]})


@case("what an event weighs changes", "IBM/unitxt#7", answers=1)
def _(shop: Shop) -> None:
    shop.configure(events={"weights": {"view": 2.0}})


@case("the length of a list changes", "fbecart/zinoma#77", **{
    name.replace("/", "__"): ALL for name in ("recommendations/top_k", "recommendations/reasons")})  # fmt: skip
def _(shop: Shop) -> None:
    shop.configure(recommendations={"k": 2})


@case("a setting changes that no result rests on", "huggingface/datasets#8439")
def _(shop: Shop) -> None:
    shop.configure(schedule={"cron": "0 6 * * *"})


@case("the settings file gets a comment and another order", "joblib/joblib#1587")
def _(shop: Shop) -> None:
    file = shop.folder / "mmrec.toml"
    first, _, rest = file.read_text().partition("\n")
    file.write_text(f"# why\n{first}\n{rest}")
    shop.settings = load(file, environment={})


@case("another encoder", "BetterDB-inc/monitor#411", embeddings__text=13, fused__items=14, answers=1)
def _(shop: Shop) -> None:
    shop.configure(embeddings={"text": {"encoder": "hash:6"}})


@case("another encoder and back", "BetterDB-inc/monitor#411", answers=1)
def _(shop: Shop) -> None:
    shop.configure(embeddings={"text": {"encoder": "hash:6"}})
    shop.run()
    shop.configure(embeddings={"text": {"encoder": "hash:8"}})


@case("a change of precision", "kijai/ComfyUI-WanVideoWrapper#2046", embeddings__text=13, fused__items=14, answers=1)
def _(shop: Shop) -> None:
    shop.configure(embeddings={"text": {"precision": "bf16"}})


@case("the code that makes an asset changes", "snakemake/snakemake#3029", recommendations__top_k=ALL,
      recommendations__reasons=ALL)  # fmt: skip
def _(shop: Shop) -> None:
    _code_version("recommendations/top_k")


@case("the code behind an embedding changes", "joblib/joblib#1287")
def _(shop: Shop) -> None:
    _code_version("embeddings/text")


@case("a row of a table is lost", "SCons/scons#1158", embeddings__text=1)
def _(shop: Shop) -> None:
    key = shop.scan("embeddings/text/current", item_id="item-03")["key"].item()
    empty = tables.contract("embeddings/text/vectors").empty()
    shop.lake.replace("embeddings/text/vectors", empty, {"key": [key]})


@case("a table of vectors is lost", "DOI-USGS/scipiper#64", embeddings__image=10)
def _(shop: Shop) -> None:
    _lost(shop, "embeddings/image/vectors")


@case("a table of lists is lost", "SCons/scons#1158", recommendations__top_k=ALL)
def _(shop: Shop) -> None:
    _lost(shop, "recommendations/top_k")


@case("a period of validated events is lost", "DOI-USGS/scipiper#64", validated__interactions=40)
def _(shop: Shop) -> None:
    empty = tables.contract("validated/interactions").empty()
    shop.lake.replace("validated/interactions", empty, {"period": [shop.days[1]]})


@case("an input that failed is mended", "ropensci/drake#267",
      raw__media=1, validated__items=1, embeddings__image=1, fused__items=1, answers=1)  # fmt: skip
def _(shop: Shop) -> None:
    whole = _picture(shop).read_bytes()
    _picture(shop).write_bytes(whole[:20])
    shop.run(strict=False)
    _flip(_picture(shop), whole)


@case("a source file is taken away", "BoundaryML/baml#4582", answers=1)
def _(shop: Shop) -> None:
    shop.events_file(shop.days[3]).unlink()


@case("a source file comes late", "snakemake/snakemake#1694", raw__interactions=2, validated__interactions=2, answers=1)
def _(shop: Shop) -> None:
    lines = [line.replace("item-0", "item-1") for line in shop.lines(shop.days[1])[:2]]
    header = shop.events_file(shop.days[1]).read_text().partition("\n")[0]
    (shop.data / "events-late.csv").write_text("\n".join([header, *lines]) + "\n")


@case("rows of a source are deleted", "techindicium/dbt-dag-monitoring#52", raw__interactions=40,
      validated__interactions=40, answers=1)  # fmt: skip
def _(shop: Shop) -> None:
    shop.write_events(shop.days[2], shop.lines(shop.days[2])[3:])


@case("a column is renamed, in the file and in the settings", "dbt-labs/dbt-core#1132", raw__items=15)
def _(shop: Shop) -> None:
    _catalogue(shop).write_text(_catalogue(shop).read_text().replace(",about,", ",told,", 1))
    shop.configure(items={"columns": {"text": ["told"]}})


@case("a column is added that nobody reads", "dbt-labs/dbt-core#823")
def _(shop: Shop) -> None:
    head, *lines = _catalogue(shop).read_text().splitlines()
    _catalogue(shop).write_text("\n".join([f"{head},note", *[f"{line},x" for line in lines]]) + "\n")


@case(
    "an item leaves the catalogue", "databricks/dbt-databricks#581", raw__items=11, answers=1
)  # rows behind it move up
def _(shop: Shop) -> None:
    shop.remove_item("item-03")  # the rows behind it stand in other lines now


@case("a source is rolled back to what it was", "dagster-io/dagster#11354", **ITEM, answers=1)
def _(shop: Shop) -> None:
    was = _catalogue(shop).read_bytes()
    shop.edit_item("item-03", about="Something else")
    shop.run()
    _catalogue(shop).write_bytes(was)


@case("a run is killed between two commits", "buildsome/buildsome#73", embeddings__text=1, fused__items=1, answers=1)
def _(shop: Shop) -> None:
    shop.edit_item("item-03", about="Something else")
    shop.run("raw/items", "raw/media", "validated/items")
    with mock.patch.object(Lake, "merge", side_effect=KeyboardInterrupt):
        try:
            shop.run("embeddings/text")
        except KeyboardInterrupt:
            return


@case("a source changes while something else is made", "dagster-io/dagster#10160", **TEXT)
def _(shop: Shop) -> None:
    shop.run("raw/items", "raw/media", "validated/items")
    shop.edit_item("item-03", about="Something else")
    shop.run(*shop.answers)


@case("the clock was set back", "geany/geany#1175", **TEXT)
def _(shop: Shop) -> None:
    class Clock(type(dt.datetime)):  # type: ignore[misc]
        def __instancecheck__(cls, other: object) -> bool:
            return isinstance(other, dt.datetime)

    class Earlier(dt.datetime, metaclass=Clock):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:
            return dt.datetime.now(tz) - dt.timedelta(days=400)

    shop.edit_item("item-03", about="Something else")
    clock = SimpleNamespace(datetime=Earlier, UTC=dt.UTC, timedelta=dt.timedelta)
    _PATCHES.append(mock.patch.object(ledger, "dt", clock))
    _PATCHES[-1].start()


@case("what was just made", "dagster-io/dagster#11442")
def _(shop: Shop) -> None:
    shop.run()


_PATCHES: list = []


def _catalogue(shop: Shop) -> Path:
    return shop.data / "items.csv"


def _picture(shop: Shop) -> Path:
    return shop.data / "pictures" / "item-03.png"


def _flip(file: Path, data: bytes | None = None) -> None:
    """Another picture of the same size: a bit of what a PNG says about itself, which no decoder reads."""
    whole = bytearray(file.read_bytes() if data is None else data)
    whole[-1] ^= 1
    file.write_bytes(bytes(whole))


def _same_size(file: Path, old: bytes, new: bytes) -> None:
    file.write_bytes(file.read_bytes().replace(old, new, 1))


def _kept_time(file: Path, change: Callable[[Path], None]) -> None:
    was = file.stat()
    change(file)
    os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))


def _lost(shop: Shop, table: str) -> None:
    folder = Path(shop.settings.lake_root) / table
    folder.rename(shop.folder / "lost")


def _code_version(asset: str) -> None:
    declared = assets.declared

    def changed(settings: Settings) -> list[assets.Asset]:
        return [replace(a, code_version="next") if a.asset == asset else a for a in declared(settings)]

    patch = mock.patch.object(assets, "declared", changed)
    _PATCHES.append(patch)
    patch.start()


@dataclass(frozen=True)
class Outcome:
    """What is wrong with a case: tables that differ from a rebuild, and assets that computed more than they must."""

    differing: list[str]
    too_much: list[str]


def play(shop: Shop, *cases: tuple[str, Callable[[Shop], None], Cost]) -> Outcome:
    """Changes something and runs everything, case by case; looks at the end."""
    too_much = []
    try:
        for _, change, cost in cases:
            change(shop)
            too_much += [
                f"{asset} computed {computed} rows, at most {cost.get(asset, 0)}"
                for asset, report in shop.run(periods=shop.days, strict=False).items()
                if asset != assets.SNAPSHOT and (computed := report.total("computed")) > cost.get(asset, 0)
            ]
        chosen = scope.choose(shop.lake, shop.settings)
        found = oracle.verify(shop.lake, shop.settings, chosen)
        return Outcome([each.table for each in found if not each.equal], too_much)
    finally:
        while _PATCHES:
            _PATCHES.pop().stop()


def main(wanted: list[str]) -> int:
    """Plays the cases whose names hold one of these, or all."""
    chosen = {name: told for name, told in CASES.items() if not wanted or any(part in name for part in wanted)}
    failed = 0
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(suites, "judge", judge_quickly):
        first = Shop(write_shop(Path(folder) / "shop"))
        first.run()
        for number, (name, case_) in enumerate(chosen.items()):
            outcome = play(_copy(first, Path(folder) / str(number)), case_)
            told = [*(f"not noticed: {each}" for each in outcome.differing), *outcome.too_much]
            failed += bool(told)
            lines = [f"{'fails' if told else 'noticed'}  {name} ({case_[0]})", *(f"    {line}" for line in told)]
            print("\n".join(lines), flush=True)
    print(json.dumps({"cases": len(chosen), "failed": failed}))
    return 1 if failed else 0


def _copy(shop: Shop, folder: Path) -> Shop:
    return Shop(shutil.copytree(shop.folder, folder / "shop"))


if __name__ == "__main__":
    pl.Config.set_tbl_rows(20)
    sys.exit(main(sys.argv[1:]))
