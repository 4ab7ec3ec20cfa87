"""Recall of more pairs than a head has key dimensions, generated.

After S. Arora et al.: Simple Linear Attention Language Models Balance the Recall-Throughput
Tradeoff, 2024: what a memory of fixed size can hold apart. Training lists 4, 16 or 40 pairs, for
with 40 alone the trick is not found in a few hundred steps; what is scored lists 40.
"""

import numpy as np

SLOTS = 64
KEYS, VALUES = 40, 16
PAIRS = (4, 16, 40)
SEQUENCES = {"train": 2_400, "validation": 192, "test": 384}
STREAM = {"train": 9, "validation": 10, "test": 11}


def load(split: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Tokens int64 (N, 128), and classes int64 (N, 128): its value at each key that comes again, -1
    elsewhere."""
    rng = np.random.RandomState([STREAM[split], seed if split == "train" else 0])
    count = SEQUENCES[split]
    rows, slots = np.arange(count)[:, None], np.arange(SLOTS)
    pairs = rng.choice(PAIRS if split == "train" else PAIRS[-1:], size=(count, 1))
    # First each key once, then any of them again.
    again = (rng.rand(count, SLOTS) * pairs).astype(np.int64)
    keys = rng.rand(count, KEYS).argsort(axis=1)[rows, np.where(slots < pairs, slots % KEYS, again)]
    values = rng.randint(KEYS, KEYS + VALUES, size=(count, KEYS))[rows, keys]
    tokens = np.stack([keys, values], axis=-1).reshape(count, 2 * SLOTS)
    answers = np.full((count, SLOTS, 2), -1, dtype=np.int64)
    answers[..., 0] = np.where(slots < pairs, -1, values)
    return tokens, answers.reshape(count, 2 * SLOTS)
