"""Decoding sounds, films and some pictures in other processes, so that a file that breaks a decoder costs one row only.

Belongs here: the decoders (`sound`, `film`, and `picture` for kinds of pictures that rest on big libraries), what the
parts of a file say that a decoder does not (`sound_parts`, `film_parts`, `picture_parts`), the program they run in
(`worker`), what it is told and answers (`protocol`), the pool of such programs (`pool`) and what the library asks of it
(`reading`). Does not belong here: opening files by name (`mmrec.media`: a decoder is handed an open file), pictures in
general (`mmrec.pictures`), and what encoders make of samples and frames (`mmrec.recipes`).

Decoders are big C programs that read bytes somebody else wrote. Nothing here imports torch, and only the worker
imports a decoder.
"""
