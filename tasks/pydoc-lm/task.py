"""A character language model on the topics of Python's reference manual, which CPython carries.

The text (PSF licence) differs a little between Python versions, so scores compare within one. The
alphabet is fixed, so that an architecture fits them all.
"""

from pydoc_data.topics import topics

import numpy as np

LENGTH = 64
ALPHABET = "".join(map(chr, range(32, 127))) + "\n"  # every other character is "unknown"
UNKNOWN = len(ALPHABET)
SHARE = {"train": (0.0, 0.8), "validation": (0.8, 0.9), "test": (0.9, 1.0)}
WINDOWS = {"validation": 160, "test": 320}


def load(split: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Windows int64 (N, 64) and, for each position, the character after it, int64 (N, 64).

    The splits are three stretches of the text, so no window of one touches another. The training
    windows lie side by side, from an offset that the seed draws.
    """
    text = encode(read_manual())
    low, high = (int(share * len(text)) for share in SHARE[split])
    stretch = text[low:high]
    last = len(stretch) - LENGTH - 1
    if split == "train":
        starts = np.arange(np.random.RandomState(seed).randint(LENGTH), last, LENGTH)
    else:
        starts = np.linspace(0, last, WINDOWS[split]).astype(np.int64)
    windows = stretch[starts[:, None] + np.arange(LENGTH + 1)]
    return windows[:, :-1], windows[:, 1:]


def read_manual() -> str:
    """The topics in the order of their names, each paragraph once.

    Topics quote each other at length: without this, a tenth of the validation text would stand in
    the training text, too.
    """
    manual = "\n\n".join(topics[name] for name in sorted(topics))
    paragraphs = {" ".join(p.split()): p for p in manual.split("\n\n")}
    return "\n\n".join(paragraphs.values())


def encode(text: str) -> np.ndarray:
    """Tokens int64 of each character."""
    tokens = np.full(128, UNKNOWN, dtype=np.int64)
    tokens[[ord(character) for character in ALPHABET]] = np.arange(len(ALPHABET))
    codes = np.array([ord(character) for character in text])
    return tokens[np.where(codes < 128, codes, 0)]
