"""What a person who has fetched the demo's data must know about it: whose it is, and what is not real.

Not here: the notices of what the project itself ships (`NOTICE`).
"""

NAME = "LICENCE-NOTE.txt"

_MOVIELENS = """\
MovieLens-100K, made by GroupLens Research at the University of Minnesota, is not part of this project and not under
its licence. It was fetched for you from {source} and may be used under the terms of its makers:

- for research; not for any commercial or revenue-bearing purpose without permission from GroupLens;
- not to be redistributed without separate permission, so do not commit or publish this folder;
- no endorsement by the University of Minnesota or GroupLens may be stated or implied;
- it comes without any guarantee of correctness or fitness;
- publications that use it acknowledge it: F. Maxwell Harper and Joseph A. Konstan. 2015. The MovieLens Datasets:
  History and Context. ACM Transactions on Interactive Intelligent Systems 5, 4, Article 19.

Directors, writers, casts and countries are Wikidata's (CC0 1.0), from a published package of 2026, matched by title and
year. They were written down decades after the ratings: a model that is given them knows what nobody knew in 1998.
"""
_DRAWN = """
The files in {folders} are made by this project from title, genres and year. They are
stand-ins and say so, on the picture or in the file's title and comment; nothing in them is a film's poster, sound or
picture.
"""
_OWN = """
The pictures in `posters/` and the overviews in `items.csv` are copies out of the folder that you named in DEMO_MEDIA.
They are real, nothing marks them as stand-ins, and they stay under the terms under which you have them.
"""


def note(*, archive: bool, own_media: bool) -> str:
    """The text, as it is printed after a fetch and lies beside the data."""
    movielens = _MOVIELENS.format(source="the archive that you named" if archive else "a published package")
    drawn = _DRAWN.format(folders="`sounds/` and `clips/`" if own_media else "`posters/`, `sounds/` and `clips/`")
    return movielens + drawn + (_OWN if own_media else "")
