"""What the tests of the journal write into one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from archwright.core import Candidate, Verdict, candidate_id
from archwright.runs.journal import Journal


def candidate(number: int, attempt: int = 0, **changes: Any) -> Candidate:
    """The attempt of a number, open."""
    values = {"title": f"candidate {number}", "operator": "draft", "created": 1.0, **changes}
    sequence = 1000 * number + attempt
    return Candidate(candidate_id(number, attempt), sequence=sequence, **values)


def asked(id_: str, seed: int = 0, purpose: str = "search") -> dict[str, Any]:
    """What is asked of a training."""
    return {"candidate": id_, "purpose": purpose, "rung": 1, "steps": 30, "seed": seed}


def train(
    journal: Journal, id_: str, seed: int = 0, purpose: str = "search", **result: Any
) -> None:
    """A training that ends well, once."""
    result = {"status": "ok", "score": 90.0, "resources": {"seconds": 2.0}, **result}
    key = f"{id_}/{purpose}/{seed}"
    journal.once("trial", key, id_, asked(id_, seed, purpose), lambda: result)


def call(journal: Journal, id_: str, usd: float = 0.5, tokens: int = 7) -> None:
    """A call to a model, once."""
    reply = {"model": "toy", "usd": usd, "tokens": tokens}
    journal.once("call", f"{id_}/coder", id_, {"role": "coder", "request": "#"}, lambda: reply)


def verdict(id_: str, **changes: Any) -> Verdict:
    """A discovery."""
    found = Verdict(id_, f"candidate {id_}", "discovery", 2.0, (1.0, 3.0), 0.01, 5, "it gained")
    return replace(found, **changes)
