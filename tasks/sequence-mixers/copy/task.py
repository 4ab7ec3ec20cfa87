"""Selective copying, generated.

After A. Gu and T. Dao: Mamba: Linear-Time Sequence Modeling with Selective State Spaces, 2023. The
places of the tokens are drawn, so that no fixed filter finds them.
"""

import numpy as np

LENGTH = 32
ASKED = 6
TOKENS = 10
BLANK, MARK = 10, 11
SEQUENCES = {"train": 9_600, "validation": 512, "test": 1_024}
STREAM = {"train": 3, "validation": 4, "test": 5}


def load(split: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Tokens int64 (N, 32), and classes int64 (N, 32): the tokens in their order after the mark, -1
    elsewhere."""
    rng = np.random.RandomState([STREAM[split], seed if split == "train" else 0])
    count, mark = SEQUENCES[split], LENGTH - ASKED - 1
    given = rng.randint(TOKENS, size=(count, ASKED))
    places = np.sort(rng.rand(count, mark).argsort(axis=1)[:, :ASKED], axis=1)
    tokens = np.full((count, LENGTH), BLANK, dtype=np.int64)
    np.put_along_axis(tokens, places, given, axis=1)
    tokens[:, mark] = MARK
    answers = np.full((count, LENGTH), -1, dtype=np.int64)
    answers[:, mark + 1 :] = given
    return tokens, answers
