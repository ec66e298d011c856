"""Settings of a data set: what `mmrec.toml` and the environment may say, parsed and checked in one place.

Not here: reading data, resolving weights, or any other I/O than the file itself.
"""

from mmrec.settings.reading import FILE, load
from mmrec.settings.sections import Calendar, Modality, Model, Recommendations, Settings
from mmrec.settings.sources import Events, InteractionColumns, Interactions, ItemColumns, Items, Users

__all__ = [
    "FILE",
    "Calendar",
    "Events",
    "InteractionColumns",
    "Interactions",
    "ItemColumns",
    "Items",
    "Modality",
    "Model",
    "Recommendations",
    "Settings",
    "Users",
    "load",
]
