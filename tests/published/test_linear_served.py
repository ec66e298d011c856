"""A linear item-item model in a whole pipeline: everybody has a list, shares are exact, what is new has a place."""

import pytest

from mmrec.models.linear import KINDS
from mmrec.planning import graph
from mmrec.planning.walk import plan
from mmrec.published.versions import served_version
from mmrec.queries import ad_hoc, recommend, sentence, why

LONELY, NEW = "zq-person-lonely", "item-99"


@pytest.fixture(params=KINDS)
def shop(request, fused_shop):
    """A shop with an item that nobody has met, and a person who has only written a profile."""
    fused_shop.add_item(f"{NEW},New,A thing number 4,")
    (fused_shop.data / "people.csv").write_text(f"user_id,consent,about\n{LONELY},yes,A thing number 7\n")
    users = {"files": ["people.csv"], "columns": {"text": ["about"]}}
    model = {**fused_shop.settings.model.model_dump(), "kind": request.param}
    shop = fused_shop.configure(users=users, recommendations={"k": 8}, model=model)
    day = shop.days[-1]
    for node in graph.nodes(shop.settings):
        report = node.run(shop.lake, shop.settings, [day] if node.partitioned else [])
        assert not report.problem, report.problem
        assert not any("is served: nothing" in told for told in report.warnings)
    return shop


def test_it_is_served_by_the_road_of_every_model(shop):
    lake, settings, day = shop.lake, shop.settings, shop.days[-1]
    version = served_version(lake, day)
    assert version.choice.last_resort == settings.model.kind and version.links is not None
    assert not plan(lake, settings, [day]).rows
    for person in shop.people[:4]:
        told = why.why(lake, settings, person)
        assert sum(told["through"].values()) == pytest.approx(told["score"])
        assert sum(event["share"] for event in told["events"]) <= told["score"] + 1e-9 or told["events_in_all"] > 5
    assert recommend.recommend(lake, settings, LONELY)["items"]
    assert ad_hoc.for_items(lake, settings, [NEW])["items"]
    assert sentence.for_text(lake, settings, "thing number 4")["items"]
