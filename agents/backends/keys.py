"""Keeps secrets of the environment out of everything that is written down."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Final

KEPT_OUT: Final = "[key]"
OWN_KEY: Final = "ARCHWRIGHT_API_KEY"
_NAMES = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS?)(_ID)?$", re.IGNORECASE)
_SHORTEST = 8


def redact(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """`text` with `[key]` in the place of every secret that the environment holds.

    A secret is the value, eight characters or longer, of a variable whose name ends in KEY, TOKEN,
    SECRET, PASSWORD or CREDENTIAL.
    """
    secrets = {v for name, v in environment.items() if len(v) >= _SHORTEST and _NAMES.search(name)}
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, KEPT_OUT)
    return text


def key_for_url() -> str:
    """The key for a server that was named by its URL; one that needs none ignores it."""
    return os.environ.get(OWN_KEY) or os.environ.get("OPENAI_API_KEY") or "none"
