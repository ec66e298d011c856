"""The demo from other sources: a user's own posters and overviews, and MovieLens' official archive."""

import csv
import io
import os
import shutil
import urllib.request
import zipfile
from pathlib import Path

import pytest

from demo import archive, config, fetch, movielens, own_media
from mmrec import settings
from mmrec.errors import MmrecError
from tests.helpers.demo_delivery import FILMS, Registry, ratings

REAL = Path(os.environ.get("MMREC_TEST_DATA", "")) / "ml-100k-multimodal"
needs_real = pytest.mark.skipif(not (REAL / "items.csv").is_file(), reason="MMREC_TEST_DATA has no ml-100k-multimodal")
FLAGS = {"Animation Children's Comedy": [3, 4, 5], "unknown": [0], "Comedy Drama": [5, 8]}


@pytest.fixture
def registry(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Registry:
    return Registry(tmp_path_factory.mktemp("registry"), monkeypatch)


def read_items(root: Path) -> dict[str, dict[str, str]]:
    with (root / "items.csv").open(encoding="utf-8", newline="") as file:
        return {row["item_id"]: row for row in csv.DictReader(file)}


# ---- own media -----------------------------------------------------------------------------------------------------


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with one film twice, one whose overview is the text nan, one unknown, and two pictures of ours."""
    folder = tmp_path / "own media"
    (folder / "posters").mkdir(parents=True)
    for name in ("1.jpg", "267.jpg", "9999.jpg"):
        (folder / "posters" / name).write_bytes(b"picture " + name.encode())
    rows = "1,Toy Story (1995),\n1,Toy Story (1995),Toys come to life.\n1,Toy Story (1995),Later.\n50,Star Wars,nan\n"
    (folder / "items.csv").write_text(f"movie_id,title,overview\n{rows}9999,Unknown,Nothing.\n", encoding="utf-8")
    return folder


def test_own_posters_and_overviews_take_the_place_of_drawn_ones(
    own: Path, registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = fetch.fetch(tmp_path / "demo", fetch.Wanted(media=own))
    items = read_items(root)
    assert {row["poster"] for row in items.values()} == {"posters/1.jpg", "posters/267.jpg", ""}
    assert sorted(path.name for path in (root / "posters").iterdir()) == ["1.jpg", "267.jpg"]
    assert (root / "posters" / "1.jpg").read_bytes() == b"picture 1.jpg"
    assert [items[item]["overview"] for item in ("1", "50", "267")] == ["Toys come to life.", "", ""]
    said = capsys.readouterr().out
    assert "has 2 posters and 1 overviews of 5 films; 2 rows of its items.csv repeat an id" in said
    note = (root / "LICENCE-NOTE.txt").read_text()
    assert "They are real, nothing marks them as stand-ins" in note
    assert "`sounds/` and `clips/` are made by this project" in note and "`posters/`, `sounds/`" not in note


def test_its_settings_lie_beside_the_data_and_do_not_call_posters_stand_ins(
    own: Path, registry: Registry, tmp_path: Path
) -> None:
    root = fetch.fetch(tmp_path / ".mmrec" / "demo", fetch.Wanted(media=own))
    assert config.path(root) == root / "mmrec.toml"
    theirs, ours = (settings.load(path, {}) for path in (config.path(root), config.DEMO_CONFIG))
    assert theirs.data == root and theirs.media_root == root
    assert Path(theirs.lake_root) == tmp_path / ".mmrec" / "lake", "the same lake, seen from the data folder"
    assert set(ours.media.stand_in) - set(theirs.media.stand_in) == {"image"}
    fields = {"data", "home", "weights", "lake", "media"}  # paths, seen from where the files of a test lie
    assert theirs.model_dump(exclude=fields) == ours.model_dump(exclude=fields)


def test_a_changed_flag_and_a_changed_folder_make_the_data_again(own: Path, registry: Registry, tmp_path: Path) -> None:
    root, want = tmp_path / "demo", fetch.Wanted(media=own)
    fetch.fetch(root, want)
    fetch.fetch(root, want)
    assert len(registry.downloads) == 2
    (own / "posters" / "1.jpg").write_bytes(b"another picture")
    fetch.fetch(root, want)
    assert (root / "posters" / "1.jpg").read_bytes() == b"another picture"
    fetch.fetch(root)
    assert len(registry.downloads) == 6
    assert config.path(root) == config.DEMO_CONFIG and not (root / "mmrec.toml").exists()
    assert all(not row["overview"] for row in read_items(root).values())


def test_a_settings_file_whose_lines_are_others_is_not_half_changed() -> None:
    text = config.DEMO_CONFIG.read_text(encoding="utf-8")
    with pytest.raises(MmrecError, match="has 0 lines that begin with 'data ="):
        config.with_real_posters(text.replace('data = "', 'data  = "'))


@pytest.mark.parametrize("broken", ["no folder", "no items", "other columns", "not text", "nothing of ours"])
def test_a_folder_of_another_layout_is_one_line(broken: str, own: Path) -> None:
    if broken == "no folder":
        shutil.rmtree(own)
    elif broken == "no items":
        (own / "items.csv").unlink()
    elif broken == "other columns":
        (own / "items.csv").write_text("id,plot\n1,Toys.\n")
    elif broken == "not text":
        (own / "items.csv").write_bytes(b"movie_id,overview\n1,\xff\xfe\n")
    else:
        (own / "items.csv").write_text("movie_id,overview\n9999,Nothing.\n")
        shutil.rmtree(own / "posters")
        (own / "posters").mkdir()
    with pytest.raises(MmrecError, match=r"DEMO_MEDIA.*expected a folder with items\.csv") as refused:
        own_media.read(own, FILMS)
    assert "\n" not in str(refused.value)


@needs_real
def test_the_real_folder_is_read_with_its_dirt(tmp_path: Path) -> None:
    with (REAL / "items.csv").open(encoding="utf-8", newline="") as file:
        ids = {row["movie_id"] for row in csv.DictReader(file)}
    films = [FILMS[0]._replace(item_id=item_id) for item_id in sorted(ids)]
    found = own_media.read(REAL, films)
    assert (len(films), len(found.posters), len(found.overviews), found.repeated_rows) == (1682, 1663, 1664, 64)
    assert "nan" not in found.overviews.values()


def test_the_environment_asks_for_them() -> None:
    assert fetch.wanted({"DEMO_MEDIA": "", "DEMO_ARCHIVE": ""}) == fetch.Wanted()
    asked = fetch.wanted({"DEMO_MEDIA": "~/films", "DEMO_ARCHIVE": "ml-100k.zip"})
    assert asked == fetch.Wanted(Path.home() / "films", "ml-100k.zip")


# ---- the official archive ------------------------------------------------------------------------------------------


def item_line(item_id: str, title: str, flags: list[int]) -> str:
    return "|".join(
        [item_id, title, "01-Jan-1995", "", "http://us.imdb.com/", *(str(int(n in flags)) for n in range(19))]
    )


@pytest.fixture
def official(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small archive of the official layout, whose ratings are the expected ones."""
    rows = movielens.parse_ratings(ratings().decode())
    items = [
        item_line("1", "Toy Story (1995)", FLAGS["Animation Children's Comedy"]),
        item_line("267", "unknown", FLAGS["unknown"]),
        item_line("1412", "Land Before Time III: The Time of the Great Giving (1995) (V)", [3, 4]),
        item_line("1633", "Á köldum klaka (Cold Fever) (1994)", FLAGS["Comedy Drama"]),
    ]
    path = tmp_path / "ml 100k.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("ml-100k/u.data", "".join("\t".join(map(str, row)) + "\n" for row in reversed(rows)))
        made.writestr("ml-100k/u.item", ("\n".join(items) + "\n").encode("latin-1"))
        made.writestr("ml-100k/u.user", "1|24|M|technician|85711\n")
    monkeypatch.setattr(archive, "RATINGS_SHA256", movielens.content_digest(rows))
    monkeypatch.setattr(archive, "FILMS", len(items))
    return path


def rewritten(official: Path, name: str, data: bytes | None) -> Path:
    """The archive with one member replaced, or left out."""
    with zipfile.ZipFile(official) as old:
        members = {each: old.read(each) for each in old.namelist()}
    members |= {name: data} if data is not None else {}
    with zipfile.ZipFile(official, "w", zipfile.ZIP_DEFLATED) as new:
        for each, content in members.items():
            if each != name or data is not None:
                new.writestr(each, content)
    return official


def test_the_archive_gives_the_same_films_and_ratings_as_the_package(official: Path) -> None:
    found = archive.from_archive(str(official))
    assert found.ratings == movielens.parse_ratings(ratings().decode())
    same = {film.item_id: film for film in FILMS}
    assert [film for film in found.films if film.item_id != "267"] == [same[item] for item in ("1", "1412", "1633")]
    assert found.films[1] == ("267", "unknown", "unknown", ""), "the package has misspelt it and made up a year"


def test_a_fetch_takes_the_archive_instead_of_the_package(official: Path, registry: Registry, tmp_path: Path) -> None:
    want = fetch.Wanted(archive=str(official))
    root = fetch.fetch(tmp_path / "demo", want)
    fetch.fetch(root, want)
    assert registry.downloads == ["bokeh-sampledata==2026.1"]
    assert read_items(root)["1"]["director"] == "John Lasseter"
    assert "the archive that you named" in (root / "LICENCE-NOTE.txt").read_text()
    fetch.fetch(root)
    assert len(registry.downloads) == 3, "another source is another folder"


@pytest.mark.parametrize(
    ("member", "data", "says"),
    [
        ("ml-100k/u.data", b"1\t1\t4\t875000000\n", "is not MovieLens-100K: found 1 ratings"),
        ("ml-100k/u.data", b"1\t1\t9\t875000000\n", "line 1 of ml-100k/u.data is not a user, an item, 1 to 5 stars"),
        ("ml-100k/u.data", b"1,1,4,875000000\n", "line 1 of ml-100k/u.data"),
        ("ml-100k/u.item", b"1|Toy Story (1995)|||\n", "line 1 of ml-100k/u.item is not an id, a title"),
        ("ml-100k/u.item", b"../1" + b"|0" * 23, "line 1 of ml-100k/u.item"),
        ("ml-100k/u.data", b"1\t1\t4\t" + b"9" * 5000, "line 1 of ml-100k/u.data"),
        ("ml-100k/u.item", (item_line("1", "Toy Story (1995)", [3]) + "\n").encode() * 4, "or 4 films"),
        ("ml-100k/u.data", None, "holds no ml-100k/u.data"),
    ],
)
def test_another_content_is_one_line(member: str, data: bytes | None, says: str, official: Path) -> None:
    with pytest.raises(MmrecError, match=says) as refused:
        archive.from_archive(str(rewritten(official, member, data)))
    assert "\n" not in str(refused.value)


def test_names_that_lead_out_of_the_archive_touch_nothing(official: Path, tmp_path: Path) -> None:
    rewritten(official, "../../u.item", b"evil")
    before = sorted(tmp_path.rglob("*"))
    assert len(archive.from_archive(str(official)).films) == 4
    assert sorted(tmp_path.rglob("*")) == before


def test_a_member_that_inflates_past_the_limit_is_refused(official: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_MAX_BYTES", 4096)
    with pytest.raises(MmrecError, match=r"u\.data is larger than"):
        archive.from_archive(str(rewritten(official, "ml-100k/u.data", b"\n" * 100_000)))


@pytest.mark.parametrize("where", ["missing.zip", "http://user:secret@files.example/ml-100k.zip", "broken.zip"])
def test_an_archive_that_cannot_be_read_is_one_line_without_its_address(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("broken.zip").write_bytes(b"no zip")
    with pytest.raises(MmrecError, match="DEMO_ARCHIVE cannot be read") as refused:
        archive.from_archive(where)
    assert "secret" not in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("led_to", ["https://files.example/ml-100k.zip", "http://files.example/ml-100k.zip"])
def test_an_https_address_is_fetched_and_may_not_lead_elsewhere(
    led_to: str, official: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Response(io.BytesIO):
        url = led_to

    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: Response(official.read_bytes()))
    if led_to.startswith("https"):
        assert len(archive.from_archive("https://files.example/ml-100k.zip").films) == 4
    else:
        with pytest.raises(MmrecError, match="expected a file or an https address"):
            archive.from_archive("https://files.example/ml-100k.zip")


@needs_real
def test_the_pinned_digest_is_that_of_the_published_ratings() -> None:
    with (REAL / "ratings.csv").open(newline="") as file:
        rows = [
            movielens.Rating(user, item, stars, int(time)) for user, item, stars, time in list(csv.reader(file))[1:]
        ]
    assert movielens.content_digest(movielens.ordered(rows)) == archive.RATINGS_SHA256
