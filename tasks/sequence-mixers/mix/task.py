"""Associative recall with few keys and many, generated.

After S. Arora et al.: Zoology: Measuring and Improving Recall in Efficient Language Models, 2023.
With 2 to 16 keys mixed in a batch, the sequences with few of them teach the trick: with 16 alone,
most mixers stay at guessing for hundreds of steps.
"""

import numpy as np

PAIRS = 32
KEYS = 16
IN_USE = (2, 4, 8, 16)
SEQUENCES = {"train": 14_400, "validation": 512, "test": 1_024}
STREAM = {"train": 0, "validation": 1, "test": 2}


def load(split: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Tokens int64 (N, 64), and classes int64 (N, 64): at a key that was there before its value,
    -1 elsewhere."""
    rng = np.random.RandomState([STREAM[split], seed if split == "train" else 0])
    count = SEQUENCES[split]
    rows = np.arange(count)[:, None]
    in_use = rng.choice(IN_USE, size=(count, 1))
    chosen = rng.rand(count, KEYS).argsort(axis=1)
    keys = chosen[rows, (rng.rand(count, PAIRS) * in_use).astype(np.int64)]
    values = rng.randint(KEYS, 2 * KEYS, size=(count, KEYS))[rows, keys]
    tokens = np.stack([keys, values], axis=-1).reshape(count, 2 * PAIRS)
    # A key was there before where an earlier pair has it.
    same = keys[:, :, None] == keys[:, None, :]
    before = np.tril(same, -1).any(axis=-1)
    answers = np.full((count, PAIRS, 2), -1, dtype=np.int64)
    answers[..., 0] = np.where(before, values, -1)
    return tokens, answers.reshape(count, 2 * PAIRS)
