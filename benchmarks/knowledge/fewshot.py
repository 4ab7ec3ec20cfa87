"""`archwright bench fewshot`: how many examples in a prompt help, on any backend.

For each task a knowledge base is filled once; then, for each number of examples n, the same budget
of candidates is spent from a copy of it. After Few-Shot Architecture Prompting (2025), which found
three examples best: the funnel of each n, and the mean over tasks of the mean over candidates, so
that a task with many candidates does not outweigh the others.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
from cyclopts import Parameter

from archwright.cli.options import AsJson, ManyTasks, ModelsUsed, Spending, Unasked, given
from archwright.cli.output import emit, say
from archwright.core import Array, CandidateStatus, InputError
from archwright.runs.journal import Journal

DRAWS: Final = 10_000
"""Permutations and bootstrap samples."""
SETTINGS: Final = """\
[run]
control = 0.0
model_share = 1.0
search_seeds = 1
finalists = 0
baseline_seeds = 3
"""
TRIALS_PER_CANDIDATE: Final = 4
FUNNEL: Final = ("attempted", "parsed", "duplicate", "valid", "trained")


def run(
    *,
    n: Annotated[str, Parameter("--n")] = "0..6",
    task: ManyTasks = None,
    candidates: int = 20,
    known: int = 20,
    workers: int | None = None,
    seed: int = 0,
    spending: Spending = None,
    models: ModelsUsed = None,
    yes: Unasked = False,
    json: AsJson = False,
) -> None:
    """Run the study and print it.

    Args:
        n: Numbers of examples, A..B or with commas.
        task: Tasks (default: digits).
        candidates: Budget of each n and task.
        known: Candidates to fill the base with.
        workers: Trainings at a time.
        seed: Seed of the runs and the statistics.
    """
    del yes  # A study asks nothing; the option stays, for scripts that say it.
    counts = parse_counts(n)
    if candidates < 2 or known < 1:
        raise InputError("--candidates must be at least 2 and --known at least 1")
    asked = {"workers": workers, "seed": seed, **given(spending, models)}
    found: dict[int, dict[str, dict[str, Any]]] = {count: {} for count in counts}
    with tempfile.TemporaryDirectory() as place:
        for name in task or ["digits"]:
            base = _fill(Path(place), name, known, workers, seed)
            for count in counts:
                found[count][name] = _spend(Path(place), name, count, base, candidates, asked)
                say(f"{name}, n = {count}: {_funnel_words(found[count][name])}")
    document = summarise(found, seed)
    emit(json, document, lambda: _render(document))


def parse_counts(words: str) -> list[int]:
    """`0..6`, `3` or `0,3,6` as numbers.

    Raises:
        InputError: it is none of these.
    """
    if match := re.fullmatch(r"(\d+)\.\.(\d+)", words):
        counts = list(range(int(match[1]), int(match[2]) + 1))
    elif re.fullmatch(r"\d+(,\d+)*", words):
        counts = sorted({int(n) for n in words.split(",")})
    else:
        counts = []
    if not counts:
        raise InputError(f"--n {words} is not A..B, a number, or numbers with commas")
    return counts


# --- runs ---------------------------------------------------------------------------------------


def _fill(place: Path, task: str, known: int, workers: int | None, seed: int) -> Path:
    """A knowledge base that holds what the symbolic engine found on a task."""
    workspace = _workspace(place)
    _discover(task, workspace, known, {"examples": 0, "seed": seed + 1, "workers": workers})
    return workspace / ".archwright" / "knowledge.db"


def _spend(
    place: Path, task: str, n: int, known: Path, candidates: int, asked: Mapping[str, Any]
) -> dict[str, Any]:
    """The budget of one n on one task."""
    from archwright.runs.workspace.finding import find_run
    from archwright.runs.workspace.workspace import Workspace

    workspace = _workspace(place)
    opened = Workspace.open(workspace)
    for file in known.parent.glob(f"{known.name}*"):
        shutil.copy(file, opened.paths.knowledge.with_name(file.name))
    result = _discover(task, workspace, candidates, {**asked, "examples": n})
    with Journal.open(find_run(opened, result["run"])) as journal:
        return {**_funnel(journal), "usd": result["spend"]["usd"], **_gains(journal)}


def _workspace(place: Path) -> Path:
    from archwright.runs.workspace.workspace import init

    folder = Path(tempfile.mkdtemp(dir=place))
    init(folder)
    (folder / "archwright.toml").write_text(SETTINGS)
    return folder


def _discover(task: str, workspace: Path, candidates: int, asked: Mapping[str, Any]) -> Any:
    import archwright

    return archwright.discover(
        task,
        workspace=workspace,
        max_candidates=candidates,
        max_trials=20 + TRIALS_PER_CANDIDATE * candidates,
        **asked,
    )


def _funnel(journal: Journal) -> dict[str, int]:
    """How many sources were attempted, could be read, were known, passed and were trained."""
    candidates = journal.candidates()
    found = {
        "attempted": len(candidates),
        "parsed": sum(bool(c.fingerprint.text) for c in candidates),
        "duplicate": sum(c.status is CandidateStatus.DUPLICATE for c in candidates),
        "valid": sum(check.result["status"] == "ok" for check in journal.steps("check")),
        "trained": sum(c.score is not None for c in candidates),
    }
    return {name: found[name] for name in FUNNEL}


def _gains(journal: Journal) -> dict[str, Any]:
    """Scores at the lowest rung, and their gains over the baseline in its noise sd."""
    facts = journal.facts
    floor, metric = facts.noise[0], facts.metric
    trials = sorted(journal.trials(purpose="search"), key=lambda t: (t.candidate, t.steps, t.seed))
    scores = [t.score for t in trials if t.rung == 0 and t.score is not None]
    gains = [floor.gain(metric, score) for score in scores]
    return {"scores": scores, "gains": gains, "unit": metric.unit}


# --- statistics ---------------------------------------------------------------------------------


def summarise(found: Mapping[int, Mapping[str, Mapping[str, Any]]], seed: int) -> dict[str, Any]:
    """The funnel and the balanced mean of each n, and each n against the first one.

    The difference is tested by permuting candidates between the two n within each task (two-sided,
    `DRAWS` permutations) and corrected over all comparisons (Holm 1979, "A Simple Sequentially
    Rejective Multiple Test Procedure"). Intervals are percentiles of a bootstrap within tasks, not
    corrected.
    """
    rng = np.random.default_rng(seed)
    first = min(found)
    gains = {n: [np.asarray(t["gains"]) for t in tasks.values()] for n, tasks in found.items()}
    rows: dict[str, Any] = {}
    for n, tasks in found.items():
        mean, interval = _balanced(gains[n], rng)
        rows[str(n)] = {
            **{name: sum(t[name] for t in tasks.values()) for name in FUNNEL},
            "usd": sum(t["usd"] for t in tasks.values()),
            "balanced_gain": mean,
            "interval": interval,
            "means": {name: _mean(t["scores"]) for name, t in tasks.items()},
        }
    others = [n for n in found if n != first]
    raw = [_permutation_p(gains[first], gains[n], rng) for n in others]
    for n, p in zip(others, holm(raw), strict=True):
        rows[str(n)]["p_against_first"] = p
    return {"first": first, "n": rows, "unit": "noise standard deviations of the baseline"}


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _balanced(
    groups: Sequence[Array], rng: np.random.Generator
) -> tuple[float | None, tuple[float, float] | None]:
    """Mean of the tasks' means with its 95 % bootstrap interval; None where a task has none."""
    if any(not len(g) for g in groups):
        return None, None
    drawn = np.mean(
        [g[rng.integers(0, len(g), (DRAWS, len(g)))].mean(axis=1) for g in groups], axis=0
    )
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(np.mean([g.mean() for g in groups])), (float(low), float(high))


def _permutation_p(a: Sequence[Array], b: Sequence[Array], rng: np.random.Generator) -> float:
    """Two-sided p of the difference of balanced means, candidates permuted within tasks."""
    if any(not len(g) for g in (*a, *b)):
        return 1.0
    seen = np.mean([y.mean() - x.mean() for x, y in zip(a, b, strict=True)])
    drawn = np.zeros(DRAWS)
    for x, y in zip(a, b, strict=True):
        pooled = np.tile(np.concatenate([x, y]), (DRAWS, 1))
        mixed = rng.permuted(pooled, axis=1)
        drawn += (mixed[:, len(x) :].mean(axis=1) - mixed[:, : len(x)].mean(axis=1)) / len(a)
    extreme = int((np.abs(drawn) >= abs(seen) - 1e-12).sum())
    return (extreme + 1) / (DRAWS + 1)


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down correction of p values, in their order."""
    order = sorted(range(len(p)), key=lambda i: p[i])
    corrected, highest = [0.0] * len(p), 0.0
    for place, i in enumerate(order):
        highest = max(highest, min(1.0, p[i] * (len(p) - place)))
        corrected[i] = highest
    return corrected


# --- words --------------------------------------------------------------------------------------


def _funnel_words(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{row[name]} {name}" for name in FUNNEL)


def _render(document: Mapping[str, Any]) -> None:
    print("gain over the baseline in its noise sd, mean of the tasks' means; n = examples")
    for n, row in document["n"].items():
        gain = "no task was trained throughout"
        if row["balanced_gain"] is not None:
            low, high = row["interval"]
            gain = f"gain {row['balanced_gain']:+.2f} ({low:+.2f} to {high:+.2f})"
        p = row.get("p_against_first")
        against = "" if p is None else f", corrected p against n = {document['first']}: {p:.3f}"
        cost = f", ${row['usd']:.4f}" if row["usd"] else ""
        print(f"n = {n}: {_funnel_words(row)}; {gain}{against}{cost}")
