"""The lake as a Dagster resource.

Here: where the lake lies, so that Dagster can show and swap it. Not here: how tables are read and written
(`mmrec/lake/store.py`), nor what the settings say.
"""

import dagster as dg
from pydantic import PrivateAttr

from mmrec.lake.store import Lake


class LakeResource(dg.ConfigurableResource):
    """The tables below one root: a folder, or an `s3://`, `gs://` or `az://` address."""

    root: str
    _known: Lake | None = PrivateAttr(default=None)  # of one run, as Dagster makes a resource anew for each

    def open(self) -> Lake:
        """The lake, on behalf of nobody yet; `Node.run` stamps it for an asset and a run.

        What is known of its tables is kept from step to step where they share a process; what a step sees is not.
        """
        if self._known is None:
            self._known = Lake(self.root)
        return self._known.acting_as("-", "-")
