"""Mending a damaged lake: what has a copy is written again, what can be computed is computed, the rest is told.

Parts of a log come back from the copies in their seals, to the last bit. A damaged file of rows is set aside and taken
out of its table; the assets that write the table lose their stage keys, so that the next run makes the rows again.
Here: that. Not here: finding damage (`damage.py`), nor the run (`mmrec run`, which `mmrec repair` does at once).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mmrec import tables
from mmrec.builds import assets, ledger
from mmrec.builds.assets import FACTORS, FUSED, SNAPSHOT
from mmrec.lake import keyed, seals
from mmrec.lake.files import local_folder
from mmrec.lake.store import Lake
from mmrec.settings import Settings
from mmrec.upkeep import damage
from mmrec.upkeep.damage import Found

_RESTORED = {"seal": "was sealed again", "keys": "has its keys noted again"}
_OF_VERSIONS = (tables.MODEL_ARRAYS, tables.MODEL_ITEMS, tables.MODEL_CANDIDATES)


def repair(lake: Lake, settings: Settings) -> Iterator[str]:
    """Mends what is found to be damaged; a line for each thing that was done. What is left is for a run to make."""
    hit: set[str] = set()
    while found := next(damage.found(lake, settings), None):  # one after the other: a mended log names other files
        yield _mended(lake, found)
        lake.memo.clear()
        vars(lake.opened).clear()
        if found.table in hit and found.damage is None:
            break
        if found.damage is None or found.damage.kind == "data":
            hit.add(found.table)
            _forget_builds(lake, settings, [found.table])
    if hit & {tables.FUSED_VECTORS, *_OF_VERSIONS, tables.MODEL_VERSIONS}:
        yield from _incomplete(lake)
    yield from _keys(lake)


def served(lake: Lake, settings: Settings) -> list[str]:
    """The periods that a run must make so that every list stands again."""
    known = {each for asset in (tables.TOP_K, SNAPSHOT) for each in ledger.newest(lake, asset)}
    return sorted(known)


def _mended(lake: Lake, found: Found) -> str:
    folder = local_folder(lake.uri(found.table))
    assert folder is not None
    if found.damage is None:
        return f"{found.table} {found.told}: the next run makes it again"
    if seals.restore(folder, found.damage):
        return (
            f"{found.table}: {found.damage.path} {_RESTORED.get(found.damage.kind, 'was written again from its copy')}"
        )
    aside = seals.set_aside(folder, found.damage.path)
    lake.drop_lost(found.table)
    where = f"is set aside as {aside.relative_to(lake.root)}" if aside else "is gone"
    return f"{found.table}: {found.damage.path} {where}; {_comes_back(found.table)}"


def _keys(lake: Lake) -> Iterator[str]:
    """Notes the keys of files without notes: they were lost, or an older version of mmrec has written the files."""
    for table in tables.ALL:
        folder = local_folder(lake.uri(table.name))
        if folder is not None and table.keyed:
            bare = [file for file in lake.files(table.name) if not keyed.is_noted(folder / file)]
            for file in bare:
                keyed.note(folder / file)
            if bare:
                yield f"{table.name}: the keys of {len(bare)} files were noted"


def _comes_back(table: str) -> str:
    if table == tables.BUILDS:
        return "what the lost rows said of past runs is gone; the next run looks at everything again"
    if table == tables.SNAPSHOTS:
        return "the newest snapshot of each period is published again, older ones are given up"
    return "the next run makes its rows again"


def _forget_builds(lake: Lake, settings: Settings, hit: Iterable[str]) -> None:
    """Takes the stage keys away from every asset of the stages that own these tables, and from the snapshots."""
    stages = {tables.contract(table).owner.partition("/")[0] for table in hit}
    stages |= {"raw", "validated"} if {tables.LANDING, tables.VERDICTS, tables.REJECTED} & set(hit) else set()
    for each in assets.declared(settings):
        if each.stage in stages or each.asset == SNAPSHOT:
            acting = lake.acting_as(each.asset, each.code_version, run_id="repair")
            ledger.begin(acting, ledger.newest(acting, each.asset))


def _incomplete(lake: Lake) -> Iterator[str]:
    """Gives up item-factor versions of which a part is lost, and fused items without their vector: both are made again.

    A version that is fitted again is fitted on today's features, so it is another one where content has changed since.
    """
    acting = lake.acting_as(FUSED, "", run_id="repair")
    stored = lake.scan(tables.FUSED_VECTORS).select(digest="key")
    bare = lake.scan(tables.FUSED_CURRENT).join(stored, on="digest", how="anti").select("item_id").collect()
    if bare.height:
        empty = tables.contract(tables.FUSED_CURRENT).empty()
        acting.merge(tables.FUSED_CURRENT, empty, ["item_id"], removed=bare)
        yield f"{bare.height} items have lost their fused vector: the next run fuses them again"
    versions = lake.scan(tables.MODEL_VERSIONS).select("version")
    for table in _OF_VERSIONS:
        versions = versions.join(lake.scan(table).select("version").unique(), on="version", how="semi")
    featureless = lake.scan(tables.MODEL_ITEMS).select("version", "digest").drop_nulls()
    featureless = featureless.join(stored, on="digest", how="anti").join(
        lake.scan(tables.FUSED_CURRENT).select("digest"), on="digest", how="anti"
    )
    versions = versions.join(featureless.select("version").unique(), on="version", how="anti")
    named = lake.scan(tables.MODEL_VERSIONS).select("version", "boundary")
    for version, boundary in named.join(versions, on="version", how="anti").sort("boundary").collect().iter_rows():
        _give_up(lake.acting_as(FACTORS, "", run_id="repair"), version)
        yield f"item factors {version} of {boundary} have lost a part: the next run fits them again"


def _give_up(lake: Lake, version: str) -> None:
    for table in (tables.MODEL_VERSIONS, *_OF_VERSIONS):
        lake.replace(table, tables.contract(table).empty(), {"version": [version]})
