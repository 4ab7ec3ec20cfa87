"""`archwright doctor`: what this machine can do, and the fix for what it cannot."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

from archwright.cli.options import HERE, AsJson, Folder, Gpus, ModelsKnown, indices_of
from archwright.cli.output import emit, say
from archwright.cli.run.consoles import show
from archwright.core import KnowledgeError, SandboxError
from archwright.core.settings import ModelAccess, RunSettings

PYTHON_MINIMUM: Final = (3, 11)
GIT_MINIMUM: Final = (2, 20)
MEMORY_MINIMUM_GB: Final = 2.0
DISK_MINIMUM_GB: Final = 1.0
ANSWER_SECONDS: Final = 5.0
"""How long git and the Docker Engine may take to answer."""
SHARED_DISK_MINIMUM_GB: Final = 0.1
CLOCKS_AGREE_SECONDS: Final = 2.0
"""Between two clocks; a file server may count in whole seconds."""

KEY_NAMES: Final = (
    "ANTHROPIC_API_KEY",
    "AZURE_API_KEY",
    "DEEPSEEK_API_KEY",
    "GEMINI_API_KEY",
    "GROQ_API_KEY",
    "MISTRAL_API_KEY",
    "OPENAI_API_KEY",
    "OPENROUTER_API_KEY",
    "TOGETHERAI_API_KEY",
    "XAI_API_KEY",
)

PROVIDERS: Final = ("litellm", "openai", "transformers")

Level = Literal["needed", "useful"]


@dataclass(frozen=True, slots=True)
class MachineFinding:
    """One thing that was looked at. A run is impossible while a needed one is not `ok`."""

    name: str
    ok: bool
    detail: str
    fix: str = ""
    level: Level = "useful"


def doctor(
    *,
    models: ModelsKnown = None,
    gpus: Gpus = "",
    workspace: Folder = HERE,
    json: AsJson = False,
) -> int:
    """Print the findings. Exit code 0 when a run is possible on this machine, else 2.

    Each model that is named is asked one tiny question, and each GPU that is named is tried.
    """
    chosen = indices_of(gpus)
    say("looking at this machine …")
    findings = [*examine(Path(workspace), chosen), *_probed(models)]
    possible = all(f.ok for f in findings if f.level == "needed")
    document = {"possible": possible, "findings": [asdict(f) for f in findings]}
    emit(json, document, lambda: _print(findings, possible))
    return 0 if possible else 2


def examine(workspace: Path, gpus: tuple[int, ...] = ()) -> Iterator[MachineFinding]:
    """All findings about this machine. Takes a few seconds: torch is really imported."""
    yield _python()
    yield from _torch()
    yield _memory()
    yield _disk(workspace)
    yield _git()
    yield from _sandboxes(workspace, gpus)
    yield _docker()
    yield find_packages()
    yield _models()
    yield from find_shared(workspace)


def _python() -> MachineFinding:
    found = platform.python_version()
    wanted = ".".join(map(str, PYTHON_MINIMUM))
    ok = sys.version_info >= PYTHON_MINIMUM
    return MachineFinding(
        "python", ok, f"{found} at {sys.executable}", f"use Python {wanted}", "needed"
    )


def _torch() -> Iterator[MachineFinding]:
    try:
        import torch
    except (ImportError, OSError) as error:
        detail = f"does not import: {str(error).splitlines()[0]}"
        yield MachineFinding("torch", False, detail, "pip install torch", "needed")
        return
    yield MachineFinding("torch", True, importlib.metadata.version("torch"), level="needed")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield MachineFinding(
        "threads", True, f"{cores} cores may be used; each worker trains on one thread"
    )
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        names.append("Apple GPU")
    detail = f"{', '.join(names) or 'none'}; trials train on the CPU unless gpus are set"
    fix = "none needed; a GPU shows here with its driver and the torch build made for it"
    yield MachineFinding("accelerators", bool(names), detail, fix)


def _memory() -> MachineFinding:
    import psutil

    free_gb = psutil.virtual_memory().available / 1e9
    total_gb = psutil.virtual_memory().total / 1e9
    detail = f"{free_gb:.1f} GB free of {total_gb:.1f} GB"
    fix = f"free memory: a worker takes up to {MEMORY_MINIMUM_GB:g} GB"
    return MachineFinding("memory", free_gb >= MEMORY_MINIMUM_GB, detail, fix)


def _disk(workspace: Path) -> MachineFinding:
    if not workspace.is_dir():
        fix = f"archwright init {shlex.quote(str(workspace))}"
        return MachineFinding("disk", False, f"{workspace} is not a folder", fix, "needed")
    free_gb = shutil.disk_usage(workspace).free / 1e9
    detail = f"{free_gb:.1f} GB free at {workspace.resolve()}"
    fix = f"free at least {DISK_MINIMUM_GB:g} GB: journals and predictions need room"
    return MachineFinding("disk", free_gb >= DISK_MINIMUM_GB, detail, fix, "needed")


def _git() -> MachineFinding:
    wanted = ".".join(map(str, GIT_MINIMUM))
    fix = f"install git {wanted} or newer (`apt install git`, `brew install git`)"
    code, answer = _ask("git", "--version")
    found = re.search(r"(\d+)\.(\d+)", answer)
    ok = code == 0 and found is not None and tuple(map(int, found.groups())) >= GIT_MINIMUM
    return MachineFinding("git", ok, answer.removeprefix("git version "), fix, "needed")


def _sandboxes(workspace: Path, gpus: tuple[int, ...]) -> Iterator[MachineFinding]:
    """The sandboxes as the workspace's settings make them, with these GPUs if there are any."""
    from archwright.runs.workspace.paths import WorkspacePaths
    from archwright.sandbox.docker.engine import DockerSettings
    from archwright.sandbox.opening import available, open_sandbox
    from archwright.sandbox.process import ProcessSandbox

    settings = RunSettings.load(WorkspacePaths(workspace).settings, {})
    docker, gpus = DockerSettings.of(settings), gpus or settings.gpus
    answers = list(available(docker, gpus))
    for name, ok, detail, fix in answers:
        yield MachineFinding(f"sandbox {name}", ok, detail, fix)
    usable = any(ok for _, ok, _, _ in answers)
    given = f" with gpus {', '.join(map(str, gpus))}" if gpus else ""
    detail = f"candidates can be run{given}" if usable else f"no sandbox works here{given}"
    fix = f"fix one of the sandboxes above{', or leave gpus out' if gpus else ''}"
    yield MachineFinding("sandbox", usable, detail, fix, "needed")
    if any(ok for name, ok, _, _ in answers if name == ProcessSandbox.name):
        for limitation in ProcessSandbox(workers=1, gpus=gpus).limitations():
            yield MachineFinding(
                f"process sandbox: {limitation.name}", False, limitation.detail, limitation.fix
            )
    yield MachineFinding("sandbox auto", True, open_sandbox("auto", 1, docker, gpus).choice)


def _docker() -> MachineFinding:
    from archwright.sandbox.docker.engine import Engine

    fix = "none needed while the process sandbox serves; else install Docker Engine and start it"
    with Engine() as engine:
        try:
            return MachineFinding("docker", True, f"engine {engine.version()}", fix)
        except SandboxError as error:
            return MachineFinding("docker", False, str(error), fix)


def find_packages(names: Sequence[str] = PROVIDERS) -> MachineFinding:
    """The packages around models, by their metadata: importing them would take seconds."""
    said, missing = [], []
    for name in names:
        try:
            said.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            said.append(f"{name} is missing")
            missing.append(name)
    fix = f"pip install {' '.join(missing)}" if missing else "none needed"
    return MachineFinding("packages", not missing, ", ".join(said), fix)


def _models() -> MachineFinding:
    # Only the names: a key is never printed, not even in part.
    names = [name for name in KEY_NAMES if os.environ.get(name)]
    detail = f"keys set: {', '.join(names)}" if names else "no key set"
    fix = f"none needed by the symbolic engine; an LLM needs its key, e.g. {KEY_NAMES[0]}"
    return MachineFinding("models", bool(names), detail, fix)


def find_shared(workspace: Path) -> Iterator[MachineFinding]:
    """The knowledge base that the workspace's settings share, if any; no table there is
    made or changed."""
    from archwright.core.groups.places import is_postgresql
    from archwright.knowledge.shared.opening import open_store
    from archwright.knowledge.shared.store import MIGRATIONS
    from archwright.runs.workspace.paths import WorkspacePaths

    name, newest = "shared knowledge", len(MIGRATIONS)
    address = RunSettings.load(WorkspacePaths(workspace).settings, {}).knowledge
    if not address:
        return
    try:
        with closing(open_store(address, lasting=False)) as store:
            version, ahead = store.version, store.clock_ahead()
    except KnowledgeError as error:
        yield MachineFinding(name, False, error.fault, error.fix, "needed")
        return
    tables = f"has tables of version {version}"
    if version == 0:
        tables = f"has no tables yet (the next command makes those of version {newest})"
    elif version < newest:
        tables += f" (the next command brings them to version {newest})"
    clock = "its clock agrees with this machine's"
    if abs(ahead) >= CLOCKS_AGREE_SECONDS:
        side = "ahead of" if ahead > 0 else "behind"
        clock = (
            f"its clock is {abs(ahead):.0f} s {side} this machine's (claims do not depend on it)"
        )
    detail = f"{address} answers and can be written, {tables}, {clock}"
    has_room = True
    if not is_postgresql(address):  # whose disk nobody can see from here
        free_gb = shutil.disk_usage(Path(address).expanduser()).free / 1e9
        has_room = free_gb >= SHARED_DISK_MINIMUM_GB
        detail += f", {free_gb:.1f} GB free"
    yield MachineFinding(name, has_room, detail, "free some space there", "needed")


def _probed(models: ModelAccess | None) -> Iterator[MachineFinding]:
    """What each model that was named did with one tiny call."""
    if models is None or not models.models:
        return
    from archwright.cli.probing import probe_models

    for probe in probe_models(RunSettings(**models.given())):
        name = f"model {probe.model}"
        yield MachineFinding(name, probe.ok, probe.detail, probe.fix, "needed")


def _ask(*command: str) -> tuple[int, str]:
    """Exit code and last line of a program's answer; 127 where there is no such program."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=ANSWER_SECONDS
        )
    except FileNotFoundError:
        return 127, "not installed"
    except subprocess.TimeoutExpired:
        return 124, f"no answer within {ANSWER_SECONDS:g} s"
    lines = (done.stdout + done.stderr).strip().splitlines()
    return done.returncode, lines[-1].strip() if lines else f"exit code {done.returncode}"


def _print(findings: list[MachineFinding], possible: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for finding in findings:
        mark, style = _mark(finding)
        table.add_row(Text(mark, style), Text(finding.name), Text(finding.detail))
        if finding.fix and not finding.ok:
            table.add_row("", "", Text(f"fix: {finding.fix}", "dim"))
    show(table)
    show(Text("a run is possible" if possible else "a run is not possible yet", "bold"))


def _mark(finding: MachineFinding) -> tuple[str, str]:
    if finding.ok:
        return "ok", "green"
    return ("missing", "bold red") if finding.level == "needed" else ("weaker", "yellow")
