"""A character language model on the topics of Python's reference manual, which CPython carries.

The text (PSF licence) differs a little between Python versions, so scores compare within one. The
alphabet is fixed, so that an architecture fits them all.
"""

import numpy as np
from pydoc_data.topics import topics

LENGTH = 64
ALPHABET = "".join(map(chr, range(32, 127))) + "\n"  # every other character is "unknown"
UNKNOWN = len(ALPHABET)
SHARE = {"train": (0.0, 0.8), "validation": (0.8, 0.9), "test": (0.9, 1.0)}
WINDOWS = {"validation": 160, "test": 320}


def load(split, seed):
    """Windows int64 (N, 64) and, for each position, the character after it, int64 (N, 64).

    The splits are three stretches of the text, so no window of one touches another. The training
    windows lie side by side, from an offset that the seed draws.
    """
    text = encode("\n".join(topics[name] for name in sorted(topics)))
    low, high = (int(share * len(text)) for share in SHARE[split])
    stretch = text[low:high]
    last = len(stretch) - LENGTH - 1
    if split == "train":
        starts = np.arange(np.random.RandomState(seed).randint(LENGTH), last, LENGTH)
    else:
        starts = np.linspace(0, last, WINDOWS[split]).astype(np.int64)
    windows = stretch[starts[:, None] + np.arange(LENGTH + 1)]
    return windows[:, :-1], windows[:, 1:]


def encode(text):
    """Tokens int64 of each character."""
    tokens = np.full(128, UNKNOWN, dtype=np.int64)
    tokens[[ord(character) for character in ALPHABET]] = np.arange(len(ALPHABET))
    codes = np.array([ord(character) for character in text])
    return tokens[np.where(codes < 128, codes, 0)]
