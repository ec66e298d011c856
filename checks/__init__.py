"""Data quality as Dagster sees it: the specs of the contracts, and checks of vectors, model quality and drift.

One module a concern; every target is named by its full asset key. What a contract means is
`mmrec/quality/contracts.py`.
"""
