"""What a jail is told, as plain JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from archwright.core import Problem, TrialJob


def check_request(source: str, problem: Problem, seed: int) -> dict[str, Any]:
    """The arguments of `archwright.sandbox.inside.checks.examine`."""
    return {"source": source, "problem": problem.to_json(), "seed": seed}


def train_request(job: TrialJob) -> dict[str, Any]:
    """The job of `archwright.sandbox.inside.training.train`."""
    return {
        "source": job.source,
        "problem": job.problem.to_json(),
        "recipe": job.recipe.to_json(),
        "steps": job.steps,
        "seed": job.seed,
        "data": str(job.data.resolve()),
        "splits": list(job.splits),
        "ceiling": None if job.ceiling is None else list(job.ceiling),
        "measures": job.measures,
        "before": None if job.before is None else asdict(job.before),
    }
