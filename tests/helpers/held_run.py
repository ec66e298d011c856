"""The graph of a shop, held inside one asset: for tests that kill a run there.

    python -m tests.helpers.held_run <asset> <file>   runs `mmrec run`, of the data set that MMREC_CONFIG names

Inside the asset, after its first look at the lake, the process writes its number to the file and then stands still. As
a module it is a code location of such a graph, of what HELD_ASSET and HELD_FILE name: its first run is held.
"""

import os
import sys
import time
from pathlib import Path

from mmrec.planning import graph
from mmrec.quality import suites
from tests.helpers.quick_judge import judge_quickly


def hold(asset, file):
    """Holds the first process that comes to an asset's work."""
    suites.judge = judge_quickly
    work = graph.Node._work

    def held(node, lake, *arguments):
        if node.asset == asset and not file.exists():
            file.with_suffix(".part").write_text(str(os.getpid()))
            file.with_suffix(".part").rename(file)
            time.sleep(3600)
        return work(node, lake, *arguments)

    graph.Node._work = held


if __name__ == "__main__":
    from mmrec_assets.cli import command

    hold(sys.argv[1], Path(sys.argv[2]))
    sys.argv = ["mmrec", "run"]
    command.main()
elif "HELD_ASSET" in os.environ:
    hold(os.environ["HELD_ASSET"], Path(os.environ["HELD_FILE"]))
    from mmrec_assets.definitions import defs  # noqa: F401
