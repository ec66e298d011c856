"""From what was found to the sections of a drafted `mmrec.toml`: each line with what it rests on.

What was not found is a line that is commented out and says what to fill in. Not here: how lines are written
(`mmrec/drafting/writing.py`), and how things are found.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from mmrec.drafting.days import Days
from mmrec.drafting.media import MODALITIES, Named
from mmrec.drafting.parts import Table
from mmrec.drafting.samples import Source
from mmrec.drafting.weights import value_range, weights
from mmrec.drafting.writing import Line, Section

_ENCODERS = {
    "text": ("minilm", "all-MiniLM-L6-v2, for English: 384 numbers a text"),
    "image": ("efficientnet-lite0", "EfficientNet-Lite0: 1,280 numbers a picture"),
    "audio": ("aisfx", "512 numbers a sound"),
    "video": ("frames:efficientnet-lite0", "frames of a clip through the encoder of pictures"),
}
_OTHER_SCRIPT = "; most of these texts are in another script: name a model that reads it, hf:<folder or hub id>"
_PEOPLE = "What people say of themselves, and whether it may be used."


def calendar(days: Days, events: Source) -> Section:
    """How time is cut into periods."""
    sampled = "" if events.whole else " in a sample"
    far = f", without {days.strays:,} that lie years away" if days.strays else ""
    newest = f"the newest event seen{sampled} is of {days.last}"
    lines = [
        Line("period", days.period, f'guessed: about {days.per_day:,.0f} events a day; "day" or "week"'),
        Line("timezone", "UTC", "not in the data: where a day begins, and what a time without a zone means"),
        Line("start", days.start, f"guessed: the first day seen{sampled}{far}; events before it are rejected"),
        _line(
            ("end", days.end, f"{newest}; without this line the calendar goes on"),
            f"not needed: {newest}, so the calendar goes on",
            days.last + dt.timedelta(days=1),
        ),
    ]
    return Section("calendar", "The periods in which events land, are judged, published and served.", lines)


def interactions(events: Table, files: list[str]) -> list[Section]:
    """The event files, their columns, and what each type of event weighs."""
    typed, valued = "event" in events.chosen, "value" in events.chosen
    name = "rating" if valued else "event"
    lines = [
        Line("files", files, f"guessed: people, items and times; {_rows(events.source)}{_later(files)}"),
        *([] if typed else [Line("event", name, "no column says what an event is, so all are called this")]),
        *([value_range(events.column("value"))] if valued else []),
    ]
    time, user = events.column("time"), events.column("user_id")
    looks = f"{time.instants.len():,} of {time.count:,} values look like {time.time_form}"
    columns = [
        _column(events, "user_id", "", f"; {user.distinct:,} different in {user.count:,} rows"),
        _column(events, "item_id", ""),
        Line("time", time.name, f"guessed: {looks}{events.chosen['time'].equal}"),
        _column(events, "event", "what a person did"),
        _column(events, "value", "how much: stars, a rating"),
        _column(events, "query", "what a person typed to search"),
        _column(events, "review", "a person's own words, read only where the person's consent says so"),
    ]
    about = (
        "How much one event of a type says about a taste, against the others. Events of any other type are rejected."
    )
    return [
        Section("interactions", "What people did: one row an event.", lines),
        Section("interactions.columns", 'our name = "your column"', columns),
        Section("events", about, weights(events.column("event") if typed else None, name)),
    ]


def items(catalogue: Table, files: list[str], media: Sequence[Named]) -> list[Section]:
    """The catalogue's files and columns."""
    named = {each.modality: each for each in media}
    text = [each.name for each in catalogue.text]
    columns = [
        _column(catalogue, "item_id", ""),
        _column(catalogue, "title", ""),
        Line("text", text, "guessed: the columns of words; in this order they make up an item's text"),
        *(_media_column(modality, named.get(modality)) for modality in MODALITIES),
        _column(catalogue, "categories", "an item's categories"),
    ]
    lines = [Line("files", files, f"guessed: one row an item, with a title; {_rows(catalogue.source)}")]
    return [Section("items", "The catalogue: one row an item.", lines), Section("items.columns", "", columns)]


def media(root: str | None, named: Sequence[Named]) -> Section:
    """Where pictures, sounds and clips lie."""
    found, asked = sum(each.found for each in named), sum(each.asked for each in named)
    below = ("root", root, f"{found:,} of {asked:,} sampled names are files below it")
    drawn = "the modalities whose files are drawn or made up: said wherever one shows"
    lines = [
        _line(below, "not found: the folder where the names in the catalogue start from", "media"),
        Line("stand_in", None, drawn, ["image"]),
    ]
    return Section("media", "Pictures, sounds and clips stay where they are.", lines)


def users(people: Table | None, files: list[str]) -> list[Section]:
    """The people's own file."""
    if people is None:
        return [
            Section("users", _PEOPLE, [Line("files", None, "not found: a file with one row a person", ["people.csv"])])
        ]
    text = ("text", [each.name for each in people.text] or None, "a person's own words")
    columns = [
        _column(people, "user_id", ""),
        _line(text, "not found: the columns with a person's own words", []),
        _column(people, "consent", "yes or no: whether a person's words may be used"),
    ]
    lines = [Line("files", files, f"guessed: one row a person; {_rows(people.source)}")]
    return [Section("users", _PEOPLE, lines), Section("users.columns", "", columns)]


def embeddings(catalogue: Table, media: Sequence[Named]) -> list[Section]:
    """An encoder for each modality that the catalogue has."""
    latin = sum(each.share("[A-Za-z]") for each in catalogue.text) / len(catalogue.text)
    notes = {"text": _OTHER_SCRIPT if latin < 0.5 else ""}
    about = {"text": "What turns an item into numbers. A modality without a section of its own is not encoded."}
    present = ["text", *(each.modality for each in media if each.found)]
    lines = {name: Line("encoder", encoder, told + notes.get(name, "")) for name, (encoder, told) in _ENCODERS.items()}
    return [Section(f"embeddings.{name}", about.get(name, ""), [lines[name]]) for name in present]


def _line(guess: tuple[str, Any, str], otherwise: str, example: Any) -> Line:
    """A guess (key, value, why), or what to say where there is none."""
    key, value, why = guess
    return Line(key, value, otherwise if value is None else f"guessed: {why}", example)


def _column(table: Table, role: str, what: str, more: str = "") -> Line:
    choice = table.chosen.get(role)
    guess = (role, choice.column.name, f"{choice.why}{choice.equal}{more}") if choice else (role, None, "")
    return _line(guess, f"not found: the column with {what}", "")


def _media_column(modality: str, named: Named | None) -> Line:
    if named is None:
        return Line(modality, None, f"not found: the column that names an item's {modality} file", "")
    guess = (modality, named.column if named.found else None, named.why)
    return _line(guess, f"found, but not usable yet: {named.why}", named.column)


def _rows(source: Source) -> str:
    return f"{source.row_count:,} rows" if source.whole else f"about {source.row_count:,} rows, read in part"


def _later(files: list[str]) -> str:
    """Of a single file: how later ones would be found too."""
    if len(files) > 1 or "*" in files[0]:
        return ""
    stem, dot, suffix = files[0].partition(".")
    return f'; "{stem}*{dot}{suffix}" would find later files too'
