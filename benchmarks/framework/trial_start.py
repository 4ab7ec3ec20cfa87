"""From job to first training step: a warm sandbox worker beside a fresh Python process.

Both train the same small network on the same data with the same code; the fresh process has no
jail. They are run in turn, so that both see the same machine; medians are compared.

    python benchmarks/framework/trial_start.py [--repeats N] [--json]

Exit code 1 when the warm median is over the limit. The ratio is a figure to watch, not a limit.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from archwright.core import Problem, Recipe, Status, TrialJob
from archwright.sandbox.contract import JobRequest
from archwright.sandbox.forkserver import CODE
from archwright.sandbox.inside import LOADER
from archwright.sandbox.process import ProcessSandbox
from archwright.sandbox.wall import train_request

LIMIT_SECONDS = 0.15

SOURCE = """
from torch import nn

class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(input_shape[0], 64), nn.ReLU(), nn.Linear(64, output_shape[0])
        )

    def forward(self, x):
        return self.net(x)
"""

FRESH = f"""
{LOADER}
import json, torch
torch.set_num_threads(1)
from walled.contract import JobRequest, read
from walled.inside import jobs
job = read(JobRequest, json.loads(sys.argv[1]))
print(jobs.perform(job, jobs.gather(job))[0]["first_step_at"])
"""


def main() -> int:
    parser = argparse.ArgumentParser(description="time the start of a trial")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(make_job(Path(folder)), args.repeats)
    if args.json:
        print(json.dumps(result, indent=2))
    else:
        print(
            f"job to first step: warm {result['warm_seconds']:.3f} s (limit {LIMIT_SECONDS} s), "
            f"fresh process {result['fresh_seconds']:.2f} s, ratio {result['ratio']:.0f}"
        )
    return 0 if result["warm_seconds"] <= LIMIT_SECONDS else 1


def make_job(folder: Path) -> TrialJob:
    """A training of one step, its data under `folder`."""
    draw = np.random.default_rng(0)
    np.save(folder / "train_x.npy", draw.normal(size=(256, 64)).astype(np.float32))
    np.save(folder / "train_y.npy", draw.integers(10, size=256))
    np.save(folder / "validation_x.npy", draw.normal(size=(256, 64)).astype(np.float32))
    problem = Problem("Model", (64,), (10,), "cross_entropy", max_params=100_000)
    return TrialJob(SOURCE, problem, Recipe(), steps=1, seed=0, data=folder)


def measure(job: TrialJob, repeats: int) -> dict[str, float]:
    """Medians in seconds over `repeats` interleaved runs, after one warm-up of each."""
    warm: list[float] = []
    fresh: list[float] = []
    with ProcessSandbox(workers=1) as sandbox:
        for turn in range(repeats + 1):
            outcome = sandbox.train(job)
            if outcome.status is not Status.OK:
                raise RuntimeError(f"the warm trial ended {outcome.status}: {outcome.error}")
            seconds = time_fresh(job)
            if turn > 0:
                warm.append(outcome.resources.start_seconds)
                fresh.append(seconds)
    medians = statistics.median(warm), statistics.median(fresh)
    return {
        "repeats": repeats,
        "warm_seconds": medians[0],
        "warm_slowest_seconds": max(warm),
        "fresh_seconds": medians[1],
        "ratio": medians[1] / medians[0],
        "limit_seconds": LIMIT_SECONDS,
    }


def time_fresh(job: TrialJob) -> float:
    """Seconds from the start of a new process to the end of its first training step."""
    request = JobRequest(60.0, 1024, train=train_request(job))
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", FRESH, str(CODE), json.dumps(asdict(request))],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return float(done.stdout) - started


if __name__ == "__main__":
    sys.exit(main())
