"""What `mmrec init` takes types of events, values, ids, texts and days for; and that no guess loses a good event."""

import datetime as dt
import json
import unicodedata
import uuid

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmrec import drafting
from mmrec.drafting import columns, ends, ids, languages, parts, roles, samples, tally, tastes, values
from mmrec.settings import load
from tests.helpers.drafted import (
    PERSON,
    START,
    TODAY,
    catalogue,
    draft,
    events,
    judge,
    media,
    renamed,
    told,
    uncommented,
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


@pytest.mark.usefixtures("quick_judge")
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


@pytest.mark.usefixtures("quick_judge")
def test_types_that_name_no_item_are_kept_out(tmp_path):
    rows = list(events(kind=lambda at: ["login", "click"][at % 2]))
    write(tmp_path / "log.jsonl", [row if row["kind"] == "click" else row | {"item_id": None} for row in rows])
    write(tmp_path / "items.csv", catalogue())
    assert draft(tmp_path)["events"] == {"click": 1.0, "ignore": ["login"]}
    assert "naming no item" in told(tmp_path, "events.ignore")
    published, _ = judge(tmp_path)
    assert published.height == 30


# -- values ------------------------------------------------------------------------------------------------------------


def column(name, *found):
    return columns.Column(name, pl.Series(found, dtype=pl.String))


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


@pytest.mark.usefixtures("quick_judge")
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


# -- ids ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mine", "theirs", "said"),
    [
        ("1.0 2.0 3.0", "1 2 3", "none of the 3 different values is an id of the catalogue (sku): they are written like"
         " 1.0 where the catalogue writes 1; write them alike"),
        ("1 2 3", "1.0 2.0 3.0", "they are written like 1 where the catalogue writes 1.0"),
        ("007 008", "7 8", "they are written like 007 where the catalogue writes 7"),
        ("ab-1 ab-2", "AB-1 AB-2", "upper and lower case differ"),
        ("item_7 item_8", "7 8", "they are written like item_7 where the catalogue writes 7"),
        ("7 8", "gid://shop/7 gid://shop/8", "they are written like 7 where the catalogue writes item_7"),
        ("978-3-16 978-3-17", "978316 978317", "they are written like 978-3-16 where the catalogue writes 978316"),
        ("a-1 a-2", "b.1 b.2", "one id is written in several ways, such as item_7 and 7"),
        ("a b c", "d e f", "none of the 3 different values is an id of the catalogue (sku)"),
        ("1 2 x y z", "1 2 3", "only 2 of the 5 different values are ids of the catalogue (sku)"),
    ],
)  # fmt: skip
def test_ids_that_the_catalogue_does_not_have_are_told_and_why(mine, theirs, said):
    found, few = ids.told(column("item", *mine.split()), column("sku", *theirs.split()))
    assert few
    assert said in found


def uuids(rows, *names):
    return [row | {name: str(uuid.uuid5(uuid.NAMESPACE_DNS, row[name])) for name in names} for row in rows]


@pytest.mark.usefixtures("quick_judge")
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_uuids_are_ids_and_no_text(tmp_path, kind):
    rows = uuids(events(), "user_id", "item_id")
    if kind == "csv":
        write(tmp_path / "events.csv", rows)
    else:
        table = pa.table({name: [row[name] for row in rows] for name in rows[0]})
        for at, name in enumerate(table.column_names[:2]):
            data = pa.array([uuid.UUID(row[name]).bytes for row in rows], pa.binary(16))
            table = table.set_column(at, name, data)
        pq.write_table(table, tmp_path / "events.parquet")
    items = [row | {"key": uuid.uuid5(uuid.NAMESPACE_URL, row["item_id"]).hex} for row in catalogue()]
    write(tmp_path / "items.csv", uuids(items, "item_id"))
    assert draft(tmp_path)["items"]["columns"]["text"] == ["title"]
    assert "8 of 8 different values are ids of the catalogue" in told(tmp_path, "interactions.columns.item_id")
    published, _ = judge(tmp_path)
    assert published.height == 60


@pytest.mark.parametrize(
    "value",
    ["01J6ZQ8X5TABCDEFGHJKMNPQRS", "kX9aB2cD3eF4gH5iJ6kL7mN8oP9q", "user:6af613b6-569c-42c9-8d2e-0a1b2c3d4e5f"],
)
def test_long_ids_are_short_for_people_and_no_prose(value):
    assert column("x", value).is_short
    assert not column("x", value).is_prose


def test_ids_that_the_catalogue_does_not_have_are_no_guess_that_holds(tmp_path, init):
    write(tmp_path / "events.csv", [row | {"item_id": f"{row['item_id'][1:]}.0"} for row in events()])
    write(tmp_path / "items.csv", [row | {"item_id": row["item_id"][1:]} for row in catalogue()])
    assert "guessed" not in told(tmp_path, "interactions.columns.item_id")
    assert "warning: interactions.columns.item_id: none of the 8 different values is an id of" in init(tmp_path)


# -- texts -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<p class='big red'><strong>红色</strong>的杯子</p>&nbsp;https://example.org/very/long", "Chinese"),
        ("iPhone 15 Pro Max 手机壳 透明", "Chinese"),
        ("かわいい猫のマグカップ", "Japanese"),
        ("안녕 하세요 머그컵", "Korean"),
        ("สวัสดีแก้ว", "Thai"),
        ("Красная кружка", "Cyrillic"),
        ("كوب أحمر", "Arabic"),
        ("ספל אדום", "Hebrew"),
        ("κόκκινη κούπα", "Greek"),
        ("लाल मग बड़ा", "Devanagari"),
        ("சிவப்பு குவளை", "in another script"),
        ("Grüne Schüssel", "accents"),
        ("Tasse avec une anse pour le the", "small words"),
        (f"A red mug for the house; café style, <b>naïve</b> {'but well made and liked by most ' * 5}", None),
        ("The apple of 国 with a case", None),
        ("123", None),
    ],
)
def test_texts_that_are_not_english_are_told_by_script_accents_or_small_words(text, said):
    found = languages.not_english(pl.Series([text] * 5))
    assert (found is None) if said is None else (said in found)


# -- media and other columns -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("listed", "disk"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_files_whose_names_are_in_another_unicode_form_are_found(tmp_path, listed, disk):
    name = "bücher/café {}.png".format
    write(tmp_path / "events.csv", events())
    write(tmp_path / "items.csv", catalogue(photo=lambda at: unicodedata.normalize(listed, name(at))))
    for at in range(8):
        media(tmp_path / "pictures", unicodedata.normalize(disk, name(at)))
    found = draft(tmp_path)
    assert (found["media"]["root"], found["items"]["columns"]["image"]) == ("pictures", "photo")
    assert "8 of 8 sampled names are image files" in told(tmp_path, "items.columns.image")


def test_the_other_columns_of_the_catalogue_are_attributes_and_those_that_are_not_are_named(tmp_path, init):
    more = {
        "price": lambda at: at + 0.5,
        "colour": lambda at: ["red", "blue"][at % 2],
        "brand": lambda at: f"Brand {at}",
        "released": lambda at: "2020-01-01",
        "ean": lambda at: 4_000_000 + at,
        "url": lambda at: f"https://example.org/{at}",
        "vector": lambda at: json.dumps([0.1] * 8),
        "empty": lambda at: None,
    }
    write(tmp_path / "events.csv", events(device=lambda at: "phone", price=lambda at: at))
    write(tmp_path / "items.csv", catalogue(**more))
    found = draft(tmp_path)["items"]
    assert found["attributes"] == ["price", "colour", "released"]
    assert "brand" in found["columns"]["text"]
    printed = init(tmp_path)
    assert "items.columns: Columns not used: ean, url, vector, empty." in printed
    assert "interactions.columns: Columns not used: device, price." in printed
    assert "# Columns not used: ean, url, vector, empty." in (tmp_path / "mmrec.toml").read_text()


def test_a_column_that_some_files_lack_is_not_needed_by_the_draft(tmp_path):
    write(tmp_path / "events-1.csv", events(30))
    write(tmp_path / "events-2.csv", events(30, kind=lambda at: "view", stars=lambda at: 3))
    write(tmp_path / "items.csv", catalogue())
    found = draft(tmp_path)["interactions"]
    assert found["files"] == ["events-*.csv"]
    assert not {"event", "value"} & set(found["columns"])


# -- a draft is tried before it is done --------------------------------------------------------------------------------


def folders(tmp_path, kind):
    """A folder in which something is not found, or not usable."""
    columns_ = {
        "a comment without people": {"comment": lambda at: f"this was really good {at}"},
        "ratings in weeks": {"rating": lambda at: 1 + at % 5},
        "types": {"kind": lambda at: ["shown", "buy"][at % 2]},
    }.get(kind, {})
    write(tmp_path / "events.csv", events(60, hours=20, **columns_))
    write(tmp_path / "items.csv", catalogue(photo=lambda at: f"{at}.png", sound=lambda at: f"http://x.y/{at}.wav"))
    if kind == "people without consent":
        people = [{"user_id": f"{PERSON}-{at}", "bio": f"I like words a lot {at}"} for at in range(6)]
        write(tmp_path / "people.csv", people)


KINDS = ["plain", "a comment without people", "ratings in weeks", "types", "people without consent"]


@pytest.mark.parametrize(
    ("kind", "today"), [*((kind, TODAY) for kind in KINDS), ("ratings in weeks", START.date() + dt.timedelta(days=52))]
)
def test_every_line_that_is_commented_out_loads_with_its_header(tmp_path, kind, today):
    folders(tmp_path, kind)
    drafted = drafting.draft(tmp_path, today)
    assert not drafted.warnings
    tried = []
    for line, text in uncommented(drafted.text):
        (tmp_path / "tried.toml").write_text(text)
        load(tmp_path / "tried.toml", environment={})
        tried.append(line.split()[1])
    assert {"image", "stand_in", "files", "review"} <= set(tried)


def test_reviews_without_consent_stay_out_and_it_is_said_why(tmp_path, init):
    folders(tmp_path, "a comment without people")
    assert "review" not in draft(tmp_path)["interactions"]["columns"]
    assert "found, but not usable yet: column comment holds people's own words" in init(tmp_path)


def test_people_whose_consent_is_not_known_stay_out_and_it_is_said_why(tmp_path):
    folders(tmp_path, "people without consent")
    assert "users" not in draft(tmp_path)
    said = told(tmp_path, "users.files")
    assert "no column says yes or no to whether a person's words may be used; add one and" in said
    assert '# files = ["people.csv"]' in said


@pytest.mark.parametrize(("prefix", "said"), [("", ""), ("U-", "written like 7 where this file writes item_7")])
def test_people_whom_the_events_do_not_name_are_told(tmp_path, prefix, said):
    people = [{"user_id": f"{prefix}{at}", "bio": f"I like words a lot {at}", "consent": "yes"} for at in range(4)]
    write(tmp_path / "people.csv", people)
    write(tmp_path / "events.csv", [row | {"user_id": row["user_id"][-1]} for row in events()])
    write(tmp_path / "items.csv", catalogue())
    assert said in told(tmp_path, "users.columns.user_id")
    assert ("none of the 6" in told(tmp_path, "users.columns.user_id")) == bool(said)


def test_what_becomes_of_the_sampled_rows_is_printed(tmp_path, init):
    rows = list(events(kind=lambda at: ["shown", "buy"][at % 2]))
    rows[1]["time"] = "some day"
    write(tmp_path / "events.csv", [*rows, rows[3]])
    write(tmp_path / "items.csv", [*catalogue(), {"item_id": "i9", "title": ""}])
    said = "29 of 61 events are good, 1 duplicate, 30 ignored, 1 rejected (time_unusable 1)"
    assert f"tried on the sampled rows: {said}; 8 of 9 items are good, 1 rejected (title_missing 1)" in init(tmp_path)


def test_days_of_which_too_much_is_rejected_are_a_warning(tmp_path):
    rows = list(events(40, hours=1, rating=lambda at: 3))
    bad = [row | {"user_id": "", "rating": 1} for row in events(30, hours=0.1)]
    write(tmp_path / "events.csv", [*rows, *bad])
    write(tmp_path / "items.csv", catalogue())
    [warning] = drafting.draft(tmp_path, TODAY).warnings
    assert (
        warning
        == "more than 50% of the sampled events of 1 of 3 periods are rejected, so these are refused: 2024-01-01"
    )


def test_a_big_array_of_json_is_read_up_to_where_the_sample_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(ends, "_WHOLE_BYTES", 3_000)
    rows = list(events(100, hours=1))
    (tmp_path / "events.jsonl").write_text(json.dumps(rows))
    write(tmp_path / "items.csv", catalogue())
    drafted_ = drafting.draft(tmp_path, TODAY)
    assert "rows, read in part" in " ".join(drafted_.text.split())
    assert "the first day of all events;" in drafted_.text
    assert not drafted_.warnings


def test_what_makes_a_draft_useless_is_told(tmp_path, monkeypatch):
    write(tmp_path / "events.csv", events(60, kind=lambda at: "buy"))
    write(tmp_path / "items.csv", catalogue())
    monkeypatch.setattr(drafting, "_name", lambda folder: "no name!")
    [warning] = drafting.draft(tmp_path, TODAY).warnings
    assert warning.startswith("nothing can run with this draft yet: mmrec.toml: name: found 'no name!'")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("e.csv", "user,item,time\n1,2,3,4,5\n4,5,6,7,8\n", "none of whose 2 rows can be read: the line has 5 fields"),
        ("e.jsonl", "[]", "e.jsonl holds one JSON array; one object a line is expected"),
        ("e.jsonl", "1\n2\n", "e.jsonl holds no line that is a JSON object; one object a line is expected"),
        ("e.csv", "", "e.csv is empty"),
        ("e.jsonl", " \n\n", "e.jsonl is empty"),
        ("e.csv", "user,item,time\n", "e.csv (user, item, time) without any row"),
    ],
)
def test_what_cannot_be_used_is_told_by_its_cause(tmp_path, init, name, content, said):
    (tmp_path / name).write_text(content)
    write(tmp_path / "items.csv", catalogue())
    assert said in init(tmp_path)
