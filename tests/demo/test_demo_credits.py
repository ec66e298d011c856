"""Credits are matched by title and year, and stay empty where that leaves a doubt."""

from pathlib import Path

import pytest

from demo import credits
from demo.credits import Credits, Entry
from demo.films import Film
from tests.helpers.demo_delivery import database


def match(title: str, year: str, *entries: tuple[str, int]) -> str | None:
    """The title and year of the entry that a film is matched with."""
    known = [Entry(name, made, Credits(f"{name} {made}", "", "", "")) for name, made in entries]
    found = credits.matched([Film("1", title, "", year)], known).get("1")
    return found.director if found else None


@pytest.mark.parametrize(
    ("title", "entry"),
    [
        ("Usual Suspects, The", "The Usual Suspects"),
        ("Cérémonie, La", "La Cérémonie"),
        ("Enfer, L'", "L'Enfer"),
        ("Amelie", "Amélie"),
        ("M*A*S*H", "M.A.S.H"),
        ("Sense and Sensibility", "Sense & Sensibility"),
        ("Schindler's List", "Schindler’s List"),
        ("Star Maker, The (Uomo delle stelle, L')", "L'uomo delle stelle"),
        ("Star Maker, The (Uomo delle stelle, L')", "The Star Maker"),
    ],
)
def test_spelling_articles_and_second_titles_do_not_part_two_names(title: str, entry: str) -> None:
    assert match(title, "1995", (entry, 1995)) == f"{entry} 1995"


def test_the_same_year_counts_before_the_years_beside_it() -> None:
    assert match("Heat", "1995", ("Heat", 1996), ("Heat", 1995)) == "Heat 1995"
    assert match("Heat", "1995", ("Heat", 1996)) == "Heat 1996"
    assert match("Heat", "1995", ("Heat", 1993), ("Heat", 1997)) is None


def test_several_entries_are_a_doubt() -> None:
    assert match("Heat", "1995", ("Heat", 1995), ("Heat!", 1995)) is None
    assert match("Heat", "1995", ("Heat", 1994), ("Heat", 1996)) is None


@pytest.mark.parametrize(("title", "year"), [("unkonwn", "unkonwn"), ("The Great Giving (1995)", "V"), ("", "1995")])
def test_a_film_without_a_usable_title_or_year_has_none(title: str, year: str) -> None:
    assert match(title, year, ("unkonwn", 1995), ("The Great Giving", 1995), ("***", 1995)) is None


def test_a_title_does_not_match_another_one_that_begins_alike() -> None:
    assert match("Fear, The", "1995", ("Fear", 1995), ("The Fear of Speed", 1995)) is None


def test_the_database_is_read_with_its_gaps(tmp_path: Path) -> None:
    rows = [("Heat", 1995, "Michael Mann", None, "", "United States"), (None, 1995, *[""] * 4), ("X", None, *[""] * 4)]
    assert credits.read(database(tmp_path / "a b#.db", rows)) == [
        Entry("Heat", 1995, Credits("Michael Mann", "", "", "United States"))
    ]
