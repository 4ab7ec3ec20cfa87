"""Where a knowledge base that machines share can be."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from archwright.core.errors import InputError
from archwright.core.groups.group import SettingsGroup

_PASSWORD: Final = re.compile(r"^[a-z]+://[^/?#]*:[^/?#]*@|[?&]password=")


def is_postgresql(address: str) -> bool:
    """Whether a knowledge base is on a PostgreSQL server, and not in a folder."""
    return address.startswith(("postgresql://", "postgres://"))


def known_place(address: str) -> str:
    """The address of a shared knowledge base, if it can be one; "" is that of none.

    Raises:
        InputError: it cannot, or it holds a password.
    """
    if _PASSWORD.search(address):  # It would stand in journals; nor is it repeated here.
        raise InputError(
            "knowledge must be without a password: leave it out of the address, and put it into "
            "PGPASSWORD or ~/.pgpass"
        )
    if address and not is_postgresql(address) and not address.startswith(("/", "~")):
        raise InputError(
            "knowledge must be a folder from the root on, such as /shared/lab/knowledge, or "
            f"postgresql://USER@HOST/DATABASE, not {address!r}"
        )
    return address


class KnowledgeSettings(SettingsGroup):
    """Where what is learned is kept."""

    table = "knowledge"

    knowledge: Annotated[str, AfterValidator(known_place)] = Field(
        default="", examples=["/shared/lab/knowledge"]
    )
    """A knowledge base that runs on several machines share: a folder that all of them see, or
    postgresql://USER@HOST/DATABASE. Without it the workspace has its own."""
