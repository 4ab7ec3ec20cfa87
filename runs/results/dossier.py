"""All that a journal holds of one candidate, as plain data."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from archwright.agents.proposers.campaign import LedgerRow
from archwright.core import BASELINE, Candidate, InputError, Trial
from archwright.runs.journal import Journal, Step
from archwright.runs.results.ledger import with_noise

Document = dict[str, Any]


def candidate_of(journal: Journal, id_: str) -> Candidate:
    """A candidate of a run, the baseline included, whether it was verified, trained or neither.

    Raises:
        InputError: there is none of that id; the message names those nearest to it.
    """
    found = journal.candidate(id_)
    if found is None and id_ == BASELINE:
        raise InputError(f"run {journal.run} has not checked its baseline yet: ask again later")
    if found is None:
        known = [candidate.id for candidate in journal.each_candidate()]
        near = difflib.get_close_matches(id_, [*known, BASELINE], n=5, cutoff=0.5) or known[-5:]
        named = f"the nearest are {', '.join(near)}" if near else "it has none yet"
        raise InputError(
            f"run {journal.run} has no candidate {id_!r}: {named}; "
            f"`archwright ledger {journal.run}` lists all"
        )
    return with_noise(found, journal.facts) if found.id == BASELINE else found


def dossier_of(journal: Journal, candidate: Candidate) -> Document:
    """One candidate whole: its idea, its source, what was checked and measured, and who was asked
    what for it. Safe while the run goes on."""
    facts = journal.facts
    row = LedgerRow.of(candidate, facts.rungs, [floor.sd for floor in facts.noise])
    trials = [*journal.trials(candidate.id), *_running(journal, candidate)]
    check = journal.step("check", candidate.id)
    verdict = next((v for v in journal.verdicts() if v.candidate == candidate.id), None)
    return {
        "run": journal.run,
        **row.model_dump(mode="json"),
        "gain": row.gain,
        "rationale": candidate.rationale,
        "hypothesis": candidate.hypothesis,
        "lesson": candidate.lesson,
        "citations": list(candidate.citations),
        "examples": list(candidate.examples),
        "recipe": candidate.recipe.to_json(),
        "flops": candidate.flops,
        "created": candidate.created,
        "source": candidate.source,
        "diff": _diff(journal, candidate),
        "checks": check.result["checks"] if check else [],
        "trials": [_trial_document(trial) for trial in trials],
        "curve": _curve(candidate, trials),
        "errors": candidate.measured.errors if candidate.measured else "",
        "verdict": None if verdict is None else asdict(verdict),
        "calls": [_call_document(step) for step in _calls(journal, candidate)],
    }


def _running(journal: Journal, candidate: Candidate) -> Iterator[Trial]:
    return (trial for trial in journal.running() if trial.candidate == candidate.id)


def _diff(journal: Journal, candidate: Candidate) -> Document | None:
    """The change from the first parent; None where there is no parent, or one of the two has no
    source in the journal."""
    parent = candidate.parents[0] if candidate.parents and candidate.source else ""
    before = _source_of(journal, parent) if parent else None
    if before is None:
        return None
    lines = difflib.unified_diff(
        before.splitlines(), candidate.source.splitlines(), parent, candidate.id, lineterm=""
    )
    return {"parent": parent, "text": "\n".join(lines)}


def _source_of(journal: Journal, id_: str) -> str | None:
    """The source of a candidate of this run, or of a work of an earlier one that was retrieved."""
    if (own := journal.candidate(id_)) is not None:
        return own.source
    retrieved = (w for s in journal.each_step("retrieve") for w in s.result.get("examples", ()))
    return next((work["source"] for work in retrieved if work["id"] == id_), None)


def _trial_document(trial: Trial) -> Document:
    return {
        "purpose": trial.purpose,
        "rung": trial.rung,
        "steps": trial.steps,
        "seed": trial.seed,
        "status": trial.status.value if trial.status else "running",
        "cause": trial.unmeasured or trial.error,
        "score": trial.score,
        "loss": trial.loss,
        "seconds": trial.resources.seconds,
        "attempts": trial.attempts,
        "error": trial.error,
        "curve": [list(point) for point in trial.curve],
        **({"problems": _problems(trial)} if trial.problems else {}),
    }


def _problems(trial: Trial) -> Document:
    return {name: asdict(score) for name, score in trial.problems.items()}


def _curve(candidate: Candidate, trials: list[Trial]) -> list[list[float]]:
    """Of the first seed at the highest rung that has one."""
    drawn = [trial for trial in trials if trial.curve]
    longest = max(drawn, key=lambda t: (t.steps, t.purpose == "search", -t.seed), default=None)
    points = longest.curve if longest else candidate.measured.curve if candidate.measured else ()
    return [list(point) for point in points]


# --- prompts and replies ----------------------------------------------------------------------


def _calls(journal: Journal, candidate: Candidate) -> list[Step]:
    """The calls that were about the candidate or its number, and the conversation that it came
    out of, in their order."""
    keys = {candidate.id, str(candidate.number)} if candidate.sequence else {candidate.id}
    talk = candidate.call
    return [
        step
        for step in journal.each_step("call")
        if step.candidate in keys
        or (talk and (step.key == talk or step.key.startswith(f"{talk}/")))
    ]


def _call_document(step: Step) -> Document:
    """A call; `prompt` is None where the journal is of a version that kept only its hash."""
    asked, got = step.request, step.result
    return {
        "key": step.key,
        "role": asked.get("role", ""),
        "seed": asked.get("seed"),
        "model": got.get("model", ""),
        "tokens": got.get("tokens", 0),
        "usd": got.get("usd", 0.0),
        "prompt": asked.get("prompt_text"),
        "turns": asked.get("turns", []),
        "reply": got.get("text") or got.get("calls") or got.get("content") or "",
        "thought": got.get("thought", ""),
        "error": got.get("error", ""),
    }
