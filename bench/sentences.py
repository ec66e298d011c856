"""What a list for a sentence is worth: NDCG@20 of the items of which a fact of the catalogue is true.

    python -m bench.sentences [SETTINGS]      the demo's lake, or that of a settings file

Weights are learnt from one half of the facts and measured on the other, beside each part alone: closeness in the
encoder's space, what the model makes of a sentence, and words. Intervals are over questions.
"""

import sys
from pathlib import Path

import numpy as np

from mmrec import settings as settings_module
from mmrec.evaluation import metrics
from mmrec.lake.store import Lake
from mmrec.lists import sentences
from mmrec.published import snapshots
from mmrec.queries.sentence import Asking


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
        shown = "".join(f"{f'{each.value:.3f} [{each.low:.3f}, {each.high:.3f}]':>24}" for each in cells)
        print(f"{kind:<12}{mine.sum():>10}{shown}")


if __name__ == "__main__":
    main(*sys.argv[1:])
