"""The real networks of the LEMUR data set (`nn-dataset`), for measuring the fingerprint."""

from __future__ import annotations

from archwright.core import InputError
from archwright.knowledge.lemur.dataset import LEMUR_NAMES, Lemur

__all__ = ["LEMUR_NAMES", "read_lemur"]


def read_lemur() -> dict[str, str]:
    """The source of each network by its name, as it stands in the installed package.

    Raises:
        InputError: the package is not installed, or holds no networks.
    """
    lemur = Lemur.find()
    found: dict[str, str] = {}
    for name in lemur.names():
        try:
            found[name] = lemur.source(name)
        except InputError:
            continue  # too long to be a candidate
    return found
