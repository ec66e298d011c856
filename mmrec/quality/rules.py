"""Row rules: what makes a single landed row good, and what it becomes.

Here: Polars expressions from delivered text to typed columns, and the first rule that a row breaks with its reason. A
reason quotes nothing that was delivered: where columns were mixed up, any of them may hold a person's id. Not here:
what must hold of a whole batch (`mmrec/quality/contracts.py`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import polars as pl

from mmrec import tables
from mmrec.evaluation.split import NAMES as PARTS
from mmrec.ingest.numbers import number
from mmrec.lake.hashing import text_hashes
from mmrec.modalities import FILES
from mmrec.quality.contracts import DUPLICATE, GOOD, IGNORED, UNNAMED
from mmrec.settings import Settings

YES, NO = ("yes", "y", "true", "t", "1", "on"), ("no", "n", "false", "f", "0", "off")
SEARCH = "search"  # the event that has a query instead of an item
Rule = tuple[str, pl.Expr, pl.Expr | str]  # name, whether a row breaks it, reason in words


def judge_interactions(raw: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """Every landed row with its typed columns, `rule` (`ok` or the first one it breaks) and `reason`.

    `raw` has the columns of raw/interactions. Of equal events the first by file and row stays. Which items the
    catalogue names is not asked: an event says what a person likes, whether or not the item is still on sale.
    """
    typed = raw.sort("source_file", "source_row").with_columns(
        user_id=clean_id("user_id"),
        item_id=clean_id("item_id"),
        event=_clean("event"),
        query=clean_text(pl.col("query")),
        review=clean_text(pl.col("review")),
        split=_clean("split").str.to_lowercase(),
        value_text=_clean("value"),
        value=number(_clean("value")),
        time=pl.col("time_utc"),
    )
    typed = typed.with_columns(words_hash=text_hashes(typed.select(pl.coalesce("query", "review")).to_series()))
    key = list(tables.contract(tables.VALIDATED_INTERACTIONS).key)
    return _first_stays(_apply(typed, _interaction_rules(settings)), key, "the same event stands in an earlier row")


def judge_items(raw: pl.DataFrame, attributes: Sequence[str] = ()) -> pl.DataFrame:
    """Every catalogue entry with its cleaned columns, `rule` and `reason`. The first of equal ids stays.

    `attributes` are the names of the values in the column of that name.
    """
    typed = (
        raw.sort("source_file", "source_row")
        .with_columns(
            item_id=clean_id("item_id"),
            title=_clean("title"),
            text=_joined_text(),
            attributes=_attributes(attributes),
            **{name: _clean(name) for name in (*[kind.name for kind in FILES], "categories")},
        )
        .with_columns(text=clean_text(pl.col("text")))
    )
    rules: list[Rule] = [
        ("malformed", pl.col("problem").is_not_null(), pl.col("problem")),
        ("item_missing", pl.col("item_id").is_null(), "item_id is empty; every item needs an id"),
        ("control_characters", _has_control("item_id"), "item_id holds a control character"),
        ("title_missing", pl.col("title").is_null(), "title is empty; every item needs a title to be shown"),
    ]
    return _first_stays(_apply(typed, rules), ["item_id"], "an earlier row has the same item_id; the first one stays")


def judge_users(raw: pl.DataFrame) -> pl.DataFrame:
    """Every profile with its cleaned columns, `rule` and `reason`. The first of equal ids stays.

    Consent is yes only where the delivered word says so and no other row of the person says no; where it says neither
    yes nor no, the row is rejected.
    """
    typed = (
        raw.sort("source_file", "source_row")
        .with_columns(user_id=clean_id("user_id"), consent=consent("consent"))
        .with_columns(refused=(pl.col("consent") == "no").any().over("user_id"))
        .with_columns(consent=pl.when("refused").then(pl.lit("no")).otherwise("consent"))
        .with_columns(text=pl.when(pl.col("consent") == "yes").then(clean_text(_joined_text())))
    )
    rules: list[Rule] = [
        ("malformed", pl.col("problem").is_not_null(), pl.col("problem")),
        ("user_missing", pl.col("user_id").is_null(), "user_id is empty"),
        ("control_characters", _has_control("user_id"), "user_id holds a control character"),
        (
            "consent_unclear",
            pl.col("consent").is_null(),
            f"consent is neither yes ({', '.join(YES)}) nor no ({', '.join(NO)}, empty)",
        ),
    ]
    return _first_stays(_apply(typed, rules), ["user_id"], "an earlier row has the same user_id; the first one stays")


def consent(column: str) -> pl.Expr:
    """A delivered consent as `yes` or `no`; no where it is empty, null where it is neither."""
    word = pl.col(column).str.strip_chars().str.to_lowercase().fill_null("")
    return pl.when(word.is_in(YES)).then(pl.lit("yes")).when(word.is_in([*NO, ""])).then(pl.lit("no"))


def _joined_text() -> pl.Expr:
    return pl.col("text").list.eval(clean_text(pl.element())).list.drop_nulls().list.join(". ")


def clean_text(text: pl.Expr) -> pl.Expr:
    """The canonical form of a text, which its hash is taken of: NFC, single spaces, null when nothing is left."""
    normal = text.str.normalize("NFC").str.replace_all(r"[\s\p{Cc}]+", " ").str.strip_chars()
    return pl.when(normal.str.len_chars() > 0).then(normal)


def clean_id(column: str) -> pl.Expr:
    """The canonical form of an id: NFC, so that a letter typed in two ways is one, and no space around it."""
    return _clean(column).str.normalize("NFC")


def _clean(column: str | pl.Expr) -> pl.Expr:
    stripped = (pl.col(column) if isinstance(column, str) else column).str.strip_chars()
    return pl.when(stripped.str.len_chars() > 0).then(stripped)


def _interaction_rules(settings: Settings) -> list[Rule]:
    events, calendar = sorted(settings.events.weights), settings.calendar
    is_search = (pl.col("event") == SEARCH) & pl.col("query").is_not_null()
    ignored = pl.col("event").is_in(settings.events.ignore).fill_null(value=False)
    unnamed = ~pl.col("event").is_in(events)
    value, text = pl.col("value"), pl.col("value_text")
    rules: list[Rule] = [
        ("malformed", pl.col("problem").is_not_null(), pl.col("problem")),
        (IGNORED, ignored, "the type of the event is in [events] ignore"),
        (UNNAMED, unnamed.fill_null(value=False), "the type of the event has no weight in [events], nor is it ignored"),
        ("event_missing", pl.col("event").is_null(), f"event is empty; [events] has: {', '.join(events)}"),
        ("user_missing", pl.col("user_id").is_null(), "user_id is empty"),
        ("control_characters", _has_control("user_id", "item_id"), "an id holds a control character"),
        (
            "time_unusable",
            pl.col("time").is_null(),
            f"time cannot be read or lies outside the calendar ({calendar.start} to {calendar.end or 'now'})",
        ),
        ("item_missing", pl.col("item_id").is_null() & ~is_search.fill_null(value=False), "item_id is empty"),
        (
            "value_unusable",
            text.is_not_null() & ~(value.is_not_null() & value.is_finite()).fill_null(value=False),
            "value is no finite number",
        ),
    ]
    if settings.interactions.value_range:
        low, high = settings.interactions.value_range
        outside = ~value.is_between(low, high).fill_null(value=True)
        rules.append(("value_out_of_range", outside, f"value lies outside {low:g} to {high:g}"))
    if settings.interactions.columns.split:
        unknown = ~pl.col("split").is_in(PARTS).fill_null(value=False)
        rules.append(("split_unknown", unknown, f"the split is none of: {', '.join(PARTS)}"))
    return rules


def _attributes(names: Sequence[str]) -> pl.Expr:
    """A list of values as one JSON object, those that are empty left out; null where all are.

    A number keeps the digits that it was written with. A code such as 007, which JSON has no number for, is a text.
    """
    values = [_clean(pl.col("attributes").list.get(at, null_on_oob=True)) for at in range(len(names))]
    written = [pl.when(_is_json_number(value)).then(value).otherwise(_json_text(value)) for value in values]
    keys = [pl.lit(f"{json.dumps(name, ensure_ascii=False)}:") for name in names]
    pairs = [key + value for key, value in zip(keys, written, strict=True)]
    if not pairs:
        return pl.lit(None, dtype=pl.String)
    inside = pl.concat_str(pairs, separator=",", ignore_nulls=True)
    return pl.when(inside != "").then(pl.lit("{") + inside + pl.lit("}"))


def _is_json_number(text: pl.Expr) -> pl.Expr:
    return text.str.contains(r"^-?(0|[1-9]\d{0,17})(\.\d{1,18})?$")


def _json_text(text: pl.Expr) -> pl.Expr:
    """A text as JSON writes it."""
    packed = pl.struct(_=text).struct.json_encode()
    return pl.when(text.is_not_null()).then(packed.str.slice(5).str.head(-1))


def _has_control(*columns: str) -> pl.Expr:
    return pl.any_horizontal(pl.col(name).str.contains(r"\p{Cc}").fill_null(value=False) for name in columns)


def _first_stays(judged: pl.DataFrame, key: Sequence[str], reason: str) -> pl.DataFrame:
    """Of the good rows of one key the first stays, and the others are duplicates of it."""
    duplicate = (pl.int_range(pl.len()).over([*key, "rule"]) > 0) & (pl.col("rule") == GOOD)
    return judged.with_columns(
        rule=pl.when(duplicate).then(pl.lit(DUPLICATE)).otherwise("rule"),
        reason=pl.when(duplicate).then(pl.lit(reason)).otherwise("reason"),
    )


def _apply(frame: pl.DataFrame, rules: Sequence[Rule]) -> pl.DataFrame:
    """Adds `rule` and `reason` of the first rule that a row breaks."""
    rule: pl.Expr = pl.lit(GOOD)
    reason: pl.Expr = pl.lit(None, dtype=pl.String)
    for name, broken, told in reversed(rules):
        rule = pl.when(broken).then(pl.lit(name)).otherwise(rule)
        reason = pl.when(broken).then(pl.lit(told) if isinstance(told, str) else told).otherwise(reason)
    return frame.with_columns(rule=rule, reason=reason)
