"""Where a knowledge base that machines share can be."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import parse_qsl, unquote

from pydantic import AfterValidator, Field

from archwright.core.errors import InputError
from archwright.core.groups.group import SettingsGroup


def is_postgresql(address: str) -> bool:
    """Whether a knowledge base is on a PostgreSQL server, and not in a folder."""
    return address.startswith(("postgresql://", "postgres://"))


def known_place(address: str) -> str:
    """The address of a shared knowledge base, if it can be one; "" is that of none.

    Raises:
        InputError: it cannot, or it holds a password. What was given is not repeated.
    """
    if _has_password(address):
        raise InputError(
            "knowledge must be without a password: leave it out of the address, and put it into "
            "PGPASSWORD or ~/.pgpass"
        )
    if address and not is_postgresql(address) and not address.startswith(("/", "~")):
        raise InputError(
            "knowledge must be a folder from the root on, such as /shared/lab/knowledge, or "
            "postgresql://USER@HOST/DATABASE"
        )
    return address


def _has_password(address: str) -> bool:
    """Whether a password may be in an address, which would stand in journals. It may itself hold
    any sign, so that whatever stands between a user and the last @ is taken for one."""
    _, found, rest = address.partition("://")
    user, _, _ = rest.rpartition("@")
    asked = parse_qsl(rest.partition("?")[2], keep_blank_values=True)
    return bool(found) and (
        ":" in unquote(user) or any("password" in name.lower() for name, _ in asked)
    )


class KnowledgeSettings(SettingsGroup):
    """Where what is learned is kept."""

    table = "knowledge"

    knowledge: Annotated[str, AfterValidator(known_place)] = Field(
        default="", examples=["/shared/lab/knowledge"]
    )
    """A knowledge base that runs on several machines share: a folder that all of them see, or
    postgresql://USER@HOST/DATABASE. Without it the workspace has its own."""
