"""Delivered files of three columns, for tests of reading them."""

import json

COLUMNS = {"user": "user_id", "item": "item_id", "time": "time"}
ROWS = [("u1", "i1", "1", None), ("u2", "i2", "2", None)]


def jsonl(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


FIRST, SECOND = {"user_id": "u1", "item_id": "i1", "time": 1}, {"user_id": "u2", "item_id": "i2", "time": 2}
