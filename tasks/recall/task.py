"""Multi-query associative recall, generated.

S. Arora et al.: Zoology: Measuring and Improving Recall in Efficient Language Models, 2023. What a
model of language must do again and again, and what separates mixers from each other: find an
earlier position by its content.
"""

import numpy as np

PAIRS = 6
LENGTH = 24
VOCABULARY = 32
SEQUENCES = {"train": 16_384, "validation": 512, "test": 1_024}
STREAM = {"train": 0, "validation": 1, "test": 2}


def load(split: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Tokens int64 (N, 24), and classes int64 (N, 24): the value at each query, -1 elsewhere."""
    seed = seed if split == "train" else 0
    rng = np.random.RandomState([STREAM[split], seed])
    count, keys_in_all = SEQUENCES[split], VOCABULARY // 2
    keys = draw_distinct(rng, count, keys_in_all, PAIRS)
    values = rng.randint(keys_in_all, VOCABULARY, size=(count, PAIRS))
    later = LENGTH - 2 * PAIRS
    asked = rng.randint(0, PAIRS, size=(count, later))
    tokens = np.empty((count, LENGTH), dtype=np.int64)
    tokens[:, 0 : 2 * PAIRS : 2] = keys
    tokens[:, 1 : 2 * PAIRS : 2] = values
    tokens[:, 2 * PAIRS :] = np.take_along_axis(keys, asked, axis=1)
    answers = np.full((count, LENGTH), -1, dtype=np.int64)
    answers[:, 2 * PAIRS :] = np.take_along_axis(values, asked, axis=1)
    return tokens, answers


def draw_distinct(rng: np.random.RandomState, rows: int, choices: int, count: int) -> np.ndarray:
    """`count` different numbers below `choices` in each of `rows` rows."""
    return rng.rand(rows, choices).argsort(axis=1)[:, :count]
