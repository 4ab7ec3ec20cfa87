"""A folder that `archwright train` writes: a network, its weights, and where they come from.

It stands by itself: neither the run nor the task is needed to load it or to export it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from archwright.core import Array, InputError
from archwright.core.files import write_whole
from archwright.sandbox.contract import ContractBreach, ProblemProjection, read

VERSION: Final = 1
RECORD: Final = "training.json"
ARCHITECTURE: Final = "architecture.py"
INPUTS: Final = "inputs.npy"
CURVE: Final = "curve.csv"
CHECKPOINTS: Final = "checkpoints"
DATA: Final = "data"
KEPT: Final = 20
"""Checkpoints."""
STATE_KINDS: Final = ("model.", "optimizer.", "average.", "raw.", "scale", "random")
"""How the names of a state begin; the first are the network's own weights and buffers."""


@dataclass(frozen=True, slots=True)
class TrainingAsked:
    """What is trained, on what, and for how long: the same command gives the same of these."""

    run: str
    candidate: str
    task: str
    recipe: Mapping[str, Any]
    problem: ProblemProjection
    total: int
    """Optimizer steps."""
    seed: int
    all_data: bool


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """All that is known of a training and of what is trained; `training.json` holds it."""

    asked: TrainingAsked
    title: str = ""
    branch: str = ""
    changed: bool = False
    """Whether somebody changed it on its branch after the run."""
    summary: str = ""
    """What the task is about."""
    task_from: str = ""
    metric: str = ""
    unit: str = ""
    data_license: str = ""
    packages: tuple[str, ...] = ()
    """What the candidate may import, beside torch and numpy."""
    language_model: bool = False
    """Whether it predicts the next token of its own input."""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """What the run measured of the candidate, as its branch's `results.json` has it."""
    step: int = 0
    """Steps that are done."""
    curve: tuple[tuple[int, float], ...] = ()
    """(step, mean training loss since the point before)."""
    scores: tuple[tuple[int, float], ...] = ()
    """(step, score on validation); none where all data is trained on."""

    @property
    def is_complete(self) -> bool:
        """Whether all steps are done."""
        return self.step >= self.asked.total

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """The record behind its JSON.

        Raises:
            ContractBreach, TypeError, KeyError: it is not one.
        """
        fields = {k: v for k, v in document.items() if k != "version"}
        asked = dict(fields.pop("asked"))
        asked["problem"] = read(ProblemProjection, asked["problem"])
        for name in ("curve", "scores"):
            fields[name] = tuple((int(step), float(value)) for step, value in fields[name])
        fields["packages"] = tuple(fields["packages"])
        return cls(TrainingAsked(**asked), **fields)


@dataclass(frozen=True, slots=True)
class TrainedFolder:
    """The folder as a whole."""

    path: Path
    record: TrainingRecord

    @classmethod
    def open(cls, path: Path) -> Self:
        """The training in a folder.

        Raises:
            InputError: there is none.
        """
        try:
            document = json.loads((path / RECORD).read_text(encoding="utf-8"))
            return cls(path, TrainingRecord.from_json(document))
        except FileNotFoundError:
            raise InputError(
                f"{path} has no weights: `archwright train CANDIDATE --out {path}` makes them"
            ) from None
        except (OSError, ValueError, TypeError, KeyError, ContractBreach) as error:
            raise InputError(f"{path / RECORD} cannot be read ({error}): train it again") from None

    @classmethod
    def begin(cls, path: Path, record: TrainingRecord, source: str, inputs: Array) -> Self:
        """Make the folder, with nothing trained yet.

        Args:
            inputs: samples that exports are compared on.

        Raises:
            InputError: it is not empty.
            OSError: it cannot be written.
        """
        check_empty(path)
        (path / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
        (path / ARCHITECTURE).write_text(source, encoding="utf-8")
        np.save(path / INPUTS, inputs, allow_pickle=False)
        folder = cls(path, record)
        folder._write_record()
        return folder

    @property
    def source(self) -> str:
        """The architecture."""
        return (self.path / ARCHITECTURE).read_text(encoding="utf-8")

    @property
    def inputs(self) -> Array:
        """Samples that exports are compared on, `(N, *input_shape)`."""
        found: Array = np.load(self.path / INPUTS, allow_pickle=False)
        return found

    @property
    def weights(self) -> Path:
        """The newest weights."""
        return self.checkpoint(self.record.step)

    def checkpoint(self, step: int) -> Path:
        """Where the weights after so many steps are."""
        return self.path / CHECKPOINTS / f"step-{step:08d}.safetensors"

    def state(self, step: int) -> Path:
        """Where the state is that the training goes on from."""
        return self.path / CHECKPOINTS / f"step-{step:08d}.npz"

    def reached(
        self,
        step: int,
        state: Mapping[str, Array],
        curve: Sequence[tuple[int, float]],
        scores: Sequence[tuple[int, float]],
    ) -> Self:
        """The folder with the checkpoint of a job more, written down.

        Args:
            state: as `Outcome` has it.
            curve: the job's own.

        Raises:
            OSError: it cannot be written.
        """
        from safetensors.numpy import save

        known = {name: array for name, array in state.items() if name.startswith(STATE_KINDS)}
        own = STATE_KINDS[0]
        weights = {n.removeprefix(own): a for n, a in known.items() if n.startswith(own)}
        write_whole(self.checkpoint(step), save(weights, metadata={"format": "pt"}))
        write_whole(self.state(step), lambda file: np.savez(file, allow_pickle=False, **known))
        record = self.record
        further = replace(
            self,
            record=replace(
                record,
                step=step,
                curve=(*record.curve, *curve),
                scores=(*record.scores, *scores),
            ),
        )
        further._write_record()
        further._prune()
        return further

    def _prune(self) -> None:
        """Remove all but the newest checkpoints, and all states but the newest."""
        folder = self.path / CHECKPOINTS
        for old in sorted(folder.glob("step-*.safetensors"))[:-KEPT]:
            old.unlink()
        for old in folder.glob("step-*.npz"):
            if old != self.state(self.record.step):
                old.unlink()

    def _write_record(self) -> None:
        document = {"version": VERSION, **asdict(self.record)}
        write_whole(self.path / RECORD, json.dumps(document, indent=2) + "\n", durable=True)
        write_whole(self.path / CURVE, self._curve())

    def _curve(self) -> str:
        losses, scores = dict(self.record.curve), dict(self.record.scores)
        rows = (
            f"{step},{losses.get(step, '')},{scores.get(step, '')}"
            for step in sorted({*losses, *scores})
        )
        return "\n".join(["step,training_loss,validation_score", *rows]) + "\n"


def check_empty(path: Path) -> None:
    """Refuse a folder that holds something.

    Raises:
        InputError: it does, or it is a file.
    """
    if path.exists() and not path.is_dir():
        raise InputError(f"{path} is a file: name a folder")
    if path.is_dir() and any(path.iterdir()):
        raise InputError(f"{path} is not empty: name a new folder")
