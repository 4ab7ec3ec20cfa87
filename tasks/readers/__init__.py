"""What a task's own `task.py` reads its data with: files in, honest splits out.

Each reader is made of a file or a folder and of choices that are spelled out; its
`load(split)` gives `x` and `y` of "train", "validation" or "test". Splits are by the hash of a
sample's content, by time, or by group, so that no sample is in two of them.
"""

from __future__ import annotations

from archwright.tasks.readers.archives import Archive
from archwright.tasks.readers.corpora import HubCorpus, MachineCorpus, TextCorpus
from archwright.tasks.readers.graphs import EgoNetworks
from archwright.tasks.readers.hub import HubData
from archwright.tasks.readers.images import ImageFolder, MaskedImages
from archwright.tasks.readers.ranking import RankedItems
from archwright.tasks.readers.series import Windows
from archwright.tasks.readers.tables import CsvTable
from archwright.tasks.readers.texts import TextWindows

__all__ = [
    "Archive",
    "CsvTable",
    "EgoNetworks",
    "HubCorpus",
    "HubData",
    "ImageFolder",
    "MachineCorpus",
    "MaskedImages",
    "RankedItems",
    "TextCorpus",
    "TextWindows",
    "Windows",
]
