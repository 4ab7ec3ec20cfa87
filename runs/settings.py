"""How a run is made: typed settings, from `archwright.toml` and the command line."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

from archwright.core import InputError
from archwright.sandbox.docker.engine import IMAGE, DockerSettings
from archwright.sandbox.opening import Kind
from archwright.search.objectives import read_objectives
from archwright.search.policies import DEFAULT, POLICIES

DEFAULT_MAX_TRIALS = 200
LOWER_RUNG_SEEDS = 3
"""Seeds that measure the baseline at every rung but the top one."""


@dataclass(frozen=True, slots=True)
class RunSettings:
    """Everything that a run is a function of, beside the task and what was known before it."""

    seed: int = 0
    """Seed of the whole run: proposals, initial weights, data order."""
    workers: int = max(1, min(8, os.cpu_count() or 1))
    """Trainings at a time, one core each."""
    sandbox: Kind = "auto"
    """Where candidates run: auto, process or docker."""
    image: str = IMAGE
    """The image of the docker sandbox; `archwright sandbox build` makes it."""
    runtime: str = ""
    """The engine's runtime, such as runc or runsc; empty for the engine's default."""
    gpus: tuple[int, ...] = ()
    """Accelerators by index that containers see."""
    max_trials: int | None = None
    """Trainings in all: the baseline's, the search's and verification's."""
    hours: float | None = None
    """Wall-clock time in all, pauses left out."""
    examples: int = 3
    """Examples retrieved from the knowledge base for each proposal."""
    lag: int | None = None
    """How many candidates may be under way at once; a proposal sees the results of all but these.
    None: four per worker, twelve with models, whose answers take long."""
    baseline_seeds: int = 5
    """Seeds that measure the noise floor at the top rung (three at lower rungs)."""
    search_seeds: int = 2
    """Seeds at most with which a candidate is trained at a rung where the decision is close."""
    control: float = 0.1
    """Share of the candidates that are random draws, never parents: the control arm."""
    finalists: int = 3
    """Candidates that are verified, at most."""
    verify_seeds: int = 6
    """Fresh seeds that verify a finalist, paired with the baseline's; so many more are added, up to
    three times as many, while the verdict is open and the budget lasts."""
    attempts: int = 3
    """Times that a duplicate idea goes back before the candidate is given up."""
    repairs: int = 3
    """Times that the debugger may fix a candidate that fails its checks."""
    patience: int = 100
    """Candidates in a row that need no training before the search counts as exhausted."""
    reduction: int = 3
    """A candidate climbs when it is in the top 1/reduction of its rung."""
    max_candidates: int | None = None
    """Candidates in all; None leaves it to the other limits."""
    policy: str = DEFAULT
    """What chooses parents and operators: random, greedy, evolution, map-elites, mcts or guided."""
    islands: int = 1
    """Searches side by side, each by the policy, that now and then send each other their best."""
    tweaks: int | None = None
    """Tweaks of numbers alone that may follow each other before an idea must change the structure;
    None: any number."""
    objectives: tuple[str, ...] = ("quality",)
    """What to search for: quality, and with it any of parameters, flops, latency."""
    max_params: int | None = None
    """Most parameters of a candidate, where the task allows more."""
    max_flops: int | None = None
    """Most floating-point operations of one sample's forward pass, where the task allows more."""
    max_latency_ms: float | None = None
    """Longest forward pass of one sample, as predicted for this machine."""
    backend: str = "symbolic"
    """What answers the roles: symbolic, llm, or replay:RUN."""
    models: tuple[str, ...] = ()
    """Models by litellm's names, or as the server at base_url calls them: NAME for every role,
    ROLE=NAME for one. Several for the same role form a pool in which a bandit chooses."""
    base_url: str | None = None
    """An OpenAI-compatible server in place of litellm's providers."""
    prices: tuple[str, ...] = ()
    """Dollars per million tokens, IN,OUT or NAME=IN,OUT, over what litellm lists."""
    max_usd: float | None = None
    """Dollars for models in all, calls in flight counted."""
    max_tokens: int | None = None
    """Tokens of models in all, both directions, calls in flight counted."""
    calls: int | None = None
    """Calls to models at a time, at most: for a server that answers few at once."""
    answer_tokens: int = 8192
    """Longest reply of a model."""
    silence_seconds: float = 180.0
    """Longest wait for the next piece of a reply before the call counts as lost."""
    outage_minutes: float = 30.0
    """How long a model's service may be out before the run stops, to be resumed."""
    fallback: str = ""
    """symbolic: the symbolic engine answers where a model gave no usable answer. Empty: such a
    candidate ends as a failure."""

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise InputError(f"{name} must be at least {least}, not {value}")
        if self.sandbox not in ("auto", "process", "docker"):
            raise InputError(f"sandbox must be auto, process or docker, not {self.sandbox!r}")
        if self.policy not in POLICIES:
            raise InputError(f"policy must be one of {', '.join(POLICIES)}, not {self.policy!r}")
        if self.fallback not in ("", "symbolic"):
            raise InputError(f"fallback must be symbolic or left out, not {self.fallback!r}")
        if not all(isinstance(index, int) and index >= 0 for index in self.gpus):
            raise InputError(f"gpus must be a list of indices such as [0], not {self.gpus!r}")
        # Lists from TOML and from the journal.
        for name in ("models", "prices", "gpus"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "objectives", read_objectives(self.objectives))
        if self.models and self.backend == "symbolic":
            object.__setattr__(self, "backend", "llm")

    @property
    def candidates_ahead(self) -> int:
        """`lag` with its default filled in."""
        return self.lag or (12 if self.models else 4) * self.workers

    @property
    def wants_latency(self) -> bool:
        """Whether the run has to know the machine that it predicts latency for."""
        return "latency" in self.objectives or self.max_latency_ms is not None

    @property
    def docker(self) -> DockerSettings:
        """How the docker sandbox makes its containers."""
        return DockerSettings(self.image, self.runtime, self.gpus)

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
    "hours": 0.001,
    "examples": 0,
    "lag": 1,
    "baseline_seeds": 2,
    "finalists": 0,
    "verify_seeds": 3,
    "attempts": 1,
    "repairs": 0,
    "search_seeds": 1,
    "control": 0.0,
    "patience": 1,
    "reduction": 2,
    "max_candidates": 1,
    "islands": 1,
    "tweaks": 1,
    "max_params": 1,
    "max_flops": 1,
    "max_latency_ms": 1e-6,
    "max_usd": 0.0,
    "max_tokens": 1,
    "calls": 1,
    "answer_tokens": 64,
    "silence_seconds": 1.0,
    "outage_minutes": 0.0,
}


_KINDS: Mapping[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "str": (str,),
    "Kind": (str,),
    "tuple[str, ...]": (list,),
    "tuple[int, ...]": (list,),
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
        allowed = _KINDS[kinds[key]]
        if isinstance(value, bool) or not isinstance(value, allowed):
            raise InputError(f"{file}: [run] {key} must be of type {kinds[key]}, not {value!r}")
    return dict(table)
