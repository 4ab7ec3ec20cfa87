"""From job to first training step: a warm container beside a new container that imports torch.

Both use the same image and train the same small network; the new container runs the same code
without a jail. They are run in turn, so that both see the same machine; medians are
compared.

    python benchmarks/framework/docker_start.py [--repeats N] [--base IMAGE] [--json]

Exit code 1 when the warm median is over the limit. The ratio is a figure to watch, not a limit.
Without a Docker Engine nothing is measured, which is said.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path

from archwright.benchmarks.framework.trial_start import FRESH, make_job
from archwright.core import SandboxError, Status, TrialJob
from archwright.sandbox.contract import JobRequest
from archwright.sandbox.docker.engine import DockerSettings, Engine
from archwright.sandbox.docker.image import PYTHON, ImageSpec, build
from archwright.sandbox.docker.sandbox import DockerSandbox
from archwright.sandbox.forkserver import CODE
from archwright.sandbox.inside.jail.libraries import ROOTS
from archwright.sandbox.pool.sandbox import package_paths
from archwright.sandbox.wall import train_request

LIMIT_SECONDS = 0.2
IMAGE = "archwright-sandbox:benchmark"
LOCAL_BASE = "archwright-base:bookworm"


def main() -> int:
    parser = argparse.ArgumentParser(description="time the start of a trial in a container")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--base", help="image with Python, in place of the usual ones")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with Engine() as engine, tempfile.TemporaryDirectory() as folder:
        try:
            engine.version()
        except SandboxError as error:
            print(f"nothing measured: {error}", file=sys.stderr)
            return 0
        build(ImageSpec(IMAGE, args.base or _base(engine), mount_site_packages=True))
        result = measure(engine, make_job(Path(folder)), IMAGE, args.repeats)
    if args.json:
        print(json.dumps(result, indent=2))
    else:
        print(
            f"job to first step: warm container {result['warm_seconds']:.3f} s "
            f"(limit {LIMIT_SECONDS} s), new container and import {result['fresh_seconds']:.2f} s, "
            f"ratio {result['ratio']:.0f}"
        )
    return 0 if result["warm_seconds"] <= LIMIT_SECONDS else 1


def _base(engine: Engine) -> str:
    return LOCAL_BASE if engine.client().images.list(LOCAL_BASE) else PYTHON


def measure(engine: Engine, job: TrialJob, image: str, repeats: int) -> dict[str, float]:
    """Medians in seconds over `repeats` interleaved runs, after one warm-up of each."""
    warm: list[float] = []
    fresh: list[float] = []
    with DockerSandbox(workers=1, settings=DockerSettings(image)) as sandbox:
        for turn in range(repeats + 1):
            outcome = sandbox.train(job)
            if outcome.status is not Status.OK:
                raise RuntimeError(f"the warm trial ended {outcome.status}: {outcome.error}")
            seconds = time_fresh(engine, job, image)
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


def time_fresh(engine: Engine, job: TrialJob, image: str) -> float:
    """Seconds until the end of the first training step in a container that is made for it."""
    mounts = {CODE: "/code", job.data: "/data"}
    mounts |= {path: f"/site/{path.name}" for path in package_paths(ROOTS)}
    request = JobRequest(60.0, 1024, train=replace(train_request(job), data="/data"))
    started = time.monotonic()
    said = engine.client(60.0).containers.run(
        image,
        ["/opt/archwright/bin/python", "-c", FRESH, "/code", json.dumps(asdict(request))],
        environment={"PYTHONPATH": "/site", "OMP_NUM_THREADS": "1"},
        volumes=[f"{source}:{target}:ro" for source, target in mounts.items()],
        network_mode="none",
        read_only=True,
        tmpfs={"/tmp": ""},
        cap_drop=["ALL"],
        remove=True,
    )
    return float(said) - started


if __name__ == "__main__":
    sys.exit(main())
