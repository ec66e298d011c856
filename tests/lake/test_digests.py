"""Digests of rows: of their values and how often, not of their order."""

import random
import threading

import polars as pl

from mmrec.lake.hashing import digest


def test_a_digest_does_not_depend_on_the_order_of_rows():
    rows = [{"period": f"p{at % 3}", "a": at, "b": f"x{at}" if at % 4 else None, "c": at / 7} for at in range(60)]
    frame = pl.DataFrame(rows)
    random.Random(1).shuffle(rows)
    assert digest(frame, "period", ["a", "b", "c"]) == digest(pl.DataFrame(rows), "period", ["a", "b", "c"])
    assert set(digest(frame, "period", ["a"])) == {"p0", "p1", "p2"}


def test_a_digest_counts_duplicates_and_every_value():
    def of(*rows):
        return digest(pl.DataFrame(rows, schema={"p": pl.String, "a": pl.String}, orient="row"), "p", ["a"])["p"]

    once, twice = of(("p", "x"), ("p", "y")), of(("p", "x"), ("p", "x"), ("p", "y"))
    assert len({once, twice, of(("p", "x"), ("p", "y"), ("p", "y")), of(("p", "x"), ("p", None)), of(("p", ""))}) == 5


def test_a_digest_tells_columns_apart():
    one = pl.DataFrame({"p": ["p"], "a": ["1"], "b": ["2"]})
    other = pl.DataFrame({"p": ["p"], "a": ["2"], "b": ["1"]})
    assert digest(one, "p", ["a", "b"]) != digest(other, "p", ["a", "b"])


def test_a_digest_is_what_it_was():  # a recorded value: every data version in every lake rests on it
    frame = pl.DataFrame({"p": ["p", "p"], "a": ["ä", None], "f": [0.1, -0.0], "t": [[1, 2], []]})
    expected = "4112af7cca05f6ae1143fa5d081cefd4c117253a577bb48f0b5ab4995294d59d"
    assert digest(frame, "p", ["a", "f", "t"]) == {"p": expected}


def test_a_digest_of_nothing_is_nothing():
    assert digest(pl.DataFrame(schema={"p": pl.String, "a": pl.String}), "p", ["a"]) == {}


def test_digests_of_several_threads_do_not_meet():
    frames = [pl.DataFrame({"p": [f"p{n}"] * 50, "a": [str(n * at) for at in range(50)]}) for n in range(8)]
    expected = [digest(frame, "p", ["a"]) for frame in frames]
    found = [None] * 8

    def work(number):
        for _ in range(5):
            found[number] = digest(frames[number], "p", ["a"])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == expected
