"""A small recommender's clicks, made up from latent factors.

The generator is ours: no person clicked. A click's log-odds are the inner product of a user's and
an item's factors, a bias of each, and a term of the context that depends on the kind of the user:
a third follow the hour, a third the page, and a third neither. Device and advertiser say nothing.
"""

import numpy as np

SIZES = (200, 100, 8, 4, 24, 24)
"""Different values of each field: user, item, hour, device, page, advertiser."""
FACTORS = 2
ROWS = {"train": 40_000, "validation": 3_000, "test": 3_000}
STREAM = {"train": 1, "validation": 2, "test": 3}


def load(split: str, seed: int) -> tuple[np.ndarray, np.ndarray]:  # noqa: ARG001 - fixed data
    """Tokens int64 (N, 6), one of each field, and classes int64 (N,): 1 is a click."""
    world = np.random.RandomState(0)
    users, items = (world.normal(size=(size, FACTORS)) for size in SIZES[:2])
    user_bias, item_bias = (0.5 * world.normal(size=size) for size in SIZES[:2])
    kinds = world.randint(0, 3, size=SIZES[0])
    by_hour, by_page = (1.5 * world.normal(size=size) for size in (SIZES[2], SIZES[4]))

    rng = np.random.RandomState(STREAM[split])
    rows = np.stack([rng.randint(0, size, size=ROWS[split]) for size in SIZES], axis=1)
    user, item, hour, _, page, _ = rows.T
    odds = (users[user] * items[item]).sum(axis=1) + user_bias[user] + item_bias[item]
    odds += np.where(kinds[user] == 0, by_hour[hour], 0) + np.where(
        kinds[user] == 1, by_page[page], 0
    )
    clicked = rng.rand(len(rows)) < 1 / (1 + np.exp(0.5 - odds))
    starts = np.cumsum((0, *SIZES[:-1]))
    return (rows + starts).astype(np.int64), clicked.astype(np.int64)
