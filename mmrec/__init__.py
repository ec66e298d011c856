"""The plain library, in rooms: `CONTRIBUTING.md` has the map, and `make lint` holds every import to it.

Nothing here imports Dagster: every function can be called from a notebook or on a GPU worker.
"""
