"""A training script as the task: `kind = "script"` in `task.toml`, read and validated.

The repository's files that may change become the baseline's bundle. What the script may read beside
them is shown to it where it is; all else of the repository, labels included, is not there for it.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError

from archwright.core import (
    AtPlateau,
    Direction,
    InputError,
    Problem,
    Recipe,
    Script,
    SourceError,
    Targets,
    TaskError,
    TaskSpec,
    write_bundle,
)
from archwright.core.script import PREDICTIONS, is_python
from archwright.core.words import parse_toml
from archwright.tasks.objective import ObjectiveKeys
from archwright.tasks.source import read_text
from archwright.tasks.spec import (
    Count,
    Form,
    Megabytes,
    SandboxForm,
    Seconds,
    Words,
    data_folder,
    explain,
    head_conflicts,
    sandbox_faults,
)

KIND: Final = "script"
OWN_FILES: Final = ("task.toml", "task.py")
"""What no script ever sees: one of them gives the labels."""
SHOWN_BYTES: Final = 20_000
"""Of a file that is read, the most that whoever changes the others is shown."""
UNCOUNTED: Final = 2**53
"""The limit on parameters where nobody counts them."""
_PYTHON: Final = ("python", "python3")

Patterns = Annotated[list[Words], Field(min_length=1)]
Shape = Annotated[list[Count], Field(min_length=1)]


class _PredictionsForm(Form):
    validation: Words
    """the file with predictions on the validation split that the script must leave"""
    test: Words
    """the same for the test split"""


class _ScriptForm(Form):
    repository: Words = "."
    """the folder of the script, from the task's folder on"""
    command: Words
    """what trains, such as "python train.py --seconds {budget}"; {seed} is put in as well"""
    files: Patterns
    """the files that may change, by name or with * and **"""
    reads: list[Words] = Field(default_factory=list)
    """files and folders of the repository that the script may read, but never labels"""
    predictions: _PredictionsForm
    """what the script must leave: validation and test, each a .npy, .npz or .csv file"""
    check: Count | None = None
    """budget of a short run before training; none without it"""


class _ScriptLimitsForm(Form):
    trial_seconds: Seconds = 120.0
    """kill switch of one training, in CPU seconds; time that it sleeps counts as well"""
    memory_mb: Megabytes = 2048
    """most memory of one training"""


class _ScriptTaskForm(Form):
    kind: Literal["script"]
    """script"""
    name: str
    """lower-case letters, digits and hyphens"""
    summary: Words
    """one line that says what is learned from what"""
    metric: str
    """how predictions are scored: a name from the harness's list, or task.py"""
    targets: Targets | None = None
    """what the labels are, where the metric takes several kinds: classes, labels, values, own"""
    direction: Direction | None = None
    """maximize or minimize; it must agree with the metric"""
    unit: str | None = None
    """the unit of a score; it must agree with the metric"""
    plateau: AtPlateau = "broaden"
    """what a search does where there is nothing to gain: broaden, cost or stop"""
    rungs: Annotated[list[Count], Field(min_length=1)]
    """budgets in the script's own unit, rising, such as [30, 120]"""
    output_shape: Shape
    """shape of one prediction, without the batch axis; classes stand on the last axis"""
    contract: Words
    """words for whoever changes the files: what is given, what is asked for"""
    script: _ScriptForm
    """[script]: repository, command, files, reads, predictions, check"""
    limits: _ScriptLimitsForm = Field(default_factory=_ScriptLimitsForm)
    """[limits]: trial_seconds and memory_mb"""
    sandbox: SandboxForm = Field(default_factory=SandboxForm)
    """[sandbox]: packages and data folders that the script may use"""


_SECTIONS: Final[Mapping[str, type[Form]]] = {
    "": _ScriptTaskForm,
    "script": _ScriptForm,
    "predictions": _PredictionsForm,
    "limits": _ScriptLimitsForm,
    "sandbox": SandboxForm,
}


def is_script(folder: Path) -> bool:
    """Whether a task folder says that it is a script's; one that cannot be read says nothing."""
    try:
        return parse_toml(read_text(folder / "task.toml")[0]).get("kind") == KIND
    except InputError:
        return False


def read_script_spec(folder: Path) -> tuple[TaskSpec | None, list[str]]:
    """Read the `task.toml` of a script's task, and the files that may change.

    Returns:
        The spec, None where `task.toml` cannot be used, and all faults found, one line each.
    """
    text, faults = read_text(folder / "task.toml")
    if faults:
        return None, faults
    try:
        document = parse_toml(text)
    except InputError as error:
        return None, [f"task.toml {error}"]
    try:
        form = _ScriptTaskForm.model_validate(document)
        objective = _objective_of(form, folder)
        faults = [
            *head_conflicts(form.name, form.summary, form.rungs),
            *objective.faults(),
            *sandbox_faults(form.sandbox, folder),
        ]
        tree = _Tree(folder, form.script)
    except ValidationError as error:
        return None, [f"task.toml: {explain(details, _SECTIONS)}" for details in error.errors()]
    except InputError as error:
        return None, [f"task.toml: {error}"]
    faults += [*tree.faults(), *_command_faults(form.script.command, tree)]
    if faults:
        return None, [f"task.toml: {fault}" for fault in faults]
    try:
        return _to_spec(form, tree, folder), []
    except SourceError as error:
        return None, [str(error)]


def _objective_of(form: _ScriptTaskForm, folder: Path) -> ObjectiveKeys:
    return ObjectiveKeys(
        metric=form.metric,
        loss=None,
        options={},
        targets=form.targets,
        direction=form.direction,
        unit=form.unit,
        output_shape=tuple(form.output_shape),
        packages=tuple(form.sandbox.packages),
        folder=folder,
        source=read_text(folder / "task.py")[0],
        trains=False,
    )


# --- the repository -------------------------------------------------------------------------------


class _Tree:
    """A repository's files as the task names them: those that may change, those that are read."""

    def __init__(self, folder: Path, form: _ScriptForm) -> None:
        """Find them.

        Raises:
            TaskError: a name that finds nothing, or leads out of the repository.
        """
        self.root = (folder / Path(form.repository).expanduser()).resolve()
        if not self.root.is_dir():
            raise TaskError(f"[script] repository {form.repository} is not a folder")
        self._own = [folder.resolve() / name for name in OWN_FILES]
        self.files = [p for p in self._find("files", form.files) if (self.root / p).is_file()]
        found = self._find("reads", form.reads)
        self.reads = [p for p in found if p not in self.files and not _under(p, found)]
        """Files, and folders whole."""
        given = form.predictions
        self.predictions = (("validation", given.validation), ("test", given.test))

    def _find(self, key: str, patterns: Sequence[str]) -> list[str]:
        found: dict[str, None] = {}
        for pattern in patterns:
            if _leads_out(pattern):
                raise TaskError(f"[script] {key} holds {pattern!r}, which is not in the repository")
            matches = sorted(self.root.glob(pattern))
            for match in matches:
                if not match.resolve().is_relative_to(self.root):
                    raise TaskError(
                        f"[script] {key}: {match.name} is a link that leads out of the repository; "
                        "copy what it leads to"
                    )
            inside = [m for m in matches if m.resolve() not in self._own and m != self.root]
            if not inside:
                raise TaskError(f"[script] {key}: no file {pattern} in {self.root}")
            found |= dict.fromkeys(m.relative_to(self.root).as_posix() for m in inside)
        return list(found)

    def has(self, path: str) -> bool:
        """Whether a script finds a file."""
        read = path in self.reads or _under(path, self.reads)
        return path in self.files or (read and (self.root / path).is_file())

    def faults(self) -> Iterator[str]:
        """What does not fit together, one line each."""
        folders = [p for p in self.reads if (self.root / p).is_dir()]
        for place in self._own:
            if any(place.is_relative_to((self.root / folder).resolve()) for folder in folders):
                yield f"[script] reads holds the folder of {place.name}, and with it the labels"
        for path in self.files:
            if _under(path, folders):
                yield f"[script] reads holds the folder of {path}, which may change: name its files"
        if ":" in str(self.root):
            yield "[script] the repository must not have a colon in its path"
        for split, path in self.predictions:
            if _leads_out(path):
                yield f"[script] predictions on {split} must be a file in the repository's tree"
            elif PurePosixPath(path).suffix not in PREDICTIONS:
                yield f"[script] predictions on {split} must end in {', '.join(PREDICTIONS)}"
            elif self.has(path) or _under(path, folders):
                yield f"[script] {path} is read by the script: name another file of predictions"

    def shown(self) -> Iterator[str]:
        """The Python files that are read, those left out that are too long for a prompt."""
        for path in self.reads:
            if is_python(path) and (self.root / path).stat().st_size <= SHOWN_BYTES:
                yield path

    def bundle(self, paths: Iterable[str]) -> str:
        """Some of the files as one text.

        Raises:
            SourceError: one is no text, or holds a line that names a file of a bundle.
        """
        texts = {}
        for path in paths:
            texts[path], faults = read_text(self.root / path)
            if faults:
                raise SourceError(f"[script] {faults[0]}")
        return write_bundle(texts)


def _leads_out(path: str) -> bool:
    parts = PurePosixPath(path)
    return parts.is_absolute() or ".." in parts.parts or not parts.parts


def _under(path: str, folders: Sequence[str]) -> bool:
    """Whether a path lies below one of some folders."""
    return any(str(parent) in folders for parent in PurePosixPath(path).parents)


def _command_faults(command: str, tree: _Tree) -> Iterator[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        yield f"[script] command cannot be read ({error}): mind its quotes"
        return
    form = "write python FILE … or python -m MODULE …, for the sandbox starts no other program"
    if len(words) < 2 or words[0] not in _PYTHON:
        yield f"[script] command {command!r}: {form}"
    elif words[1] == "-m":
        module = words[2].replace(".", "/") if len(words) > 2 else ""
        if not (tree.has(f"{module}.py") or tree.has(f"{module}/__main__.py")):
            yield f"[script] command: module {'.'.join(words[2:3])!r} is in neither files nor reads"
    elif words[1].startswith("-"):
        yield f"[script] command {command!r}: {form}"
    elif not tree.has(words[1]):
        yield f"[script] command: {words[1]} is in neither files nor reads"


def _to_spec(form: _ScriptTaskForm, tree: _Tree, folder: Path) -> TaskSpec:
    objective = _objective_of(form, folder)
    places = tuple((path, str((tree.root / path).resolve())) for path in tree.reads)
    script = Script(
        command=tuple(shlex.split(form.script.command)[1:]),
        files=tuple(tree.files),
        predictions=tree.predictions,
        reads=places,
        baseline=tree.bundle(tree.files),
        beside=tree.bundle(tree.shown()),
        check_budget=form.script.check,
    )
    data = tuple(str(data_folder(folder, name)) for name in form.sandbox.data)
    problem = Problem(
        entry="Script",
        input_shape=(),
        output_shape=tuple(form.output_shape),
        max_params=UNCOUNTED,
        packages=tuple(form.sandbox.packages),
        folders=(*data, *(place for _, place in places)),
        script=script,
        **objective.problem_keys(),
    )
    return TaskSpec(
        name=form.name,
        summary=form.summary,
        metric=objective.found,
        problem=problem,
        rungs=tuple(form.rungs),
        recipe=Recipe(),
        contract=form.contract,
        baseline=script.baseline,
        folder=folder,
        trial_seconds=form.limits.trial_seconds,
        memory_mb=form.limits.memory_mb,
        plateau=form.plateau,
    )
