"""Readers beside a writer: no current key without its vector, no snapshot whose tables do not belong together; between
any two commits of a run, and in threads of their own.
"""

import threading

import pytest

from mmrec.planning import graph
from tests.helpers.hooked_lake import AFTER, HookedLake
from tests.helpers.reading import check_snapshots, check_vectors
from tests.helpers.shop import DAYS, ITEMS, PEOPLE


def lives(shop, rounds, hook=lambda *verb: None):
    """Edits, new and removed items, late events and another encoder, each followed by a run of everything."""
    for number in range(rounds):
        shop.edit_item(ITEMS[number % 9], about=f"Something else {number}")
        shop.add_item(f"new-{number},New,A new thing {number},item-01.png")
        shop.remove_item(f"new-{number - 2}")
        day = DAYS[number % len(DAYS)]
        late = f"{PEOPLE[number % 5]},{ITEMS[0]},{day}T23:0{number % 9}:00,rating,4,"
        shop.write_events(day, [*shop.lines(day), late])
        shop.configure(embeddings={"text": {"encoder": f"hash:{8 + number % 2}"}})
        lake = HookedLake(shop.settings.lake_root, hook=hook)
        for node in graph.nodes(shop.settings):
            node.run(lake, shop.settings, DAYS)


def read_beside(shop, work):
    """Reads without pause while `work` goes on; how often."""
    failures, reads, done = [], [0, 0], threading.Event()
    root = shop.settings.lake_root

    def read(number, check):
        while not (done.is_set() or failures):
            try:
                check()
                reads[number] += 1
            except BaseException as error:
                failures.append(error)

    checks = (lambda: check_vectors(root), lambda: check_snapshots(root))
    threads = [threading.Thread(target=read, args=each) for each in enumerate(checks)]
    for thread in threads:
        thread.start()
    try:
        work()
    finally:
        done.set()
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]
    return reads


def test_between_any_two_commits_a_reader_sees_a_whole_state(shop):
    root, looked = shop.settings.lake_root, []

    def look(when, table):
        if when == AFTER:
            check_vectors(root)
            looked.append(check_snapshots(root, newest=1))

    lives(shop, 1, look)
    assert sum(looked) == len(looked) > 30


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_readers_see_whole_states_while_many_runs_go_on(shop):
    assert min(read_beside(shop, lambda: lives(shop, 40))) >= 100
