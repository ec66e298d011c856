"""The demo data set: fetches MovieLens-100K, draws stand-in posters and holds the demo's settings (`mmrec.toml`).

No stage, model or asset belongs here: the project runs on any `mmrec.toml`, and this one is only the first.
"""
