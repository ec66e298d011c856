"""The split of a score adds up, and the sentence says no more than the evidence."""

import numpy as np
import pytest

from mmrec.models.candidates import POPULARITY
from mmrec.models.decomposition import RESIDUAL, Evidence, Past, modality_shares, shares, word
from mmrec.models.factorization import Hyper, fit, fold_in
from mmrec.models.histories import Histories

RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(80, 9))
HISTORIES = Histories.build(RNG.integers(0, 50, 1500), RNG.integers(0, 75, 1500), RNG.uniform(0.2, 3, 1500), n_users=50)
FACTORS = fit(HISTORIES, 80, Hyper(width=12, feature_regularization=2.0), FEATURES)
USERS = fold_in(FACTORS, HISTORIES)


def test_shares_sum_to_the_score_for_warm_and_cold_items():
    for row in range(50):
        own = slice(HISTORIES.indptr[row], HISTORIES.indptr[row + 1])
        found = shares(FACTORS, HISTORIES.items[own], HISTORIES.weights[own], np.arange(80))
        np.testing.assert_allclose(found.sum(1), FACTORS.H @ USERS[row], atol=1e-9)


def test_shares_are_the_formula():
    items, weights = np.array([3, 10, 44]), np.array([1.0, 2.0, 0.5])
    H, hyper = FACTORS.H, FACTORS.hyper
    warm = FACTORS.counts > 0
    A = hyper.alpha * H[warm].T @ H[warm] + H[items].T @ (weights[:, None] * H[items])
    A += hyper.regularization * 3 * np.eye(12)
    expected = weights * (H[7] @ np.linalg.inv(A) @ H[items].T)
    np.testing.assert_allclose(shares(FACTORS, items, weights, np.array([7]))[0], expected, atol=1e-10)
    assert shares(FACTORS, items[:0], weights[:0], np.array([7])).shape == (1, 0)


def test_bits_do_not_depend_on_the_number_of_targets():
    items, weights = HISTORIES.items[:20], HISTORIES.weights[:20]
    whole = shares(FACTORS, items, weights, np.arange(80))
    assert all(np.array_equal(shares(FACTORS, items, weights, np.array([i]))[0], whole[i]) for i in range(80))


def test_modalities_and_the_residual_sum_to_the_score():
    blocks = {"text": slice(0, 4), "image": slice(4, 9)}
    for item in (0, 79):
        parts = modality_shares(FACTORS, blocks, FEATURES[item], FACTORS.H[item], USERS[1])
        assert sum(parts.values()) == pytest.approx(float(USERS[1] @ FACTORS.H[item]), abs=1e-9)
        assert parts["text"] == pytest.approx(float(USERS[1] @ FACTORS.B[:, :4] @ FEATURES[item, :4]))
    assert parts[RESIDUAL] == pytest.approx(0, abs=1e-9)  # a cold item is its content
    plain = fit(HISTORIES, 80, Hyper(width=12))
    assert list(modality_shares(plain, blocks, FEATURES[0], plain.H[0], USERS[1])) == [RESIDUAL]


ALIEN, RUNNER = Past("Alien (1979)", "rating", 0.4), Past("Blade Runner (1982)", "rating", 0.3)


@pytest.mark.parametrize(
    ("evidence", "sentence"),
    [
        (
            Evidence([RUNNER, ALIEN], {"text": 0.3, "image": 0.01, RESIDUAL: 0.5}),
            "Because you rated Alien (1979) and Blade Runner (1982); its text is close too.",
        ),
        (Evidence([ALIEN]), "Because you rated Alien (1979)."),
        (Evidence([ALIEN, Past("Boots", "purchase", 0.2)]), "Because you rated Alien (1979) and bought Boots."),
        (Evidence([Past("Boots", "view", 1)]), "Because you viewed Boots."),
        (Evidence([Past("Boots", "click", 1)]), "Because you clicked on Boots."),
        (Evidence([Past("red shoes", "search", 1)]), "Because you searched for “red shoes”."),
        (Evidence([Past("Boots", "poke", 1)]), "Because you chose Boots."),
        (
            Evidence([ALIEN, RUNNER], {"text": 0.2, "image": 0.3}, cold=True),
            "New here; its picture resembles Alien (1979) and Blade Runner (1982), which you rated.",
        ),
        (
            Evidence([ALIEN, Past("Boots", "purchase", 0.2)], {"audio": 1}, cold=True),
            "New here; its sound resembles Alien (1979), which you rated, and Boots, which you bought.",
        ),
        (Evidence([ALIEN], cold=True), "New here; it resembles Alien (1979), which you rated."),
        (Evidence([], {"text": 1}, cold=True), "New here; its text fits what you like."),
        (Evidence([], {"text": 1, "video": 2}), "Its clip fits what you like."),
        (Evidence(cold=True), "New here."),
        (Evidence([ALIEN], {POPULARITY: 0.1}), "Many people like it."),
        (
            Evidence([ALIEN], {"text": 1, POPULARITY: 0}, cold=True),
            "New here; its text is like that of what many people like.",
        ),
        (
            Evidence([ALIEN], {"text": 1}, cold=True, explored=True),
            "New: shown to learn who likes it; its text resembles Alien (1979), which you rated.",
        ),
        (Evidence(), "Close to your taste."),
        (Evidence([Past("Boots", "view", -0.5)], {"text": -1}), "Close to your taste."),
    ],
)
def test_wording(evidence, sentence):
    assert word(evidence) == sentence


def test_wording_does_not_depend_on_the_order_of_evidence():
    past = [Past(f"T{i}", "view", 0.5) for i in range(6)]
    assert word(Evidence(past)) == word(Evidence(past[::-1])) == "Because you viewed T0 and T1."
