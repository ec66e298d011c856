"""The plain library: settings, lake, landing, contracts, keys, planner, encoders and models.

Nothing here imports Dagster: every function can be called from a notebook or on a GPU worker.
"""
