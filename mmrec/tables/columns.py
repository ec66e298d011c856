"""Columns that several tables have, said once."""

from dataclasses import replace

import polars as pl

from mmrec.modalities import FILES
from mmrec.tables.table import TIME, Column

PERIOD = Column("period", pl.String, "the period's first day, YYYY-MM-DD in the calendar's time zone")
USER = Column("user_id", pl.String, "the person, by the source's id", personal=True)
ITEM = Column("item_id", pl.String, "the item, by the source's id")
LANDED_FILE = Column("source_file", pl.String, "the delivered file, relative to the data folder", provenance=True)
LANDED_ROW = Column("source_row", pl.Int64, "the row in that file, 1 = the first after the header", provenance=True)
# Behind raw an event that only moved to another row is the same event.
FILE, ROW = replace(LANDED_FILE, versioned=False), replace(LANDED_ROW, versioned=False)
RUN = Column("run_id", pl.String, "the run that wrote the row")
AT = Column("at", TIME, "when the row was written, UTC")
NAMED_FILES = tuple(
    Column(kind.name, pl.String, f"its {kind.noun}, relative to the media root", nullable=True) for kind in FILES
)
