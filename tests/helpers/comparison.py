"""An answer of `mmrec compare` whose every text is given: for tests of how it is shown."""

from mmrec.evaluation.comparison import FAMILY, HEADLINE
from mmrec.evaluation.metrics import ALL


def answer(text):
    """Two figures, a difference and the breadth of a model that has this name, this note and this period."""

    def figure(metric, minus=None, p=None):
        interval = {"value": 0.5, "low": 0.4, "high": 0.6, "people": 120}
        return {"model": text, "split": "test", "segment": ALL, "metric": metric, "minus": minus, "p": p} | interval

    figures = [figure(HEADLINE), figure("Coverage@20"), *[figure(metric, text, 0.5) for metric, _ in FAMILY]]
    return {
        **{"period": text, "people": 120, "items": 90, "events": {text: 1}, "split": text, "leaks": text},
        **{"test_reads": {text: 1}, "too_little": None, "served": text, "stand_in_media": ["image"]},
        "figures": [each | {"note": text} for each in figures],
    }
