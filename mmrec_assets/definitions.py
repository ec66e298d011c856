"""The code location, as Dagster's programs load it: the graph of the data set that the environment names."""

import os

from mmrec.settings import load
from mmrec_assets.assembly import build_defs

defs = build_defs(load(), executor=os.environ.get("MMREC_EXECUTOR", "in-process"))
