"""The item-item part: counts as loops would count them, links as the formula says, and nothing moved by an order."""

import numpy as np
import pytest

from mmrec.models import cooccurrence as co
from mmrec.models.cooccurrence import LinkSettings
from mmrec.models.histories import Histories

PEOPLE, ITEMS = 31, 40
RNG = np.random.default_rng(0)
EVENTS = 400
USER, ITEM = np.sort(RNG.integers(0, PEOPLE, EVENTS)), RNG.integers(0, ITEMS, EVENTS)
HISTORIES = Histories.build(USER, ITEM, n_users=PEOPLE)


def dense(counts):
    out = np.zeros((ITEMS, ITEMS))
    out[counts.source, counts.target] = counts.count
    return out


def had():
    X = np.zeros((PEOPLE, ITEMS))
    X[USER, ITEM] = 1
    return X


def together(damping=0.5):
    X, n = had(), HISTORIES.lengths
    return X.T @ (X * (n.mean() / n)[:, None] ** damping) * (1 - np.eye(ITEMS))


@pytest.mark.parametrize(("counted", "damping"), [(1, 0.5), (100, 1.0), (8_000_000, 0.5), (8_000_000, 1.0)])
def test_together_is_the_product_of_who_has_what(monkeypatch, counted, damping):
    monkeypatch.setattr(co, "COUNTED", counted)
    assert (HISTORIES.lengths > 0).all() and len(set(HISTORIES.lengths)) > 3
    np.testing.assert_allclose(dense(co.together(HISTORIES, ITEMS, damping)), together(damping), rtol=1e-13)


def test_followed_counts_what_came_soon_after():
    expected = np.zeros((ITEMS, ITEMS))
    for a in range(EVENTS):
        for b in range(a + 1, min(EVENTS, a + co.WINDOW + 1)):
            if USER[a] == USER[b] and ITEM[a] != ITEM[b]:
                expected[ITEM[a], ITEM[b]] += (co.WINDOW + 1 - (b - a)) / co.WINDOW
    np.testing.assert_allclose(dense(co.followed(USER, ITEM, ITEMS)), expected, rtol=1e-14)


def test_no_bit_depends_on_the_order_of_people():
    order = np.argsort(RNG.permutation(PEOPLE)[USER], kind="stable")
    one, other = co.followed(USER, ITEM, ITEMS), co.followed(USER[order], ITEM[order], ITEMS)
    assert np.array_equal(one.count, other.count) and np.array_equal(one.target, other.target)


@pytest.mark.parametrize(("p", "b"), [(0.5, 0.5), (1.0, 0.0)])
def test_the_strongest_links_of_an_item_are_kept(monkeypatch, p, b):
    monkeypatch.setattr(co, "KEPT", 5)
    n = np.maximum(had().sum(0), 1)
    W = 0.3 * together() * n[:, None] ** -p * n[None, :] ** -b
    links = co.together(HISTORIES, ITEMS).links(LinkSettings(False, 0.3, p, b))
    kept = np.zeros((ITEMS, ITEMS))
    for row in range(ITEMS):
        best = np.lexsort((np.arange(ITEMS), -W[row].round(12)))[:5]
        kept[row, best] = W[row, best]
    out = np.zeros((ITEMS, ITEMS))
    out[links.weights.rows, links.weights.items] = links.weights.weights
    assert (links.weights.lengths <= 5).all()
    np.testing.assert_allclose(out.sum(1), kept.sum(1), rtol=1e-12)  # equal weights may be of other items
    assert (np.diff(links.weights.items)[np.diff(links.weights.rows) == 0] > 0).all()


def test_long_histories_are_not_counted_and_little_data_gives_no_links(monkeypatch):
    monkeypatch.setattr(co, "LONGEST", 0)
    assert co.together(HISTORIES, ITEMS).count.size == 0
    nobody = Histories.build(np.zeros(0, int), np.zeros(0, int), n_users=3)
    for counts in (co.together(nobody, 4), co.followed(USER[:0], ITEM[:0], 4), co.followed(USER[:1], ITEM[:1], ITEMS)):
        assert counts.count.size == 0 and not counts.links(LinkSettings()).known.any()
    assert co.together(nobody, 0).links(LinkSettings()).weights.items.size == 0


def test_links_come_back_as_they_were_and_new_items_have_none():
    links = co.together(HISTORIES, ITEMS).links(LinkSettings())
    again = co.SparseLinks.from_arrays(links.to_arrays())
    assert all(np.array_equal(again.to_arrays()[name], array) for name, array in links.to_arrays().items())
    assert co.SparseLinks.from_arrays({}) is None
    more = links.with_new_items(3)
    assert len(more.known) == ITEMS + 3 and not more.known[ITEMS:].any()
    scores = more.scores(HISTORIES)
    assert np.array_equal(scores[:, :ITEMS], links.scores(HISTORIES)) and not scores[:, ITEMS:].any()
