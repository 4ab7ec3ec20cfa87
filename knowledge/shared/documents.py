"""An entry of the knowledge base as the text that other machines read."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from functools import cache

from pydantic import TypeAdapter, ValidationError

from archwright.knowledge.entries import Entry


def write_document(entry: Entry) -> str:
    """An entry as JSON in plain ASCII, without the id that it has here."""
    return json.dumps(asdict(replace(entry, id=0, recipe=dict(entry.recipe))))


def read_document(text: str) -> Entry | None:
    """The entry in a text; None where it is none. Whoever can write there can write anything."""
    try:
        return replace(_entries().validate_python(json.loads(text)), id=0)
    except (ValueError, ValidationError, RecursionError):
        return None


@cache
def _entries() -> TypeAdapter[Entry]:
    return TypeAdapter(Entry)
