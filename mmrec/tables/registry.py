"""Every table by its name."""

from __future__ import annotations

from mmrec.errors import MmrecError
from mmrec.tables import embeddings, fused, ledgers, model, raw, recommendations, validated
from mmrec.tables.table import Table

_MODULES = (ledgers, raw, validated, fused, model, recommendations, embeddings)
_ALL: dict[str, Table] = {table.name: table for module in _MODULES for table in module.TABLES}


def contract(name: str) -> Table:
    """The contract of a table by its name, `stage/table`."""
    found = _ALL.get(name)
    if found is None:
        raise MmrecError(f"no table is called '{name}'; there are: {', '.join(sorted(_ALL))}")
    return found


def names() -> list[str]:
    """Every table's name, ledgers included."""
    return list(_ALL)


def view(name: str) -> str:
    """The SQL view of a table: `validated/items` → `validated.items`, `embeddings/text/current` → `…text_current`."""
    stage, _, rest = name.partition("/")
    return f"{stage}.{rest.replace('/', '_')}"


def owned_by(asset: str) -> list[Table]:
    """The tables that an asset writes."""
    return [table for table in _ALL.values() if table.owner == asset]
