"""Conjugate gradients beside the exact solves: where they go, what a row's bits rest on, what the fit makes of them."""

from dataclasses import replace

import numpy as np
import pytest

from mmrec.models import conjugate, solver
from mmrec.models.factorization import Hyper, fit, fits, fold_in, fold_in_approximately
from mmrec.models.histories import Histories

RNG = np.random.default_rng(0)
LENGTHS = np.array([0, 1, 5, 40, 3, 200, 0, 17, 90, 0])
EVENTS = Histories.build(
    np.repeat(np.arange(LENGTHS.size), LENGTHS),
    np.concatenate([RNG.choice(300, n, replace=False) for n in LENGTHS]),
    RNG.uniform(0, 3, LENGTHS.sum()),
    n_users=LENGTHS.size,
)
ROWS, E = RNG.normal(size=(300, 12)), RNG.uniform(0, 5, 12)
RIDGE = 0.5 * EVENTS.lengths**0.5
START, PRIOR = RNG.normal(size=(2, LENGTHS.size, 12)) * (LENGTHS > 0)[:, None]


def approach(prior, start, steps=conjugate.STEPS):
    with solver.workers() as pool:
        return conjugate.Side.of(EVENTS, 300, RIDGE).approach(ROWS, E, prior, start, steps=steps, pool=pool)


def exact(prior):
    with solver.workers() as pool:
        return solver.solve(ROWS, E, EVENTS, RIDGE, prior, pool=pool)


@pytest.mark.parametrize("start", [None, START], ids=["from zeros", "from a start"])
@pytest.mark.parametrize("prior", [None, PRIOR], ids=["no prior", "prior"])
def test_many_steps_end_at_the_exact_solution(prior, start):
    few, many = (np.abs(approach(prior, start, steps) - exact(prior)).max() for steps in (2, 40))
    assert many < min(1e-4, few / 10)
    assert (approach(None, None)[LENGTHS == 0] == 0).all()


def test_a_step_from_the_solution_stays_there():
    np.testing.assert_allclose(approach(PRIOR, exact(PRIOR)), exact(PRIOR), atol=1e-5)


def test_rows_without_any_pull_are_zeros_and_never_nan():
    e = np.where(np.arange(12) == 3, 0.0, E)
    silent = replace(EVENTS, weights=np.zeros_like(EVENTS.weights))
    with solver.workers() as pool:
        made = conjugate.Side.of(silent, 300, np.zeros(LENGTHS.size)).approach(ROWS, e, None, None, steps=2, pool=pool)
    assert (made == 0).all()


@pytest.mark.parametrize("events", [1, 50, 10_000])
def test_a_rows_bits_do_not_depend_on_the_parts(monkeypatch, events):
    whole = approach(PRIOR, START)
    monkeypatch.setattr(conjugate, "PART_EVENTS", events)
    assert np.array_equal(whole, approach(PRIOR, START))


def met(seed=0, n_users=300, n_items=120, events=5_000):
    rng = np.random.default_rng(seed)
    taste, kind = rng.integers(0, 4, n_users), rng.integers(0, 4, n_items)
    user, item = rng.integers(0, n_users, events), rng.integers(0, n_items, events)
    keep = (taste[user] == kind[item]) | (rng.random(events) < 0.2)
    return Histories.build(user[keep], item[keep], n_users=n_users)


HYPER = Hyper(width=8, alpha=0.1, regularization=0.5, exponent=0.5, sweeps=5)
FEATURES = np.random.default_rng(1).normal(size=(120, 6))


@pytest.mark.parametrize("features", [None, FEATURES], ids=["plain", "features"])
def test_the_last_sweep_is_exact_and_those_before_come_near(features):
    histories = met()
    *_, before, last = fits(histories, 120, HYPER, features)
    assert (before.hyper.sweeps, last.hyper.sweeps) == (4, 5)
    assert np.array_equal(last.H, fit(histories, 120, HYPER, features).H)
    W = fold_in(before, histories)
    Q = np.linalg.eigh(HYPER.alpha * W.T @ W)[1]
    e = np.einsum("nd,nd->d", W @ Q, W @ Q) * HYPER.alpha
    by_item = histories.transpose(120)
    r = HYPER.regularization * by_item.lengths**HYPER.exponent
    prior = None if before.B is None else r[:, None] * (features @ before.B.T @ Q)
    with solver.workers() as pool:
        H = solver.solve(W @ Q, e, by_item, r, prior, pool=pool) @ Q.T
    np.testing.assert_allclose(last.H[by_item.lengths > 0], H[by_item.lengths > 0], atol=1e-10)


def test_the_fit_predicts_as_the_exact_one_does():
    histories = met()
    scores = [fold_in(f, histories) @ f.H.T for f in (fit(histories, 120, HYPER, exact=e) for e in (1, 99))]
    other = fit(histories, 120, replace(HYPER, seed=1), exact=99)
    between_seeds = np.abs(fold_in(other, histories) @ other.H.T - scores[1]).mean()
    assert 0 < np.abs(scores[0] - scores[1]).mean() < between_seeds / 2


@pytest.mark.parametrize("alpha, regularization, exponent", [(0.01, 0.5, 0.5), (1.0, 0.05, 1.0), (0.003, 0.01, 1.0)])
def test_people_who_are_only_judged_are_folded_in_nearly_as_well(alpha, regularization, exponent):
    histories = Histories.build(RNG.integers(0, 400, 9_000), RNG.integers(0, 120, 9_000), n_users=401)
    hyper = Hyper(width=24, alpha=alpha, regularization=regularization, exponent=exponent, sweeps=2)
    factors = fit(histories, 120, hyper)
    near, whole = fold_in_approximately(factors, histories), fold_in(factors, histories)
    assert np.sqrt(((near - whole) ** 2).sum() / (whole**2).sum()) < 1e-3
    assert (near[400] == 0).all()
