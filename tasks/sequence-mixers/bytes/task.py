"""A byte language model on what every machine with Archwright has: Python's documentation and code,
that of torch and numpy, and `/usr/share/doc` where it is there.

All is read in place and none of it is kept. Another machine has other versions and so other bytes:
scores compare on one machine, and the task's digest tells whether two have the same.
"""

from functools import cache

import numpy as np

from archwright.tasks.readers.corpora import (
    by_content,
    file_texts,
    fresh,
    machine_files,
    machine_topics,
)

LENGTH = 128
WINDOWS = {"train": 4_096, "validation": 160, "test": 320}
BYTES = 2 << 20  # of each source


def load(split: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Windows int64 (N, 128) and, for each place, the byte after it, int64 (N, 128).

    A document belongs to one split as a whole. The windows of training begin where the seed draws.
    """
    text = stretches()[split]
    last = len(text) - LENGTH - 1
    if split == "train":
        starts = np.random.RandomState(seed).randint(last, size=WINDOWS[split])
    else:
        starts = np.linspace(0, last, WINDOWS[split]).astype(np.int64)
    windows = text[starts[:, None] + np.arange(LENGTH + 1)].astype(np.int64)
    return windows[:, :-1], windows[:, 1:]


@cache
def stretches() -> dict[str, np.ndarray]:
    """The bytes of each split, uint8: whole documents by the digest of their text, each paragraph
    once, since licences and headers stand in many files."""
    seen: set[bytes] = set()
    parts: dict[str, list[bytes]] = {split: [] for split in WINDOWS}
    for source in (machine_topics(), *map(file_texts, machine_files())):
        left = BYTES
        for text in source:
            document = fresh(text, seen)
            parts[by_content(text)[0]].append(document)
            left -= len(document)
            if left <= 0:
                break
    return {s: np.frombuffer(b"".join(texts), dtype=np.uint8) for s, texts in parts.items()}
