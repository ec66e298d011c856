"""The lake as a Dagster resource.

Here: where the lake lies, so that Dagster can show and swap it. Not here: how tables are read and written
(`mmrec/lake.py`), nor what the settings say.
"""

import dagster as dg

from mmrec.lake import Lake


class LakeResource(dg.ConfigurableResource):
    """The tables below one root: a folder, or an `s3://`, `gs://` or `az://` address."""

    root: str

    def open(self) -> Lake:
        """The lake, on behalf of nobody yet; `Node.run` stamps it for an asset and a run."""
        return Lake(self.root)
