"""What `mmrec init` takes types of events, values and days for; and that no guess loses a good event."""

import datetime as dt

import polars as pl
import pytest

from mmrec import drafting
from mmrec.drafting import ends, parts, roles, samples, tally, tastes, values
from mmrec.settings import load
from tests.helpers.drafted import (
    START,
    TODAY,
    catalogue,
    column,
    draft,
    events,
    judge,
    renamed,
    told,
    when,
    write,
)

# -- types of events ---------------------------------------------------------------------------------------------------

NAMES = {
    tastes.STRONG: "purchase Purchased buy bought order orders back_order checkout transaction rent paid repurchase "
    "order_delivered buy_click 购买 下单",
    tastes.FIRM: "like liked add_to_cart addtocart addToCart favourites saved thumbs_up thumbsup upvote swipe_right "
    "收藏",
    tastes.PLAIN: "view click play search showcase_click returning_visit unlikely backorder show_details show_more "
    "impression_click view_cart mute_video view_report watch_show hide_details cart_abandoned unlock reading 点击 x 7",
    tastes.MET: "dislike disliked_item disLike thumbs_down thumbsdown ThumbsDown NOT_INTERESTED notinterested downvote "
    "hide hidden hate block mute report reported skip song_skipped unlike un_like unLiked unfollow unsubscribe refund "
    "returned order_return cancelled canceled cancel_order remove_from_cart removefromcart cart_remove uninstall "
    "bounce dont_like not_liked swipe_left undo_like like_removed show_less click_dislike not_interested_hide unsave "
    "不喜欢 不感兴趣 踩 取消收藏",
    None: "impression impressions product_impression exposure exposed shown item_shown served delivered email_sent "
    "send show show_item not_clicked no_click unhide unblock undo_dislike cancel_report like_button_impression "
    "cart_shown 曝光",
}


@pytest.mark.parametrize(("weight", "names"), NAMES.items())
def test_a_type_is_told_by_whole_words_in_their_order(weight, names):
    assert {name: tastes.weight(name) for name in names.split()} == dict.fromkeys(names.split(), weight)


def of_types(folder, types, count=60, **others):
    write(folder / "events.csv", events(count, kind=lambda at: types[at % len(types)], **others))
    write(folder / "items.csv", catalogue())
    return draft(folder)["events"]


def test_what_was_met_or_only_shown_is_neither_rejected_nor_liked(tmp_path):
    found = of_types(tmp_path, ["impression", "impression", "dislike", "click"])
    assert found == {"dislike": 0.0, "click": 1.0, "ignore": ["impression"]}
    assert "met and not liked, so never listed again; 15 of 60 events" in told(tmp_path, "events.dislike")
    published, _ = judge(tmp_path)
    assert published["event"].value_counts().sort("event").rows() == [("click", 15), ("dislike", 15)]


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        (["shown"], {"shown": 1.0}),
        (["shown", "hide"], {"shown": 1.0, "hide": 0.0}),
        (["hide", "ban"], {"ban": 1.0, "hide": 1.0}),
        (["ignore", "shown", "buy"], {"buy": 3.0, "ignore": ["ignore", "shown"]}),
        (["ignore", "buy"], {"buy": 3.0, "ignore": 0.0}),
    ],
)
def test_some_type_always_weighs(tmp_path, types, expected):
    assert of_types(tmp_path, types) == expected


def test_types_that_name_no_item_are_kept_out(tmp_path):
    rows = list(events(kind=lambda at: ["login", "click"][at % 2]))
    write(tmp_path / "log.jsonl", [row if row["kind"] == "click" else row | {"item_id": None} for row in rows])
    write(tmp_path / "items.csv", catalogue())
    assert draft(tmp_path)["events"] == {"click": 1.0, "ignore": ["login"]}
    assert "naming no item" in told(tmp_path, "events.ignore")
    published, _ = judge(tmp_path)
    assert published.height == 30


# -- values ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "seen", "liked_from"),
    [
        ("rating", "1 2 3 4 5", 3),
        ("rating", "3 4 5", 3),
        ("stars", "0.5 4.5 5", 2.75),
        ("user_rating", "2 9 10", 5.5),
        ("score", "10 55 98", 50.5),
        ("rating", "5 5 5", 3),
        ("overall", "0 1", 0.5),
        ("rating", "-1 1", None),  # above 0 is liked without a word
        ("rating", "-2 0 1", None),
        ("rating", "-1 3 10", 5.5),  # -1 is no rating
        ("rating", "1 2", 2),
        ("score", "3 900", None),
        ("value", "1 2 3", None),
        ("quantity", "-1 1 2", None),
    ],
)
def test_a_scale_of_ratings_has_a_middle(name, seen, liked_from):
    [liked, scale, outside] = values.value_lines(column(name, *seen.split()))
    assert (liked.key, scale.key, outside.key) == ("liked_from", "value_scale", "value_range")
    assert liked.value == liked_from
    assert scale.is_off
    assert outside.is_off


def test_a_guessed_range_never_rejects_what_a_later_file_holds(tmp_path):
    write(tmp_path / "ratings_1.csv", renamed(events(30, rating=lambda at: 3 + at % 3), time="timestamp"))
    write(tmp_path / "items.csv", catalogue())
    drafting.write(tmp_path, TODAY)
    write(tmp_path / "ratings_2.csv", renamed(events(30, rating=lambda at: -7.5), time="timestamp"))
    (tmp_path / "mmrec.toml").rename(tmp_path / "kept.toml")
    settings = load(tmp_path / "kept.toml", environment={})
    assert settings.interactions.value_range is None
    assert settings.interactions.liked_from == 3
    assert settings.interactions.files == ["ratings_*.csv"]


def test_an_amount_is_mapped_and_what_it_does_is_said(tmp_path):
    write(tmp_path / "events.csv", events(Quantity=lambda at: -1 if at % 4 == 0 else at))
    write(tmp_path / "items.csv", catalogue())
    found = draft(tmp_path)["interactions"]
    assert found["columns"]["value"] == "Quantity"
    assert not {"liked_from", "value_scale", "value_range"} & set(found)
    said = told(tmp_path, "interactions.columns.value")
    assert "15 of 60 sampled values are 0 or below: met, not liked; above 0 a value changes nothing" in said
    assert told(tmp_path, "interactions.value_scale").startswith('# value_scale = "log"')


@pytest.mark.parametrize(
    ("name", "role"),
    [*((each, "amount") for each in ("qty", "units", "play_count", "watch_time_s", "dwellSeconds", "is_click", "数量")),
     *((each, "value") for each in ("rating", "star_rating", "score", "overall", "评分")),
     *((each, None) for each in ("price", "rating_count_total", "age", "zip"))],
)  # fmt: skip
def test_amounts_and_ratings_are_told_by_their_names(name, role):
    found = [each for each in ("value", "amount") if roles.propose([column(name, "1", "2")], each)]
    assert found == ([role] if role else [])


# -- days --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "jsonl", "parquet"])
@pytest.mark.parametrize("form", ["iso", "offset", "seconds", "digits"])
def test_the_first_day_and_every_type_are_found_outside_of_the_sample(tmp_path, monkeypatch, kind, form):
    monkeypatch.setattr(ends, "_WHOLE_BYTES", 20_000)
    monkeypatch.setattr(ends, "_END_BYTES", 5_000)
    monkeypatch.setattr(ends, "_END_ROWS", 50)
    monkeypatch.setattr(tally, "_BLOCK_BYTES", 30_000)
    early = START - dt.timedelta(days=3)
    moments = [early if at == 1_500 else when(at, 0.1) for at in range(3_000)]
    shown = {
        "iso": lambda at: moments[at].replace(tzinfo=None).isoformat(" "),
        "offset": lambda at: moments[at].astimezone(dt.timezone(dt.timedelta(hours=9))).isoformat(),
        "seconds": lambda at: int(moments[at].timestamp()),
        "digits": lambda at: moments[at].strftime("%Y%m%d%H%M%S"),
    }[form]
    rows = list(events(3_000, time=shown, what=lambda at: "dislike" if at == 1_500 else "view"))
    if kind == "csv.gz":
        rows = [row | {"note": "a line\nof two"} for row in rows]
    write(tmp_path / f"events.{kind}", rows)
    write(tmp_path / "items.csv", catalogue())
    found = parts.assign(samples.look(tmp_path).sources).events
    counted = tally.tally(tmp_path, found)
    assert not found.source.whole
    assert counted.complete
    assert counted.days["day"][0] == early.date()
    assert 2_995 <= counted.days["count"].sum() <= 3_000  # a row may be cut where one block ends in a field of lines
    assert counted.types["type"].to_list() == ["view", "dislike"]


def test_a_draft_begins_with_the_first_day_of_all(tmp_path, monkeypatch):
    monkeypatch.setattr(ends, "_WHOLE_BYTES", 2_000)
    monkeypatch.setattr(ends, "_END_BYTES", 500)
    rows = list(events(100, hours=1, what=lambda at: "view"))
    rows[50] |= {"time": "2023-12-30", "what": "dislike"}
    write(tmp_path / "events.csv", rows)
    write(tmp_path / "items.csv", catalogue())
    found = draft(tmp_path)
    assert (found["calendar"]["start"], found["events"]) == (dt.date(2023, 12, 30), {"view": 1.0, "dislike": 0.0})
    assert "the first day of all events;" in told(tmp_path, "calendar.start")


def test_days_are_counted_as_every_row_would_be_read():
    moments = [when(at, 5.3) for at in range(400)]
    written = [
        *(each.isoformat() for each in moments),
        *(each.replace(tzinfo=None).isoformat(" ") for each in moments),
        *(str(int(each.timestamp() * 1000)) for each in moments),
        *(str(each.timestamp()) for each in moments),
        *(f"{each:%Y%m%d}" for each in moments),
        *(f"{each:%Y%m%dT%H%M%S}Z" for each in moments),
        "no time",
        None,
    ]
    counted = tally._counted(pl.DataFrame({"t": pl.Series(written, dtype=pl.String)}), ["t"]).drop_nulls("day")
    assert counted["count"].sum() == 2400
    assert set(counted["day"]) == {each.date() for each in moments}


def test_a_history_of_long_ago_ends_and_leaves_room_for_later_files(tmp_path):
    for day in (1, 2):
        write(tmp_path / f"events-2024-01-0{day}.csv", events(20, hours=0.5))
    write(tmp_path / "items.csv", catalogue())
    found = draft(tmp_path)["calendar"]
    assert found["end"] == found["start"] + dt.timedelta(days=1 + 7)
    said = told(tmp_path, "calendar.end")
    assert "60 days ago, and 7 days are left for files that may come; without this line periods without events" in said
    assert "Delete it when newer events come: with it they are rejected" in said
