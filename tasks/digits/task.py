"""Handwritten digits with few training samples (scikit-learn's copy of the UCI set, 1,797 images).

E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits, UCI Machine Learning
Repository, 1998. With all the training data a small CNN leaves nothing to gain; with 150 images
there is headroom.
"""

import numpy as np
from sklearn.datasets import load_digits

CLASSES = 10
TRAIN_PER_CLASS = 15
VALIDATION_IMAGES = 747


def load(split, seed):
    """Images float32 (N, 1, 8, 8) in [0, 1] and classes int64 (N,). The split is fixed."""
    digits = load_digits()
    chosen = split_indices(digits.target)[split]
    images = (digits.images[chosen] / 16.0).astype(np.float32)
    return images[:, None], digits.target[chosen].astype(np.int64)


def split_indices(classes):
    """Indices of each split: 15 images of each class to train on, the rest shared out."""
    # RandomState, as its numbers are the same in every version of numpy
    order = np.random.RandomState(0).permutation(len(classes))
    by_class = [order[classes[order] == digit] for digit in range(CLASSES)]
    train = np.concatenate([members[:TRAIN_PER_CLASS] for members in by_class])
    rest = order[~np.isin(order, train)]
    return {
        "train": train,
        "validation": rest[:VALIDATION_IMAGES],
        "test": rest[VALIDATION_IMAGES:],
    }
