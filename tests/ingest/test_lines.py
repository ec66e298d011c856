"""Every physical line of a delimited file is accounted for, and no quote swallows a row that stands for itself."""

import csv
import io
import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mmrec.ingest import delimited
from mmrec.ingest.delimited import Signs
from mmrec.ingest.text import PROBLEM, Lines

NAMES = ["user", "item", "when", "about"]
EVENTS = Signs(filled=["user"], time="when")
CATALOGUE = Signs(filled=["item"])
OPEN = "a quote opens a field and none closes it as it should; inside a quoted field, quotes are written twice"
LINE_END = re.compile(r"\r\n|\r|\n")


def read(text, signs=EVENTS, names=NAMES):
    """(rows of the wanted columns, problems, lines), with the account checked against the text itself."""
    found = delimited.read_whole(text.encode(), names, signs)
    assert found.lines.add_up
    assert found.lines.total == len(LINE_END.findall(text)) + (text[-1:] not in ("", "\r", "\n"))
    assert found.rows.height == found.lines.rows + found.lines.rejected
    return found.rows.drop(PROBLEM).rows(), found.rows[PROBLEM].to_list(), found.lines


def slow(text, signs=EVENTS):
    """The same, where one line that does not fit takes the fast way from all of them."""
    rows, problems, lines = read(text + "\nshort", signs)
    assert problems[-1].startswith("the line has 1 fields")
    return rows[:-1], problems[:-1], lines


# -- what is a field ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reader", [read, slow])
@pytest.mark.parametrize(
    ("line", "about"),
    [
        ('u,i,1,"a, b"', "a, b"),
        ('u,i,1,"a ""b"" c"', 'a "b" c'),
        ('u,i,1,"""a"""', '"a"'),
        ('u,i,1,""""', '"'),
        ('u,i,1,""', None),
        ("u,i,1,", None),
        ('u,i,1,5" screen', '5" screen'),
        ('u,i,1,a "b" c', 'a "b" c'),
        ('u,i,1, "a"', ' "a"'),
        ('u,i,1,a""b', 'a""b'),
        ('u,i,1,"two\nlines"', "two\nlines"),
        ('u,i,1,"two\r\nlines, and a comma"', "two\r\nlines, and a comma"),
        ('u,i,1,"a\n\nparagraph, with\n1, 2, 3\ncommas"', "a\n\nparagraph, with\n1, 2, 3\ncommas"),
        ('u,i,1,"ends with one ""\nhere"""', 'ends with one "\nhere"'),
    ],
)
def test_a_field_is_what_was_written(reader, line, about):
    text = f"{','.join(NAMES)}\nu0,i0,0,first\n{line}\nu9,i9,9,last"
    rows, problems, lines = reader(text)
    assert rows == [("u0", "i0", "0", "first"), ("u", "i", "1", about), ("u9", "i9", "9", "last")]
    assert problems == [None] * 3
    assert lines.continued == line.count("\n")


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("field", ['"a', '"a" b', '"a"b"', '"', '"""', 'x","y'])
def test_a_quote_that_closes_nothing_rejects_its_line_alone(separator, field):
    lines = [NAMES, *([f"u{at}", f"i{at}", str(at), "text"] for at in range(6))]
    lines[3][3] = field.replace(",", separator)
    rows, problems, counted = read("\n".join(separator.join(line) for line in lines) + "\n")
    if problems[2] is None:  # a quote elsewhere is a character, and separators are counted
        assert '","' in field
    assert [row[0] for row in rows] == [None if at == 2 and problems[2] else f"u{at}" for at in range(6)]
    assert [problem is None for at, problem in enumerate(problems) if at != 2] == [True] * 5
    assert (counted.rows, counted.rejected, counted.continued) == (5, 1, 0)


@pytest.mark.parametrize("between", [0, 1, 2, 60])
@pytest.mark.parametrize("closing", ['mug 5"', '"mug', 'a "mug"', '"'])
def test_two_stray_quotes_swallow_no_event_between_them(between, closing):
    """Also where the second one stands where a quote may close a field."""
    good = [f"u{at},i{at},2024-01-01T00:{at:02}:00,text" for at in range(between)]
    text = "\n".join(
        [",".join(NAMES), 'u,i,2024-01-01,"red mug', *good, f"u,i,2024-01-02,{closing}", "u,i,2024-01-03,x"]
    )
    rows, problems, counted = read(text)
    assert [row for row, problem in zip(rows, problems, strict=True) if problem is None][:between] == [
        tuple(line.split(",")) for line in good
    ]
    assert problems[0] == OPEN
    assert problems[-1] is None
    assert counted.continued == 0


def test_a_query_of_several_lines_is_one_also_where_its_time_stands_behind_it():
    names = ["user", "query", "when"]
    rows, problems, _ = read(f'{",".join(names)}\nu,"red\nmug, blue",2024-01-01\nu,x,2024-01-02\n', EVENTS, names)
    assert rows == [("u", "red\nmug, blue", "2024-01-01"), ("u", "x", "2024-01-02")]
    rows, problems, _ = read(f'{",".join(names)}\nu,"red,2024-01-01\nu,mug 5",2024-01-02\n', EVENTS, names)
    assert problems == [OPEN, None]


def test_a_catalogue_keeps_descriptions_of_many_lines_and_frees_swallowed_entries():
    """Between words a comma is followed by a space, between fields it is not."""
    names = ["item", "title", "about"]
    header = ",".join(names)
    prose = "Red, with a handle.\n\nFor tea, coffee, milk.\nBest, by far, of all"
    rows, problems, _ = read(f'{header}\n1,Mug,"{prose}"\n2,Bowl,x\n', CATALOGUE, names)
    assert rows == [("1", "Mug", prose), ("2", "Bowl", "x")]
    rows, problems, _ = read(f'{header}\n1,"Mug,x\n2,Bowl,x\n3,Cup 5",x\n4,Jug,x\n', CATALOGUE, names)
    assert problems == [OPEN, None, None, None]
    assert [row[0] for row in rows] == [None, "2", "3", "4"]


# -- what stands above the header and behind the lines -----------------------------------------------------------------

ROWS = [("u1", "i1", "1", "a"), ("u2", "i2", "2", "b")]
BODY = "u1;i1;1;a\nu2;i2;2;b\n"


@pytest.mark.parametrize(
    ("above", "head", "blank"),
    [
        ("", 1, 0),
        ("sep=;\n", 2, 0),
        ('"sep=;"\r\n', 2, 0),
        ("SEP=;\n\n", 2, 1),
        ("# exported, by, the, shop\n# and again\n\n", 3, 1),
        ("\n\n#\n", 2, 2),
        ("sep=;\n# one, two\n", 3, 0),
    ],
)
def test_lines_above_the_header_are_none_of_its_names(above, head, blank):
    rows, problems, lines = read(f"{above}{';'.join(NAMES)}\n{BODY}")
    assert (rows, problems) == (ROWS, [None, None])
    assert (lines.head, lines.blank, lines.rows) == (head, blank, 2)
    assert delimited.header_of(f"{above}{';'.join(NAMES)}\n{BODY}".encode(), []) == (";", NAMES)


def test_a_header_that_begins_like_a_comment_is_one():
    data = f"# of the shop\n#{','.join(NAMES)}\nu1,i1,1,a\nu2,i2,2,b\n"
    names = ["#user", *NAMES[1:]]
    assert delimited.header_of(data.encode(), []) == (",", names)
    assert read(data, Signs(filled=["#user"], time="when"), names)[0] == ROWS


def test_a_separator_line_decides_where_both_would_do():
    assert delimited.header_of(b"sep=|\na,b|c,d\n", []) == ("|", ["a,b", "c,d"])
    assert delimited.header_of(b"sep=\t\na,b\tc,d\n", []) == ("\t", ["a,b", "c,d"])


@pytest.mark.parametrize("reader", [read, slow])
@pytest.mark.parametrize(("in_header", "in_lines"), [("", ","), (",", ","), (",", "")])
def test_a_separator_behind_every_line_is_no_field(reader, in_header, in_lines):
    text = f"{','.join(NAMES)}{in_header}\nu1,i1,1,a{in_lines}\nu2,i2,2,b{in_lines}"
    assert reader(text)[:2] == (ROWS, [None, None])


def test_where_most_lines_end_with_a_separator_some_may_not_and_another_field_is_a_problem():
    text = f"{','.join(NAMES)}\nu1,i1,1,a,\nu2,i2,2,b,\nu3,i3,3,c,more\nu4,i4,4,d\nu5,i5,5,\nu6,i6,6,,\nu7,i7,7,x,\n"
    rows, problems, _ = read(text)
    assert [row[0] for row in rows] == ["u1", "u2", None, "u4", None, "u6", "u7"]
    told = "the line has {} fields, most lines 5, the last of them empty"
    assert [problem for problem in problems if problem] == [told.format(5), told.format(4)]


def test_one_line_with_a_separator_too_many_may_be_a_shifted_one():
    text = f"{','.join(NAMES)}\nu1,i1,1,a\nu2,i2,2,b\nu3,red,mug,3,\n"
    assert read(text)[1] == [None, None, "the line has 5 fields, the header 4"]


# -- every line is accounted for ---------------------------------------------------------------------------------------

WORD = st.text("ab 5-", min_size=1, max_size=4).map(lambda text: f"x{text}x")
QUOTED = st.text('a,;"\n\r b', max_size=8).map(lambda text: f"x{text}x")


def written(cell, *, quoted):
    return '"' + cell.replace('"', '""') + '"' if quoted else cell


@st.composite
def part(draw):
    """(what a line is, its text): a good row, one that does not fit, or a blank line."""
    what = draw(st.sampled_from(["row", "row", "row", "ragged", "blank"]))
    if what == "blank":
        return what, draw(st.sampled_from(["", " "]))
    if what == "ragged":
        return what, ",".join(draw(st.lists(WORD, min_size=1, max_size=6).filter(lambda cells: len(cells) != 4)))
    quoted = draw(st.booleans())
    cells = [draw(WORD), draw(WORD), "2024-01-01", draw(QUOTED if quoted else WORD)]
    return what, ",".join([*cells[:3], written(cells[3], quoted=quoted)])


@given(
    parts=st.lists(part(), max_size=8),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    above=st.lists(st.sampled_from(["", "# a, comment"]), max_size=3),
    closed=st.booleans(),
)
def test_the_account_says_what_was_written(parts, end, above, closed):
    text = end.join([*above, ",".join(NAMES), *[text for _, text in parts]]) + end * closed
    kinds = [what for what, _ in parts]
    if not closed and parts and kinds[-1] == "blank" and not parts[-1][1]:
        kinds.pop()  # nothing behind the last line end is no line
    _, problems, lines = read(text)
    continued = sum(len(LINE_END.findall(text)) for what, text in parts if what == "row")
    head, blank = 1 + sum(map(bool, above)), kinds.count("blank") + above.count("")
    rows, rejected = kinds.count("row"), kinds.count("ragged")
    assert lines == Lines(lines.total, head, rows, continued, rejected, blank)
    assert [problem is None for problem in problems] == [what == "row" for what in kinds if what != "blank"]


SOUP = st.lists(
    st.sampled_from(
        ["u1,i1,2024-01-01,a", "u2,i2,1704446400,", '"', '""', ",", "x", "\n", "\n", "\r\n", "\r", " ", "#"]
    ),
    max_size=40,
).map("".join)


@given(soup=SOUP, signs=st.sampled_from([EVENTS, CATALOGUE, Signs()]))
@example(soup="u1,i1,2024-01-01,a\n\n\r", signs=EVENTS)
@example(soup="u1,i1,2024-01-01,a\r\r\n\n", signs=EVENTS)
def test_no_line_of_any_soup_is_lost_or_counted_twice(soup, signs):
    read(f"{','.join(NAMES)}\n{soup}", signs)


@given(soup=SOUP)
def test_a_line_that_is_an_event_by_itself_is_one_whatever_quotes_lie_around_it(soup):
    rows, problems, _ = read(f"{','.join(NAMES)}\n{soup}")
    found = [row for row, problem in zip(rows, problems, strict=True) if problem is None]
    alone = [line for line in LINE_END.split(soup) if line in ("u1,i1,2024-01-01,a", "u2,i2,1704446400,")]
    for line in set(alone):
        assert found.count(tuple(cell or None for cell in line.split(","))) >= alone.count(line)


CELL = st.text(st.characters(blacklist_characters="\0\r", blacklist_categories=["Cs"]), max_size=6)


@given(
    cells=st.lists(st.tuples(CELL, CELL), min_size=1, max_size=6),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_what_a_writer_of_csv_has_written_is_read_on_both_ways(cells, end, quoting):
    file = io.StringIO()
    writer = csv.writer(file, lineterminator=end, quoting=quoting)
    writer.writerows([NAMES, *[["u", first, "2024-01-01", second] for first, second in cells]])
    text = file.getvalue()
    expected = [("u", first or None, "2024-01-01", second or None) for first, second in cells]
    for reader in (read, slow):
        rows, problems, _ = reader(text.removesuffix(end))
        assert (rows, problems) == (expected, [None] * len(cells))


@pytest.mark.parametrize(
    "line",
    ['a,"b', '",x,"', 'a,"""', 'a,""b', '"', '"a","b","c', "a,b,1,c", 'u,i,1,"x\ny"', 'x,"y\nx"y'],
)
def test_no_pattern_of_quotes_takes_more_than_a_moment(line):
    """30,000 lines: one look at each from each would take an hour."""
    text = "\n".join([",".join(NAMES), *[line] * 15_000, *["plain"] * 15_000])
    began = time.process_time()
    read(text)
    assert time.process_time() - began < 10
