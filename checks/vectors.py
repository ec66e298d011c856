"""Are the vectors sound? Asked after each run of an embeddings asset; an answer warns and stops nothing.

Here: finite numbers, sane norms, few failures, nothing missing. Not here: whether the vectors are any good, which
`checks/model.py` asks by what they are for.
"""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from checks import results
from mmrec.builds.report import WHOLE, Check
from mmrec.lake.store import Lake
from mmrec.settings import Settings
from resources.lake import LakeResource

_NORMS = (1e-3, 1e3)  # encoders here give norms of 1 to 60; outside, an encoder or its weights are broken
_MAX_FAILED_SHARE = 0.2

_DESCRIPTIONS = {
    "finite": "no vector holds a number that is infinite or missing",
    "norms": f"the length of every vector lies between {_NORMS[0]:g} and {_NORMS[1]:g}",
    "failed_share": f"at most {_MAX_FAILED_SHARE:.0%} of the items could not be encoded",
    "complete": "every item's current key has its vector",
}


def definitions(settings: Settings) -> list[dg.AssetChecksDefinition]:
    """The checks of every modality."""
    return [_of(f"embeddings/{modality}") for modality in settings.embeddings]


def judge(lake: Lake, asset: str) -> list[Check]:
    """The checks of one modality's tables. `current` is read before `vectors`, which are only ever added to."""
    current = lake.scan(f"{asset}/current").select("key").collect()
    failed = lake.scan(f"{asset}/failed").select(pl.len()).collect().item()
    keys = current.unique()
    vectors = lake.scan(f"{asset}/vectors").join(keys.lazy(), on="key", how="semi").unique("key", keep="any")
    squares = pl.col("vector").list.eval(pl.element().cast(pl.Float64) ** 2).list.sum()
    lengths = vectors.select(length=squares.sqrt(), gaps=pl.col("vector").list.eval(pl.element().is_null()).list.any())
    found = lengths.collect()
    length = found["length"]
    low, high = float(length.min() or 0), float(length.max() or 0)  # type: ignore[arg-type]
    unsound = int((~length.is_finite() | found["gaps"]).sum())
    outside = int((length.is_finite() & ~length.is_between(*_NORMS)).sum())
    items = current.height + failed
    share = failed / items if items else 0.0
    span = f"lengths from {low:.3g} to {high:.3g}" if found.height and not unsound else "no sound vectors"
    return [
        _check("finite", unsound == 0, "finite numbers", f"{unsound} of {found.height} vectors are not finite"),
        _check("norms", outside == 0, f"{_NORMS[0]:g} to {_NORMS[1]:g}", f"{outside} vectors outside; {span}"),
        _check(
            "failed_share",
            share <= _MAX_FAILED_SHARE,
            f"≤ {_MAX_FAILED_SHARE:.0%}",
            f"{failed} of {items} items failed",
        ),
        _check("complete", found.height == keys.height, f"{keys.height} keys", f"{found.height} vectors"),
    ]


def _check(name: str, passed: bool, expected: str, found: str) -> Check:
    return Check(name, WHOLE, blocking=False, passed=passed, expected=expected, found=found)


def _of(asset: str) -> dg.AssetChecksDefinition:
    key = dg.AssetKey(asset.split("/"))
    specs = [dg.AssetCheckSpec(name, asset=key, description=text) for name, text in _DESCRIPTIONS.items()]

    @dg.multi_asset_check(name=f"vectors_{key.path[-1]}", specs=specs)
    def vectors(lake: LakeResource) -> Iterator[dg.AssetCheckResult]:
        for check in judge(lake.open(), asset):
            yield results.result(check.name, asset, [check])

    return vectors
