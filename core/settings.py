"""The settings of a run, each of them spelled here and nowhere else.

A field of a group below is a key of `archwright.toml`, an option of `archwright run` and a keyword
of `archwright.discover`; its docstring is what all three say about it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import wrap
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AliasChoices,
    BeforeValidator,
    Field,
    field_validator,
    model_validator,
)

from archwright.core.errors import InputError
from archwright.core.groups.cluster import ClusterSettings
from archwright.core.groups.group import SettingsGroup, Words, keywords, several
from archwright.core.groups.places import KnowledgeSettings
from archwright.core.objectives import QUALITY, known_objectives
from archwright.core.words import nearest, parse_toml

DEFAULT_MAX_TRIALS: Final = 200
MANY_WORKERS: Final = 8
"""Beyond so many a run goes by what has ended, not by the order of its candidates."""
LOWER_RUNG_SEEDS: Final = 3
"""Seeds that measure the baseline at every rung but the top one."""
IMAGE: Final = "archwright-sandbox"

SandboxName = Literal["auto", "process", "docker"]


def _all_by_comma(given: Any) -> Any:
    words = several(given)
    if not isinstance(words, tuple):
        return words
    return tuple(
        p for word in words for p in (word.split(",") if isinstance(word, str) else [word])
    )


Indices = Annotated[tuple[Annotated[int, Field(ge=0)], ...], BeforeValidator(_all_by_comma)]


class SpendingSettings(SettingsGroup):
    """What models may cost."""

    table = "budget"

    max_usd: float | None = Field(default=None, ge=0, examples=[5.0])
    """Dollars for models in all, calls in flight counted."""
    max_tokens: int | None = Field(default=None, ge=1, examples=[1_000_000])
    """Tokens of models in all, both directions, calls in flight counted."""


class BudgetSettings(SpendingSettings):
    """When a run ends."""

    table = "budget"

    max_trials: int | None = Field(default=None, ge=1, examples=[DEFAULT_MAX_TRIALS])
    """Trainings in all: the baseline's, the search's and verification's. 200 where neither this
    nor the hours are given."""
    hours: float | None = Field(default=None, ge=0.001, le=87_600, examples=[8.0])
    """Wall-clock time in all, pauses left out."""
    max_candidates: int | None = Field(default=None, ge=1, examples=[100])
    """Candidates in all. Without it the other limits decide."""


class SearchSettings(SettingsGroup):
    """What is searched for, and how."""

    table = "search"

    seed: int = 0
    """Seed of the whole run: proposals, initial weights, data order."""
    policy: str = "guided"
    """What chooses parents and operators: random, greedy, evolution, map-elites, mcts or guided."""
    islands: int = Field(default=1, ge=1, le=100)
    """Searches side by side, each by the policy, that now and then exchange their best
    candidates."""
    objectives: Annotated[Words, BeforeValidator(_all_by_comma)] = Field(
        default=(QUALITY,), validation_alias=AliasChoices("objectives", "objective")
    )
    """What to search for, with commas: quality, and any of parameters, flops, latency, int8. With a
    floor of quality one of these costs alone: the least of it at that floor."""
    at_least: float | None = Field(default=None, examples=[95.0])
    """The floor of quality of a cost that is the only objective, where the metric is to
    maximize: the smallest at this score or above."""
    at_most: float | None = Field(default=None, examples=[1.5])
    """As --at-least, for metrics to minimize: the smallest at this score or below."""
    max_params: int | None = Field(default=None, ge=1, examples=[50_000])
    """Most parameters of a candidate, where the task allows more."""
    max_flops: int | None = Field(default=None, ge=1, examples=[1_000_000])
    """Most floating-point operations of one sample's forward pass, where the task allows more."""
    max_latency_ms: float | None = Field(default=None, ge=1e-6, examples=[2.0])
    """Longest forward pass of one sample in milliseconds, as predicted for this machine."""
    examples: int = Field(default=3, ge=0)
    """Examples retrieved from the knowledge base for each proposal."""
    lag: int | None = Field(default=None, ge=1, examples=[8])
    """How many candidates may be under way at once; a proposal sees the results of all but these.
    Default: 4 for each worker, with more than 8 workers 3 for every 2; with models 2 for each
    worker and two answers' worth of proposals."""
    control: float = Field(default=0.1, ge=0, le=1)
    """Share of the candidates that are random draws, never parents: the control arm."""
    proxies: bool = False
    """Compute training-free proxies of every candidate, which the report judges; they steer
    nothing."""
    search_seeds: int = Field(default=3, ge=1)
    """Seeds at most with which a candidate is trained at a rung where the decision is close."""
    attempts: int = Field(default=3, ge=1)
    """Times that a duplicate idea goes back before the candidate is given up."""
    repairs: int = Field(default=3, ge=0)
    """Times that the debugger may fix a candidate that fails its checks."""
    patience: int = Field(default=100, ge=1)
    """Candidates in a row that need no training before the search counts as exhausted."""
    reduction: int = Field(default=3, ge=2)
    """A candidate is promoted when it is in the top 1/N of its rung."""
    tweaks: int | None = Field(default=None, ge=1, examples=[2])
    """Tweaks of numbers alone that may follow each other before an idea must change the structure.
    Without it any number."""
    guide: str = Field(default="", examples=["few layers, and no dropout"])
    """Words for every proposer, shown above all else but the task's contract. `archwright guide`
    adds more while a run is running."""
    ban: Words = Field(default=(), examples=[["attention"]])
    """Families, operators or words that proposals keep away from."""
    pin: Words = Field(default=(), examples=[["conv"]])
    """Families, operators or words that proposals keep to."""
    seed_from: str | None = Field(default=None, examples=["my-architectures"])
    """A folder of architectures of your own, a .py file each: they are trained first."""

    @field_validator("objectives")
    @classmethod
    def _known_objectives(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return known_objectives(names)

    @property
    def wants_latency(self) -> bool:
        """Whether the run has to know the machine that it predicts latency for."""
        return "latency" in self.objectives or self.max_latency_ms is not None


class ModelAccess(SettingsGroup):
    """Which models there are, and what they charge."""

    table = "models"

    models: Words = Field(
        default=(),
        validation_alias=AliasChoices("models", "model"),
        examples=[["openai/gpt-5-mini"]],
    )
    """An LLM for all roles by litellm's name, or as the server at the base URL calls it; ROLE=NAME
    for one role. Several for the same role form a pool in which a bandit chooses."""
    or_models: Words = Field(
        default=(),
        validation_alias=AliasChoices("or_models", "or"),
        examples=[["openai/gpt-5-nano"]],
    )
    """A model that takes over where the one before it is dead: its key is refused, its quota is
    exhausted, or its service is out for too long. Several form a chain; ROLE=NAME for one role."""
    base_url: str | None = Field(default=None, examples=["http://localhost:8000/v1"])
    """An OpenAI-compatible server in place of litellm's providers."""
    prices: Words = Field(
        default=(), validation_alias=AliasChoices("prices", "price"), examples=[["0.25,2"]]
    )
    """Dollars per million tokens as IN,OUT, or NAME=IN,OUT for one model, over what litellm
    lists."""


class ModelUse(ModelAccess):
    """How models are asked; what a run that goes on can take anew."""

    table = "models"

    calls: int | None = Field(default=None, ge=1, examples=[4])
    """Calls to models at a time, at most: for a server that answers few at once."""
    fallback: Literal["", "symbolic"] = Field(default="", examples=["symbolic"])
    """With symbolic, that engine answers where a model gave no usable answer. Without it such a
    candidate ends as a failure."""


class ModelSettings(ModelUse):
    """What answers the roles."""

    table = "models"

    proposer: Literal["", "symbolic", "one-call", "tools"] = ""
    """What makes proposals: symbolic, one-call (the default with a model: several ideas with their
    code in one answer), or tools (a model that may check, look up and try before it submits)."""
    proposals: int = Field(default=4, ge=1, le=16)
    """Proposals that a model is asked for at once."""
    model_share: float | None = Field(default=None, ge=0, le=1, examples=[0.8])
    """Share of the candidates that models propose, the control arm left out; the symbolic engine
    proposes the others. Without it a bandit chooses by gain and cost."""
    backend: str = "symbolic"
    """What answers the roles: symbolic (where no model is named), llm, or replay:RUN."""
    answer_tokens: int = Field(default=8192, ge=64)
    """Longest reply of a model."""
    temperature: float | None = Field(default=None, ge=0, le=2, examples=[1.0])
    """How freely a model draws its words. Without it the server's own default."""
    top_p: float | None = Field(default=None, ge=0, le=1, examples=[0.95])
    """Share of the likeliest words that a model draws from. Without it the server's own default."""
    reasoning_effort: str | None = Field(default=None, examples=["low"])
    """How long a model thinks before it answers, in the server's words: often low, medium, high."""
    silence_seconds: float = Field(default=180.0, ge=1, le=86_400)
    """Longest wait for the next piece of a reply before the call counts as lost."""
    outage_minutes: float = Field(default=30.0, ge=0, le=100_000)
    """How long a model's service may be out before the run stops, to be resumed; one question may
    wait no longer either, all its tries, pauses and silences together."""

    @model_validator(mode="after")
    def _models_are_asked(self) -> Self:
        if self.models and self.backend == "symbolic":
            object.__setattr__(self, "backend", "llm")
        return self


class SandboxSettings(SettingsGroup):
    """Where candidates run."""

    table = "sandbox"

    sandbox: SandboxName = "auto"
    """Where candidates run: auto, process or docker."""
    workers: int = Field(default=max(1, min(8, os.cpu_count() or 1)), ge=1, examples=[2])
    """Trainings at a time, one core each. Without it as many as this machine has cores, up to 8, or
    with gpus on this machine one for each of them."""
    image: str = IMAGE
    """The image of the docker sandbox; `archwright sandbox build` makes it."""
    runtime: str = Field(default="", examples=["runsc"])
    """The container engine's runtime, such as runc or runsc. Without it the engine's default."""
    gpus: Indices = Field(default=(), examples=[[0]])
    """GPUs by index, with commas, as nvidia-smi lists them: each training has one of them, in
    turn."""


class VerificationSettings(SettingsGroup):
    """How gains are proved."""

    table = "verification"

    finalists: int = Field(default=3, ge=0)
    """Candidates that are verified, at most."""
    screen_seeds: int = Field(default=4, ge=2, le=32)
    """Fresh seeds on which a finalist is screened, paired with the baseline's."""
    deciding_seeds: int = Field(default=18, ge=4, le=64)
    """New seeds on which a finalist that passed the screen is decided, on the sealed test split."""
    verify_seeds: int = Field(default=6, ge=3)
    """Seeds of a paper's reproduction, at first; as many again are added, up to three times as
    many, while its verdict is open."""
    baseline_seeds: int = Field(default=5, ge=2)
    """Seeds that measure the noise floor at the top rung (three at lower rungs)."""


GROUPS: Final = (
    BudgetSettings,
    SearchSettings,
    ModelSettings,
    SandboxSettings,
    ClusterSettings,
    KnowledgeSettings,
    VerificationSettings,
)


class RunSettings(
    BudgetSettings,
    SearchSettings,
    ModelSettings,
    SandboxSettings,
    ClusterSettings,
    KnowledgeSettings,
    VerificationSettings,
):
    """Everything that a run is a function of, beside the task and what was known before it."""

    @model_validator(mode="after")
    def _a_worker_for_each_gpu(self) -> Self:
        if self.gpus and self.on == "local" and "workers" not in self.model_fields_set:
            object.__setattr__(self, "workers", len(self.gpus))
        return self

    @property
    def asks_models(self) -> bool:
        """Whether a model proposes."""
        return (self.proposer or ("one-call" if self.models else "symbolic")) != "symbolic"

    @property
    def has_many_workers(self) -> bool:
        """Whether most workers would wait if each candidate waited for the slowest before it."""
        return self.workers > MANY_WORKERS

    @property
    def is_in_order(self) -> bool:
        """Whether the same seed proposes the same candidates: each sees a fixed set of results,
        whatever else has ended. A model's answer takes as long as it takes."""
        return not self.asks_models and not self.has_many_workers

    @property
    def candidates_ahead(self) -> int:
        """`lag` with its default filled in."""
        if self.asks_models:
            ahead = 2 * (self.workers + self.proposals)
        else:
            ahead = 4 * self.workers if self.is_in_order else 3 * self.workers // 2
        return self.lag or ahead

    @classmethod
    def load(cls, file: Path, given: Mapping[str, Any]) -> Self:
        """The defaults, the workspace's file over them, and what was `given` over that.

        With no limit at all the run is bounded by `DEFAULT_MAX_TRIALS`.

        Raises:
            InputError: broken TOML, an unknown key, a value of the wrong type or out of range.
        """
        chosen = _read(file)
        chosen |= {_name(key): value for key, value in given.items() if value is not None}
        settings = cls(**chosen)
        if settings.max_trials is None and settings.hours is None:
            settings = settings.changed(max_trials=DEFAULT_MAX_TRIALS)
        return settings


# --- names ----------------------------------------------------------------------------------------


def option_name(name: str) -> str:
    """A field as the command line has it, without the dashes: `model` for `models`."""
    shortest = min(
        (key for key, own in keywords(RunSettings) if own == name), default=name, key=len
    )
    return shortest.replace("_", "-")


def table_of(name: str) -> str:
    """The table of `archwright.toml` that a field stands in."""
    kinds = (kind for kind in reversed(RunSettings.__mro__) if issubclass(kind, SettingsGroup))
    return next(kind.table for kind in kinds if name in kind.model_fields)


def _name(key: str) -> str:
    return dict(keywords(RunSettings)).get(key, key)


# --- archwright.toml ------------------------------------------------------------------------------

_FLAT: Final = "run"
"""A table that takes every key: how the file was written before there were groups."""


def _read(file: Path) -> dict[str, Any]:
    """What a workspace's file sets, by the fields' names."""
    if not os.path.lexists(file):
        return {}
    if not file.is_file():
        raise InputError(f"{file} is not a file that can be read: replace it, or remove it")
    try:
        document = parse_toml(file.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not UTF-8: {error.reason} at byte {error.start}") from None
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from None
    except InputError as error:
        raise InputError(f"{file} {error}") from None
    chosen: dict[str, Any] = {}
    for table, values in document.items():
        for key, value in _table(file, table, values):
            if key in chosen:
                raise InputError(f"{file}: [{table}] sets {key} for the second time: keep one")
            chosen[key] = value
    return chosen


def _table(file: Path, table: str, values: Any) -> Iterator[tuple[str, Any]]:
    tables = {group.table: group for group in GROUPS} | {_FLAT: RunSettings}
    if isinstance(values, list) and table in tables:
        raise InputError(f"{file}: [[{table}]] is a list of tables: write [{table}]")
    if not isinstance(values, dict):
        raise InputError(f"{file}: {table!r} outside of a table: {_home(table)}")
    if table not in tables:
        raise InputError(f"{file} has no table {table!r}; {nearest(table, tables, '[{}]')}")
    group = tables[table]
    known = {key: name for key, name in keywords(group) if table in (_FLAT, table_of(name))}
    for key, value in values.items():
        if key not in known:
            elsewhere = _name(key) in RunSettings.model_fields
            fix = f"it belongs in [{table_of(_name(key))}]" if elsewhere else nearest(key, known)
            raise InputError(f"{file}: [{table}] has no key {key!r}; {fix}")
        try:
            # A number in quotes is fine on the command line; in a file it is a mistake.
            group.model_validate({known[key]: value}, strict=True)
        except InputError as error:
            raise InputError(f"{file}: [{table}] {error}") from None
        yield known[key], value


def _home(key: str) -> str:
    name = _name(key)
    known = name in RunSettings.model_fields
    return f"put it into [{table_of(name)}]" if known else "there is no such setting"


def settings_template() -> str:
    """An `archwright.toml` with every setting, explained, and marked off."""
    lines = [
        "# Settings of this Archwright workspace. What is set here becomes the default of every",
        "# run in it; an option on the command line wins over it. Uncomment a line to",
        "# set it.",
    ]
    for group in GROUPS:
        lines += ["", f"[{group.table}]"]
        for name, field in group.model_fields.items():
            if table_of(name) == group.table:
                value = field.examples[0] if field.examples else field.default
                said = field.description or ""
                lines += wrap(said, 96, initial_indent="## ", subsequent_indent="## ")
                lines.append(f"# {name} = {_toml(value)}")
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)
