"""`archwright bench exports`: whether what is exported answers as the network does."""

from __future__ import annotations

import tempfile
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final

from archwright.benchmarks.framework.hand_made import networks
from archwright.cli.options import AsJson
from archwright.cli.output import emit, say
from archwright.core import InputError

if TYPE_CHECKING:
    from archwright.runs.shipping.winner import Winner
    from archwright.sandbox import Sandbox
    from archwright.tasks.loading import Task

FORMATS: Final = ("transformers", "onnx", "pt2")
STEPS: Final = 20

REGRESSION: Final = {
    "task.toml": """\
        name = "waves"
        summary = "two smooth functions of six numbers"
        metric = "mean_squared_error"
        rungs = [20]
        input_shape = [6]
        output_shape = [2]
        contract = "Regress."
        [limits]
        max_params = 30000
        """,
    "task.py": """\
        import numpy as np

        def load(split, seed):
            draw = np.random.default_rng([len(split), seed])
            x = draw.normal(size=(256, 6)).astype(np.float32)
            return x, np.stack([np.sin(x[:, 0] * x[:, 1]), x[:, 2:].sum(1)], 1).astype(np.float32)
        """,
    "baseline.py": """\
        from torch import nn

        class Model(nn.Module):
            def __init__(self, input_shape, output_shape):
                super().__init__()
                self.net = nn.Linear(input_shape[0], output_shape[0])

            def forward(self, x):
                return self.net(x)
        """,
}


@dataclass(frozen=True, slots=True)
class ExportedNetwork:
    """What came of one network: the difference of each format, or why there is none."""

    kind: str
    title: str
    differences: dict[str, float]
    faults: dict[str, str]


def run(*, count: int = 40, seed: int = 0, workers: int = 2, json: AsJson = False) -> None:
    """Draw networks, train each for a few steps, export them and ten hand-made ones in every
    format, and print the largest difference from the network itself on 64 samples.

    Args:
        count: Draws, a third each of images, of a regression and of sequences.
        seed: Seed of the draws.
        workers: Exports at a time.
    """
    from archwright.sandbox.opening import open_sandbox

    if count < 0 or workers < 1:
        raise InputError("--count must not be negative, --workers at least 1")
    with tempfile.TemporaryDirectory() as name, open_sandbox("process", workers) as sandbox:
        root = Path(name)
        winners = list(_winners(root, count, Random(seed)))
        with ThreadPoolExecutor(workers) as threads:
            jobs = [
                threads.submit(_ship, kind, winner, root / str(place), sandbox)
                for place, (kind, winner) in enumerate(winners)
            ]
            found = [job.result() for job in jobs]
    document = _summarise(found)
    emit(json, document, lambda: _print_summary(document))


def _winners(root: Path, count: int, rng: Random) -> Iterator[tuple[str, Winner]]:
    from archwright.search.grammar import draw
    from archwright.tasks.loading import load_task

    folder = root / "waves"
    folder.mkdir()
    for name, text in REGRESSION.items():
        (folder / name).write_text(textwrap.dedent(text))
    places = {"image": "digits", "regression": str(folder), "sequence": "pydoc-lm"}
    tasks = {kind: load_task(place) for kind, place in places.items()}
    for number in range(count):
        kind = list(tasks)[number % len(tasks)]
        drawn = draw(tasks[kind].spec.problem, rng)
        yield kind, _winner(tasks[kind], f"drawn-{number}", drawn.title, drawn.source)
    for kind, sources in networks().items():
        for title, source in sources.items():
            yield kind, _winner(tasks[kind], "hand-made", title, source)


def _winner(task: Task, candidate: str, title: str, source: str) -> Winner:
    from archwright.runs.shipping.winner import Winner
    from archwright.source.fingerprint import read_source

    recipe = read_source(source, task.spec.problem, task.spec.recipe).recipe
    return Winner("bench", candidate, title, source, recipe, task, task.spec.name)


def _ship(kind: str, winner: Winner, folder: Path, sandbox: Sandbox) -> ExportedNetwork:
    from archwright.runs.shipping.exporting import export
    from archwright.runs.shipping.training import open_training, train

    title = f"{winner.candidate}: {winner.title}"
    found = ExportedNetwork(kind, title, {}, {})
    try:
        begun = open_training(winner, folder / "trained", STEPS, 0, False)
        trained = train(begun, winner.task, sandbox, lambda _: None)
    except InputError as error:
        found.faults["training"] = str(error)
        return found
    for format_ in FORMATS:
        try:
            made = export(trained, folder / format_, format_, "archwright bench exports")
            found.differences[format_] = made.difference
        except InputError as error:
            found.faults[format_] = str(error)
    say(f"{kind}, {title}: {found.differences or found.faults}")
    return found


def _summarise(found: list[ExportedNetwork]) -> dict[str, Any]:
    """By format: how many were exported, how many were refused and why, the largest difference."""
    return {
        "networks": len(found),
        "untrained": [f"{n.title}: {w}" for n in found if (w := n.faults.get("training"))],
        "formats": {
            name: {
                "exported": sum(name in n.differences for n in found),
                "largest_difference": max((n.differences.get(name, 0.0) for n in found), default=0),
                "refused": [f"{n.title}: {w}" for n in found if (w := n.faults.get(name))],
            }
            for name in FORMATS
        },
    }


def _print_summary(document: dict[str, Any]) -> None:
    print(f"{document['networks']} networks")
    for fault in document["untrained"]:
        print(f"  not trained: {fault}")
    for name, row in document["formats"].items():
        print(
            f"{name}: {row['exported']} exported, largest difference "
            f"{row['largest_difference']:.2g}, {len(row['refused'])} refused"
        )
        for fault in row["refused"]:
            print(f"  {fault}")
