"""The provider packages, imported when first used; a missing one is one line with the fix."""

from __future__ import annotations

import importlib
import os
import warnings
from typing import Any

from archwright.core import InputError


def import_package(name: str) -> Any:
    """A package of the `llm` extra.

    Raises:
        InputError: it is not installed.
    """
    try:
        with warnings.catch_warnings():
            # What a provider package warns of at import is not the user's to fix.
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ImportError as error:
        raise InputError(
            f"a model needs the package {error.name or name}: pip install 'archwright[llm]'"
        ) from None


def import_litellm() -> Any:
    """litellm, told to fetch nothing, send nothing and print nothing.

    Raises:
        InputError: it is not installed.
    """
    # Without this it fetches a price list from the network at import.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    litellm = import_package("litellm")
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    litellm.drop_params = True
    return litellm
