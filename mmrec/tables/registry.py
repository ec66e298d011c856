"""Every table by its name."""

from __future__ import annotations

from mmrec.errors import MmrecError
from mmrec.tables import embeddings, fused, ledgers, model, raw, recommendations, validated
from mmrec.tables.table import Table

_MODULES = (ledgers, raw, validated, fused, model, recommendations, embeddings)
ALL: tuple[Table, ...] = tuple(table for module in _MODULES for table in module.TABLES)  # ledgers first
_BY_NAME = {table.name: table for table in ALL}


def contract(name: str) -> Table:
    """The contract of a table by its name, `stage/table`."""
    found = _BY_NAME.get(name)
    if found is None:
        raise MmrecError(f"no table is called '{name}'; there are: {', '.join(sorted(_BY_NAME))}")
    return found


VIEWS = fused.VIEWS  # view that is no table's → the tables it is made of, and its question


def view(name: str) -> str:
    """The SQL view of a table: `validated/items` → `validated.items`, `embeddings/text/current` → `…text_current`."""
    stage, _, rest = name.partition("/")
    return f"{stage}.{rest.replace('/', '_')}"


def owned_by(asset: str) -> list[Table]:
    """The tables that an asset writes."""
    return [table for table in ALL if table.owner == asset]


def main_table(asset: str) -> Table:
    """The table that an asset's row is a row of, where it writes several."""
    return next(table for table in owned_by(asset) if table.main or table.name == asset)
