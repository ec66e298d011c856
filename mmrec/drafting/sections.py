"""From what was found to the sections of a drafted `mmrec.toml`: each line with what it rests on.

What was not found is a line that is commented out and says what to fill in; taken out of its comment, together with the
header of its section, it is a setting that loads. Not here: how lines are written (`mmrec/drafting/writing.py`), and
how things are found.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from mmrec.drafting import ids
from mmrec.drafting.days import Days
from mmrec.drafting.languages import not_english
from mmrec.drafting.media import MODALITIES, Named
from mmrec.drafting.parts import Table
from mmrec.drafting.patterns import Files
from mmrec.drafting.samples import Source
from mmrec.drafting.values import effect, is_scale, value_lines
from mmrec.drafting.writing import Line, Section

_ENCODERS = {
    "text": ("minilm", "all-MiniLM-L6-v2, for English: 384 numbers a text; e5-small reads a hundred languages"),
    "image": ("efficientnet-lite0", "EfficientNet-Lite0: 1,280 numbers a picture"),
    "audio": ("aisfx", "512 numbers a sound"),
    "video": ("frames:efficientnet-lite0", "frames of a clip through the encoder of pictures"),
}
_MULTILINGUAL = ("e5-small", "multilingual-e5-small: 384 numbers a text; {language}")
_NO_TYPE = "no column says what an event is, so all are called this"
_PEOPLE = "What people say of themselves, and whether it may be used."


def calendar(days: Days, events: Table, *, complete: bool) -> Section:
    """How time is cut into periods."""
    sampled = "" if complete else " seen in a sample"
    far = f", without {days.strays:,} that lie years away" if days.strays else ""
    zone = ", and what a time without a zone means"
    if events.column("time").has_zone:
        zone = "; for a zone west of Greenwich, start a day earlier"
    lines = [
        Line("period", days.period, f'guessed: about {days.per_day:,.0f} events a day; "day" or "week"'),
        Line("timezone", "UTC", f"not in the data: where a day begins{zone}"),
        Line("start", days.start, f"guessed: the first day of all events{sampled}{far}; events before it are rejected"),
        _end(days, f"the newest event{sampled} is of {days.last}"),
    ]
    return Section("calendar", "The periods in which events land, are judged, published and served.", lines)


def _end(days: Days, newest: str) -> Line:
    """The calendar's end where no event is recent: without it, periods without events follow up to today."""
    if not days.is_closed:
        return Line("end", None, f"not needed: {newest}, so the calendar goes on", days.end)
    if days.last > days.today:
        return Line("end", days.end, f"guessed: {newest}, which is still to come")
    room = f", and {days.room_days} days are left for files that may come" if days.room_days else ""
    ago = f"guessed: {newest}, {(days.today - days.last).days:,} days ago{room}"
    told = f"{ago}; without this line periods without events follow up to today"
    return Line("end", days.end, f"{told}. Delete it when newer events come: with it they are rejected")


def interactions(events: Table, files: Files, people: Table | None, weights: Sequence[Line]) -> list[Section]:
    """The event files, their columns, and what each type of event weighs; `weights` are the lines of the last."""
    values = events.column("value") if "value" in events.chosen else None
    lines = [
        Line("files", files.patterns, f"guessed: people, items and times; {_rows(events.source)}{files.later}"),
        *([] if "event" in events.chosen else [Line("event", type_of(events), _NO_TYPE)]),
        *(value_lines(values) if values else []),
    ]
    time, user, item = events.column("time"), events.column("user_id"), events.chosen["item_id"]
    looks = f"{time.instants.len():,} of {time.probe.len():,} values look like {time.time_form}"
    named = "by its name, but " if item.is_doubtful else "guessed: "
    columns = [
        _column(events, "user_id", "", f"; {user.distinct:,} different in {user.count:,} rows"),
        Line("item_id", item.column.name, f"{named}{item.why}{item.equal}"),
        Line("time", time.name, f"guessed: {looks}{events.chosen['time'].equal}"),
        _column(events, "event", "what a person did"),
        _column(events, "value", "how much: stars, a rating, a quantity", effect(values) if values else ""),
        _column(events, "query", "what a person typed to search"),
        _review(events, people),
    ]
    about = (
        "How much one event of a type says about a taste, against the others; at 0 the item was met and not liked. An "
        "event of a type that is not named here is kept out, and every plan warns of it."
    )
    return [
        Section("interactions", "What people did: one row an event.", lines),
        Section("interactions.columns", 'Our name = "your column".', columns, events.unused),
        Section("events", about, weights),
    ]


def type_of(events: Table) -> str:
    """What events are called where no column says it."""
    return "rating" if "value" in events.chosen and is_scale(events.column("value")) else "event"


def _review(events: Table, people: Table | None) -> Line:
    """People's own words are read only with their consent, so without it the column stays out."""
    line = _column(events, "review", "a person's own words, read only where the person's consent says so")
    if line.is_off or (people and "consent" in people.chosen):
        return line
    why = f"found, but not usable yet: column {line.value} holds people's own words, which are read only with consent"
    return Line("review", None, f"{why}; once the section users names a file that gives it, name the column here", "")


def items(catalogue: Table, files: Files, media: Sequence[Named], attributes: Sequence[str]) -> list[Section]:
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
    about = f"guessed: one row an item, with a title; {_rows(catalogue.source)}{files.later}"
    lines = [Line("files", files.patterns, about)]
    if attributes:
        lines.append(Line("attributes", list(attributes), "guessed: kept beside an item and read by no encoder"))
    used = {*attributes, *(each.column for each in media)}
    unused = [name for name in catalogue.unused if name not in used]
    return [
        Section("items", "The catalogue: one row an item.", lines),
        Section("items.columns", "", columns, unused),
    ]


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


def users(people: Table | None, files: Files, events: Table) -> list[Section]:
    """The people's own file. Without a column of consent it is not used."""
    if people is None:
        example = ["people.csv"]
        return [Section("users", _PEOPLE, [Line("files", None, "not found: a file with one row a person", example)])]
    text = [each.name for each in people.text]
    if "consent" not in people.chosen:
        why = "found, but not usable yet: no column says yes or no to whether a person's words may be used; add one and"
        beside = f"user_id ({people.column('user_id').name}) and text ({', '.join(text)})"
        named = f"name it as consent in the section users.columns, beside {beside}"
        return [Section("users", _PEOPLE, [Line("files", None, f"{why} {named}", files.patterns)])]
    known, _ = ids.told(events.column("user_id"), people.column("user_id"), "this file")
    columns = [
        _column(people, "user_id", "", f"; {known}" if known.startswith("none") else ""),
        _line(("text", text or None, "a person's own words"), "not found: the columns with a person's own words", []),
        _column(people, "consent", "yes or no: whether a person's words may be used"),
    ]
    lines = [Line("files", files.patterns, f"guessed: one row a person; {_rows(people.source)}{files.later}")]
    return [
        Section("users", _PEOPLE, lines),
        Section("users.columns", "", columns, people.unused),
    ]


def embeddings(catalogue: Table, media: Sequence[Named]) -> list[Section]:
    """An encoder for each modality that the catalogue has."""
    language = not_english(pl.concat([each.values.head(1_000) for each in catalogue.text]))
    encoder, told = _MULTILINGUAL
    of_language = {"text": (encoder, told.format(language=language))} if language else {}
    about = {"text": "What turns an item into numbers. A modality without a section of its own is not encoded."}
    present = ["text", *(each.modality for each in media if each.found)]
    lines = {name: Line("encoder", *chosen) for name, chosen in (_ENCODERS | of_language).items()}
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
