"""What people see in a terminal: no character that a terminal obeys, whatever titles, ids and file names hold; JSON and
the lake have them exactly.
"""

import ast
import datetime as dt
import inspect
import io
import json
import unicodedata
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.progress import Progress, TextColumn
from rich.text import Text

from mmrec.planning.plan import Plan, Row
from mmrec.queries.impact import Impact
from mmrec.upkeep.migrate import Migration
from mmrec.verification.comparing import Compared
from mmrec.verification.differences import Difference
from mmrec.verification.scope import Scope
from mmrec_assets import terminal
from mmrec_assets.cli import compared, plans, printed, traced
from mmrec_assets.cli.runs import Outcome
from tests.helpers import comparison

ROOT = Path(__file__).resolve().parents[2]
ESCAPES = {
    "a colour": ("\x1b[31mred", "\\x1b[31mred"),
    "a title of the window, and a bell": ("\x1b]0;x\x07", "\\x1b]0;x\\x07"),
    "a link": ("\x1b]8;;http://x\x1b\\y", "\\x1b]8;;http://x\\x1b\\y"),
    "C1": ("\x9b31m\x85", "\\x9b31m\\x85"),
    "backspace and delete": ("ab\b\x7f", "ab\\x08\\x7f"),
    "another line": ("a\nerror: b\r\n\v\f", "a\\nerror: b\\r\\n\\x0b\\x0c"),
    "a tab": ("a\tb", "a\\tb"),
    "NUL": ("a\0b", "a\\x00b"),
    "overrides": ("\u202etxt.exe\u202c", "\\u202etxt.exe\\u202c"),
    "isolates and marks": ("\u2066a\u2069\u200e\u061c", "\\u2066a\\u2069\\u200e\\u061c"),
    "no width": ("a\u200bb\u2060\ufeff\xad\u180e", "a\\u200bb\\u2060\\ufeff\\xad\\u180e"),
    "joiners between letters that do not join": ("a\u200db\u200cc", "a\\u200db\\u200cc"),
    "joiners in a row": ("ب\u200c\u200cب", "ب\\u200c\\u200cب"),
    "separators": ("a\u2028b\u2029", "a\\u2028b\\u2029"),
    "empty letters": ("\u3164\u115f\u2800\u034f\uffa0", "\\u3164\\u115f\\u2800\\u034f\\uffa0"),
    "selectors that hide a text": ("😀\ufe0f\ufe01\U000e0150", "😀\ufe0f\\ufe01\\U000e0150"),
    "tags": ("\U000e0041\U000e007f", "\\U000e0041\\U000e007f"),
    "half a pair": ("\ud83d and \udcff", "\\ud83d and \\udcff"),
    "nobody's": ("\ue000\U0010ffff\u0378", "\\ue000\\U0010ffff\\u0378"),
    "blanks": ("a\xa0b\u202fc\u3000d\u2009e", "a b c d e"),
}
HOSTILE = "".join(given for given, _ in ESCAPES.values()) + "[red]x[/red] [link=http://x]y[/link] :smile: \\"
WRITTEN = {
    "Persian": "می\u200cخواهم",
    "Hindi": "क्\u200dष और क्\u200cष",
    "a family": "👩\u200d👩\u200d👧",
    "a flag": "🏳\ufe0f\u200d🌈",
    "a heart": "❤\ufe0f",
    "a key": "1\ufe0f\u20e3",
    "a variant": "葛\U000e0100城",
    "a picture newer than Python": "\U0001faea",
    "Hebrew": "שָׁלוֹם",
    "Vietnamese": "Tiếng Việt",
    "Korean": "한국어",
    "plain": "Amélie (2001) [uncut] \\o/ & <b>",
}


@pytest.mark.parametrize("name", ESCAPES)
def test_a_character_that_a_terminal_obeys_or_does_not_draw_is_shown_as_an_escape(name):
    given, shown = ESCAPES[name]
    assert terminal.visible(given) == shown


@pytest.mark.parametrize("name", WRITTEN)
def test_what_belongs_to_a_script_stays(name):
    assert terminal.visible(WRITTEN[name]) == WRITTEN[name]


@given(st.text() | st.text(st.characters(categories=["Cc", "Cf", "Cs", "Co", "Zs", "Zl", "Zp", "Mn", "So"])))
def test_only_characters_that_are_drawn_come_out(text):
    shown = terminal.visible(text)
    assert not [each for each in shown if unicodedata.category(each) in ("Cc", "Cs", "Co", "Zl", "Zp")]
    assert terminal.visible(shown) == shown


@given(
    st.recursive(st.text() | st.none() | st.integers(), lambda some: st.lists(some) | st.dictionaries(st.text(), some))
)
def test_json_is_exact_and_harmless(value):
    told = terminal.visible_json(value)
    assert json.loads(told) == value
    assert terminal.visible(told.replace("\n", "")).replace(" ", "") == told.replace("\n", "").translate(BLANKS)


BLANKS = {code: None for code in range(0x3001) if unicodedata.category(chr(code)) == "Zs"}


def test_the_characters_that_are_not_looked_at_are_drawn():
    drawn = [chr(code) for code in range(0x110000) if terminal._OTHER.match(chr(code)) is None]
    assert len(drawn) > 30_000
    assert [each for each in drawn if not each.isprintable() or terminal._EMPTY.match(each)] == []


# -- every printer -----------------------------------------------------------------------------------------------------

H = HOSTILE
WHEN = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
PART = {"input": H, "input_sha256": H, "key": H, "encoder": H, "encoder_id": H}
ANSWERS = {
    "plan": (Plan([Row(H, H, 1, True, 2, H, H)], [H], [H]), 60.0),
    "recommended": (
        {
            "period": H,
            "stand_in_media": ["image", "audio"],
            "no_place": [H],
            "items": [{"rank": 1, "title": H, "item_id": H, "score": 0.5, "reason": H}],
        },
    ),
    "why": (
        {
            **{"title": H, "item_id": H, "rank": None, "period": H, "score": 0.5, "events_in_all": 1},
            "events": [
                {"title": None, "item_id": H, "event": H, "time": WHEN, "share": 0.1, "source_file": H, "source_row": 1}
            ],
            "through": {H: 0.5},
            "content": {"source_file": H, "source_row": 1, H: PART},
            "model": {"candidate": H, "version": H, "boundary": H},
            "verdicts": [
                {"asset": H, "period": H, "passed": passed, "checks": 1, "rows": 1, "verdict": H}
                for passed in (True, False)
            ],
        },
    ),
    "similar": (
        {"title": H, "item_id": H, "items": [{"rank": 1, "title": H, "similarity": 0.5, "compared_by": ["text"]}]},
    ),
    "nearest": (
        {"query": H, "by": ["text"], "items": [{"rank": 1, "title": H, "similarity": 0.5, "compared_by": ["text"]}]},
    ),
    "rejected": (
        {
            "by_kind": {"rejected": 1, "duplicate": 0, "ignored": 0},
            "by_rule": [{"table": H, "rule": H, "rows": 1}],
            "shown": [{"source_file": H, "source_row": 1, "rule": H, "reason": H, "row": json.dumps({H: H})}],
            "failures": [{"modality": H, "item_id": H, "reason": H}],
        },
    ),
    "rows": (pl.DataFrame({"".join(c for c in H if not "\ud800" <= c <= "\udfff"): ["a\x1b[31m\u202e"]}),),
    "exported": ({"files": {H: {"size_bytes": 1}}, "people": 1, "items": 1, "period": H, "to": H},),
    "warnings": ([f"{H}: {H}"] * 9,),
    "compared": (comparison.answer(H),),
    "impact": (Impact({H: H}, {H: [{H: [H, H]}, {H: H}], "none": []}, {H: H, "none": H}), True),
}
DIFFERENCE = Difference({H: H}, {H: (H, H)}, H, H)
LINES = {
    "scope_line": (Scope([H, H], [H], {}),),
    "outcome_lines": (Compared(H, 1, H, 1, 0.5, DIFFERENCE, H),),
    "verdict_line": ([Compared(H, 1, H, 1)],),
    "migration": (Migration(Path("lake"), {H: (1, 1)}, H, {}, [H]),),
}
TABLES = {"outcome_table": ([Outcome(H)],), "table_of": (H, (H, "right"))}


def printing(show):
    """What a console is printed on by `show`."""
    show(terminal.Console(file=(file := io.StringIO()), width=120))
    return file.getvalue()


def check(out):
    """Printable characters and ends of lines; what belongs to a script may stay, and the hostile text holds one."""
    assert out.strip()
    assert not [each for each in out.replace("\n", "").replace("\ufe0f", "") if not each.isprintable()], ascii(out)
    assert "\\x1b[31m" in out.replace("\n", "")
    return out


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_printed_in_characters_that_are_drawn(name):
    show = getattr({"compared": compared, "impact": traced, "plan": plans}.get(name, printed), name)
    out = check(printing(lambda console: show(console, *ANSWERS[name])))
    assert "[red]x[/red]" in out.replace("\n", "").replace(" ", "") or name == "rows", "no text is markup"


def test_a_comparison_as_markdown_is_of_characters_that_are_drawn():
    check(compared.markdown(*ANSWERS["compared"]))


def test_a_plan_as_markdown_holds_no_markup_of_a_stranger():
    out = plans.markdown(*ANSWERS["plan"])
    assert not [each for each in out.replace("\n", "").replace("\ufe0f", "") if not each.isprintable()], ascii(out)
    assert "\\[red\\]x\\[/red\\]" in out
    [head, rule, row] = [line for line in out.splitlines() if line.startswith("|")]
    assert head.count("|") == rule.count("|") == row.replace("\\|", "").count("|") == 8


@pytest.mark.parametrize("name", LINES)
def test_lines_are_printed_in_characters_that_are_drawn(name):
    lines = getattr(traced, name)(*LINES[name])
    for line in [lines] if isinstance(lines, str) else lines:
        check(printing(lambda console, line=line: console.print(line)))


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_printed_in_characters_that_are_drawn(name):
    table = getattr(printed, name)(*TABLES[name])
    if name == "table_of":
        table.add_row(H, H)
        table.title = H
    check(printing(lambda console: console.print(table)))


def test_every_printer_is_tried_here():
    public = {
        name
        for module in (compared, plans, printed, traced)
        for name, made in inspect.getmembers(module, inspect.isfunction)
        if made.__module__ == module.__name__ and not name.startswith("_")
    }
    assert public == {*ANSWERS, *LINES, *TABLES, "as_json", "markdown"}


def test_progress_and_styled_texts_are_printed_in_characters_that_are_drawn():
    check(printing(lambda console: console.print(H, style="dim")))
    check(printing(lambda console: console.print(Text(H))))
    check(printing(lambda console: console.heading(H, H)))

    def show(console):
        with Progress(TextColumn("{task.description}", markup=False), console=console) as bars:
            bars.add_task(H)

    check(printing(show))


def test_nothing_is_printed_past_this_console():
    """No other console, no markup taken from a text, and `print` for JSON alone."""
    found = []
    for path in sorted((ROOT / "mmrec_assets").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module in ("rich", "rich.console", "rich.markup"):
                found += [(path.name, each.name) for each in node.names if each.name in ("Console", "escape", "print")]
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "print":
                found.append((path.name, ast.unparse(node)))
    allowed = {("shell.py", "print(terminal.visible_json(value))"), ("printed.py", "Console"), ("traced.py", "Console")}
    assert set(found) <= allowed


# -- whole commands ----------------------------------------------------------------------------------------------------

TITLE = "Evil \x1b[2J\u202eeltit\u202c \x9b5m\u200b[red]!"  # what a catalogue may hold


@pytest.fixture
def hostile_shop(shop):
    """A shop with a title, a file name and a rejected row that a terminal would obey."""
    shop.edit_item("item-02", title=TITLE)
    day = shop.days[-1]
    bad = f"{shop.people[0]},item-02,{day}T10:00:00,rating,9\x1b[31m\u202e,"
    shop.write_events(day, [*shop.lines(day), bad])
    shop.events_file(day).rename(shop.data / "events-\x1b[31mlast.csv")
    shop.run()
    return shop


def test_commands_print_characters_that_are_drawn_and_json_and_the_lake_have_the_text_exactly(mmrec, hostile_shop):
    shop = hostile_shop
    [stored] = shop.scan("validated/items", item_id="item-02")["title"]
    assert stored == TITLE
    for arguments in (
        ["similar", "--item", "item-02"],
        ["impact", "--item", "item-02", "--sql"],
        ["why", "--user", shop.people[0], "--item", "item-02"],
        ["rejected"],
        ["sql", f"SELECT title AS \"{TITLE}\" FROM validated.items WHERE item_id = 'item-02'"],
    ):
        check_output(mmrec(shop, *arguments))
    assert mmrec(shop, "similar", "--item", "item-02", "--json").json["title"] == TITLE
    [row] = mmrec(shop, "sql", "SELECT title FROM validated.items WHERE item_id = 'item-02'", "--json").json
    assert row == {"title": TITLE}
    assert mmrec(shop, "rejected", "--json").json["shown"][0]["source_file"] == "events-\x1b[31mlast.csv"


@pytest.mark.parametrize(
    "arguments",
    [["similar", "--item", "\x1b[31m\u202e"], ["impact", "--file", "\x1b[31m\n"], ["sql", "SELECT '\x1b[31m\u202e"]],
)
def test_errors_are_one_line_of_characters_that_are_drawn(mmrec, built, arguments):
    answer = mmrec(built, *arguments)
    assert answer.code == 1
    assert answer.err.endswith("\n")
    assert answer.err[:-1].isprintable()


def check_output(answer):
    assert answer.code == 0, answer.err
    assert answer.out.replace("\n", "").isprintable(), ascii(answer.out)
    assert "\\x1b[" in answer.out
