"""The search for the served model: successive halving over people, on validation, for a counted amount of work.

In order: the fit's settings, content, recency, the item-item part, and the fit once more beside it. Candidates that
differ in fold-in or links only share a fit. Half of the people choose; the winner is served only where its mean over
the other half is at least that of the candidate that the search began with, of popularity and of item-kNN, the models
of last resort. All of it is a function of settings and events, and nothing of seconds. So a search that was killed is
begun again with the trials that it had made: they are read back in their order, and what has to be fitted again for the
next one is.
Source of the halving: Jamieson, Talwalkar 2016, arXiv:1502.07943.

Here: which candidate is tried on how many people, and which goes on. Not here: what may be tried
(`mmrec/models/candidates.py`), what it reaches (`judge.py`), figures on test and rivals (`selection.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from mmrec.evaluation import metrics, unmet
from mmrec.evaluation.judge import Judge, fit_settings
from mmrec.evaluation.problem import Problem
from mmrec.models import candidates
from mmrec.models.candidates import Candidate, named
from mmrec.models.factorization import ItemFactors

SHARES = (0.25, 0.5, 1.0)  # of the people, rung by rung …
SMALLEST = 1_000  # … but never fewer people than these: 500 who choose
KEPT = 1 / 3  # of the candidates of a rung go on to the next
FIRST_SWEEPS, NEXT_SWEEPS = 2, 4  # of the first rung and of the steps: two are nearly as good as six (Gowalla, d 64)
STEPS = 4  # times that the best fit, and the best item-item part, may move to a neighbour …
LAST_STEPS = 2  # … and the fit beside that part: these are fits on everybody
STAGES = ("fit", "new items", "content", "recency", "links", "fit beside links", "last resort", "confirmation")
FIT, NEW, CONTENT, RECENCY, LINKS, REFIT, RESORT, CONFIRMATION = STAGES


@dataclass(frozen=True)
class Trial:
    """One candidate on one rung: its NDCG@20 on validation, over the people who were asked."""

    stage: str
    candidate: Candidate
    share: float  # of the people
    value: float
    low: float
    high: float
    people: int  # who were asked
    work: int  # people × sweeps of a fit; 0 where the fit was there
    seconds: float = field(compare=False)
    factors: ItemFactors | None = field(default=None, compare=False, repr=False)


Keep = Callable[[int, Trial], None]


def forget(number: int, trial: Trial) -> None:
    """For a search whose trials are kept nowhere."""


class Search:
    """`run` gives the winner; `trials` hold every figure that led to it, in order."""

    def __init__(self, problem: Problem, known: Sequence[Trial] = (), keep: Keep = forget) -> None:
        """`known` are the first trials of the same search; `keep` is called with the place and trial of every other."""
        self.problem, self.judge = problem, Judge(problem)
        self.trials: list[Trial] = []
        self._known, self._keep = known, keep
        self.placing: unmet.Weighed | None = None  # the content that places hidden items best

    def run(self) -> Candidate:
        """The winner."""
        problem, begin = self.problem, self.problem.start
        best = self._fit(replace(begin, block_weights=None, links=None))
        best = self._content(best, self._contents(best))
        if problem.ordered:
            best = self._halving(RECENCY, candidates.recencies(best))
        return self._placing(self._confirmed(begin, self._refitted(begin, self._linked(best))))

    def _fit(self, plain: Candidate) -> Candidate:
        """Coarsely over the whole range, on few people and at half the width; then step by step; then on everybody."""
        width, sweeps = plain.hyper.width, plain.hyper.sweeps
        few, some, everybody = (self._share(each) for each in SHARES)
        first = [_with(each, width=max(2, width // 2), sweeps=FIRST_SWEEPS) for each in candidates.fits(plain)]
        ranked = self._rung(first, few)[: max(1, round(len(first) * KEPT**2))]
        begin = self._rung([_with(each.candidate, width=width, sweeps=NEXT_SWEEPS) for each in ranked], some)[0]
        best = self._climbed(
            begin,
            lambda each: [_with(step, sweeps=NEXT_SWEEPS) for step in candidates.neighbours(each)],
            lambda tried: self._rung(tried, some),
        ).candidate
        wide = [_with(best, width=each, sweeps=sweeps) for each in (width, 2 * width)]
        return self._kept(self._rung(wide, everybody)[0])

    def _climbed(
        self,
        best: Trial,
        near: Callable[[Candidate], Sequence[Candidate]],
        ranked: Callable[[Sequence[Candidate]], Sequence[Trial]],
        steps: int = STEPS,
    ) -> Trial:
        """From neighbour to neighbour as long as one is better."""
        seen = {_settings(best.candidate)}
        for _ in range(steps):
            tried = [each for each in near(best.candidate) if _settings(each) not in seen]
            seen |= {_settings(each) for each in tried}
            better = [each for each in ranked(tried) if each.value > best.value]
            if not better:
                break
            best = better[0]
        return best

    def _placing(self, winner: Candidate) -> Candidate:
        """The winner, which a map stands beside where its fit reads no content."""
        best = self.placing
        return winner if best is None else candidates.with_placing(winner, best.weights, best.kind)

    def _contents(self, plain: Candidate) -> list[Candidate]:
        """The fit with the content that places hidden items best, which anything that wins is placed by too."""
        found, events = unmet.choose(self.problem, plain.hyper), self.problem.train.items.size
        for each in found:
            candidate = replace(candidates.with_content(plain, each.weights, events), fusion=each.kind)
            if not self._read_back(NEW, candidate, 1.0):
                self._noted(NEW, 1.0, time.perf_counter() - each.seconds, each.work, candidate, each.ndcg)
        self.placing = found[0] if found else None
        return [replace(candidates.with_content(plain, b.weights, events), fusion=b.kind) for b in found[:1]]

    def _content(self, plain: Candidate, others: Sequence[Candidate]) -> Candidate:
        """Only a candidate with features can place a new item or a typed sentence, and validation hardly sees those: so
        plain iALS wins over the best such candidate only where it is better by a paired interval above 0.
        """
        if not others:
            return plain
        best = self._kept(max((self._fitted(CONTENT, each, 1.0) for each in others), key=lambda each: each.value))
        people = self.judge.choosers(1.0)
        gain = self.judge.ndcg(plain, people) - self.judge.ndcg(best, people)
        return plain if metrics.interval(gain, self.problem.seed).low > 0 else best

    def _halving(self, stage: str, tried: Sequence[Candidate]) -> Candidate:
        """The best of candidates that share a fit: rung by rung on more people, a third of them going on."""
        found = list(tried)
        for share in dict.fromkeys(self._share(each) for each in SHARES):
            ranked = self._ranked(stage, found, share)
            found = [each.candidate for each in ranked[: max(1, round(len(ranked) * KEPT))]]
        return found[0]

    def _linked(self, best: Candidate) -> Trial:
        """The item-item part: coarsely over the whole range, then its recency, then step by step on everybody."""
        ordered = self.problem.ordered
        begin = self._halving(LINKS, candidates.links(best, ordered=ordered))
        if ordered:
            begin = self._halving(LINKS, candidates.links_recencies(begin))
        return self._climbed(
            self._ranked(LINKS, [begin], 1.0)[0],
            lambda each: candidates.links_near(each, ordered=ordered),
            lambda tried: self._ranked(LINKS, tried, 1.0),
        )

    def _refitted(self, begin: Candidate, linked: Trial) -> Candidate:
        """The best fit beside the item-item part, which is not the best fit without it: from the better of this one and
        the start's, step by step. Judged after the last sweep alone: beside this part a judgement costs as much as a
        sweep.
        """
        best, events = linked.candidate, self.problem.train.items.size
        if best.links is None:
            return best

        def beside(each: Candidate) -> Candidate:
            fit = replace(best, hyper=replace(each.hyper, width=best.hyper.width))
            return fit if best.block_weights is None else candidates.with_content(fit, best.block_weights, events)

        started = self._refits([beside(begin)])
        found = self._climbed(
            max([linked, *started], key=lambda each: each.value),
            lambda each: [beside(step) for step in candidates.neighbours(each)],
            self._refits,
            LAST_STEPS,
        )
        return self._kept(found)

    def _ranked(self, stage: str, tried: Sequence[Candidate], share: float) -> list[Trial]:
        """Candidates by the fit that is there, the best first."""
        people = self.judge.choosers(share)
        return sorted((self._judged(stage, each, share, people) for each in tried), key=lambda each: -each.value)

    def _last_resorts(self, best: Candidate) -> list[Candidate]:
        """Popularity and the best item-kNN, none of which is fitted."""
        popularity, *knn = (self._fitted(RESORT, each, 1.0) for each in candidates.last_resorts(best))
        return [self._kept(each) for each in (popularity, max(knn, key=lambda each: each.value))]

    def _confirmed(self, begin: Candidate, best: Candidate) -> Candidate:
        """What reaches most with the people who had no say: the winner, or the start, or at last what is not fitted."""
        tried = [self._judged(CONFIRMATION, best, 1.0, self.judge.confirmers)]
        if fit_settings(begin) != fit_settings(best):
            self._kept(self._fitted(FIT, replace(begin, links=None), 1.0, every_sweep=False))
        tried.append(self._judged(CONFIRMATION, begin, 1.0, self.judge.confirmers))
        for each in self._last_resorts(best):
            tried.append(self._judged(CONFIRMATION, each, 1.0, self.judge.confirmers))
        return max(tried, key=lambda each: each.value).candidate  # of equal ones the first

    def _share(self, share: float) -> float:
        return min(1.0, max(share, SMALLEST / max(1, self.problem.n_users)))

    def _rung(self, tried: Sequence[Candidate], share: float) -> list[Trial]:
        """Every candidate fitted on the share, the best first."""
        return sorted((self._fitted(FIT, each, share) for each in tried), key=lambda each: -each.value)

    def _refits(self, tried: Sequence[Candidate]) -> list[Trial]:
        """Every candidate fitted on everybody with as many sweeps as it names, the best first."""
        found = (self._fitted(REFIT, each, 1.0, every_sweep=False) for each in tried)
        return sorted(found, key=lambda each: -each.value)

    def _fitted(self, stage: str, candidate: Candidate, share: float, *, every_sweep: bool = True) -> Trial:
        """A fit judged after every sweep, until one is no better than the last: the trial is that of the best one."""
        if known := self._read_back(stage, candidate, share):
            return known
        began, people, best = time.perf_counter(), self.judge.choosers(share), None
        work = 0
        for at, factors in self.judge.fits(candidate, share):
            work += len(self.judge.people(share))
            if every_sweep or at.hyper.sweeps == candidate.hyper.sweeps:
                ndcg = self.judge.ndcg(at, people, factors)
                if best is not None and _mean(ndcg) <= _mean(best[1]):
                    break
                best = at, ndcg, factors
        assert best is not None
        return self._noted(stage, share, began, work, *best)

    def _judged(self, stage: str, candidate: Candidate, share: float, people: np.ndarray) -> Trial:
        """By the fit that is there."""
        if known := self._read_back(stage, candidate, share):
            return known
        began = time.perf_counter()
        return self._noted(stage, share, began, 0, candidate, self.judge.ndcg(candidate, people))

    def _noted(
        self,
        stage: str,
        share: float,
        began: float,
        work: int,
        candidate: Candidate,
        ndcg: np.ndarray,
        factors: ItemFactors | None = None,
    ) -> Trial:
        known = metrics.interval(ndcg, self.problem.seed)
        figures = known.value, known.low, known.high, known.people
        trial = Trial(stage, named(candidate), share, *figures, work, time.perf_counter() - began)
        self._keep(len(self.trials), trial)
        self.trials.append(trial)
        return replace(trial, factors=factors)

    def _read_back(self, stage: str, candidate: Candidate, share: float) -> Trial | None:
        """The next known trial; None behind the last one, and from one on that is of another search."""
        at = len(self.trials)
        if at >= len(self._known):
            return None
        known = self._known[at]
        if (known.stage, known.share, _less_sweeps(known.candidate)) != (stage, share, _less_sweeps(candidate)):
            self._known = self._known[:at]
            return None
        self.trials.append(known)
        return known

    def _kept(self, trial: Trial) -> Candidate:
        """The candidate, whose fit on everybody is kept for what follows; without one it is made when needed."""
        if trial.factors is not None:
            self.judge.keep(trial.candidate, trial.factors)
        return trial.candidate


def _with(candidate: Candidate, *, width: int | None = None, sweeps: int | None = None) -> Candidate:
    hyper = candidate.hyper
    return replace(candidate, hyper=replace(hyper, width=width or hyper.width, sweeps=sweeps or hyper.sweeps))


def _less_sweeps(candidate: Candidate) -> Candidate:
    """What was asked for: how many of its sweeps were best is a result."""
    return replace(_with(candidate, sweeps=1), name="")


def _settings(candidate: Candidate) -> tuple[object, ...]:
    """What the steps move."""
    return candidate.hyper.alpha, candidate.hyper.regularization, candidate.hyper.exponent, candidate.links


def _mean(values: np.ndarray) -> float:
    return float(np.nanmean(values)) if (~np.isnan(values)).any() else -np.inf
