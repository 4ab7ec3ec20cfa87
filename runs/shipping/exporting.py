"""A trained network as files that load elsewhere, each loaded again and compared first.

Nothing of the candidate runs in this process. A fresh jailed process answers to 64 samples and
makes the file; another one loads the file, as its user will, and answers to the same samples; the
answers are compared here.
"""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from archwright.core import Array, InputError
from archwright.runs.shipping.card import model_card
from archwright.runs.shipping.folder import TrainedFolder, check_empty
from archwright.runs.shipping.hub_folder import auto_class_of, write_hub_folder
from archwright.sandbox.contract import ShippingReply, ShippingRequest
from archwright.sandbox.fresh import run_fresh
from archwright.sandbox.inside.shipping.files import GRAPHS, INPUTS, STATE, WEIGHTS, answers_file
from archwright.sandbox.pool.sandbox import package_paths

Format = Literal["transformers", "onnx", "pt2"]
TOLERANCE: Final = 1e-5
"""Largest difference of an export, as `difference` measures it."""
SAMPLES: Final = 64
SECONDS_LIMIT: Final = 300.0
"""CPU seconds of converting, and of loading again."""
FILE_LIMIT_BYTES: Final = 4 << 30
PACKAGES: Final[dict[str, tuple[str, ...]]] = {
    "transformers": ("transformers", "safetensors"),
    "onnx": ("safetensors", "onnx", "onnxscript", "onnxruntime"),
    "pt2": ("safetensors",),
}
"""What a format needs beside torch."""


@dataclass(frozen=True, slots=True)
class Export:
    """What was exported; `difference` is the largest between its answers and the network's."""

    folder: Path
    format: Format
    difference: float
    files: tuple[str, ...]
    length_varies: bool
    """Whether it takes sequences of other lengths."""
    note: str = ""
    """Why it does not, where the network itself would."""

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "folder": str(self.folder),
            "format": self.format,
            "difference": self.difference,
            "files": list(self.files),
            "length_varies": self.length_varies,
            "note": self.note,
        }


def export(trained: TrainedFolder, target: Path, format_: Format, command: str) -> Export:
    """Write the export into a new folder.

    Args:
        command: what makes it again, for the model card.

    Raises:
        InputError: the folder is not empty, a package is missing, the network cannot be exported,
            or the export's answers differ: nothing is left then.
        SandboxError: a process could not be killed.
    """
    check_packages(format_)
    check_empty(target)
    try:
        return _export(trained, target, format_, command)
    except OSError as error:
        raise InputError(
            f"the export cannot be written ({error.strerror}): free some space"
        ) from error


def check_packages(format_: Format) -> None:
    """Refuse a format whose packages are not installed.

    Raises:
        InputError: some are missing.
    """
    missing = [name for name in PACKAGES[format_] if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(
            f"--format {format_} needs {' and '.join(missing)}: pip install 'archwright[export]'"
        )


def _export(trained: TrainedFolder, target: Path, format_: Format, command: str) -> Export:
    with tempfile.TemporaryDirectory(prefix="archwright-export-") as name:
        work = Path(name).resolve()
        made = work / "made"
        made.mkdir()
        converted = _convert(trained, made, format_)
        auto = auto_class_of(trained.record.asked.problem, trained.record.language_model)
        artefact = _artefact(trained, made, format_, auto, converted)
        difference = _reload(trained, made, artefact, work / "again", auto, converted)
        if not difference <= TOLERANCE:
            raise InputError(
                f"the {format_} export answers otherwise than the network (by {difference:.2g}, at "
                f"most {TOLERANCE:g}) and was removed: what the network keeps outside of its "
                "parameters and buffers is not exported, make it a buffer"
            )
        export_ = Export(
            target.resolve(),
            format_,
            difference,
            (*sorted(p.name for p in artefact), "README.md"),
            converted.length,
            converted.note,
        )
        _hand_over(artefact, target, model_card(trained.record, export_.to_json(), auto, command))
        return export_


def _convert(trained: TrainedFolder, folder: Path, format_: Format) -> ShippingReply:
    shutil.copy(trained.weights, folder / WEIGHTS)
    np.save(folder / INPUTS, trained.inputs, allow_pickle=False)
    try:
        return run_fresh(_request(trained, format_, action="convert"), folder)
    except InputError as error:
        raise InputError(f"{format_} export: {error}") from error


def _request(trained: TrainedFolder, format_: Format, **fields: Any) -> ShippingRequest:
    record = trained.record
    return ShippingRequest(
        format=format_,
        source=trained.source,
        problem=record.asked.problem,
        seed=record.asked.seed,
        seconds_limit=SECONDS_LIMIT,
        memory_mb=8192,
        file_bytes=FILE_LIMIT_BYTES,
        readable=tuple(map(str, package_paths((*record.packages, *PACKAGES[format_])))),
        **fields,
    )


def _artefact(
    trained: TrainedFolder, made: Path, format_: Format, auto: str, converted: ShippingReply
) -> Sequence[Path]:
    """The files that are exported, the model card apart."""
    if format_ in GRAPHS:
        graph = made / GRAPHS[format_]
        if graph.is_symlink() or not graph.is_file():
            raise InputError(f"{format_} export: its process left no {graph.name}")
        return [graph]
    hub = made / "export"
    hub.mkdir()
    record = trained.record
    write_hub_folder(hub, trained.source, record.asked.problem, auto, converted, made / STATE)
    return sorted(hub.iterdir())


def _reload(
    trained: TrainedFolder,
    made: Path,
    artefact: Sequence[Path],
    folder: Path,
    auto: str,
    converted: ShippingReply,
) -> float:
    """The largest difference between the export, loaded in another process, and the network."""
    format_: Format = "transformers" if artefact[0].parent.name == "export" else _kind(artefact[0])
    place = folder / "export" if format_ == "transformers" else folder
    place.mkdir(parents=True)
    for file in artefact:
        shutil.copy(file, place / file.name)
    np.save(folder / INPUTS, trained.inputs, allow_pickle=False)
    request = _request(trained, format_, action="reload", auto=auto, length=converted.length)
    try:
        run_fresh(request, folder)
    except InputError as error:
        raise InputError(f"the {format_} export does not load again: {error}") from error
    halves = (False, True) if converted.length else (False,)
    return max(difference(_answers(made, short), _answers(folder, short)) for short in halves)


def _kind(graph: Path) -> Format:
    return "onnx" if graph.suffix == ".onnx" else "pt2"


def _answers(folder: Path, short: bool) -> Array:
    """What a process wrote, read as hostile input."""
    try:
        found: Array = np.load(folder / answers_file(short), allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"its process left no sound {answers_file(short)} ({error})") from error
    return found


def difference(reference: Array, exported: Array) -> float:
    """The largest difference of two arrays of outputs, relative to the largest output of the
    reference where that is above 1; infinite where shapes differ or a number is not finite."""
    if reference.shape != exported.shape or not np.isfinite(exported).all():
        return float("inf")
    scale = max(1.0, float(np.abs(reference).max(initial=0.0)))
    off = np.abs(reference.astype(np.float64) - exported.astype(np.float64))
    return float(off.max(initial=0.0)) / scale


def _hand_over(artefact: Sequence[Path], target: Path, card: str) -> None:
    """Move the files to their folder, whole or not at all."""
    existed = target.is_dir()
    try:
        target.mkdir(parents=True, exist_ok=True)
        for file in artefact:
            shutil.copyfile(file, target / file.name)
        (target / "README.md").write_text(card, encoding="utf-8")
    except OSError:
        for file in (*artefact, Path("README.md")):
            (target / file.name).unlink(missing_ok=True)
        if not existed and target.is_dir():
            target.rmdir()
        raise
