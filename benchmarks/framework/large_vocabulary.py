"""A language model with a vocabulary of 50,257 at length 1,024: trained and scored, and its memory.

    python benchmarks/framework/large_vocabulary.py [--samples N] [--steps N] [--json]

Writes a task of Zipf-distributed tokens, checks and trains its baseline in the process sandbox, and
scores validation sample by sample. Prints the score, and the peak resident memory of this process,
of the training, and of the largest process that it started (the checks'), beside what all
predictions would take at once. Exit code 1 when one took more than `LIMIT` of that.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from archwright.core import Status, TrialJob
from archwright.runs.training.data import TrialData
from archwright.runs.training.scoring import Scores
from archwright.sandbox.process import ProcessSandbox
from archwright.tasks.loading import load_task

LENGTH, VOCABULARY = 1024, 50_257
LIMIT = 0.5
"""Of the size of all predictions, where there are 32 or more."""

TOML = f"""
name = "large-vocabulary"
summary = "Tokens by Zipf's law, each followed by one that hangs on it half of the time"
metric = "perplexity"
loss = "cross_entropy"
rungs = [{{steps}}]
input_shape = [{LENGTH}]
output_shape = [{LENGTH}, {VOCABULARY}]
vocabulary = {VOCABULARY}
causal = true
contract = "Predict the next token at each position."

[limits]
max_params = 4_000_000
memory_mb = 3072
trial_seconds = 1200

[recipe]
batch_size = 1
learning_rate = 0.05

[training]
accumulate = 2
"""

TASK = f"""
import numpy as np

SAMPLES = {{samples}}
LENGTH, VOCABULARY = {LENGTH}, {VOCABULARY}
CHANCES = 1 / np.arange(1, VOCABULARY + 1)
CHANCES /= CHANCES.sum()


def load(split, seed):
    rng = np.random.default_rng(["train", "validation", "test"].index(split))
    tokens = rng.choice(VOCABULARY, (SAMPLES[split], LENGTH + 1), p=CHANCES)
    follows = rng.random(tokens.shape) < 0.5
    for place in range(1, LENGTH + 1):
        after = (tokens[:, place - 1] * 31 + 7) % 1000
        tokens[:, place] = np.where(follows[:, place], after, tokens[:, place])
    return tokens[:, :-1], tokens[:, 1:]
"""

BASELINE = """
import torch
from torch import nn


class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        width, (length, vocabulary) = 24, output_shape
        self.embed = nn.Embedding(vocabulary, width)
        self.mix = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, vocabulary)

    def forward(self, x):
        h = self.embed(x)
        return self.head(h + self.mix(h)[0])
"""


def measure(samples: int, steps: int) -> dict[str, Any]:
    """Check, train and score once; memory in MB."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        ProcessSandbox(workers=1) as sandbox,
        watch_children() as largest,
    ):
        task = load_task(str(write_task(Path(scratch) / "task", samples, steps)))
        spec, data = task.spec, TrialData(task, Path(scratch) / "data")
        report = sandbox.check(spec.baseline, spec.problem)
        if report.status is not Status.OK:
            raise RuntimeError(f"the check ended {report.status}: {report.error}")
        job = TrialJob(
            source=spec.baseline,
            problem=spec.problem,
            recipe=spec.recipe,
            steps=spec.rungs[0],
            seed=0,
            data=data.folder(0, ("validation",)),
            seconds_limit=spec.trial_seconds,
            memory_mb=spec.memory_mb,
            training=spec.training,
        )
        scores = Scores(spec, data.labels)
        outcome = sandbox.train(job, receive=scores.receive)
    if outcome.status is not Status.OK:
        raise RuntimeError(f"the training ended {outcome.status}: {outcome.error}")
    score = scores.splits["validation"].score()
    return {
        "perplexity": score,
        "bits": math.log2(score),
        "samples": samples,
        "steps": outcome.resources.steps,
        "parameters": outcome.resources.parameters,
        "seconds": outcome.resources.seconds,
        "predictions_mb": samples * LENGTH * VOCABULARY * 4 / 2**20,
        "orchestrator_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "training_mb": outcome.resources.peak_memory_mb,
        "largest_mb": max(largest),
    }


@contextmanager
def watch_children() -> Iterator[list[float]]:
    """Resident memory of the processes below this one, in MB: the largest, ten times a second."""
    seen, over = [0.0], threading.Event()

    def look() -> None:
        while not over.wait(0.1):
            for child in psutil.Process().children(recursive=True):
                with suppress(psutil.Error):
                    seen.append(child.memory_info().rss / 2**20)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def write_task(folder: Path, samples: int, steps: int) -> Path:
    """The task's folder."""
    folder.mkdir()
    sizes = {"train": 8, "validation": samples, "test": 1}
    (folder / "task.toml").write_text(TOML.format(steps=steps), encoding="utf-8")
    (folder / "task.py").write_text(TASK.format(samples=sizes), encoding="utf-8")
    (folder / "baseline.py").write_text(BASELINE, encoding="utf-8")
    return folder


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--samples", type=int, default=32, help="of validation")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = measure(args.samples, args.steps)
    if args.json:
        print(json.dumps(found, indent=2))
    else:
        print(
            f"{found['samples']} sequences of {LENGTH:,} x {VOCABULARY:,}: perplexity "
            f"{found['perplexity']:.1f} ({found['bits']:.3f} bits a token) after {found['steps']} "
            f"steps, {found['parameters']:,} parameters, {found['seconds']:.0f} s\n"
            f"peak resident memory: this process {found['orchestrator_mb']:,.0f} MB, the training "
            f"{found['training_mb']:,.0f} MB, the largest process (the checks) "
            f"{found['largest_mb']:,.0f} MB; all predictions at once are "
            f"{found['predictions_mb']:,.0f} MB"
        )
    peak = max(found[f"{of}_mb"] for of in ("orchestrator", "training", "largest"))
    return int(args.samples >= 32 and peak > LIMIT * found["predictions_mb"])


if __name__ == "__main__":
    sys.exit(main())
