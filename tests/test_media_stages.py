"""Sounds and films through the stages: each bad file is one recorded failure with a reason, and the others go on."""

import os

import numpy as np
import pytest

from mmrec import queries
from tests import clips

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
@pytest.mark.usefixtures("quick_judge")
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
        for row in queries.rejected(shop.lake)["failures"]
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
    fused = dict(shop.scan("fused/items").select("item_id", "modalities").iter_rows())
    assert fused["item-00"] == ["text", "image", "audio", "video"]
    assert fused["item-02"] == ["text", "image"]
    again = shop.run(AUDIO)
    assert (again.facts["keys_planned"], again.total("computed")) == (0, 0)
