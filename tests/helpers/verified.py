"""A shop's lake held against what a rebuild gives."""

import polars as pl

from mmrec import tables
from mmrec.planning.graph import nodes
from mmrec.verification import inputs, oracle, scope

VECTORS = "embeddings/text/vectors"
LAST = "2024-01-04"


def differing(outcomes):
    return {table: outcome for table, outcome in outcomes.items() if not outcome.equal}


def hold(shop, made, periods=None):
    """table → outcome of a shop held against a lake that was rebuilt."""
    chosen = scope.Scope(periods or shop.days, [], scope.kept(shop.lake))
    lake = shop.lake.pinned({t.name: v for t in tables.ALL if (v := shop.lake.version(t.name)) is not None})
    found = [one for node in nodes(shop.settings) for one in oracle.of_node(lake, shop.settings, chosen, made, node)]
    found = [*inputs.given(lake), *found]
    return {one.table: one for one in [*found, *oracle.of_ledgers(lake, shop.settings, chosen, made)]}


def nudged(name="factor"):
    """The same list with another last bit in one place."""
    return pl.concat_list(pl.col(name).list.head(1), pl.col(name).list.slice(1) * (1 + 2**-20))
