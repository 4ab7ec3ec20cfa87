"""`archwright train` and `export`: a winner taken out of its run."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import Parameter

from archwright.cli.options import HERE, AsJson, Folder, Gpus, SandboxOption, check_seed
from archwright.cli.output import emit, say
from archwright.cli.trying import open_for
from archwright.core import InputError
from archwright.core.settings import SandboxName
from archwright.runs.results.wording import command_line
from archwright.runs.shipping.exporting import Format, check_packages
from archwright.runs.shipping.exporting import export as export_network
from archwright.runs.shipping.folder import CURVE, RECORD, TrainedFolder, check_empty
from archwright.runs.shipping.training import open_training, steps_of
from archwright.runs.shipping.training import train as train_on
from archwright.runs.shipping.winner import Winner, default_folder, find_winner
from archwright.runs.workspace.workspace import Workspace
from archwright.sandbox import Sandbox

CANDIDATE: Final = "RUN CANDIDATE, as `archwright show` takes it, or a branch archwright/RUN/NAME"

CandidateWords = Annotated[list[str], Parameter(name="CANDIDATE", help=f"{CANDIDATE}.")]
TrainedWords = Annotated[
    list[str],
    Parameter(name="CANDIDATE", help=f"{CANDIDATE}, or a folder that `archwright train` wrote."),
]
TaskPlace = Annotated[
    str | None, Parameter("--task", help="Where its task is now, if it was moved.")
]


MOST_STEPS: Final = 1_000_000_000


def train(
    candidate: CandidateWords,
    /,
    *,
    steps: int | None = None,
    epochs: float | None = None,
    out: Path | None = None,
    all_data: bool = False,
    seed: int = 0,
    task: TaskPlace = None,
    sandbox: SandboxOption = "auto",
    gpus: Gpus = "",
    workspace: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Train in the sandbox and keep the weights. What was interrupted goes on with the same
    command; each checkpoint is scored on validation.

    Args:
        steps: Optimizer steps in all.
        epochs: Passes over the training data, in place of steps.
        out: The folder of the weights (default: in the workspace, where `export` finds them).
        all_data: Train on validation and test as well; nothing is scored then.
        seed: Of the weights and of the data's order.
    """
    if (steps is None) == (epochs is None):
        raise InputError("give --steps N or --epochs N, one of the two")
    if not 0 < (steps or epochs or 0) <= MOST_STEPS:
        raise InputError(f"--steps and --epochs must be above 0 and at most {MOST_STEPS:,}")
    check_seed(seed)
    place = Workspace.open(Path(workspace))
    winner = find_winner(candidate, place, task)
    total = steps if steps is not None else steps_of(winner, epochs or 0, all_data)
    opened = open_for(winner.task.spec, sandbox, gpus)
    path = (out or default_folder(winner, place)).resolve()
    folder = _train(winner, path, total, seed, all_data, opened)
    document = _trained_document(folder)
    emit(json, document, lambda: _print_trained(document, folder))


def _train(
    winner: Winner, path: Path, total: int, seed: int, all_data: bool, closed: Sandbox
) -> TrainedFolder:
    if winner.changed:
        say(f"{winner.branch} was changed since its run: what was measured there is of another")
    try:
        folder = open_training(winner, path, total, seed, all_data)
        if folder.record.step and not folder.record.is_complete:
            say(f"going on from step {folder.record.step}")
        if folder.record.is_complete:
            return folder
        if winner.is_task_changed:
            say(
                f"note: task {winner.task.spec.name} has changed since {winner.run} began: what is "
                "trained now does not compare with what the run measured"
            )
        with closed as sandbox:
            if sandbox.choice:
                say(sandbox.choice)
            return train_on(folder, winner.task, sandbox, say)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror}): free some space, then the same command "
            "again"
        ) from error
    except KeyboardInterrupt:
        say("stopped; the same command continues from the last checkpoint")
        raise


def _trained_document(folder: TrainedFolder) -> dict[str, Any]:
    record = folder.record
    return {
        "folder": str(folder.path),
        "run": record.asked.run,
        "candidate": record.asked.candidate,
        "steps": record.step,
        "seed": record.asked.seed,
        "all_data": record.asked.all_data,
        "metric": record.metric,
        "score": record.scores[-1][1] if record.scores else None,
        "scores": [list(point) for point in record.scores],
        "curve": [list(point) for point in record.curve],
        "weights": str(folder.weights),
    }


def _print_trained(document: dict[str, Any], folder: TrainedFolder) -> None:
    record = folder.record
    print(f"trained {document['steps']} steps, seed {document['seed']}: {document['weights']}")
    if document["score"] is not None:
        print(f"{record.metric} {document['score']:.4g} {record.unit}".rstrip() + " on validation")
    print(f"curve in {CURVE}, all of it in {RECORD}")
    print(f"load it: archwright.load({str(folder.path)!r})")
    words = shlex.join(["archwright", "export", str(folder.path), "--to", "DIR"])
    print(f"export it: {words} --format transformers|onnx|pt2")


def export(
    candidate: TrainedWords,
    /,
    *,
    to: Path,
    format: Format,
    task: TaskPlace = None,
    sandbox: SandboxOption = "auto",
    workspace: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Write a model that loads elsewhere, loaded again in a fresh process and compared with the
    network first. Where there are no weights yet, it is trained at the run's top rung.

    Args:
        to: A new folder.
        format: transformers (`from_pretrained`), onnx, or pt2 (`torch.export`).
    """
    check_packages(format)
    check_empty(to)
    if len(candidate) == 1 and Path(candidate[0]).is_dir():
        trained = TrainedFolder.open(Path(candidate[0]))
    else:
        trained = _weights_of(candidate, Workspace.open(Path(workspace)), task, sandbox)
    _check_complete(trained)
    words = ("export", *candidate, "--to", str(to), "--format", format)
    made = export_network(trained, to, format, command_line(workspace, *words))

    def render() -> None:
        print(f"{format} export in {made.folder}: {', '.join(made.files)}")
        print(f"loaded again, its answers differ by {made.difference:.2g} at most")
        if made.note:
            print(f"it takes sequences of one length alone: {made.note}")

    emit(json, made.to_json(), render)


def _weights_of(
    words: list[str], place: Workspace, task: str | None, kind: SandboxName
) -> TrainedFolder:
    """The weights of a candidate; it is trained at its run's top rung where there are none."""
    winner = find_winner(words, place, task)
    path = default_folder(winner, place)
    if (path / RECORD).exists():
        return TrainedFolder.open(path)
    total = winner.task.spec.rungs[-1]
    say(f"there are no weights yet: it is trained for {total} steps first, the run's top rung")
    return _train(winner, path, total, 0, False, open_for(winner.task.spec, kind))


def _check_complete(trained: TrainedFolder) -> None:
    record = trained.record
    if not record.is_complete:
        asked = record.asked
        words = record.branch if record.changed else f"{asked.run} {asked.candidate}"
        raise InputError(
            f"the training in {trained.path} is at step {record.step} of {asked.total}: go on with "
            f"`archwright train {words} --steps {asked.total} --out {trained.path}`, then export"
        )
