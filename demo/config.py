"""Which settings describe the demo's data: `demo/mmrec.toml`, or a copy beside the data where posters are real.

Here: that choice, and what differs in the copy. Not here: what settings mean (`mmrec/settings`).
"""

from pathlib import Path

from mmrec.errors import MmrecError

PROJECT = Path(__file__).resolve().parent.parent
HOME = PROJECT / ".mmrec"  # git-ignored: the demo's lake, fetched weights, Dagster's home
ROOT = HOME / "demo"
NAME = "mmrec.toml"
DEMO_CONFIG = PROJECT / "demo" / NAME
# The lines of `demo/mmrec.toml` that are others where the posters are real: the copy lies in the data folder.
_DIFFERENT = {
    "# Settings of the demo: MovieLens-100K, week by week, with drawn stand-ins for posters, sounds and clips.": (
        "# Settings of the demo with your own posters and overviews, made by `make demo DEMO_MEDIA=…` from "
        "demo/mmrec.toml."
    ),
    'data = "../.mmrec/demo" ': 'data = "."              ',
    'home = "../.mmrec"      ': 'home = ".."             ',
    'stand_in = ["image", "audio", "video"]': 'stand_in = ["audio", "video"]',
}


def path(root: Path = ROOT) -> Path:
    """The settings of the data in `root`."""
    own = root / NAME
    return own if own.is_file() else DEMO_CONFIG


def with_real_posters(text: str) -> str:
    """The demo's settings for real posters, to lie in the data folder."""
    for ours, theirs in _DIFFERENT.items():
        if text.count(ours) != 1:
            raise MmrecError(f"demo/{NAME} has {text.count(ours)} lines that begin with {ours.strip()!r}, expected one")
        text = text.replace(ours, theirs)
    return text
