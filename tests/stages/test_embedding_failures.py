"""An input that cannot be encoded is one recorded failure, and its neighbours go on."""

import pytest

from mmrec import encoders
from mmrec.encoders.hashed import HashEncoder
from mmrec.stages.embeddings import vectors as embedding_stage
from tests.helpers.embedding_shop import IMAGE, TEXT, UP_TO_ITEMS, current, embed


@pytest.fixture
def shop(fused_shop):
    return fused_shop


def fail_on(monkeypatch, *texts):
    """An encoder that refuses these inputs, and the inputs that it was asked for."""
    asked = []

    def prepare(self, inputs):
        asked.extend(inputs)
        return [encoders.Failure("bad input") if item in texts else self._prepare(item) for item in inputs]

    monkeypatch.setattr(HashEncoder, "prepare", prepare)
    return asked


def test_a_bad_input_is_one_recorded_failure_and_its_neighbours_go_on(shop, monkeypatch):
    fail_on(monkeypatch, "bad")
    shop.edit_item("item-03", about="bad")
    shop.edit_item("item-04", about="good")
    done, reasons, report = embed(shop)
    assert (done, reasons["content changed"], report.facts["keys_failed"]) == (1, 2, 1)
    assert "item-03" not in current(shop)
    [failure] = shop.scan("embeddings/text/failed").iter_rows(named=True)
    assert (failure["item_id"], failure["reason"], failure["run_id"]) == ("item-03", "bad input", "test-run")
    assert report.warnings == ["1 inputs could not be encoded; see `mmrec rejected`"]
    assert report.periods[""].rejected == 1


def test_a_failure_is_not_tried_again_until_its_content_changes(shop, monkeypatch):
    asked = fail_on(monkeypatch, "bad")
    shop.edit_item("item-03", about="bad")
    embed(shop)
    asked.clear()
    version = shop.lake.version("embeddings/text/failed")
    done, _, report = embed(shop)
    assert (done, asked, report.facts["keys_planned"]) == (0, [], 0)
    assert report.periods[""].rejected == 1
    assert shop.lake.version("embeddings/text/failed") == version
    shop.edit_item("item-03", about="mended")
    assert embed(shop)[0] == 1
    assert shop.rows("embeddings/text/failed") == 0
    assert "item-03" in current(shop)


def test_a_failure_is_tried_again_when_asked_to(shop, monkeypatch):
    with monkeypatch.context() as patch:
        fail_on(patch, "bad")
        shop.edit_item("item-03", about="bad")
        embed(shop)
    report = embedding_stage.embed(shop.lake.acting_as(TEXT, "1"), shop.settings, "text", retry_failed=True)
    assert dict(report.tables["planned by reason"].iter_rows())["failed before"] == 1
    assert report.facts["keys_done"] == 1
    assert shop.rows("embeddings/text/failed") == 0
    assert "item-03" in current(shop)


def test_a_failure_of_a_removed_item_is_forgotten(shop, monkeypatch):
    fail_on(monkeypatch, "bad")
    shop.edit_item("item-03", about="bad")
    embed(shop)
    shop.remove_item("item-03")
    embed(shop)
    assert shop.rows("embeddings/text/failed") == 0


def test_a_picture_that_is_not_there_or_not_allowed_is_a_recorded_failure(shop):
    (shop.data / "secret.png").write_bytes(b"secret")
    (shop.data / "pictures" / "item-00.png").unlink()
    shop.edit_item("item-01", picture="../secret.png")
    shop.edit_item("item-02", picture="folder")
    (shop.data / "pictures" / "folder").mkdir()
    done, _, report = embed(shop, IMAGE)
    failures = dict(shop.scan("embeddings/image/failed").select("item_id", "reason").iter_rows())
    assert failures == {
        "item-00": "the file does not exist",
        "item-01": "the file is outside the media folder",
        "item-02": "not a regular file",
    }
    assert (done, report.periods[""].rows) == (0, 7)
    assert str(shop.folder) not in str(failures)


def test_a_picture_that_changed_since_it_was_registered_is_a_failure_and_mends_itself(shop):
    path = shop.data / "pictures" / "item-02.png"
    path.write_bytes(b"first")
    shop.run(*UP_TO_ITEMS)
    path.write_bytes(b"second")
    report = shop.run(IMAGE)
    assert (report.facts["keys_done"], report.facts["keys_failed"]) == (0, 1)
    assert shop.scan("embeddings/image/failed")["reason"].to_list() == ["the file changed since it was registered"]
    assert embed(shop, IMAGE)[0] == 1
    assert shop.rows("embeddings/image/failed") == 0


def test_a_folder_that_has_become_a_link_out_of_the_media_is_noticed_though_its_files_look_the_same(shop):
    inner, outer = shop.data / "pictures" / "inner", shop.folder / "elsewhere"
    inner.mkdir()
    (inner / "one.png").write_bytes(b"one")
    shop.edit_item("item-00", picture="inner/one.png")
    embed(shop, IMAGE)
    assert "item-00" in current(shop, "image")
    inner.rename(outer)
    inner.symlink_to(outer)
    embed(shop, IMAGE)
    assert "item-00" not in current(shop, "image")
    failures = dict(shop.scan("embeddings/image/failed").select("item_id", "reason").iter_rows())
    assert failures["item-00"] == "the file is outside the media folder"
