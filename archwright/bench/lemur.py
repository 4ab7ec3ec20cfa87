"""The real networks of the LEMUR data set (`nn-dataset`), read without importing the package."""

from __future__ import annotations

import importlib.metadata
from typing import Final

from archwright.domain import InputError

# What the data set's own training loop calls by name.
LEMUR_NAMES: Final = frozenset({"Net", "supported_hyperparameters", "train_setup", "learn"})
_FOLDER: Final = "ab/nn/nn/"


def read_lemur() -> dict[str, str]:
    """The source of each network by its name.

    Raises:
        InputError: the package is not installed, or holds no networks.
    """
    mend = "install a release that has them: pip install --no-deps nn-dataset==2.1.2"
    try:
        files = importlib.metadata.files("nn-dataset") or []
    except importlib.metadata.PackageNotFoundError:
        raise InputError(f"the networks of nn-dataset are not here; {mend}") from None
    found = {
        file.stem: file.read_text(encoding="utf-8")
        for file in files
        if file.as_posix().startswith(_FOLDER) and file.suffix == ".py" and file.stem != "__init__"
    }
    if not found:
        raise InputError(f"the installed nn-dataset holds no networks; {mend}")
    return dict(sorted(found.items()))
