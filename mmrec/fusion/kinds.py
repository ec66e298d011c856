"""The kinds of fusion by the names that settings call them."""

from __future__ import annotations

from collections.abc import Mapping

from mmrec.errors import SettingsError
from mmrec.fusion.concat import Concat
from mmrec.fusion.interface import Fusion

KINDS: Mapping[str, Fusion] = {
    "concat": Concat(),
}


def kind(name: str) -> Fusion:
    """The kind of this name; one line with the known ones where there is none."""
    if name not in KINDS:
        raise SettingsError(f"fused.kind: found {name!r}; expected one of: {', '.join(KINDS)}")
    return KINDS[name]
