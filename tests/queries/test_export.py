"""The model as open files: a few lines of another program list the same items with the same scores, to the last bit."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file

from mmrec.errors import MmrecError
from mmrec.keys import file_hash
from mmrec.models import factorization
from mmrec.models.factorization import Hyper, ItemFactors
from mmrec.models.histories import Histories
from mmrec.queries import export, recommend

README = Path(__file__).resolve().parents[2] / "README.md"
NAMES = {"factors.safetensors", "items.parquet", "users.parquet", "model.json"}


def write(shop, to, period=None):
    """The folder of an export, its description and its arrays."""
    export.write(shop.lake, shop.settings, to, period)
    return to, json.loads((to / "model.json").read_text()), load_file(to / "factors.safetensors")


def listed(script, folder, person):
    """(item, title, score) as the script of the README prints them."""
    command = [sys.executable, str(script), str(folder), person]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [tuple(json.loads(line).values()) for line in done.stdout.splitlines() if line]


@pytest.fixture
def script(tmp_path):
    """The script of the README, saved as it says."""
    [text] = re.findall(r"^```python title=score\.py\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
    assert not re.search(r"^\s*(from|import) .*\b(mmrec|torch)\b", text, re.MULTILINE)
    path = tmp_path / "score.py"
    path.write_text(text)
    return path


# -- the same lists ----------------------------------------------------------------------------------------------------


def test_the_script_of_the_readme_lists_what_mmrec_lists(built, script, tmp_path):
    for period in (None, built.days[1]):
        folder, *_ = write(built, tmp_path / f"model-{period}", period)
        for person in (built.people[3], built.people[7]):
            answer = recommend.recommend(built.lake, built.settings, person, period)["items"]
            expected = [(row["item_id"], row["title"], row["score"]) for row in answer]
            assert listed(script, folder, person) == expected
            assert len(expected) == 3


@pytest.mark.full
def test_and_so_it_does_behind_new_and_removed_items(shop, script, tmp_path):
    person, gone = shop.people[3], recommend.recommend(shop.lake, shop.settings, shop.people[3])["items"][0]["item_id"]
    shop.add_item("item-00a,New,A thing number 2,item-02.png")  # sorts before older ones
    shop.remove_item(gone)
    shop.configure(recommendations={"k": 20})
    shop.run(*shop.content)
    shop.run(*shop.answers, periods=shop.days[-1:])
    folder, _, arrays = write(shop, tmp_path / "model")
    items = pl.read_parquet(folder / "items.parquet")
    assert dict(items.select("item_id", "servable").iter_rows())[gone] is False
    assert items["item_id"].to_list()[-1] == "item-00a"
    assert items["cold"].to_list()[-1] is True
    assert arrays["items"][-1].any()
    answer = recommend.recommend(shop.lake, shop.settings, person)["items"]
    assert listed(script, folder, person) == [(row["item_id"], row["title"], row["score"]) for row in answer]


# -- what is in the files ----------------------------------------------------------------------------------------------


def test_everything_for_another_fold_in_is_there_and_gives_the_same_bits(built, tmp_path):
    folder, model, arrays = write(built, tmp_path / "model")
    people, items = pl.read_parquet(folder / "users.parquet"), pl.read_parquet(folder / "items.parquet")
    assert people["user_id"].to_list() == built.people
    assert items["item_id"].to_list() == built.items
    assert people["position"].to_list() == list(range(12))
    assert items["title"].to_list() == [f"Title {at}" for at in range(15)]
    counts = np.where(items["cold"].to_numpy(), 0, 1)
    kept = [arrays.get(name) for name in ("B", "Q", "e", "HQ")]
    factors = ItemFactors(arrays["items"], *kept, counts, Hyper(**model["choice"]["hyper"]))
    histories = Histories(arrays["history_indptr"], arrays["history_items"], arrays["history_weights"])
    assert np.array_equal(factorization.fold_in(factors, histories), arrays["users"])


def test_an_item_can_be_placed_by_its_content_alone(shop, tmp_path):
    shop.add_item("item-99,New,A thing number 4,item-02.png")
    shop.run(*shop.content)
    shop.run(*shop.answers, periods=shop.days[-1:])
    _, model, arrays = write(shop, tmp_path / "model")
    f = np.zeros(arrays["B"].shape[1])
    for block in model["content"]:
        name = block["modality"]
        key = shop.scan(f"embeddings/{name}/current", item_id="item-99")["key"].item()
        vector = np.array(shop.scan(f"embeddings/{name}/vectors", key=key)["vector"][0], dtype=np.float32)
        standardised = (vector - arrays[block["mean"]]) / block["scale"]
        f[block["begin"] : block["end"]] = block["weight"] * standardised
        f[block["end"]] = block["weight"]
        assert block["encoder"] == {"text": "hash:8", "image": "hash:4"}[name]
        assert block["encoder_id"] == shop.scan(f"embeddings/{name}/current")["encoder_id"][0]
    assert [block["modality"] for block in model["content"]] == ["image", "text"]
    assert np.allclose(arrays["B"] @ f, arrays["items"][-1], rtol=1e-5)


def test_the_description_says_what_it_is_and_digests_the_rest(built, tmp_path):
    folder, model, _ = write(built, tmp_path / "model")
    assert {path.name for path in folder.iterdir()} == NAMES
    assert (model["format"], model["data_set"], model["period"], model["list_length"]) == (1, "tiny", built.days[-1], 3)
    assert model["item_factors"]["version"] == built.scan("model/versions").sort("boundary")["version"][-1]
    assert model["snapshot"]["recommendations/top_k"] == built.lake.version("recommendations/top_k")
    assert model["stand_in_media"] == []
    assert "names people" in model["personal"]
    assert {name: file["sha256"] for name, file in model["files"].items()} == {
        name: file_hash(folder / name) for name in NAMES - {"model.json"}
    }


def test_the_same_snapshot_gives_the_same_bytes(built, tmp_path):
    once, again = (write(built, tmp_path / name)[0] for name in ("once", "again"))
    assert {name: (once / name).read_bytes() for name in NAMES} == {name: (again / name).read_bytes() for name in NAMES}


def test_it_is_the_published_model_and_not_what_was_written_since(shop, tmp_path):
    folder = write(shop, tmp_path / "before")[0]
    before = {name: (folder / name).read_bytes() for name in NAMES}
    day = shop.days[-1]
    shop.write_events(day, [*shop.lines(day), f"{shop.people[4]},item-12,{day}T23:58:00,purchase,,"])
    shop.edit_item("item-03", about="Something else", title="Another title")
    shop.run(*shop.content, *shop.events, "model/factors", "recommendations/top_k")
    folder = write(shop, tmp_path / "after")[0]
    assert {name: (folder / name).read_bytes() for name in NAMES} == before


# -- whole or not at all -----------------------------------------------------------------------------------------------


def refused(shop, *arguments):
    with pytest.raises(MmrecError) as caught:
        export.write(shop.lake, shop.settings, *arguments)
    assert "\n" not in str(caught.value)
    assert "zq-person" not in str(caught.value)
    return str(caught.value)


def test_a_folder_that_holds_anything_is_left_alone(built, tmp_path):
    full = tmp_path / "full"
    full.mkdir()
    (full / "note.txt").write_text("mine")
    told = f"{full} is not empty; name a folder that is empty or not there yet"
    assert refused(built, full) == told
    assert [path.name for path in tmp_path.rglob("*")] == ["full", "note.txt"]
    assert refused(built, full / "note.txt").endswith("name a folder that is empty or not there yet")
    (tmp_path / "empty").mkdir()
    assert {path.name for path in write(built, tmp_path / "empty")[0].iterdir()} == NAMES
    assert {path.name for path in write(built, tmp_path / "deep" / "new")[0].iterdir()} == NAMES


def test_what_fails_on_the_way_leaves_nothing(built, tmp_path, monkeypatch):
    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export, "_items", full_disk)
    with pytest.raises(OSError, match="No space left"):
        export.write(built.lake, built.settings, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_published_cannot_leave(new_shop, built, tmp_path):
    assert refused(new_shop, tmp_path / "model").startswith("nothing is published yet")
    assert refused(built, tmp_path / "model", "2024-02-01").startswith("period 2024-02-01 is not published")
    assert not (tmp_path / "model").exists()
