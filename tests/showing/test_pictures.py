"""Drawn metadata: what it shows, that no text of an item becomes markup, and that a quiet run draws nothing anew."""

import base64
import re
import xml.etree.ElementTree as ET

import dagster as dg
import polars as pl
import pytest

from mmrec.builds.report import StageReport
from mmrec.stages.embeddings import preview
from mmrec.stages.model import evaluation
from mmrec_assets.showing import charts, pictures

SVG = "{http://www.w3.org/2000/svg}"


def svg(value):
    found = re.fullmatch(r"!\[[a-z ]+\]\(data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)\)", value.value)
    return ET.fromstring(base64.b64decode(found[1]))


def texts(root):
    return [element.text for element in root.iter(f"{SVG}text")]


@pytest.fixture(scope="module")
def tables(fused):
    return preview.of_vectors(fused.lake, "image")


def report(tables):
    return StageReport("embeddings/image", {}, 0.0, None, {}, tables=tables)


def test_every_vector_is_counted_once(tables, fused):
    assert tables[preview.NORMS]["items"].sum() == fused.scan("embeddings/image/current")["key"].n_unique()


def test_of_many_vectors_a_few_places_are_looked_at(fused, monkeypatch):
    monkeypatch.setattr(preview, "SAMPLED", 4)
    monkeypatch.setattr(preview, "PLACES", 2)
    some = preview.of_vectors(fused.lake, "image")
    assert some[preview.NORMS]["items"].sum() == 4
    assert some[preview.ITEMS]["item_id"].is_in(fused.scan("embeddings/image/current")["item_id"].implode()).all()


def test_items_stand_beside_those_most_like_them(tables):
    rows = tables[preview.NEIGHBOURS]
    assert rows["item_id"].n_unique() == preview.SHOWN
    assert (rows["item_id"] != rows["neighbour"]).all()
    for _, mine in rows.group_by("item_id"):
        assert mine.sort("rank")["similarity"].is_sorted(descending=True)


def test_the_picture_shows_titles_thumbnails_and_what_is_drawn(tables, fused):
    settings = fused.settings.model_copy(
        update={"media": fused.settings.media.model_copy(update={"stand_in": ["image"]})}
    )
    drawn = svg(pictures.of(report(tables), settings)["nearest_neighbours_drawn"])
    words = texts(drawn)
    assert set(tables[preview.NEIGHBOURS]["title"]) <= set(words)
    assert "pictures are drawn stand-ins, not real" in words
    assert len(list(drawn.iter(f"{SVG}image"))) == tables[preview.NEIGHBOURS].height + preview.SHOWN
    assert "stand-ins" not in " ".join(
        filter(None, texts(svg(pictures.of(report(tables), fused.settings)[pictures.KEYS[1]])))
    )


def test_a_title_is_never_markup(tables, fused):
    evil = '<img src="x">](y) "&'
    rows = tables[preview.NEIGHBOURS].with_columns(title=pl.lit(evil), image=pl.lit("../../outside.png"))
    value = pictures.of(report({preview.NEIGHBOURS: rows}), fused.settings)["nearest_neighbours_drawn"]
    assert evil in " ".join(filter(None, texts(svg(value))))
    assert "<" not in value.value


def test_a_quiet_run_shows_the_last_picture():
    shown = {pictures.KEYS[0]: dg.MetadataValue.md("old"), "rows": 1}
    with dg.DagsterInstance.ephemeral() as instance:
        key = dg.AssetKey(["embeddings", "image"])
        assert pictures.remembered(instance, key) == {}
        instance.report_runless_asset_event(dg.AssetMaterialization(key, metadata=shown))
        assert pictures.remembered(instance, key) == {pictures.KEYS[0]: shown[pictures.KEYS[0]]}


def test_an_evaluation_is_drawn_as_a_bar_a_model_with_its_interval():
    told = {"segment": "all", "people": 1234, "low": None, "high": None}
    rows = [
        {**told, "model": "our model", "served": True, "value": 0.2, "low": 0.15, "high": 0.25},
        {**told, "model": "popularity", "served": False, "value": 0.1},
        {**told, "segment": "cold items", "people": 7, "model": "our model", "served": True, "value": 0.05},
    ]
    drawn = svg(charts.of(report({evaluation.CHART: pl.DataFrame(rows)}))[charts.KEY])
    words = texts(drawn)
    assert "all: 1,234 people" in words
    assert "0.2000 [0.1500, 0.2500]" in words
    assert words.index("popularity") < words.index("cold items: 7 people")
    bars = [float(box.get("width")) for box in drawn.iter(f"{SVG}rect") if box.get("height") == "14.0"]
    assert bars[0] == pytest.approx(2 * bars[1], abs=0.2)
    assert bars[1] == pytest.approx(2 * bars[2], abs=0.2)


def test_an_evaluation_without_figures_draws_nothing():
    assert charts.of(report({})) == {}
