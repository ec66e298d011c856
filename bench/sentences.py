"""What a list for a sentence is worth: NDCG@20 of the items of which a fact of the catalogue is true.

    python -m bench.sentences [SETTINGS]      the demo's lake, or that of a settings file

Weights are learnt from one half of the facts and measured on the other, beside each part alone: closeness in the
encoder's space, what the model makes of a sentence, and words. Intervals are over questions.

Then the same questions asked by people: what counts is true of the question and among the person's test events, which
the model, fitted on train, has not seen. A list for the sentence, a list for the person, and both at once.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from mmrec import settings as settings_module
from mmrec.evaluation import metrics
from mmrec.evaluation.metrics import Interval
from mmrec.evaluation.split import TEST, TRAIN, VALIDATION
from mmrec.lake.store import Lake
from mmrec.lists import sentences
from mmrec.lists.sentences import Questions
from mmrec.models import dense
from mmrec.models.feature_ials import FittedFactors
from mmrec.models.histories import Histories
from mmrec.published import events as history
from mmrec.published import snapshots, versions
from mmrec.published.features import Features
from mmrec.queries.sentence import Asking
from mmrec.settings import Settings
from mmrec.stages.model.boundary import problem_of

PEOPLE = 300


def main(config: str = "demo/mmrec.toml") -> None:
    """Prints one row a kind of fact."""
    settings = settings_module.load(Path(config))
    published = snapshots.read(Lake(settings.lake_root), settings)
    asking = Asking.of(published.lake, settings, published.period)
    weights, asked = asking.learnt(), sentences.questions(asking.named, sentences.MEASURING)
    parts = asking.parts(asked.sentences, asking.phrases(asked.sentences))
    columns = {
        "closeness": parts.closeness,
        "model": parts.model,
        "words": parts.words,
        "all three": parts.weighed(weights).sum(0),
    }
    told = ", ".join(f"{name} {value:g}" for name, value in vars(weights).items())
    print(f"{len(asked.sentences)} questions of one half of the facts, weights from the other: {told}")
    print(f"{'kind':<12}{'questions':>10}" + "".join(f"{name:>24}" for name in columns))
    kinds = np.array(asked.kinds)
    for kind in sorted(set(asked.kinds)):
        mine = kinds == kind
        cells = [metrics.interval(sentences.answered(scores, asked)[mine]) for scores in columns.values()]
        print(f"{kind:<12}{mine.sum():>10}{_shown(cells)}")
    print(f"\n{'asked by':<12}{'pairs':>10}" + "".join(f"{name:>24}" for name in ("sentence", "person", "both")))
    found = asked_by_people(published.lake, settings, published.period, columns["all three"], asked, asking)
    print(f"{'people':<12}{found.shape[1]:>10}{_shown([metrics.interval(each) for each in found])}")
    for at, name in ((0, "sentence"), (1, "person")):
        print(f"both − {name:<27}{_shown([metrics.interval(found[2] - found[at])])}")


def _shown(cells: list[Interval]) -> str:
    return "".join(f"{f'{each.value:.3f} [{each.low:.3f}, {each.high:.3f}]':>24}" for each in cells)


def asked_by_people(
    lake: Lake, settings: Settings, period: str, answers: np.ndarray, asked: Questions, asking: Asking
) -> np.ndarray:
    """NDCG@20 of pairs of a person and a question by the sentence, by the person and by both: float64 [3, pairs]."""
    version = versions.served_version(lake, period)
    problem = problem_of(settings, history.read(lake, settings, period, version.weighing), Features(lake))
    choice, known = version.choice, (TRAIN, VALIDATION)
    fitted = dense.fit(choice, problem.train, problem.n_items, problem.features(choice))
    taste = FittedFactors(fitted).scores(problem.histories(*known, recency=choice.recency))
    if choice.links is not None:
        own = problem.histories(*known, recency=choice.links.recency)
        taste = replace(taste, histories=own, links=problem.links(choice.links, TRAIN))
    place = {item: at for at, item in enumerate(problem.item_ids)}
    column = np.array([place[item] for item in asking.items["item_id"]])
    held, met = problem.held(TEST), problem.met(*known)
    people = np.random.default_rng(0).permutation(np.flatnonzero(held.lengths > 0))[:PEOPLE]
    found = []
    for person in people:
        row, every = np.array([person]), np.arange(problem.n_items)[None]
        personal = sentences.standardised(taste.exact(row, every)[:, column])
        wanted = np.isin(column, held.take(row).items)
        seen = np.isin(column, met.take(row).items)
        true = np.zeros((len(asked.sentences), len(column)), bool)
        true[asked.answers.rows, asked.answers.items] = True
        rows = np.flatnonzero((true & wanted).any(axis=1))
        both = np.stack([answers[rows], np.repeat(personal, len(rows), 0), answers[rows] + personal])
        both[:, :, seen] = -np.inf
        relevant = np.argwhere(true[rows] & wanted)
        held_out = Histories.build(relevant[:, 0], relevant[:, 1], np.ones(len(relevant)), n_users=len(rows))
        of = Questions([""] * len(rows), [""] * len(rows), held_out)
        found.append(np.stack([sentences.answered(scores, of) for scores in both]) if len(rows) else np.zeros((3, 0)))
    return np.concatenate(found, axis=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
