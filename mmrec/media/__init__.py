"""Files of strangers as pixels, samples and frames, so that a file that breaks a decoder costs one row only.

Here: opening registered files (`opening`), pictures (`pictures`), and what is decoded in processes of its own, because
big C libraries read bytes there that somebody else wrote: sounds, films and some kinds of pictures (`sound`, `film`,
`big_picture`), in the program `worker`, by `messages` from a `pool`, asked for by `decoded`. What the parts of a file
say that a decoder does not is in `picture_parts`, `sound_parts` and `film_parts`. Vectors that somebody else has made
of such files are read by `vector_files`. Not here: what encoders make of pixels, samples and frames
(`mmrec.encoders.recipes`). Nothing here imports torch, and only the worker imports a decoder.
"""
