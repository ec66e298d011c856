"""A first try on a small sample does not stay: what was measured on it is measured anew once there is twice as much."""

from mmrec import tables
from mmrec.planning import walk
from tests.helpers.shop import Shop
from tests.verification.test_verify import differing, verified

FITTED, MEASURED = tables.MODEL_VERSIONS, tables.FUSED_STATISTICS
FACTORS = Shop.assets[:9]  # everything up to them


def leave(shop, *, events=slice(None), items=slice(None)):
    """Delivers a part of every day's events and of the catalogue; what brings all back."""
    days, catalogue = {day: shop.lines(day) for day in shop.days}, shop.catalogue()

    def deliver(events, items):
        for day, lines in days.items():
            shop.write_events(day, lines[events])
        shop.write_catalogue(catalogue[items])

    deliver(events, items)
    return lambda: deliver(slice(None), slice(None))


def test_what_a_small_sample_gave_gives_way_once_there_is_twice_as_much(new_shop):
    deliver_all = leave(new_shop, events=slice(None, None, 3), items=slice(None, None, 3))
    new_shop.run()
    fitted, measured = new_shop.scan(FITTED), new_shop.scan(MEASURED)
    deliver_all()
    planned = sum(row.fits for row in walk.plan(new_shop.lake, new_shop.settings, new_shop.days).rows)
    assert new_shop.run()["model/factors"].facts["versions_fitted"] == planned == fitted.height
    served = new_shop.scan(tables.MODEL_USERS).select("version").unique()
    assert served.join(fitted, on="version").is_empty()
    anew = new_shop.scan(MEASURED).join(measured, on="version", how="anti").select("modality", "items")
    assert dict(anew.sort("modality").iter_rows()) == {"image": len(new_shop.with_picture), "text": 13}
    assert not walk.plan(new_shop.lake, new_shop.settings, new_shop.days).rows
    assert not differing(verified(new_shop))


def test_events_alone_fit_anew_where_they_have_doubled(new_shop):
    deliver_all = leave(new_shop, events=slice(None, None, 3))
    new_shop.run(*FACTORS)
    fitted, measured = new_shop.scan(FITTED), new_shop.scan(MEASURED)
    deliver_all()
    planned = sum(row.fits for row in walk.plan(new_shop.lake, new_shop.settings, new_shop.days).rows)
    assert new_shop.run(*FACTORS)["model/factors"].facts["versions_fitted"] == planned == fitted.height
    assert new_shop.scan(MEASURED).equals(measured)


def test_a_few_late_events_and_new_items_change_neither(new_shop):
    deliver_all = leave(new_shop, events=slice(None, -12), items=slice(None, -4))
    new_shop.run(*FACTORS)
    measured = new_shop.scan(MEASURED)
    deliver_all()
    assert new_shop.run(*FACTORS)["model/factors"].facts["versions_fitted"] == 0
    assert new_shop.scan(MEASURED).equals(measured)
