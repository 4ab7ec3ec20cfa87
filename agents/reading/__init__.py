"""Reads a role's typed answer out of a model's words: JSON or code, with prose and thoughts
around it."""

from archwright.agents.reading.answers import (
    FormatError,
    Parser,
    parse_json,
    read_answer,
    read_json,
    validate,
)
from archwright.agents.reading.files import NO_FIX, parse_file, parse_fix
from archwright.agents.reading.proposals import parse_proposals

__all__ = [
    "NO_FIX",
    "FormatError",
    "Parser",
    "parse_file",
    "parse_fix",
    "parse_json",
    "parse_proposals",
    "read_answer",
    "read_json",
    "validate",
]
