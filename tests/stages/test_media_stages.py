"""Media through the stages: each bad file is one recorded failure with a reason, and the others go on."""

import os
import unicodedata

import numpy as np
import pytest

from mmrec.builds import assets
from mmrec.encoders import hashed
from mmrec.media.opening import BadMedia
from mmrec.queries import rejected as rejected_rows
from mmrec_assets.cli import printed
from mmrec_assets.terminal import Console
from tests.helpers import clips

AUDIO, VIDEO = "embeddings/audio", "embeddings/video"


@pytest.fixture
def broadcasting(new_shop, tmp_path):
    """The shop with sounds and clips, of which only the first two items' are good."""
    media = new_shop.data / "pictures"
    good = clips.sound(media / "0.wav")
    clips.film(media / "0.mp4", frames=10)
    clips.sound(media / "1.wav", clips.chirp(seconds=1.0))
    clips.film(media / "1.mp4", frames=12)
    clips.cut(good, 0.5, "cut.wav")
    clips.sound_only(media / "blind.mp4")
    (media / "text.mp4").write_text("ffconcat version 1.0\nfile 0.mp4\n")
    outside = clips.sound(tmp_path / "outside.wav")
    (media / "link.wav").symlink_to(outside.path)
    os.mkfifo(media / "pipe.mp4")
    clips.sound(media / "nan.wav", np.full(4000, np.nan, np.float32), subtype="FLOAT")
    named = {0: ("0.wav", "0.mp4"), 1: ("1.wav", "1.mp4"), 2: ("cut.wav", "blind.mp4"), 3: ("link.wav", "text.mp4")}
    named |= {4: ("nan.wav", "pipe.mp4")}
    lines = [f"{line},{','.join(named.get(at, ('', '')))}" for at, line in enumerate(new_shop.catalogue())]
    new_shop.write_catalogue(lines, header=f"{new_shop.item_header},sound,clip")
    return new_shop.configure(
        items={"columns": {"audio": "sound", "video": "clip"}},
        embeddings={"audio": {"encoder": "aisfx"}, "video": {"encoder": "frames:hash:8"}},
        weights=str(clips.WEIGHTS),
    )


@clips.needs_weights("aisfx")
def test_bad_sounds_and_clips_are_failures_of_their_own(broadcasting):
    shop = broadcasting
    shop.run("raw/items", "raw/media", "validated/items")
    for asset in (AUDIO, VIDEO, "embeddings/text", "embeddings/image", "fused/items"):
        report = shop.run(asset)
        if asset in (AUDIO, VIDEO):
            assert report.facts["keys_planned"] == report.facts["keys_done"] + report.facts["keys_failed"]
    for asset in (AUDIO, VIDEO):
        assert set(shop.scan(f"{asset}/current")["item_id"]) == {"item-00", "item-01"}
    reasons = {
        (row["modality"], row["item_id"]): row["reason"]
        for row in rejected_rows.rejected(shop.lake)["failures"]
        if row["modality"] in ("audio", "video")
    }
    expected = {
        ("audio", "item-02"): "cut",
        ("audio", "item-03"): "symbolic link",
        ("audio", "item-04"): "finite",
        ("video", "item-02"): "no pictures",
        ("video", "item-03"): "known kind",
        ("video", "item-04"): "not a regular file",
    }
    assert set(reasons) == set(expected)
    wrong = {key: reasons[key] for key, words in expected.items() if words not in reasons[key]}
    assert wrong == {}
    fused = dict(shop.scan("fused/current").select("item_id", "modalities").iter_rows())
    assert fused["item-00"] == ["text", "image", "audio", "video"]
    assert fused["item-02"] == ["text", "image"]
    again = shop.run(AUDIO)
    assert (again.facts["keys_planned"], again.total("computed")) == (0, 0)


IMAGE = "embeddings/image"


def rename(shop, item, named, on_disk):
    """Lets the catalogue name an item's picture in one way, and the disk in another."""
    folder = shop.data / "pictures"
    (folder / f"{item}.png").rename(folder / on_disk)
    shop.edit_item(item, picture=named)


def test_pictures_are_found_whatever_unicode_form_their_names_have(new_shop, monkeypatch):
    forms = [unicodedata.normalize(form, f"caf\u00e9-{form}.png") for form in ("NFC", "NFD")]
    other = [unicodedata.normalize(form, name) for form, name in zip(("NFD", "NFC"), forms, strict=True)]
    for item, named, on_disk in zip(("item-00", "item-01"), forms, other, strict=True):
        rename(new_shop, item, named, on_disk)
    new_shop.run("raw/items", "raw/media", "validated/items", "embeddings/text", IMAGE)
    found = {row["uri"]: row for row in new_shop.scan("raw/media").iter_rows(named=True)}
    for named, on_disk in zip(forms, other, strict=True):
        assert found[named]["sha256"] == clips.registered(new_shop.data / "pictures" / on_disk).sha256
        assert found[named]["problem"] is None
    assert new_shop.scan(f"{IMAGE}/current").height == len(new_shop.with_picture)
    assert new_shop.scan(f"{IMAGE}/failed").is_empty()
    monkeypatch.setattr("hashlib.file_digest", lambda *given: pytest.fail("hashed again"))
    assert new_shop.run("raw/media").total("computed") == 0


def test_an_empty_file_is_told_as_such(new_shop):
    (new_shop.data / "pictures" / "item-03.png").write_bytes(b"")
    new_shop.run("raw/items", "raw/media", "validated/items", "embeddings/text", IMAGE)
    assert rejected_rows.rejected(new_shop.lake)["failures"] == [
        {"item_id": "item-03", "reason": "the file is empty", "modality": "image", "user_id": None}
    ]


def refusing(*given):
    raise BadMedia("not read yet")


def test_a_persons_text_that_failed_is_printed_without_an_item():
    out = Console(record=True, width=120)
    counts = {"rejected": 0, "duplicate": 0, "ignored": 0}
    failures = [{"item_id": None, "user_id": "u", "modality": "text", "reason": "the vector is not finite"}]
    printed.rejected(out, {"by_kind": counts, "by_rule": [], "shown": [], "failures": failures})
    assert out.export_text().splitlines()[1] == "text of a person's own words: the vector is not finite"


def test_what_failed_is_tried_once_more_by_a_newer_version_of_the_reader(new_shop, monkeypatch):
    count = len(new_shop.with_picture)
    monkeypatch.setattr(assets, "_reading", lambda asset: "1")
    with monkeypatch.context() as old:
        old.setattr(hashed, "open_registered", refusing)
        new_shop.run("raw/items", "raw/media", "validated/items", IMAGE)
    assert new_shop.scan(f"{IMAGE}/failed").height == count
    for version, planned in (("1", 0), ("2", count), ("2", 0)):
        monkeypatch.setattr(assets, "_reading", lambda asset, version=version: version)
        assert new_shop.run(IMAGE).facts["keys_planned"] == planned
    assert new_shop.scan(f"{IMAGE}/failed").is_empty()
    assert new_shop.scan(f"{IMAGE}/current").height == count
