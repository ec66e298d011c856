"""Who answers for an asset: shown on its page, and told in an alert."""

_DATA, _REST = "team:data", "team:ml"
_OWNERS = {"raw": _DATA, "validated": _DATA, "sources": _DATA}


def owner(asset: str) -> str:
    """The team that answers for an asset."""
    return _OWNERS.get(asset.partition("/")[0], _REST)
