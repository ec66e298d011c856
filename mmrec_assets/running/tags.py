"""Tags that belong to one run: values that its own steps, and whoever looks at it, may read.

A run that is made again from another one has that one's tags, so a tag names its run, and counts for no other. Here:
writing and reading them. Not here: what they say (`processes.py`, `landing.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def own(name: str, run_id: str, values: Mapping[str, Any]) -> dict[str, str]:
    """The tag `name` of a run, as Dagster takes it."""
    return {name: json.dumps({"run": run_id, **values}, sort_keys=True)}


def read(name: str, run_id: str, tags: Mapping[str, str]) -> dict[str, Any] | None:
    """What a run's own tag says; None where it has none, or one that is another run's."""
    try:
        values = json.loads(tags[name])
        return values if values.pop("run") == run_id else None
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
