"""State tracking, generated: the running product of permutations of three things.

After W. Merrill, J. Petty and A. Sabharwal: The Illusion of State in State-Space Models, 2024. The
group S3 does not commute, so the order of all that was read counts.
"""

from itertools import permutations

import numpy as np

LENGTH = 32
SEQUENCES = {"train": 9_600, "validation": 512, "test": 1_024}
STREAM = {"train": 6, "validation": 7, "test": 8}

ELEMENTS = tuple(permutations(range(3)))
PRODUCT = np.array(
    [[ELEMENTS.index(tuple(a[i] for i in b)) for b in ELEMENTS] for a in ELEMENTS], dtype=np.int64
)


def load(split: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Permutations by number, int64 (N, 32), and the product of all up to each, int64 (N, 32)."""
    rng = np.random.RandomState([STREAM[split], seed if split == "train" else 0])
    tokens = rng.randint(len(ELEMENTS), size=(SEQUENCES[split], LENGTH)).astype(np.int64)
    states = tokens.copy()
    for place in range(1, LENGTH):
        states[:, place] = PRODUCT[states[:, place - 1], tokens[:, place]]
    return tokens, states
