"""What several commands take, each with its name and its words of help in one place."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import Group, Parameter

from archwright.core import InputError
from archwright.core.groups.cluster import ClusterSettings
from archwright.core.groups.group import SettingsGroup
from archwright.core.groups.places import KnowledgeSettings
from archwright.core.settings import (
    BudgetSettings,
    ModelAccess,
    ModelSettings,
    ModelUse,
    SandboxName,
    SandboxSettings,
    SearchSettings,
    SpendingSettings,
    VerificationSettings,
    option_name,
)
from archwright.knowledge.store import Knowledge
from archwright.runs.workspace.finding import find_run
from archwright.runs.workspace.knowing import knowledge_of
from archwright.runs.workspace.paths import RunPaths
from archwright.runs.workspace.workspace import Workspace

HERE: Final = "."

Folder = Annotated[str, Parameter("--workspace", help="The workspace (default: this folder).")]
AsJson = Annotated[bool, Parameter("--json", help="Print one JSON document.")]
AsLines = Annotated[bool, Parameter("--plain", help="Plain lines in place of the live view.")]
Unasked = Annotated[bool, Parameter("--yes", help="Do not ask about the cost.")]
RunName = Annotated[
    str,
    Parameter(help="A run's name, the beginning of it, or its folder (default: the latest run)."),
]
TaskName = Annotated[str, Parameter(help="A built-in task's name, or a task folder.")]
MovedTask = Annotated[
    str | None, Parameter("--task", help="Where the run's task is now, if it was moved.")
]
Words = Annotated[str, Parameter(allow_leading_hyphen=True)]
"""What a person writes, a hyphen at its start included; `-` alone is stdin where that is read."""
ManyTasks = Annotated[list[str] | None, Parameter("--task", consume_multiple=True)]
SandboxOption = Annotated[
    SandboxName,
    Parameter("--sandbox", help="Where it runs: auto (the default), process or docker."),
]

Gpus = Annotated[
    str, Parameter("--gpus", help="GPUs by index, with commas, as nvidia-smi lists them.")
]


def check_seed(seed: int) -> None:
    """Refuse what torch takes for no seed.

    Raises:
        InputError: it is negative, or has more than 63 bits.
    """
    if not 0 <= seed < 2**63:
        raise InputError(f"--seed must be from 0 to {2**63 - 1}, not {seed}")


def indices_of(gpus: str) -> tuple[int, ...]:
    """What `--gpus` names.

    Raises:
        InputError: these are no indices.
    """
    words = gpus.split(",") if gpus else []
    if not all(word.strip().isdecimal() for word in words):
        raise InputError(f"--gpus must be indices with commas, such as 0,1, not {gpus!r}")
    return tuple(map(int, words))


def _settings(title: str, order: int) -> Parameter:
    """Makes an option of each field of a group."""
    transform = lambda name: option_name(name)  # noqa: E731 - cyclopts tells it from a default
    return Parameter("*", group=Group(title, sort_key=order), name_transform=transform)


Budget = Annotated[BudgetSettings, _settings("Budget", 1)] | None
Spending = Annotated[SpendingSettings, _settings("Budget", 1)] | None
Search = Annotated[SearchSettings, _settings("Search", 2)] | None
Models = Annotated[ModelSettings, _settings("Models", 3)] | None
ModelsUsed = Annotated[ModelUse, _settings("Models", 3)] | None
ModelsKnown = Annotated[ModelAccess, _settings("Models", 3)] | None
Containers = Annotated[SandboxSettings, _settings("Sandbox", 4)] | None
Cluster = Annotated[ClusterSettings, _settings("Cluster", 5)] | None
Shared = Annotated[KnowledgeSettings, _settings("Knowledge", 6)] | None
Verification = Annotated[VerificationSettings, _settings("Verification", 7)] | None


def given(*groups: SettingsGroup | None) -> dict[str, Any]:
    """What the options say; nothing of what was left out."""
    return {name: value for g in groups if g is not None for name, value in g.given().items()}


def open_knowledge(workspace: str, writes: bool = True) -> Knowledge:
    """The knowledge base of a workspace; to be read alone, it need not be writable.

    Raises:
        WorkspaceError: the workspace is none.
        KnowledgeError: it is shared, and cannot be reached.
    """
    return knowledge_of(Workspace.open(Path(workspace), writes))


def chosen_run(name: str, workspace: str, writes: bool = False) -> RunPaths:
    """The run that is meant; to be read alone, its workspace need not be writable.

    Raises:
        WorkspaceError: the workspace is none.
        RunError: no run, or several, are called so.
    """
    return find_run(Workspace.open(Path(workspace), writes), name)
