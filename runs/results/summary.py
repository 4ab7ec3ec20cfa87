"""What a run found and what it cost, as plain data computed from a snapshot alone."""

from __future__ import annotations

import math
import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any, Final

from archwright.core import Candidate, CandidateStatus, Verdict
from archwright.runs.results.result import result_of
from archwright.runs.results.snapshot import Snapshot
from archwright.runs.results.wording import clean, command_line

FAILURES: Final = (
    CandidateStatus.DUPLICATE,
    CandidateStatus.INVALID,
    CandidateStatus.CRASHED,
    CandidateStatus.UNMEASURED,
)
"""The ends of those that have no score."""
TOP_COUNT: Final = 10

_VARIES = re.compile(r"\([^()]*\)|\b[0-9a-f]*\d[0-9a-f]*\b")
"""What differs between two failures of the same cause: numbers, ids, and titles or shapes in
brackets."""


def report_document(snapshot: Snapshot, workspace: str = ".") -> dict[str, Any]:
    """The report as plain data: `result_of` and all that explains it.

    Numbers that are not finite become None, which JSON knows.

    Args:
        snapshot: the run at one moment.
        workspace: the folder that the commands under `next` name, where it is not the current one.
    """
    baseline = snapshot.baseline
    document = {
        **result_of(snapshot),
        "phase": snapshot.phase,
        "created": snapshot.created,
        "metric": _metric(snapshot),
        "trained": snapshot.funnel.trained,
        "promoted": snapshot.funnel.promoted,
        "baseline": asdict(baseline) if baseline else None,
        "control": asdict(snapshot.control) if snapshot.control else None,
        "best": _candidate(snapshot, snapshot.best) if snapshot.best else None,
        "discoveries": [_verdict(v) for v in discoveries(snapshot)],
        "verdicts": [_verdict(v) for v in snapshot.verdicts],
        "top": [_candidate(snapshot, row) for row in ranked(snapshot)[:TOP_COUNT]],
        "running": [asdict(trial) for trial in snapshot.running],
        "failures": failures(snapshot),
        "examples": examples_used(snapshot),
        "spend": asdict(snapshot.spend),
        "budget": dict(snapshot.budget),
        "settings": dict(snapshot.settings),
        "memo": snapshot.memo,
        "steer": steer_document(snapshot),
        "notices": list(snapshot.notices),
        "error": snapshot.error,
        "next": [{"why": why, "command": line} for why, line in next_steps(snapshot, workspace)],
    }
    return {key: _finite(value) for key, value in document.items()}


def discoveries(snapshot: Snapshot) -> list[Verdict]:
    """The verdicts that say discovery, largest effect first; where the aim is a cost, the
    smallest."""
    return [v for v in verdicts_best_first(snapshot) if v.verdict == "discovery"]


def verdicts_best_first(snapshot: Snapshot) -> list[Verdict]:
    """All verdicts: discoveries first; the largest effect first among equals, or the least cost
    where that is the aim."""

    def key(verdict: Verdict) -> tuple[bool, float]:
        worth = verdict.aim.cost if verdict.aim else -(verdict.effect or 0.0)
        return verdict.verdict != "discovery", worth

    return sorted(snapshot.verdicts, key=key)


def ranked(snapshot: Snapshot) -> list[Candidate]:
    """Scored candidates, best first: scores compare within a rung only, higher rungs go first.
    Where the aim is a cost, those at its floor come first at the top, by their cost."""
    aim = snapshot.aim.aim if snapshot.aim else None
    sign = -1.0 if snapshot.metric.direction == "maximize" else 1.0

    def key(row: Candidate) -> tuple[int, bool, float, str]:
        assert row.rung is not None
        assert row.score is not None
        if aim is not None and row.rung == snapshot.top and aim.margin(row.score) >= 0:
            return -row.rung, False, aim.cost(row), row.id
        return -row.rung, aim is not None, sign * row.score, row.id

    scored = [r for r in snapshot.candidates if r.score is not None and r.rung is not None]
    return sorted(scored, key=key)


def gain_over_baseline(snapshot: Snapshot, row: Candidate) -> float | None:
    """The gain of `row` over the baseline, None where the two were not trained at the same rung."""
    baseline = snapshot.baseline
    if baseline is None or row.score is None or row.rung != snapshot.top:
        return None
    return snapshot.metric.gain(row.score, baseline.mean)


def failures(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Failed candidates grouped by end and cause, most frequent first.

    Two reasons have the same cause when they differ in numbers, ids and brackets only; the cause
    is given in the words of its first candidate.
    """
    counts: Counter[tuple[str, str]] = Counter()
    first: dict[tuple[str, str], Candidate] = {}
    for row in snapshot.candidates:
        if row.status in FAILURES:
            key = (str(row.status), _VARIES.sub("#", clean(row.reason)))
            counts[key] += 1
            first.setdefault(key, row)
    return [
        {
            "end": end,
            "cause": clean(first[end, cause].reason) or "no reason recorded",
            "count": count,
            "candidate": first[end, cause].id,
        }
        for (end, cause), count in counts.most_common()
    ]


def examples_used(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Knowledge entries that were shown as examples, with the candidates that saw each."""
    users: dict[str, list[str]] = {}
    for row in snapshot.candidates:
        for example in row.examples:
            users.setdefault(example, []).append(row.id)
    by_use = sorted(users.items(), key=lambda item: -len(item[1]))
    return [
        {"entry": entry, "candidates": ids, "words": _shown_words(snapshot, entry, len(ids))}
        for entry, ids in by_use
    ]


def _shown_words(snapshot: Snapshot, entry: str, count: int) -> str:
    """An example in a sentence's part: its entry, its title, and how many saw it."""
    title = snapshot.examples.get(entry, "")
    candidates = "1 candidate" if count == 1 else f"{count} candidates"
    return f"{clean(entry, 40)}{f' ({clean(title, 80)})' if title else ''}, shown to {candidates}"


def next_steps(snapshot: Snapshot, workspace: str = ".") -> list[tuple[str, str]]:
    """What to do now: pairs of (why, the exact command)."""
    run = snapshot.run
    command = partial(command_line, workspace)

    if snapshot.state == "running":
        return [
            ("watch it", command("status", run, "--watch")),
            ("stop it cleanly", command("stop", run)),
        ]
    if snapshot.state != "finished":
        return [("carry on where it stopped", command("resume", run))]
    found = discoveries(snapshot)
    if found:
        accept = command("review", run, "accept", found[0].candidate, "--reason", "WHY")
        steps = [("see the winners and their evidence", command("review", run))]
        steps += _git_steps(found[0], run, workspace)
        return [*steps, ("accept it (or reject it likewise)", accept)]
    steps = [("search on from what was learned", command("run", snapshot.task_from))]
    gain = gain_over_baseline(snapshot, snapshot.best) if snapshot.best is not None else None
    if gain is not None and gain > 0 and not snapshot.verdicts:
        steps.insert(0, ("verify the best candidates", command("verify", run)))
    return steps


def _git_steps(found: Verdict, run: str, workspace: str) -> list[tuple[str, str]]:
    if not found.branch:
        return []
    git = ["git"] if workspace == "." else ["git", "-C", workspace]
    lineage = shlex.join([*git, "log", "--graph", "--oneline", f"--branches=archwright/{run}/*"])
    return [
        ("read the best one", shlex.join([*git, "show", found.branch])),
        ("see the lineage", lineage),
    ]


def steer_document(snapshot: Snapshot) -> dict[str, Any]:
    """A person's words, and the names of the architectures that they brought."""
    return {**snapshot.steer.model_dump(mode="json"), "seeds": list(snapshot.seeds)}


def _metric(snapshot: Snapshot) -> dict[str, str]:
    metric = snapshot.metric
    return {"name": metric.name, "direction": metric.direction, "unit": metric.unit}


def _candidate(snapshot: Snapshot, row: Candidate) -> dict[str, Any]:
    return {
        "candidate": row.id,
        "title": row.title,
        "operator": row.operator,
        "parents": list(row.parents),
        "score": row.score,
        "gain": gain_over_baseline(snapshot, row),
        "rung": row.rung,
        "parameters": row.parameters,
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    document = asdict(verdict)
    return {"candidate": document.pop("candidate"), "branch": document.pop("branch"), **document}


def _finite(value: Any) -> Any:
    """`value` with non-finite floats as None and tuples as lists: JSON knows neither."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_finite(item) for item in value]
    return value
