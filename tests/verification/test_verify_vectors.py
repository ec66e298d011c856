"""The oracle: vectors of a CPU are held to the last bit, those of another kind of device by cosine."""

import numpy as np
import polars as pl

from mmrec.lake.store import Lake
from mmrec.tables import VECTOR
from mmrec.verification import vectors as reencoded
from mmrec.verification.differences import list_hashes
from tests.helpers.verified import VECTORS, nudged


def test_vectors_of_a_cpu_are_compared_to_the_last_bit_and_those_of_a_gpu_by_cosine(fused, tmp_path):
    def lake(name, rows):
        made = Lake(str(tmp_path / name))
        made.append(VECTORS, rows.with_columns(checksum=list_hashes(rows["vector"])))
        return made

    rows = fused.scan(VECTORS)
    first, nobody = rows["key"].min(), pl.lit(None, dtype=pl.String)
    moved = rows.with_columns(
        vector=pl.when(pl.col("key") == first).then(nudged("vector").cast(VECTOR)).otherwise("vector")
    )
    turned = rows.with_columns(vector=pl.col("vector").list.reverse(), device=pl.lit("cuda"))
    ours = lake("ours", rows)
    same = reencoded.vectors(lake("same", moved), ours, "text", "fp32")
    assert (same.differing, same.first.key) == (1, {"key": first})
    assert 0 < same.largest < 1e-5
    unknown = reencoded.vectors(lake("unknown", moved.with_columns(device=nobody)), ours, "text", "fp32")
    assert (unknown.equal, unknown.note[:2]) == (True, "1 ")
    on_gpu = lake("on a GPU", rows.with_columns(device=pl.lit("cuda")))
    again = reencoded.vectors(lake("again", moved.with_columns(device=pl.lit("cuda"))), on_gpu, "text", "fp32")
    assert (again.equal, again.note[:2]) == (True, "1 ")
    assert reencoded.vectors(lake("turned", turned), ours, "text", "bf16").differing == 13


def test_bf16_may_turn_a_vector_of_a_gpu_further_than_fp32(fused, tmp_path):
    rows = fused.scan(VECTORS)
    width = rows["vector"].list.len()[0]
    bent = np.stack(rows["vector"].to_list()) + np.float32(0.006 / width**0.5) * np.resize([1, -1], width)
    moved = rows.with_columns(vector=pl.Series(bent.astype(np.float32)).cast(VECTOR), device=pl.lit("cuda"))
    made = []
    for name, some in (("ours", rows), ("theirs", moved)):
        made.append(Lake(str(tmp_path / name)))
        made[-1].append(VECTORS, some.with_columns(checksum=list_hashes(some["vector"])))
    assert reencoded.vectors(made[1], made[0], "text", "bf16").equal
    assert reencoded.vectors(made[1], made[0], "text", "fp32").differing > 0
