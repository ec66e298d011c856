"""What runs must compute, by a dictionary; and texts that cannot be encoded."""

import pytest

from mmrec import encoders
from mmrec.encoders.hashed import HashEncoder
from mmrec.stages.embeddings import preview

BAD: set[str] = set()  # texts that cannot be encoded now


class Needed:
    """Which keys have a vector, and of which a failure is remembered. A key is whatever tells an input under an encoder
    from every other.
    """

    def __init__(self, vectors=()):
        self.vectors, self.failed = set(vectors), set()

    def run(self, wanted, bad, *, retry=False):
        """What a run must compute; it is there afterwards."""
        without = set(wanted) - self.vectors
        tried = without if retry else without - self.failed
        computed = tried - set(bad)
        self.vectors |= computed
        self.failed = without - computed
        return computed


@pytest.fixture
def failing(monkeypatch):
    """The texts of `BAD` cannot be encoded; nothing is drawn for people to look at."""

    def prepare(self, inputs):
        return [encoders.Failure("bad input") if item in BAD else self._prepare(item) for item in inputs]

    BAD.clear()
    monkeypatch.setattr(HashEncoder, "prepare", prepare)
    monkeypatch.setattr(preview, "of_vectors", lambda *_: {})
