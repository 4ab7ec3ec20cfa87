"""Whom a pronoun means, generated: the nearest name of its kind.

In training that is nearly always the nearest name of all, so that looking at places does for most
of it. In validation and test a name of another kind stands nearer, and looking at places is wrong.
"""

import numpy as np

KINDS, NAMES, WORDS = 6, 4, 24
"""Kinds of names, names of a kind, and words between that say nothing."""
LENGTH, NAMED = 16, 5
NEAREST = {"train": 0.9, "validation": 0.0, "test": 0.0}
"""How often the nearest name of all is meant."""
SEQUENCES = {"train": 20_000, "validation": 1_000, "test": 2_000}
STREAM = {"train": 0, "validation": 1, "test": 2}


def load(split: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Tokens int64 (N, 16), the last one the pronoun, and classes int64 (N,): the name meant."""
    rng = np.random.RandomState([STREAM[split], seed if split == "train" else 0])
    count = SEQUENCES[split]
    rows = np.arange(count)[:, None]
    asked = rng.randint(0, KINDS, size=(count, 1))

    # Two of the five names are of the kind asked for, and the later one of these is meant.
    nearest = rng.rand(count, 1) < NEAREST[split]
    earlier = rng.rand(count, NAMED - 1).argsort(axis=1)
    pair = np.concatenate([np.where(nearest, NAMED - 1, earlier[:, :1]), earlier[:, 1:2]], axis=1)
    kinds = (asked + rng.randint(1, KINDS, size=(count, NAMED))) % KINDS
    kinds[rows, pair] = asked
    names = NAMES * kinds + rng.rand(count, NAMED, NAMES).argsort(axis=2)[:, :, 0]

    first_word = KINDS * (NAMES + 1)
    tokens = rng.randint(first_word, first_word + WORDS, size=(count, LENGTH))
    places = np.sort(rng.rand(count, LENGTH - 1).argsort(axis=1)[:, :NAMED], axis=1)
    tokens[rows, places] = names
    tokens[:, -1:] = KINDS * NAMES + asked
    return tokens.astype(np.int64), names[rows, pair.max(axis=1, keepdims=True)][:, 0]
