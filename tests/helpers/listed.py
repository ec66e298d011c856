"""Lists and reasons of the tests' shop, in one order."""

from mmrec import tables

FACTORS, TOP_K, REASONS = "model/factors", tables.TOP_K, tables.REASONS
ORDER = {
    "model/users": ["period", "user_id"],
    TOP_K: ["period", "user_id", "rank"],
    tables.LIST_STATES: ["period"],
    REASONS: ["period", "user_id", "rank"],
}


def rows(shop, table):
    return shop.scan(table).sort(ORDER[table])
