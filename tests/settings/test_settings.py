"""Every mistake in mmrec.toml is one line that names the key, what was found and what is allowed."""

import socket

import pytest

from mmrec.errors import SettingsError
from mmrec.settings import load

MINIMAL = """
name = "shop"
[calendar]
start = 2024-01-01
[interactions]
files = ["events-*.csv"]
event = "view"
[events]
view = 1
[items]
files = ["items.csv"]
"""


def write(folder, text, encoding="utf-8"):
    path = folder / "mmrec.toml"
    path.write_text(text, encoding=encoding)
    return path


def message(folder, text, **environment):
    with pytest.raises(SettingsError) as caught:
        load(write(folder, text), environment=environment)
    told = str(caught.value)
    assert "\n" not in told
    assert told.startswith("mmrec.toml")
    return told.removeprefix("mmrec.toml").lstrip(": ")


def changed(section, line):
    """MINIMAL with one more line in a section, which is added where there is none; it wins over an older one."""
    key = line.partition("=")[0].strip()
    kept, at = [], ""
    for old in MINIMAL.strip().splitlines():
        at = old.strip("[]") if old.startswith("[") else at
        if not (at == section and old.partition("=")[0].strip() == key):
            kept.append(old)
    if section == "":
        return "\n".join([line, *kept])
    if f"[{section}]" not in kept:
        return "\n".join([*kept, f"[{section}]", line])
    place = kept.index(f"[{section}]") + 1
    return "\n".join([*kept[:place], line, *kept[place:]])


def test_a_minimal_file_gets_the_defaults(tmp_path):
    found = load(write(tmp_path, MINIMAL), environment={})
    assert (found.calendar.period, found.calendar.timezone, found.calendar.end) == ("day", "UTC", None)
    assert (found.recommendations.k, found.model.refit, found.model.fusion) == (20, 4, ["concat"])
    assert found.embeddings == {}
    assert found.data == tmp_path
    assert found.lake_root == str(tmp_path / ".mmrec" / "lake")
    assert found.media_root == tmp_path


def test_paths_count_from_the_file_and_not_from_where_one_stands(tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    text = 'data = "in"\nweights = "w"\n' + MINIMAL + '[lake]\nroot = "out/lake"\n[media]\nroot = "pics"\n'
    found = load(write(tmp_path, text), environment={})
    assert found.data == tmp_path / "in"
    assert found.weights == tmp_path / "w"
    assert found.lake_root == str(tmp_path / "out" / "lake")
    assert found.media_root == tmp_path / "in" / "pics"


def test_a_byte_order_mark_does_not_matter(tmp_path):
    assert load(write(tmp_path, MINIMAL, "utf-8-sig"), environment={}).name == "shop"


def test_the_environment_names_the_file_the_lake_and_the_weights(tmp_path):
    path = write(tmp_path, MINIMAL + '[lake]\nroot = "there"\n')
    found = load(
        environment={"MMREC_CONFIG": str(path), "MMREC_LAKE": str(tmp_path / "mine"), "MMREC_WEIGHTS": "/weights"}
    )
    assert found.lake_root == str(tmp_path / "mine")
    assert str(found.weights) == "/weights"


def test_a_file_that_is_named_wins_over_the_environment(tmp_path):
    path = write(tmp_path, MINIMAL)
    assert load(path, environment={"MMREC_CONFIG": "/nowhere.toml"}).name == "shop"


@pytest.mark.parametrize("root", ["s3://bucket/lake", "gs://bucket/lake", "az://container/lake"])
def test_an_object_store_stays_as_it_is_written(tmp_path, root):
    text = MINIMAL + f'[lake]\nroot = "{root}"\n'
    assert load(write(tmp_path, text), environment={}).lake_root == root
    assert load(write(tmp_path, MINIMAL), environment={"MMREC_LAKE": root}).lake_root == root


def test_without_a_named_file_it_is_the_one_that_lies_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=r"^no mmrec.toml in .*, and MMREC_CONFIG names no other; `mmrec init"):
        load(environment={})
    write(tmp_path, MINIMAL)
    found = load(environment={})
    assert found.name == "shop"
    assert found.lake_root == str(tmp_path / ".mmrec" / "lake")
    assert found.weights == tmp_path / ".mmrec" / "weights"


def test_home_is_where_lake_and_weights_lie_unless_they_say_otherwise(tmp_path):
    text = 'home = "state"\n' + MINIMAL
    found = load(write(tmp_path, text), environment={})
    assert (found.lake_root, found.weights) == (str(tmp_path / "state" / "lake"), tmp_path / "state" / "weights")
    text = 'home = "state"\nweights = "w"\n' + MINIMAL + '[lake]\nroot = "tables"\n'
    found = load(write(tmp_path, text), environment={})
    assert (found.lake_root, found.weights, found.home) == (
        str(tmp_path / "tables"),
        tmp_path / "w",
        tmp_path / "state",
    )


@pytest.mark.parametrize(
    ("section", "key", "allowed"),
    [
        ("", "lakes", "allowed here: calendar, data, embeddings, events, home, interactions"),
        ("calendar", "zone", "allowed here: end, period, start, timezone"),
        ("interactions", "file", "allowed here: columns, event, files, liked_from, value_range, value_scale"),
        ("interactions.columns", "user", "allowed here: event, item_id, query, review, split, time, user_id, value"),
        ("items", "glob", "allowed here: attributes, columns, files"),
        ("items.columns", "picture", "allowed here: audio, categories, image, item_id, text, title, video"),
        ("media", "folder", "allowed here: root, stand_in"),
        ("embeddings.text", "batch", "allowed here: device, encoder, precision"),
        ("model", "widths", "allowed here: fusion, kind, min_events, refit, seed, split, sweeps, width"),
        ("recommendations", "top", "allowed here: diversity, explore, k"),
        ("quality", "max", "allowed here: max_rejected_share"),
        ("schedule", "at", "allowed here: cron, timezone"),
        ("lake", "path", "allowed here: root"),
    ],
)
def test_an_unknown_key_is_named_with_what_is_allowed_there(tmp_path, section, key, allowed):
    told = message(tmp_path, changed(section, f'{key} = "x"'))
    name = f"{section}.{key}" if section else key
    assert told.startswith(f"unknown key '{name}'; {allowed}")


def test_a_mistyped_key_is_named_rather_than_the_one_it_should_have_been(tmp_path):
    assert message(tmp_path, changed("calendar", "begin = 2024-01-01").replace("start = 2024-01-01\n", "")).startswith(
        "unknown key 'calendar.begin'; allowed here: end, period, start, timezone"
    )


def test_an_unknown_modality_is_named_with_the_known_ones(tmp_path):
    told = message(tmp_path, MINIMAL + '[embeddings.smell]\nencoder = "nose"\n')
    assert "embeddings.smell" in told
    assert "'text'" in told
    assert "'image'" in told


@pytest.mark.parametrize(
    ("section", "line", "parts"),
    [
        ("", 'name = ""', ("name", "found ''", "at least 1 character")),
        ("", 'name = "a b"', ("name", "found 'a b'", "pattern")),
        ("", "name = 5", ("name", "found 5", "string")),
        ("calendar", 'start = "soon"', ("calendar.start", "found 'soon'", "date")),
        ("calendar", 'period = "month"', ("calendar.period", "found 'month'", "'day' or 'week'")),
        ("calendar", 'timezone = "Europe/Berlln"', ("calendar.timezone", "'Europe/Berlln'", "Europe/Berlin")),
        ("calendar", "end = 2024-01-01", ("calendar", "end 2024-01-01", "after start 2024-01-01")),
        ("interactions", "files = []", ("interactions.files", "found []", "at least 1 item")),
        ("interactions", 'files = "events.csv"', ("interactions.files", "found 'events.csv'", "list")),
        ("interactions", 'event = "buy"', ("interactions.event", "'buy'", "['view']")),
        ("interactions", 'value_range = ["low", 5]', ("interactions.value_range.0", "found 'low'", "number")),
        ("interactions", "value_range = [5, 1]", ("interactions.value_range", "[5.0, 1.0]", "lowest first")),
        ("interactions", "value_range = [nan, 1]", ("interactions.value_range", "[nan, 1.0]", "lowest first")),
        ("events", "view = -1", ("events.view", "found -1", "greater than or equal to 0")),
        ("events", "view = inf", ("events.view", "found inf", "finite")),
        ("events", 'ignore = "shown"', ("events.ignore", "found 'shown'", "list")),
        ("events", "view = 0", ("events: every weight is 0",)),
        ("events", 'ignore = ["view"]', ("events: 'view' has a weight and is ignored",)),
        ("items", 'attributes = ["price", "price"]', ("items.attributes", "each column once")),
        ("embeddings.text", 'device = "cpu"', ("embeddings.text.encoder", "missing")),
        ("model", "width = 1", ("model.width", "found 1", "greater than or equal to 2")),
        ("model", 'split = "shuffled"', ("model.split", "found 'shuffled'", "'random' or 'given'")),
        ("recommendations", "k = 0", ("recommendations.k", "found 0", "greater than or equal to 1")),
        ("recommendations", "k = 2.5", ("recommendations.k", "found 2.5", "integer")),
        ("quality", "max_rejected_share = 1.5", ("quality.max_rejected_share", "found 1.5", "less than or equal to 1")),
        ("schedule", 'cron = "daily"', ("schedule.cron", "found 'daily'", "pattern")),
        ("schedule", 'timezone = "Mars"', ("schedule.timezone", "'Mars'", "UTC")),
        ("", 'lake = "there"', ("lake", "found 'there'", "dictionary")),
    ],
)
def test_a_value_that_cannot_be_used_names_key_found_and_allowed(tmp_path, section, line, parts):
    told = message(tmp_path, changed(section, line))
    for part in parts:
        assert part in told, told


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:x", "CPU"])
def test_a_device_is_one_of_the_known_ones(tmp_path, device):
    told = message(tmp_path, MINIMAL + f'[embeddings.text]\nencoder = "hash:8"\ndevice = "{device}"\n')
    assert told.startswith(f"embeddings.text.device: found '{device}'")
    assert "auto|cpu|mps|cuda" in told


def test_an_encoder_needs_the_column_it_reads(tmp_path):
    told = message(tmp_path, MINIMAL + '[embeddings.image]\nencoder = "hash:8"\n')
    assert told == "embeddings.image is set, but items.columns.image names no column"
    told = message(tmp_path, MINIMAL + '[embeddings.text]\nencoder = "hash:8"\n')
    assert told == "embeddings.text is set, but items.columns.text names no column"


def test_events_need_a_type_or_the_column_that_holds_it(tmp_path):
    told = message(tmp_path, MINIMAL.replace('event = "view"\n', ""))
    assert told.startswith("interactions: neither event nor columns.event is set")


@pytest.mark.parametrize("section", ["calendar", "interactions", "events", "items"])
def test_a_missing_section_is_named(tmp_path, section):
    kept = [part for part in MINIMAL.split("\n[") if not part.startswith(section + "]")]
    assert message(tmp_path, "\n[".join(kept)).startswith(f"'{section}' is missing")


def test_a_calendar_without_a_whole_period_is_refused(tmp_path):
    text = changed("calendar", "end = 2024-01-05").replace("[calendar]", '[calendar]\nperiod = "week"')
    told = message(tmp_path, text)
    assert told.startswith("calendar: ")
    assert "2024-01-01" in told
    assert "2024-01-05" in told
    assert "week" in told


def test_text_that_is_no_toml_is_said_with_its_place(tmp_path):
    assert message(tmp_path, "name = \n").startswith("is not valid TOML: ")
    assert "line 1" in message(tmp_path, "name = \n")
    (tmp_path / "mmrec.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(SettingsError, match=r"mmrec\.toml is not valid TOML"):
        load(tmp_path / "mmrec.toml", environment={})


def test_a_missing_file_says_how_to_name_one(tmp_path):
    with pytest.raises(SettingsError, match=r"no settings file at .*MMREC_CONFIG"):
        load(environment={"MMREC_CONFIG": str(tmp_path / "no.toml")})
    with pytest.raises(SettingsError, match="cannot be read"):
        load(tmp_path, environment={})


def test_settings_cannot_be_changed_once_loaded(tmp_path):
    found = load(write(tmp_path, MINIMAL), environment={})
    with pytest.raises(ValueError, match="frozen"):
        found.name = "other"


def test_tests_cannot_reach_beyond_loopback(_loopback_only):
    with pytest.raises(ConnectionError, match="beyond loopback"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    with pytest.raises(ConnectionError, match="beyond loopback"):
        socket.getaddrinfo("example.org", 443)
    assert _loopback_only == ["192.0.2.1", "example.org"]
    _loopback_only.clear()
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass
