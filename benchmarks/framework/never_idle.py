"""How busy the training slots stay when a model takes ten times as long as a trial to answer.

    python benchmarks/framework/never_idle.py [--candidates 160] [--json]
    python benchmarks/framework/never_idle.py --openevolve PYTHON   # one that has openevolve

A scripted HTTP server speaks the OpenAI protocol and waits before each answer. The run is a real
one: real trials on two slots, three calls a candidate (researcher, coder, evaluator). OpenEvolve,
from its package, gets the same server, latency and two workers, and an evaluator that sleeps for
as long as a trial takes; it makes one call an evaluation. The limit is 95 % busy.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import archwright
from archwright.runs.journal import Journal
from archwright.runs.workspace.finding import find_run
from archwright.runs.workspace.workspace import Workspace

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "agents"))
from protocol_server import (  # type: ignore[import-not-found]
    Act,
    Call,
    ProtocolServer,
    Say,
    Script,
)
from scripts import fenced, good, network  # type: ignore[import-not-found]

LIMIT = 0.95
LATENCY_IN_TRIALS = 10
TASK_TOML = """\
name = "spirals"
summary = "Tell two interleaved spirals apart."
metric = "accuracy"
direction = "maximize"
unit = "%"
rungs = [STEPS]
input_shape = [2]
output_shape = [2]
contract = "Define class Model(nn.Module) with __init__(self, input_shape, output_shape)."

[limits]
max_params = 20000

[recipe]
learning_rate = 0.01
batch_size = 16
"""
TASK_PY = """\
import numpy as np


def load(split, seed):
    rng = np.random.default_rng({"train": 1 + seed, "validation": 7001, "test": 7002}[split])
    y = rng.integers(0, 2, 200)
    turn = rng.uniform(0.2, 1.0, 200)
    angle = 6.0 * turn + np.pi * y
    x = np.stack([turn * np.cos(angle), turn * np.sin(angle)], axis=1)
    return (x + rng.normal(0.0, 0.08, x.shape)).astype(np.float32), y.astype(np.int64)
"""
BASELINE_PY = """\
import torch.nn as nn


class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.layers = nn.Linear(input_shape[0], output_shape[0])

    def forward(self, x):
        return self.layers(x)
"""
SETTINGS = """\
[run]
lag = {lag}
control = 0.0
search_seeds = 1
finalists = 0
baseline_seeds = 2
"""
EVALUATOR = """\
import time


def evaluate(path):
    time.sleep({seconds})
    with open({log!r}, "a") as file:
        file.write(f"{{time.time()}}\\n")
    return {{"combined_score": len(open(path).read()) % 97 / 97.0}}
"""
OPENEVOLVE_CONFIG = """\
max_iterations: {count}
diff_based_evolution: false
llm:
  api_base: {url}
  primary_model: toy
evaluator:
  parallel_evaluations: {workers}
  cascade_evaluation: false
"""


def slowly(script: Script, seconds: float) -> Script:
    """`script`, each answer after so many seconds."""

    def act(call: Call) -> Act:
        said = script(call)
        return replace(said, wait_seconds=seconds)

    return act


def _new_program(call: Call) -> Act:
    """A whole program, another one for every call."""
    return Say(fenced(network(Random(f"{call.name}/{call.nth}")), "python"))


def write_task(folder: Path, steps: int) -> Path:
    """A task whose trials take some hundred milliseconds."""
    folder.mkdir()
    (folder / "task.toml").write_text(TASK_TOML.replace("STEPS", str(steps)))
    (folder / "task.py").write_text(TASK_PY)
    (folder / "baseline.py").write_text(BASELINE_PY)
    return folder


def search_trials(workspace: Path, run: str) -> list[tuple[float, float]]:
    """Begin and end of every training of the search, Unix seconds, in the order of their ends."""
    paths = find_run(Workspace.open(workspace), run)
    with Journal.open(paths) as journal:
        trials = journal.trials(purpose="search")
    return [(t.finished - t.resources.seconds, t.finished) for t in trials]


def measure(steps: int, workers: int, candidates: int, lag: int) -> dict[str, Any]:
    """Trial length with a quick model, then the slots' busy share with a slow one."""
    with tempfile.TemporaryDirectory() as place:
        workspace, task = Path(place) / "workspace", write_task(Path(place) / "spirals", steps)
        subprocess.run(["git", "init", "-q", str(workspace)], check=True)
        (workspace / "archwright.toml").write_text(SETTINGS.format(lag=lag))
        with ProtocolServer(good) as server:
            common: dict[str, Any] = {
                "workspace": workspace,
                "workers": workers,
                "price": "0,0",
                "model": "toy",
            }
            quick = archwright.discover(
                task, base_url=server.url, max_candidates=12, max_trials=400, **common
            )
            trials = search_trials(workspace, quick["run"])
            length = sum(end - begin for begin, end in trials) / len(trials)
            server.script = slowly(good, LATENCY_IN_TRIALS * length)
            slow = archwright.discover(
                task,
                base_url=server.url,
                max_candidates=candidates,
                max_trials=candidates + 50,
                seed=1,
                **common,
            )
            found = _rate(search_trials(workspace, slow["run"]), workers)
            return {"latency_seconds": LATENCY_IN_TRIALS * length, **found, "lag": lag} | {
                "calls_at_once": server.most_busy
            }


def _rate(trials: Sequence[tuple[float, float]], workers: int) -> dict[str, Any]:
    """Busy share and trials a minute between the first training and the last but a few."""
    begun = min(begin for begin, _ in trials)
    # The last trainings run out one by one when the search ends; the window ends before that.
    ended = trials[-workers - 1][1]
    busy = sum(max(0.0, min(end, ended) - max(begin, begun)) for begin, end in trials)
    inside = sum(end <= ended for _, end in trials)
    return {
        "trials": len(trials),
        "trial_seconds": sum(end - begin for begin, end in trials) / len(trials),
        "busy_share": busy / (workers * (ended - begun)),
        "evaluations_per_minute": 60 * inside / (ended - begun),
    }


def measure_openevolve(
    python: str, latency_seconds: float, trial_seconds: float, workers: int, count: int
) -> dict[str, Any]:
    """Evaluations a minute of OpenEvolve, from its first evaluation of a proposal to its last."""
    with (
        tempfile.TemporaryDirectory() as place,
        ProtocolServer(slowly(_new_program, latency_seconds)) as server,
    ):
        folder = Path(place)
        log = folder / "evaluations"
        evaluator = EVALUATOR.format(seconds=trial_seconds, log=str(log))
        config = OPENEVOLVE_CONFIG.format(count=count, url=server.url, workers=workers)
        (folder / "evaluator.py").write_text(evaluator)
        (folder / "config.yaml").write_text(config)
        (folder / "initial.py").write_text(
            f"# EVOLVE-BLOCK-START\n{BASELINE_PY}# EVOLVE-BLOCK-END\n"
        )
        program = str(Path(python).with_name("openevolve-run"))
        words = [program, "initial.py", "evaluator.py", "-c", "config.yaml", "-o", "out"]
        environment = os.environ | {"OPENAI_API_KEY": "none"}
        started = time.time()
        subprocess.run(
            words, cwd=folder, env=environment, check=True, capture_output=True, text=True
        )
        times = [float(line) for line in log.read_text().split()]
    proposals = times[1:]
    return {
        "evaluations": len(proposals),
        "evaluations_per_minute": 60 * (len(proposals) - 1) / (proposals[-1] - proposals[0]),
        "seconds": time.time() - started,
        "calls": len(server.served),
        "calls_at_once": server.most_busy,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--candidates", type=int, default=160)
    parser.add_argument("--steps", type=int, default=6000, help="length of a trial")
    parser.add_argument("--lag", type=int, default=96, help="candidates under way at once")
    parser.add_argument("--openevolve", metavar="PYTHON", help="an interpreter with openevolve")
    parser.add_argument("--iterations", type=int, default=12, help="of openevolve")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found: dict[str, Any] = measure(args.steps, args.workers, args.candidates, args.lag)
    found["limit"] = LIMIT
    if args.openevolve:
        other = measure_openevolve(
            args.openevolve,
            found["latency_seconds"],
            found["trial_seconds"],
            args.workers,
            args.iterations,
        )
        found["openevolve"] = other
        found["ratio"] = found["evaluations_per_minute"] / other["evaluations_per_minute"]
    print(json.dumps(found) if args.json else _words(found))


def _words(found: dict[str, Any]) -> str:
    lines = [
        f"{found['trials']} trials of {found['trial_seconds']:.2f} s, a model that takes "
        f"{found['latency_seconds']:.1f} s, {found['calls_at_once']} calls at once: slots busy "
        f"{100 * found['busy_share']:.1f} % (limit {100 * LIMIT:.0f} %), "
        f"{found['evaluations_per_minute']:.0f} evaluations a minute"
    ]
    if "openevolve" in found:
        other = found["openevolve"]
        lines.append(
            f"openevolve: {other['evaluations']} evaluations, {other['calls_at_once']} calls at "
            f"once, {other['evaluations_per_minute']:.1f} a minute: ratio {found['ratio']:.1f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
