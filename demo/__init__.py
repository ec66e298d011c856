"""The demo data set: fetches MovieLens-100K, makes stand-in posters, sounds and clips, and holds its `mmrec.toml`.

No stage, model or asset belongs here: the project runs on any `mmrec.toml`, and this one is only the first.
"""
