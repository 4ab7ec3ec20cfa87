"""From job to first training step: a warm container beside a new container that imports torch.

Both use the same image and train the same small network; the new container is `docker run` with
the same code and no jail. They are run in turn, so that both see the same machine; medians are
compared.

    python benchmarks/docker_start.py [--repeats N] [--base IMAGE] [--json]

Exit code 1 when the warm median is over the limit. The ratio is a figure to watch, not a limit.
Without a Docker Engine nothing is measured, which is said.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from archwright.benchmarks.framework.trial_start import FRESH, make_job
from archwright.core import SandboxError, Status, TrialJob
from archwright.sandbox.docker.engine import DockerSettings, ask, engine_version
from archwright.sandbox.docker.image import PYTHON, Recipe, build
from archwright.sandbox.docker.sandbox import DockerSandbox
from archwright.sandbox.extras import package_paths
from archwright.sandbox.inside.libraries import ROOTS
from archwright.sandbox.requests import train_request

LIMIT_SECONDS = 0.2
IMAGE = "archwright-sandbox:benchmark"
LOCAL_BASE = "archwright-base:bookworm"
INSIDE = Path(sys.modules[DockerSandbox.__module__].__file__ or "").resolve().parent / "inside"


def main() -> int:
    parser = argparse.ArgumentParser(description="time the start of a trial in a container")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--base", help="image with Python, in place of the usual ones")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    try:
        engine_version()
    except SandboxError as error:
        print(f"nothing measured: {error}", file=sys.stderr)
        return 0
    build(Recipe(IMAGE, args.base or _base(), mount_site_packages=True))
    with tempfile.TemporaryDirectory() as folder:
        result = measure(make_job(Path(folder)), IMAGE, args.repeats)
    if args.json:
        print(json.dumps(result, indent=2))
    else:
        print(
            f"job to first step: warm container {result['warm_seconds']:.3f} s "
            f"(limit {LIMIT_SECONDS} s), docker run and import {result['fresh_seconds']:.2f} s, "
            f"ratio {result['ratio']:.0f}"
        )
    return 0 if result["warm_seconds"] <= LIMIT_SECONDS else 1


def _base() -> str:
    return LOCAL_BASE if ask("images", "--quiet", LOCAL_BASE) else PYTHON


def measure(job: TrialJob, image: str, repeats: int) -> dict[str, float]:
    """Medians in seconds over `repeats` interleaved runs, after one warm-up of each."""
    warm: list[float] = []
    fresh: list[float] = []
    with DockerSandbox(workers=1, settings=DockerSettings(image)) as sandbox:
        for turn in range(repeats + 1):
            outcome = sandbox.train(job)
            if outcome.status is not Status.OK:
                raise RuntimeError(f"the warm trial ended {outcome.status}: {outcome.error}")
            seconds = time_fresh(job, image)
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


def time_fresh(job: TrialJob, image: str) -> float:
    """Seconds from `docker run` to the end of the first training step in the new container."""
    mounts = [f"--volume={path}:/site/{path.name}:ro" for path in package_paths(ROOTS)]
    mounts += [f"--volume={INSIDE}:/code/inside:ro", f"--volume={job.data}:/data:ro"]
    closed = ["--network=none", "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL"]
    environment = ["--env=PYTHONPATH=/site", "--env=OMP_NUM_THREADS=1"]
    python = [image, "/opt/archwright/bin/python", "-c", FRESH, "/code"]
    request = {**train_request(job), "data": "/data"}
    started = time.monotonic()
    done = subprocess.run(
        ["docker", "run", "--rm", "-i", *closed, *environment, *mounts, *python],
        input=json.dumps({"train": request}),
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout) - started


if __name__ == "__main__":
    sys.exit(main())
