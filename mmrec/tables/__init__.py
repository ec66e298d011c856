"""What a table's rows and columns are, said once: a module a stage word.

From these contracts come the Polars schemas, the Great Expectations suites (`mmrec/quality/suites.py`), the columns
that Dagster shows, and the documentation. Here: names, types, meanings, keys. Not here: reading, writing, judging.
"""

from mmrec.tables.columns import PERIOD
from mmrec.tables.names import *
from mmrec.tables.registry import ALL, VIEWS, contract, main_table, owned_by, view
from mmrec.tables.table import FACTOR, TIME, VECTOR, Column, Table
