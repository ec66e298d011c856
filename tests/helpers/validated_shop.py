"""Landing and judging the tests' shop."""

EVENTS = "validated/interactions"
BAD = "2024-01-03"


def land_and_judge(shop, periods=None, strict=False):
    """Lands and judges the events; the report of the judging."""
    return shop.run(*shop.events, periods=periods, strict=strict)[EVENTS]


def published(shop, period):
    return shop.scan(EVENTS, period=period).sort("user_id", "item_id", "time", "query")


def computed(report):
    return {period for period, each in report.periods.items() if each.computed + each.removed}
