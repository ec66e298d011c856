"""What tests share: no network beyond loopback, and a tiny shop whose stages run on a temporary lake without Dagster.

The people's ids cannot be mistaken for anything else, so that a test can search everything for them.
"""

import io
import ipaddress
import json
import os
import random
import shutil
import socket
import sys

import hypothesis
import polars as pl
import pytest
from PIL import Image

from mmrec.builds.report import Check
from mmrec.lake.store import Lake
from mmrec.models import candidates
from mmrec.planning import graph
from mmrec.quality import contracts, suites
from mmrec.settings import Settings, load
from mmrec_assets.cli import command, shell
from mmrec_assets.terminal import Console

# How long an example takes says something about the machine, not about the code.
hypothesis.settings.register_profile("project", deadline=None)
hypothesis.settings.load_profile("project")

for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE", "DO_NOT_TRACK"):
    os.environ[name] = "1"

PERSON = "zq-person"
DAYS = [f"2024-01-0{day}" for day in range(1, 5)]
PEOPLE = [f"{PERSON}-{index:02}" for index in range(12)]
ITEMS = [f"item-{index:02}" for index in range(15)]
WITH_PICTURE, WITHOUT_TEXT = ITEMS[:10], ITEMS[13:]
RARE = ITEMS[13]  # bought on the second and the third day alone; the last item never
EVENT_HEADER = "user_id,item_id,time,event,rating,query"
ITEM_HEADER = "item_id,title,about,picture"
CONFIG = {
    "name": "tiny",
    "data": "data",
    "lake": {"root": "lake"},
    "calendar": {"start": "2024-01-01", "end": "2024-01-05"},
    "interactions": {
        "files": ["events-*.csv"],
        "value_range": [1, 5],
        "columns": {"event": "event", "value": "rating", "query": "query"},
    },
    "events": {"view": 1.0, "rating": 1.0, "purchase": 3.0, "search": 0.5},
    "items": {"files": ["items*.csv"], "columns": {"text": ["about"], "image": "picture"}},
    "media": {"root": "pictures"},
    "embeddings": {"text": {"encoder": "hash:8"}, "image": {"encoder": "hash:4"}},
    "model": {"width": 4, "sweeps": 2, "min_events": 3, "refit": 2},
    "recommendations": {"k": 3},
    "weights": "weights",
}


# Begun first, so that two workers end together.
LONG = (
    "work",
    "proof_keys",
    "settings_matrix",
    "verify",
    "recommendations",
    "model",
    "automation_conditions",
    "stale",
    "repair",
    "logs",
    "migrate",
    "bad_input",
    "odd_data",
    "proof_faults",
    "proof_pipeline",
    "clips",
    "runs_beside",
)


def pytest_collection_modifyitems(items):
    place = {f"test_{name}": at for at, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.path.stem, len(LONG)))


class Shop:
    """A data set in a folder of its own, and its lake. `run` makes assets by name and gives their reports."""

    days, people, items = DAYS, PEOPLE, ITEMS
    with_picture, without_text, rare = WITH_PICTURE, WITHOUT_TEXT, RARE
    event_header, item_header = EVENT_HEADER, ITEM_HEADER
    assets = tuple(node.asset for node in graph.nodes(Settings.model_validate(CONFIG)))
    events = ("raw/interactions", "validated/interactions")
    answers = assets[8:]
    content = tuple(asset for asset in assets[:8] if asset not in ("raw/interactions", "validated/interactions"))

    def __init__(self, folder):
        self.folder = folder
        self.settings = load(folder / "mmrec.toml", environment={})
        self.data = self.settings.data

    @property
    def lake(self):
        """A reader that has seen nothing yet."""
        return Lake(self.settings.lake_root)

    def configure(self, **changes):
        """Changes settings as `mmrec.toml` would say them, section by section."""
        config = json.loads(json.dumps(self.settings.model_dump(), default=str))
        self.settings = Settings.model_validate(_merged(config, changes))
        return self

    def run(self, *assets, periods=None, strict=True):
        """The reports of these assets (all without any) for `periods`; a refusal is an error unless not `strict`."""
        reports = {}
        for asset in assets or self.assets:
            node = graph.node(self.settings, asset)
            reports[asset] = node.run(self.lake, self.settings, list(periods or DAYS), run_id="test-run")
            if strict:
                reports[asset].raise_if_refused()
        return reports[assets[0]] if len(assets) == 1 else reports

    def scan(self, table, /, **equal):
        """The rows of a table now."""
        return self.lake.scan(table).filter(*[pl.col(name) == value for name, value in equal.items()]).collect()

    def rows(self, table):
        return self.scan(table).height

    # -- what the sources deliver ----------------------------------------------------------------------------------

    def events_file(self, day):
        return self.data / f"events-{day}.csv"

    def lines(self, day):
        """The delivered lines of a day, without the header."""
        return self.events_file(day).read_text().splitlines()[1:]

    def write_events(self, day, lines, header=EVENT_HEADER):
        self.events_file(day).write_text("\n".join([header, *lines]) + "\n")

    def spoil(self, day, share=0.8):
        """Puts a share of a day's ratings out of range; how many."""
        lines = self.lines(day)
        count = round(len(lines) * share)
        self.write_events(day, [_replaced(line, 4, "9") for line in lines[:count]] + lines[count:])
        return count

    def catalogue(self):
        """The delivered lines of the catalogue, without the header."""
        return (self.data / "items.csv").read_text().splitlines()[1:]

    def write_catalogue(self, lines, header=ITEM_HEADER):
        (self.data / "items.csv").write_text("\n".join([header, *lines]) + "\n")

    def edit_item(self, item, **cells):
        """Changes cells of the first line of an item: title, about, picture."""
        lines = self.catalogue()
        at = next(at for at, line in enumerate(lines) if line.startswith(f"{item},"))
        for name, value in cells.items():
            lines[at] = _replaced(lines[at], ITEM_HEADER.split(",").index(name), value)
        self.write_catalogue(lines)

    def add_item(self, line):
        self.write_catalogue([*self.catalogue(), line])

    def remove_item(self, item):
        self.write_catalogue([line for line in self.catalogue() if not line.startswith(f"{item},")])


def _replaced(line, at, value):
    cells = line.split(",")
    cells[at] = value
    return ",".join(cells)


def _merged(config, changes):
    for name, value in changes.items():
        config[name] = _merged(config[name], value) if isinstance(config.get(name), dict) else value
    return config


def _toml(config, prefix=""):
    lines = [f"{key} = {json.dumps(value)}" for key, value in config.items() if not isinstance(value, dict)]
    text = "\n".join(line.replace('"2024-01-01"', "2024-01-01").replace('"2024-01-05"', "2024-01-05") for line in lines)
    for key, value in config.items():
        if isinstance(value, dict):
            text += f"\n\n[{prefix}{key}]\n" + _toml(value, f"{prefix}{key}.")
    return text


def write_shop(folder):
    """Four days of events by twelve people on fifteen items: ten have a picture, two neither text nor picture."""
    draw = random.Random(7)
    pictures = folder / "data" / "pictures"
    pictures.mkdir(parents=True)
    (folder / "mmrec.toml").write_text(_toml(CONFIG) + "\n")
    lines = [ITEM_HEADER]
    for index, item in enumerate(ITEMS):
        about = "" if item in WITHOUT_TEXT else f"A thing number {index}"
        picture = f"{item}.png" if item in WITH_PICTURE else ""
        lines.append(f"{item},Title {index},{about},{picture}")
        if picture:
            Image.new("RGB", (8, 8), (index * 16, 40, 90)).save(pictures / picture)
    (folder / "data" / "items.csv").write_text("\n".join(lines) + "\n")
    for day in DAYS:
        events = [
            f"{person},{draw.choice(ITEMS[:13])},{day}T{hour:02}:00:00,rating,{draw.randint(1, 5)},"
            for person in PEOPLE
            for hour in draw.sample(range(24), 3)
        ]
        events.append(f"{PEOPLE[0]},,{day}T12:30:00,search,,words of {PEOPLE[0]}")
        if day in DAYS[1:3]:
            events.append(f"{PEOPLE[1]},{RARE},{day}T13:30:00,purchase,,")
        (folder / "data" / f"events-{day}.csv").write_text("\n".join([EVENT_HEADER, *events]) + "\n")
    return folder


@pytest.fixture(scope="session")
def make_shop():
    """A shop in a new folder: freshly delivered, or a copy of another one's files and lake."""

    def make(folder, like=None):
        return Shop(write_shop(folder / "shop") if like is None else shutil.copytree(like.folder, folder / "shop"))

    return make


@pytest.fixture
def new_shop(tmp_path):
    """A shop with delivered files and no lake."""
    return Shop(write_shop(tmp_path / "shop"))


@pytest.fixture(scope="session")
def judged(make_shop, tmp_path_factory):
    """A shop whose raw and validated stages were run for every day, for tests that only read."""
    shop = make_shop(tmp_path_factory.mktemp("judged"))
    shop.run(*shop.assets[:5])
    return shop


@pytest.fixture(scope="session")
def fused(judged, make_shop, tmp_path_factory):
    """A shop with everything up to the fused items, for tests that only read."""
    shop = make_shop(tmp_path_factory.mktemp("fused"), like=judged)
    shop.run(*shop.content)
    return shop


@pytest.fixture(scope="session")
def built(fused, make_shop, tmp_path_factory):
    """A shop whose every asset was run for every day, for tests that only read."""
    shop = make_shop(tmp_path_factory.mktemp("built"), like=fused)
    shop.run(*shop.answers)
    return shop


@pytest.fixture
def judged_shop(judged, make_shop, tmp_path):
    """A copy of the shop with raw and validated run."""
    return make_shop(tmp_path, like=judged)


@pytest.fixture
def fused_shop(fused, make_shop, tmp_path):
    """A copy of the shop with everything up to the fused items."""
    return make_shop(tmp_path, like=fused)


@pytest.fixture
def shop(built, make_shop, tmp_path):
    """A copy of the shop with everything run."""
    return make_shop(tmp_path, like=built)


def judge_quickly(asset, candidate, settings):
    """Judges the shares of rejected rows and of unknown items alone, without Great Expectations."""
    landed = candidate.landed
    bad = {"rejected_share": landed.filter(contracts.kind(pl.col("rule")) == contracts.REJECTED).height}
    limits = {"rejected_share": settings.quality.max_rejected_share}
    if "known" in landed.columns:
        bad["references"] = landed.filter(~pl.col("known")).height
        limits["references"] = settings.quality.max_unknown_item_share
    shares = {name: rows / max(landed.height, 1) for name, rows in bad.items()}
    return [
        Check(
            spec.name,
            candidate.period,
            spec.blocking,
            shares.get(spec.name, 0) <= limits.get(spec.name, 1),
            "few",
            f"{shares.get(spec.name, 0)}",
        )
        for spec in contracts.checks(asset, settings)
    ]


@pytest.fixture
def quick_judge(monkeypatch):
    """Judges by `judge_quickly`, for tests of what lies behind."""
    monkeypatch.setattr(suites, "judge", judge_quickly)


@pytest.fixture
def told():
    """Everything that a report says: every field, with tables and samples written out in full."""

    def everything(report):
        with pl.Config(tbl_rows=-1, tbl_cols=-1, fmt_str_lengths=10_000, fmt_table_cell_list_len=-1):
            return "\n".join([repr(report), *(str(table) for table in (report.sample, *report.tables.values()))])

    return everything


@pytest.fixture
def init(monkeypatch, capsys):
    """Runs `mmrec init`: what it printed, or its one line of error."""

    def run(folder):
        monkeypatch.setattr(sys, "argv", ["mmrec", "init", str(folder)])
        monkeypatch.setattr(shell, "out", Console(file=(printed := io.StringIO()), width=300))
        try:
            command.main()
        except SystemExit as done:
            assert done.code == 1
            [error] = capsys.readouterr().err.splitlines()
            return error.removeprefix("error: ")
        return printed.getvalue()

    return run


class Answer:
    """What a command printed and how it ended."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def json(self):
        assert self.code in (0, 10, 11), self.err
        return json.loads(self.out)

    @property
    def error(self):
        """The one line of an error that a person can put right."""
        assert self.code == 1, self.out
        [line] = self.err.splitlines()
        assert line.startswith("error: ")
        assert "Traceback" not in self.err
        return line.removeprefix("error: ")


@pytest.fixture
def mmrec(monkeypatch, capsys):
    """Runs `mmrec` in this process on a shop."""

    def run(shop, *arguments):
        monkeypatch.setenv("MMREC_CONFIG", str(shop.folder / "mmrec.toml"))
        monkeypatch.delenv("MMREC_LAKE", raising=False)
        monkeypatch.setattr(sys, "argv", ["mmrec", *arguments])
        monkeypatch.setattr(shell, "out", Console(file=(printed := io.StringIO()), width=300))
        capsys.readouterr()
        try:
            code = command.main() or 0
        except SystemExit as done:
            code = done.code or 0
        seen = capsys.readouterr()
        return Answer(code, printed.getvalue() + seen.out, seen.err)

    return run


# -- no network beyond loopback ----------------------------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def _linked_start():
    """Shops of tests are dense, and too small to search: they would be served without the item-item part of a score."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(candidates._START, True, (candidates.Hyper(), candidates.LinkSettings()))
        yield


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch):
    """A Python socket that looks up or connects to anything beyond loopback is an error, also where it is caught."""
    reached = []

    def checked(host):
        if not _is_loopback(host):
            reached.append(host)
            raise ConnectionError(f"a test reached for {host}: sockets beyond loopback are not allowed")

    def guarded(call):
        def call_checked(self, *arguments):
            if self.family in (socket.AF_INET, socket.AF_INET6):
                checked(arguments[-1][0])
            return call(self, *arguments)

        return call_checked

    def looked_up(host, *arguments, **options):
        checked(host)
        return look_up(host, *arguments, **options)

    look_up = socket.getaddrinfo
    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, guarded(getattr(socket.socket, name)))
    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    yield reached
    assert not reached


def _is_loopback(host):
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost", "0.0.0.0"):  # the last one listens on every address and asks nobody
        return True
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False
