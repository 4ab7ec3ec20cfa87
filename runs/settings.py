"""How a run is made: typed settings, from `archwright.toml` and the command line."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

from archwright.domain import InputError
from archwright.sandbox.opening import Kind

DEFAULT_MAX_TRIALS = 200


@dataclass(frozen=True, slots=True)
class RunSettings:
    """Everything that a run is a function of, beside the task and what was known before it."""

    seed: int = 0
    """Seed of the whole run: proposals, initial weights, data order."""
    workers: int = max(1, min(8, os.cpu_count() or 1))
    """Trainings at a time, one core each."""
    sandbox: Kind = "auto"
    """Where candidates run: auto, process or docker."""
    max_trials: int | None = None
    """Trainings in all: the baseline's, the search's and verification's."""
    hours: float | None = None
    """Wall-clock time in all, pauses left out."""
    examples: int = 3
    """Examples retrieved from the knowledge base for each proposal."""
    lag: int | None = None
    """How many candidates may be under way at once; a proposal sees the results of all but these.
    None: four per worker."""
    baseline_seeds: int = 5
    """Seeds that measure the noise floor at the top rung (three at lower rungs)."""
    finalists: int = 3
    """Candidates that are verified, at most."""
    verify_seeds: int = 5
    """Fresh seeds that verify a finalist, paired with the baseline's."""
    attempts: int = 3
    """Times that a duplicate idea goes back before the candidate is given up."""
    repairs: int = 3
    """Times that the debugger may mend a candidate that fails its checks."""
    patience: int = 100
    """Candidates in a row that need no training before the search counts as exhausted."""
    reduction: int = 3
    """A candidate climbs when it is in the top 1/reduction of its rung."""

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise InputError(f"{name} must be at least {least}, not {value}")
        if self.sandbox not in ("auto", "process", "docker"):
            raise InputError(f"sandbox must be auto, process or docker, not {self.sandbox!r}")

    @property
    def candidates_ahead(self) -> int:
        """`lag` with its default filled in."""
        return self.lag or 4 * self.workers

    @classmethod
    def load(cls, file: Path, given: Mapping[str, Any]) -> Self:
        """The defaults, the workspace's `[run]` table over them, and what was `given` over that.

        With no limit at all the run is bounded by `DEFAULT_MAX_TRIALS`.

        Raises:
            InputError: broken TOML, an unknown key, a value of the wrong type or out of range.
        """
        settings = cls(**_typed(_read_table(file), file))
        settings = replace(settings, **{k: v for k, v in given.items() if v is not None})
        if settings.max_trials is None and settings.hours is None:
            settings = replace(settings, max_trials=DEFAULT_MAX_TRIALS)
        return settings

    def to_json(self) -> dict[str, Any]:
        """Plain data, for the journal."""
        return asdict(self)


_LEAST: Mapping[str, float] = {
    "workers": 1,
    "max_trials": 1,
    "hours": 0.0,
    "examples": 0,
    "lag": 1,
    "baseline_seeds": 2,
    "finalists": 0,
    "verify_seeds": 3,
    "attempts": 1,
    "repairs": 0,
    "patience": 1,
    "reduction": 2,
}


def _read_table(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{file} is not valid TOML: {error}") from None
    unknown = sorted(set(document) - {"run"})
    if unknown:
        raise InputError(f"{file} has no table {unknown[0]!r}; it takes [run]")
    return dict(document.get("run", {}))


def _typed(table: Mapping[str, Any], file: Path) -> dict[str, Any]:
    kinds = {f.name: str(f.type).split(" |")[0] for f in fields(RunSettings)}
    for key, value in table.items():
        if key not in kinds:
            raise InputError(f"{file}: [run] has no key {key!r}; it takes {', '.join(kinds)}")
        allowed = {"int": (int,), "float": (int, float), "str": (str,), "Kind": (str,)}[kinds[key]]
        if isinstance(value, bool) or not isinstance(value, allowed):
            raise InputError(f"{file}: [run] {key} must be of type {kinds[key]}, not {value!r}")
    return dict(table)
