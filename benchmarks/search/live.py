"""`archwright bench live`: policies in real runs, of equal trainings or time, against random draws.

Every policy runs on every task with every seed, in a workspace of its own that knows nothing, and
without a control arm, so that it has all trainings to itself. What a run found is its best
candidate at the top rung by its own measurements. It is trained again on fresh seeds beside the
baseline, for whoever measures more candidates is lucky more often; the mean difference, in the
baseline's noise standard deviations, is the run's result.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from archwright.cli.options import AsJson, SandboxOption
from archwright.cli.output import emit, say
from archwright.core import Array, InputError, TrialSpec
from archwright.runs.verification.statistics import compare

if TYPE_CHECKING:
    from archwright.runs.workspace.paths import RunPaths

SETTINGS: Final = """\
[run]
control = 0.0
finalists = 0
baseline_seeds = 5
examples = 0
"""
RANDOM: Final = "random"
JUDGES: Final = 5
"""Fresh seeds that judge what a run found: those of verification, which these runs leave out."""


def run(
    *,
    tasks: str = "digits,recall",
    policies: str = "guided",
    trials: int = 60,
    minutes: float | None = None,
    seeds: int = 5,
    first_seed: int = 0,
    max_params: int | None = None,
    workers: int | None = None,
    sandbox: SandboxOption = "auto",
    json: AsJson = False,
) -> None:
    """Run all, and print each policy's mean gain beside that of random draws.

    Args:
        tasks: Their names, with commas.
        policies: Their names, with commas; random is always measured.
        trials: Trainings of a run.
        minutes: Time of a run, in place of trainings.
        seeds: Runs for each.
        first_seed: The lowest seed.
        max_params: Most parameters of a candidate, as for a run.
        workers: Trainings at a time.
    """
    from archwright.search.policies import POLICIES

    names = [RANDOM, *(n for n in policies.split(",") if n != RANDOM)]
    for name in names:
        if name not in POLICIES:
            raise InputError(f"there is no policy {name!r}; there are {', '.join(POLICIES)}")
    if minutes is not None and not minutes >= 0.1:
        raise InputError("--minutes must be at least 0.1")
    if seeds < 2:
        raise InputError("--seeds must be at least 2, or there is no interval")
    chosen = tasks.split(",")
    gains: dict[str, dict[str, list[float]]] = {n: {t: [] for t in chosen} for n in names}
    budget = {"max_trials": trials} if minutes is None else {"hours": minutes / 60}
    limits = {**budget, "max_params": max_params, "workers": workers, "sandbox": sandbox}
    seconds: dict[str, list[float]] = {n: [] for n in names}
    # Seeds outermost: what changes on this machine meanwhile meets all policies alike.
    for seed in range(first_seed, first_seed + seeds):
        for task in chosen:
            for name in names:
                gain, took = _search(task, seed, {**limits, "policy": name})
                gains[name][task].append(gain)
                seconds[name].append(took)
                say(f"seed {seed}, {task}, {name}: {gain:+.2f} noise sd, {took:.0f} s")
    found = summarise(gains)
    for name, row in found.items():
        row["seconds"] = fmean(seconds[name])
    document = {
        "trials": None if minutes is not None else trials,
        "minutes": minutes,
        "max_params": max_params,
        "seeds": seeds,
        "policies": found,
    }
    emit(json, document, lambda: _render(document))


def _search(task: str, seed: int, given: Mapping[str, Any]) -> tuple[float, float]:
    """The gain of what one run found, 0 where nothing reached the top rung, and its seconds."""
    import archwright
    from archwright.runs.workspace.finding import find_run
    from archwright.runs.workspace.workspace import Workspace, init

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "workspace"
        init(folder)
        (folder / "archwright.toml").write_text(SETTINGS)
        result = archwright.discover(task, workspace=folder, seed=seed, **given)
        best = result["best"]
        paths = find_run(Workspace.open(folder), result["run"])
        gain = 0.0 if best is None else _judge(paths, best["candidate"])
        return gain, result["spend"]["seconds"]


def _judge(paths: RunPaths, candidate: str) -> float:
    """The gain of a candidate on fresh seeds, in the baseline's noise sd."""
    from archwright.core.settings import RunSettings
    from archwright.runs.context import baseline_of
    from archwright.runs.journal import Journal
    from archwright.runs.starting import task_of
    from archwright.runs.training.trainer import Trainer
    from archwright.runs.verification import fresh_seed
    from archwright.sandbox.docker.engine import DockerSettings
    from archwright.sandbox.opening import open_sandbox

    task = task_of(paths)
    spec = task.spec
    with Journal.open(paths) as journal:
        facts, found = journal.facts, journal.candidate(candidate)
        assert found is not None, "the best of a run is a candidate of it"
        settings, top = RunSettings(**facts.settings), len(spec.rungs) - 1
        wanted = [
            TrialSpec(who, top, fresh_seed(0, n), "judgement")
            for n in range(JUDGES)
            for who in (found, baseline_of(spec))
        ]
        docker = DockerSettings.of(settings)
        with (
            open_sandbox(settings.sandbox, settings.workers, docker, settings.gpus) as sandbox,
            ThreadPoolExecutor(settings.workers) as threads,
        ):
            trainer = Trainer(task, sandbox, journal)
            scores = [t.score for t in threads.map(trainer.train, wanted)]
    gains = [
        spec.metric.gain(own, base)
        for own, base in zip(scores[::2], scores[1::2], strict=True)
        if own is not None and base is not None
    ]
    return fmean(gains) / facts.noise[-1].sd if gains else 0.0


def summarise(gains: Mapping[str, Mapping[str, Sequence[float]]]) -> dict[str, dict[str, Any]]:
    """Mean gains of each policy by task and over tasks, and the difference to random draws with a
    95 % interval, paired by seed."""
    rows: dict[str, dict[str, Any]] = {}
    for name, by_task in gains.items():
        means = {task: float(np.mean(values)) for task, values in by_task.items()}
        row: dict[str, Any] = {"gains": by_task, "means": means}
        row["mean"] = float(np.mean(list(means.values())))
        if name != RANDOM:
            pairs = {t: np.subtract(values, gains[RANDOM][t]) for t, values in by_task.items()}
            row |= _compare(np.mean(list(pairs.values()), axis=0))
            row["tasks"] = {task: _compare(pair) for task, pair in pairs.items()}
        rows[name] = row
    return rows


def _compare(differences: Array) -> dict[str, Any]:
    """The mean of differences to random draws, `(seeds,)`, with Student's interval: a bootstrap of
    few seeds would be too narrow."""
    effect = compare(differences.tolist())
    return {
        "over_random": effect.mean,
        "interval": list(effect.interval),
        "beats_random": effect.interval[0] > 0,
    }


def _render(document: Mapping[str, Any]) -> None:
    minutes = document["minutes"]
    length = f"{document['trials']} trainings" if minutes is None else f"{minutes:g} minutes"
    print(
        f"gain over the baseline on fresh seeds, in its noise sd, mean of {document['seeds']} runs "
        f"of {length}"
    )
    for name, row in document["policies"].items():
        means = row["means"]
        shown = ", ".join(f"{task} {mean:+.2f}" for task, mean in means.items())
        print(f"{name:>10}: {shown}; {row['seconds']:.0f} s a run")
        compared = dict(row.get("tasks", {}))
        if len(compared) > 1:
            compared["all"] = row
        for task, found in compared.items():
            low, high = found["interval"]
            said = "beats random draws" if found["beats_random"] else "is not shown to beat them"
            print(
                f"            {task}: {found['over_random']:+.2f} [{low:+.2f}, {high:+.2f}]: {said}"
            )
