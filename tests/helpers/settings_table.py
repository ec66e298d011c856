"""Every setting with the values that the settings matrix tries, and the fewest combinations that hold every pair.

Here: the tables, what settings refuse together, and the covering array. Not here: the data that a combination is tried
on (`tests/helpers/plain_shop.py`).
"""

import datetime as dt
import itertools
import random
from typing import get_args

from pydantic import BaseModel

# A day inside each calendar that has an hour which clocks skip: midnight, but in Berlin; the whole day in Apia.
ODD_DAYS = {
    "UTC": dt.date(2024, 2, 29),
    "Europe/Berlin": dt.date(2026, 3, 29),
    "America/Santiago": dt.date(2026, 9, 6),
    "Africa/Cairo": dt.date(2026, 4, 24),
    "Asia/Kathmandu": dt.date(1986, 1, 1),
    "Pacific/Apia": dt.date(2011, 12, 30),
}

# Path of a setting → the values tried. `*` stands for any key of a table. None leaves a section or a mapping out.
SETTINGS = {
    "calendar.timezone": tuple(ODD_DAYS),
    "calendar.period": ("day", "week"),
    "calendar.start": (-2, -5),  # days after the odd day
    "calendar.end": (None, 13),  # days after the odd day; without it the calendar ends now
    "interactions.files": (["events/*"], ["events/[0-2].*", "**/events/[3-5].*"]),
    "interactions.columns.user_id": ("user_id", "Wer?"),
    "interactions.columns.item_id": ("item_id", "thing id"),
    "interactions.columns.time": ("time", "at"),
    "interactions.columns.event": (None, "what happened"),
    "interactions.columns.value": (None, "value"),
    "interactions.columns.query": (None, "searched for"),
    "interactions.columns.review": (None, "review"),
    "interactions.event": (None, "view"),
    "interactions.value_range": (None, [-2, 5]),
    "interactions.liked_from": (None, 3),
    "interactions.value_scale": ("none", "linear", "log"),
    "events.weights": (
        {"view": 1.0, "rating": 2.0, "purchase": 3.0, "search": 0.5},
        {"view": 0.25, "rating": 1.0, "purchase": 1.5, "dislike": 0.0},
    ),
    "events.ignore": ([], ["impression"]),
    "items.files": (["catalogue/*"], ["catalogue/[12].*", "*logue/0.*"]),
    "items.columns.item_id": ("item_id", "Nr."),
    "items.columns.title": ("title", "Titel"),
    "items.columns.text": ([], ["about", "more"]),
    "items.columns.image": (None, "picture"),
    "items.columns.audio": (None, "sound"),
    "items.columns.video": (None, "clip"),
    "items.columns.categories": (None, "kinds"),
    "items.attributes": ([], ["price", "director", "shelf"]),
    "users.files": (None, ["people/*"]),
    "users.columns.user_id": ("user_id", "Wer?"),
    "users.columns.text": ([], ["bio", "likes"]),
    "users.columns.consent": ("consent", "may we?"),
    "users.weight": (1.0, 2.5),
    "media.root": (".", "media"),
    "media.stand_in": ([], ["image"]),
    "embeddings.text.encoder": (None, "hash:8"),
    "embeddings.image.encoder": (None, "hash:4"),
    "embeddings.audio.encoder": (None, "hash:3"),
    "embeddings.video.encoder": (None, "hash:5"),
    "embeddings.*.precision": ("fp32", "bf16"),
    "embeddings.*.device": ("auto", "cpu"),
    "model.refit": (1, 3),
    "model.width": (2, 6),
    "model.sweeps": (1, 2),
    "model.min_events": (2, 4),
    "model.split": ("per_person", "global", "random"),
    "model.seed": (0, 7),
    "recommendations.k": (3, 50),
    "quality.max_rejected_share": (1.0, 0.3),
    "quality.max_unknown_item_share": (None, 0.2),
    "quality.min_rows": (1, 9),
    "quality.max_rows": (1_000_000_000, 60),
}
DELIVERED = {"delivered.ids": ("text", "number")}  # no setting, but tried like one
EXEMPT = {
    "name": "a label",
    "data": "where the files lie, not what they hold",
    "home": "where what is made and fetched lies, not what it holds",
    "lake.root": "where the tables lie, not what they hold",
    "interactions.columns.split": "needs model.split, tried in tests/stages/test_given_split.py",
    "model.kind": "what is served, tried in tests/evaluation/test_linear.py and tests/published/test_linear_served.py",
    "model.fusion": "which map places what is new, tried in tests/models/test_placing.py",
    "recommendations.diversity": "re-ranks lists, tried in tests/lists/test_diverse_lists.py",
    "recommendations.explore": "gives places away, tried in tests/published/test_placed.py",
    "schedule.cron": "when a run starts",
    "schedule.timezone": "when a run starts",
    "weights": "where encoders' weights lie; the encoders tried have none",
}
# Where the first is set, settings refuse the combination without the second.
REQUIRES = (
    ("interactions.columns.review", "users.files"),
    ("users.files", "embeddings.text.encoder"),
    *((f"embeddings.{name}.encoder", f"items.columns.{name}") for name in ("text", "image", "audio", "video")),
)
ONE_OF = ("interactions.event", "interactions.columns.event")
CONSTRAINED = {*itertools.chain(*REQUIRES), *ONE_OF}
VALUES = SETTINGS | DELIVERED


def leaves(model, prefix=""):
    """Every setting that holds a value: dotted paths, through sections, optional ones and tables of sections."""
    for name, field in model.model_fields.items():
        path = f"{prefix}{name}"
        inner = [each for each in (field.annotation, *get_args(field.annotation)) if _is_section(each)]
        if not inner:
            yield path
        elif _is_section(field.annotation) or type(None) in get_args(field.annotation):
            yield from leaves(inner[0], f"{path}.")
        else:
            for key in get_args(get_args(field.annotation)[0]):
                yield from leaves(inner[0], f"{path}.{key}.")


def _is_section(annotation):
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def possible(row):
    """Whether settings accept some completion of this part of a combination."""
    is_set = {path: bool(value) for path, value in row.items()}
    for path, needed in REQUIRES:
        if is_set.get(path) and not is_set.setdefault(needed, True):
            return False
    return any(is_set.get(path, True) for path in ONE_OF)


def pairs(row):
    """Every two settings of a combination with their values (as positions)."""
    return set(itertools.combinations(sorted((path, VALUES[path].index(value)) for path, value in row.items()), 2))


def wanted_pairs():
    """Every pair of values that settings accept, those of settings with many values first."""
    by_values = sorted(VALUES, key=lambda path: -len(VALUES[path]))
    for one, other in sorted(itertools.combinations(by_values, 2), key=lambda two: -_count(two)):
        for a, b in itertools.product(range(len(VALUES[one])), range(len(VALUES[other]))):
            if possible({one: VALUES[one][a], other: VALUES[other][b]}):
                yield tuple(sorted([(one, a), (other, b)]))


def covering(seed=113):
    """Few combinations that hold every pair: each begins with one that is missing and takes in as many as it can."""
    draw, rows = random.Random(seed), []
    missing = dict.fromkeys(wanted_pairs())  # in order
    while missing:
        row = dict(next(iter(missing)))
        for path in draw.sample(sorted(VALUES), len(VALUES)):
            if path not in row:
                row[path] = max(_allowed(draw, row, path), key=lambda at, path=path: _gain(row, path, at, missing))
        rows.append({path: VALUES[path][at] for path, at in row.items()})
        for pair in pairs(rows[-1]):
            missing.pop(pair, None)
    return rows


def drawn(draw, **fixed):
    """A combination with these values (as positions), all others drawn at random."""
    row = {path: fixed[path] for path in fixed}
    for path in draw.sample(sorted(VALUES), len(VALUES)):
        row.setdefault(path, _allowed(draw, row, path)[0])
    return {path: VALUES[path][at] for path, at in row.items()}


def _allowed(draw, row, path):
    """The values of a setting that a combination could take, in random order."""
    given = {each: VALUES[each][at] for each, at in row.items() if each in CONSTRAINED}
    places = draw.sample(range(len(VALUES[path])), len(VALUES[path]))
    return [at for at in places if possible({**given, path: VALUES[path][at]})]


def _gain(row, path, at, missing):
    """How many missing pairs a value makes with those that a combination has."""
    return sum(((path, at), one) in missing or (one, (path, at)) in missing for one in row.items())


def _count(paths):
    return len(VALUES[paths[0]]) * len(VALUES[paths[1]])


COMBINATIONS = covering()  # every pair of values, of all settings at once
