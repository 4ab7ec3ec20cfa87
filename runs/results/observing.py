"""Computes a `Snapshot` from a journal."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from statistics import fmean
from typing import Any, NamedTuple

from archwright.core import METRICS, End, Metric
from archwright.runs.journal.journal import Journal
from archwright.runs.noise import BASELINE
from archwright.runs.results.snapshot import (
    Baseline,
    CandidateRow,
    Comparison,
    Control,
    Funnel,
    SecondLook,
    Snapshot,
    Spend,
    State,
    TrialRow,
    Verdict,
)
from archwright.runs.verification.statistics import over_random
from archwright.runs.workspace.control import is_held
from archwright.search.policies import CONTROL


def observe(journal: Journal) -> Snapshot:
    """The run at this moment. Costs a few reads; safe while the run goes on."""
    settings = journal.fact("settings", {})
    measured = _measured(journal)
    candidates = tuple(_candidate(row, measured) for row in journal.query(_CANDIDATES))
    metric = METRICS[journal.fact("metric")]
    top = len(journal.fact("rungs", [0])) - 1
    finished = [c for c in candidates if c.rung == top and c.score is not None]
    searched = [c for c in finished if c.arm == "search"]
    verdicts = _verdicts(journal)
    key = (lambda c: c.score) if metric.direction == "maximize" else (lambda c: -c.score)
    return Snapshot(
        run=journal.paths.name,
        task=journal.fact("task"),
        task_from=journal.fact("task_from"),
        metric=metric,
        state=_state(journal),
        phase=_phase(journal),
        created=journal.fact("created"),
        budget=journal.fact("budget", {}),
        spend=_spend(journal),
        funnel=_count(candidates),
        baseline=_baseline(journal, measured),
        best=max(searched, key=key, default=None),
        running=_running(journal),
        candidates=candidates,
        verdicts=verdicts,
        control=_control([c for c in finished if c.arm == "control"], verdicts, metric),
        notices=_notices(journal),
        settings=settings,
        error=journal.fact("error", ""),
        confidence=_confidence(journal),
    )


class Measured(NamedTuple):
    """What was measured of a trained candidate beside its quality."""

    milliseconds: float | None
    int8: float | None


_CANDIDATES = "SELECT * FROM candidates WHERE sequence > 0 ORDER BY sequence"


def _state(journal: Journal) -> State:
    state: State = journal.fact("state", "running")
    if state == "running" and not is_held(journal.paths):
        return "interrupted"
    return state


def _phase(journal: Journal) -> str:
    """What is going on; while containers start, nothing else is."""
    sandbox = journal.fact("starting", "")
    if sandbox and is_held(journal.paths):
        return f"starting the {sandbox} sandbox"
    phase: str = journal.fact("phase", "baseline")
    return phase


def _control(
    drawn: list[CandidateRow], verdicts: tuple[Verdict, ...], metric: Metric
) -> Control | None:
    """What random draws came to, and the improvement of the play-off's best over them."""
    scores = [c.score for c in drawn if c.score is not None]
    if not scores:
        return None
    sign = 1.0 if metric.direction == "maximize" else -1.0
    control = Control(len(scores), fmean(scores), sign * max(sign * s for s in scores))
    found = [v for v in verdicts if v.own_scores]
    if len(scores) < 2 or not found or fmean(scores) == 0.0:
        return control
    # The first by the play-off: fresh seeds that chose the best could not measure it as well.
    over = over_random(found[0].own_scores, scores, sign)
    return replace(control, improvement=over.percent, interval=over.interval)


def _measured(journal: Journal) -> dict[str, Measured]:
    """What the trainings on fresh seeds showed beside quality, by candidate: milliseconds of one
    sample, and the mean score with rounded weights."""
    rows = journal.query(
        "SELECT candidate, MIN(json_extract(result, '$.resources.latency_ms')) AS ms, "
        "AVG(json_extract(result, '$.int8')) AS int8 FROM steps WHERE kind = 'trial' AND "
        "state = 'finished' AND json_extract(request, '$.purpose') = 'verification' "
        "GROUP BY candidate"
    )
    return {r["candidate"]: Measured(r["ms"] or None, r["int8"]) for r in rows}


def _costs(row: sqlite3.Row, measured: dict[str, Measured]) -> dict[str, Any]:
    """What a candidate costs. A journal of an earlier version, opened to be read, knows less."""
    known = row.keys()
    found = measured.get(row["id"], Measured(None, None))
    return {
        "flops": row["flops"],
        "latency_ms": row["latency_ms"] if "latency_ms" in known else None,
        "measured_ms": found.milliseconds,
        "int8": found.int8,
    }


def _candidate(row: sqlite3.Row, measured: dict[str, Measured]) -> CandidateRow:
    return CandidateRow(
        id=row["id"],
        title=row["title"],
        operator=row["operator"],
        parents=tuple(json.loads(row["parents"])),
        end=row["end"],
        reason=row["reason"],
        rung=row["rung"],
        score=row["score"],
        parameters=row["parameters"],
        **_costs(row, measured),
        proxies=json.loads(row["proxies"]) if "proxies" in row.keys() else {},  # noqa: SIM118
        gain=row["gain"],
        seeds=row["seeds"] or 0,
        arm="control" if row["operator"] == CONTROL else "search",
        created=row["created"],
        lesson=row["lesson"],
        source=row["source"],
        examples=tuple(json.loads(row["examples"])),
    )


def _count(candidates: tuple[CandidateRow, ...]) -> Funnel:
    ends = [c.end for c in candidates]
    return Funnel(
        proposed=len(ends),
        duplicate=ends.count(End.DUPLICATE),
        invalid=ends.count(End.INVALID),
        crashed=ends.count(End.CRASHED),
        trained=ends.count(End.TRAINED) + ends.count(End.PROMOTED),
        promoted=ends.count(End.PROMOTED),
    )


def _baseline(journal: Journal, measured: dict[str, Measured]) -> Baseline | None:
    noise = journal.fact("noise")
    if not noise:
        return None
    floor = noise[-1]
    rows = journal.query("SELECT * FROM candidates WHERE id = ?", BASELINE)
    costs = _costs(rows[0], measured) if rows else {}
    scores = tuple(floor["scores"])
    return Baseline(floor["mean"], floor["sd"], scores, noise[0]["parameters"], **costs)


def _running(journal: Journal) -> tuple[TrialRow, ...]:
    rows = journal.query(
        "SELECT request, started FROM steps WHERE kind = 'trial' AND state = 'started' "
        "ORDER BY started"
    )
    trials: list[TrialRow] = []
    for row in rows:
        asked = json.loads(row["request"])
        fields = {k: asked[k] for k in ("candidate", "title", "purpose", "steps", "seed")}
        trials.append(TrialRow(**fields, started=row["started"]))
    return tuple(trials)


def _notices(journal: Journal) -> tuple[str, ...]:
    said = [row["text"] for row in journal.query("SELECT text FROM notices ORDER BY rowid")]
    if unverified := journal.fact("unverified"):
        which = f"candidate {', '.join(unverified)}"
        what = "time or trials" if journal.fact("budget", {}).get("hours") else "trials"
        said.append(f"the budget had no {what} left to verify {which}: `archwright verify` does it")
    return tuple(said)


def _confidence(journal: Journal) -> dict[str, Any] | None:
    """What the policy's last choice said of its surrogate."""
    rows = journal.query(
        "SELECT json_extract(result, '$.confidence') AS confidence FROM steps "
        "WHERE kind = 'choice' AND "
        "state = 'finished' ORDER BY CAST(key AS INTEGER) DESC LIMIT 1"
    )
    said: dict[str, Any] | None = json.loads(rows[0]["confidence"] or "null") if rows else None
    return said


def _spend(journal: Journal) -> Spend:
    ((trials, training),) = journal.query(
        "SELECT COUNT(*), COALESCE(SUM(json_extract(result, '$.resources.seconds')), 0) "
        "FROM steps WHERE kind = 'trial' AND state = 'finished'"
    )
    ((usd, tokens),) = journal.query(
        "SELECT COALESCE(SUM(json_extract(result, '$.usd')), 0), "
        "COALESCE(SUM(json_extract(result, '$.tokens')), 0) "
        "FROM steps WHERE kind = 'call' AND state = 'finished'"
    )
    return Spend(float(usd), int(tokens), journal.seconds_alive(), int(trials), float(training))


def _verdicts(journal: Journal) -> tuple[Verdict, ...]:
    rows = journal.query("SELECT document, review FROM verdicts ORDER BY rowid")
    return tuple(_verdict(json.loads(r["document"]), r["review"]) for r in rows)


def _verdict(document: dict[str, Any], review: Any) -> Verdict:
    fields = {k: v for k, v in document.items() if k in Verdict.__dataclass_fields__}
    compared = tuple(_comparison(c) for c in fields.pop("comparisons"))
    for key in ("interval", "suspicions", "own_scores"):
        fields[key] = tuple(fields[key])
    fields["again"] = tuple(
        SecondLook(**{**look, "interval": tuple(look["interval"])})
        for look in fields.get("again", ())
    )
    return Verdict(**{**fields, "review": review}, comparisons=compared)


def _comparison(document: dict[str, Any]) -> Comparison:
    return Comparison(**{**document, "interval": tuple(document["interval"])})
