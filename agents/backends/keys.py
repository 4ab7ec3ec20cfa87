"""Keeps secrets of the environment out of everything that is written down."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Final

from archwright.core import InputError

KEPT_OUT: Final = "[key]"
OWN_KEY: Final = "ARCHWRIGHT_API_KEY"
_NAMES = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS?)(_ID)?$", re.IGNORECASE)
_SHORTEST = 8


def redact(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """`text` with `[key]` in the place of every secret that the environment holds.

    A secret is the value, eight characters or longer, of a variable whose name ends in KEY, TOKEN,
    SECRET, PASSWORD or CREDENTIAL.
    """
    named = {value.strip() for name, value in environment.items() if _NAMES.search(name)}
    secrets = {value for value in named if len(value) >= _SHORTEST}
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, KEPT_OUT)
    return text


def key_for_url() -> str:
    """The key for a server that was named by its URL; one that needs none ignores it.

    Raises:
        InputError: it cannot be sent.
    """
    for name in (OWN_KEY, "OPENAI_API_KEY"):
        if key := os.environ.get(name, "").strip():
            if not (key.isascii() and key.isprintable()):
                raise InputError(
                    f"the key in {name} holds a line break, or a character that no key has: "
                    "copy it again"
                )
            return key
    return "none"
