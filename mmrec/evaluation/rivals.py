"""The models beside the served one: the variant and the recency of each, chosen on validation as the served one's are.

They are chosen once a refit boundary and stored with the item-factor version; an evaluation only fits them. Here: that
choice, and the models that it names. Not here: the models (`mmrec/models/zoo.py`), their figures (`selection.py`). Test
events are not read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from mmrec.evaluation import metrics
from mmrec.evaluation.judge import asked
from mmrec.evaluation.problem import DECIDES, Problem
from mmrec.evaluation.split import TRAIN, VALIDATION
from mmrec.models import candidates
from mmrec.models.interface import Fitted, Model, Scores
from mmrec.models.recency import ALIKE, Recency
from mmrec.models.zoo import ZOO

Zoo = Mapping[str, Callable[[int], Sequence[Model]]]  # name → the variants for a catalogue of so many items


@dataclass(frozen=True)
class Rival:
    """A model of the zoo: its name, its variant by the `note` of it, and how events weigh in people's histories."""

    model: str
    note: str | None = None
    half_life: float | None = None
    floor: float = 0.0

    @property
    def recency(self) -> Recency:
        """How a person's events are weighed."""
        return Recency(self.half_life, self.floor)

    @property
    def told(self) -> str | None:
        """Its settings in words."""
        recency = None if self.half_life is None else f"{self.recency}"
        return metrics.joined(self.note, recency, "chosen on validation") if self.note or recency else None


def to_arrays(rivals: Sequence[Rival]) -> dict[str, np.ndarray]:
    """Rivals as a plain array by name, UTF-8 JSON; none where there are no rivals."""
    if not rivals:
        return {}
    told = json.dumps([asdict(each) for each in rivals], sort_keys=True, ensure_ascii=False)
    return {"rivals": np.frombuffer(told.encode(), np.uint8)}


def from_arrays(arrays: Mapping[str, np.ndarray]) -> tuple[Rival, ...]:
    """The inverse of `to_arrays`."""
    if "rivals" not in arrays:
        return ()
    return tuple(Rival(**each) for each in json.loads(np.asarray(arrays["rivals"], np.uint8).tobytes()))


def chosen(problem: Problem) -> tuple[Rival, ...]:
    """One for each model of the zoo that can be fitted; none where too little is known to choose by."""
    if problem.too_little(VALIDATION):
        return ()
    return tuple(best(problem, variants) for find in ZOO.values() if (variants := find(problem.n_items)))


def models(problem: Problem, zoo: Zoo, stored: Sequence[Rival] = ()) -> dict[Rival, Model]:
    """Every model of this zoo by its stored choice, or by one made now where none is stored."""
    known = {each.model: each for each in stored}
    found: dict[Rival, Model] = {}
    for name, find in zoo.items():
        variants = {each.note: each for each in find(problem.n_items)}
        if variants:
            rival = known.get(name)
            if rival is None or rival.note not in variants:
                rival = best(problem, list(variants.values()))
            found[rival] = variants[rival.note]
    return found


def scores(problem: Problem, rival: Rival, fitted: Fitted, people: np.ndarray | None = None) -> Scores:
    """A fitted model's scores, of these people or everybody, by what they liked in train."""
    histories = problem.histories(TRAIN, recency=rival.recency)
    return fitted.scores(histories if people is None else histories.take(people))


def best(problem: Problem, variants: Sequence[Model]) -> Rival:
    """The best variant with the recency that the search begins with; then the half-life, then the floor.

    Recency is searched where a model reads the weights of people's events.
    """
    people = np.sort(asked(problem))
    met, held = problem.met(TRAIN).take(people), problem.held(VALIDATION).take(people)

    def reached(rival: Rival, fitted: Fitted) -> float:
        made = scores(problem, rival, fitted, people)
        lists, _ = made.top_k(met, DECIDES, problem.item_order, problem.listable)
        return float(np.nanmean(metrics.ndcg(lists, held, DECIDES)))

    begin = problem.start.recency
    found, value, fitted = None, -np.inf, None
    for model in variants:
        own = model.fit(problem.train, problem.n_items)
        rival = _with(Rival(model.name, model.note), begin if own.weighs else ALIKE)
        if len(variants) == 1 and not own.weighs:
            return rival
        if (worth := reached(rival, own)) > value:
            found, value, fitted = rival, worth, own
    assert found is not None and fitted is not None
    if not problem.ordered or found.recency == ALIKE:
        return found
    values = {found.recency: value}
    for near in (candidates.half_lives, candidates.floors):
        tried = [each for each in near(found.recency) if each not in values]
        values |= {each: reached(_with(found, each), fitted) for each in tried}
        found = _with(found, max(values, key=lambda each: values[each]))
    return found


def _with(rival: Rival, recency: Recency) -> Rival:
    return Rival(rival.model, rival.note, recency.half_life, recency.floor)
