"""The data of this task: points on three interleaved spirals, generated.

Replace the body of `load` with your own data. Files beside this one are found with
`Path(__file__).parent / "my-data.npz"`. This file is trusted and runs in Archwright's own process;
candidates never see it, nor any label that they are scored on.
"""

import numpy as np

POINTS = {"train": 600, "validation": 1_500, "test": 1_500}
STREAM = {"train": 0, "validation": 1, "test": 2}
ARMS = 3
TURNS = 1.25
NOISE = 0.02


def load(split: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The samples of one split.

    Args:
        split: "train", "validation" or "test". They must share no sample.
        seed: may change the training data (its noise is then part of what is measured);
            validation and test must be the same whatever the seed, or scores would not compare.

    Returns:
        x: float32 (N, *input_shape), or int64 tokens where task.toml has a vocabulary.
        y: int64 classes (N, *output_shape[:-1]), -1 where nothing is scored; for a regression
            float32 (N, *output_shape).
    """
    seed = seed if split == "train" else 0
    rng = np.random.RandomState([STREAM[split], seed])
    arm = rng.randint(ARMS, size=POINTS[split])
    radius = np.sqrt(rng.uniform(0.01, 1.0, size=len(arm)))
    angle = 2 * np.pi * (TURNS * radius + arm / ARMS)
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    points += rng.normal(scale=NOISE, size=points.shape)
    return points.astype(np.float32), arm.astype(np.int64)
