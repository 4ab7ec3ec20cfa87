"""`archwright review`: a run's winners with their evidence; a person accepts or rejects them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple

from cyclopts import Parameter

from archwright.cli.options import HERE, AsJson, Folder, Words
from archwright.cli.output import emit, say
from archwright.core import Candidate, InputError, Verdict
from archwright.knowledge.decisions.folder import DecisionFolder, parse
from archwright.knowledge.decisions.importing import remember
from archwright.runs.journal import Journal
from archwright.runs.results.branches.branches import amend_decision, check_amendable, has_branch
from archwright.runs.results.observing import observe
from archwright.runs.results.snapshot import Snapshot
from archwright.runs.results.summary import discoveries
from archwright.runs.results.wording import (
    clean,
    gives_words,
    measured_text,
    reached_words,
    score_text,
    size_text,
)
from archwright.runs.workspace.finding import find_run
from archwright.runs.workspace.knowing import knowledge_of
from archwright.runs.workspace.workspace import Workspace

VERDICTS: Final[dict[str, Literal["accepted", "rejected"]]] = {
    "accept": "accepted",
    "reject": "rejected",
}


class Ask(NamedTuple):
    """What the words of the command ask for; without an action, the list of winners."""

    run: str
    action: str = ""
    candidate: str = ""


def review(
    words: Annotated[list[str] | None, Parameter(name="RUN, accept|reject CANDIDATE")] = None,
    /,
    *,
    reason: Words = "",
    workspace: Folder = HERE,
    json: AsJson = False,
) -> None:
    """List a run's winners, or record what a person decided about one.

    Args:
        words: A run's name or how it begins (default: the latest), and what to do with a winner.
        reason: Why; a rejection needs one.
    """
    ask = _read(words or [], reason)
    place = Workspace.open(workspace, writes=bool(ask.action))
    with Journal.open(find_run(place, ask.run)) as journal:
        snapshot = observe(journal)
        if ask.action:
            verdict = _winner(snapshot, ask.candidate)
            document = _decide(place, journal, verdict, VERDICTS[ask.action], reason)
            emit(json, document, lambda: print(_decided(document)))
        else:
            emit(json, _document(snapshot), lambda: print("\n".join(_list(snapshot))))
            for line in _lost(place, snapshot):
                say(f"note: {line}")


def _read(words: list[str], reason: str) -> Ask:
    """The forms: nothing, RUN, accept|reject CANDIDATE, RUN accept|reject CANDIDATE."""
    name = "latest" if not words or words[0] in VERDICTS else words[0]
    rest = words if not words or words[0] in VERDICTS else words[1:]
    if not rest:
        return Ask(name)
    if rest[0] not in VERDICTS:
        raise InputError(f"no action {rest[0]!r}: use accept or reject")
    if len(rest) != 2:
        raise InputError(
            f"{rest[0]} takes one candidate: `archwright review RUN {rest[0]} CANDIDATE`"
        )
    if rest[0] == "reject" and not reason.strip():
        raise InputError("a rejection needs a reason, which later runs learn from: --reason TEXT")
    return Ask(name, rest[0], rest[1])


# --- deciding -----------------------------------------------------------------------------------


def _winner(snapshot: Snapshot, candidate: str) -> Verdict:
    winners = {verdict.candidate: verdict for verdict in discoveries(snapshot)}
    if candidate in winners:
        return winners[candidate]
    known = ", ".join(winners) or "none"
    if candidate not in {row.id for row in snapshot.candidates}:
        raise InputError(f"run {snapshot.run} has no candidate {candidate!r}; its winners: {known}")
    said = next((v.verdict for v in snapshot.verdicts if v.candidate == candidate), "not verified")
    raise InputError(
        f"{candidate} is not a winner ({said}); the winners of {snapshot.run} are {known}"
    )


def _decide(
    workspace: Workspace,
    journal: Journal,
    verdict: Verdict,
    review: Literal["accepted", "rejected"],
    reason: str,
) -> dict[str, Any]:
    """Write a review down: in the knowledge base, the record, the branch and the journal.

    What can refuse comes first, the journal last: what was cut short can be said again.
    """
    if verdict.review == review:
        raise InputError(f"{verdict.candidate} is {review} already; nothing was changed")
    run, candidate = journal.paths.name, verdict.candidate
    branch = verdict.branch if verdict.branch and has_branch(workspace, verdict.branch) else None
    if branch:
        check_amendable(workspace, branch)
    elif verdict.branch:
        say(f"note: {_gone(verdict.branch)}")
    with knowledge_of(workspace, journal.facts.settings.get("knowledge", "")) as knowledge:
        knowledge.set_status(run, candidate, review, reason)
        record = _set_status(workspace, run, candidate, review, reason)
        if record:
            remember(knowledge, [parse(record.read_text("utf-8", "replace"), record)])
    if record and branch:
        amend_decision(workspace, branch, record)
    journal.set_review(candidate, review, reason)
    return {
        "run": run,
        "candidate": candidate,
        "review": review,
        "reason": reason,
        "branch": branch,
        "decision": str(record) if record else None,
    }


def _set_status(
    workspace: Workspace, run: str, candidate: str, status: str, reason: str
) -> Path | None:
    """Change the candidate's decision record, if it has one; returns the record's file."""
    folder = DecisionFolder(workspace.paths.decisions)
    decision = folder.of(run, candidate)
    if decision is None:
        say(f"note: {_unrecorded(candidate, folder)}")
        return None
    return folder.set_status(decision.number, status, reason)


def _decided(document: dict[str, Any]) -> str:
    where = [f"branch {document['branch']}"] if document["branch"] else []
    where += [f"decision {document['decision']}"] if document["decision"] else []
    return ", ".join([f"{document['review']} {document['candidate']} of {document['run']}", *where])


def _lost(workspace: Workspace, snapshot: Snapshot) -> Iterator[str]:
    """What winners left behind, and somebody deleted."""
    folder = DecisionFolder(workspace.paths.decisions)
    for verdict in discoveries(snapshot):
        if verdict.branch and not has_branch(workspace, verdict.branch):
            yield _gone(verdict.branch)
        if verdict.decision and folder.of(snapshot.run, verdict.candidate) is None:
            yield _unrecorded(verdict.candidate, folder)


def _gone(branch: str) -> str:
    return f"the branch {branch} is gone"


def _unrecorded(candidate: str, folder: DecisionFolder) -> str:
    return f"{candidate} has no decision record in {folder.path}"


# --- listing ------------------------------------------------------------------------------------


def _document(snapshot: Snapshot) -> dict[str, Any]:
    rows = {row.id: row for row in snapshot.candidates}
    winners = [_winner_document(v, rows.get(v.candidate)) for v in discoveries(snapshot)]
    return {"run": snapshot.run, "task": snapshot.task, "winners": winners}


def _winner_document(verdict: Verdict, row: Candidate | None) -> dict[str, Any]:
    return {
        "candidate": verdict.candidate,
        "title": verdict.title,
        "score": row.score if row else None,
        "effect": verdict.effect,
        "interval": verdict.interval,
        "p": verdict.p,
        "seeds": verdict.seeds,
        "test_gain": verdict.test_gain,
        "parameters": row.parameters if row else None,
        "branch": verdict.branch,
        "decision": verdict.decision,
        "review": verdict.review,
    }


def _list(snapshot: Snapshot) -> Iterator[str]:
    winners = discoveries(snapshot)
    yield f"{snapshot.run}: winners on {clean(snapshot.task)}: {len(winners)}"
    if not winners:
        yield f"see why with `archwright report {snapshot.run}`"
        return
    rows = {row.id: row for row in snapshot.candidates}
    for verdict in winners:
        yield ""
        yield f"{verdict.candidate}  {clean(verdict.title, 80)}  [{verdict.review}]"
        yield from (
            f"    {line}" for line in _evidence(snapshot, verdict, rows.get(verdict.candidate))
        )
    yield ""
    yield f"decide: archwright review {snapshot.run} accept|reject CANDIDATE --reason TEXT"


def _evidence(snapshot: Snapshot, verdict: Verdict, row: Candidate | None) -> Iterator[str]:
    metric = snapshot.metric
    hardest = min(verdict.comparisons, key=lambda c: c.interval[0], default=None)
    control = hardest.control if hardest else "the baseline"
    if verdict.aim is not None:
        control = "the floor"
    yield f"over {control}: {measured_text(metric, verdict)}, {verdict.seeds} seeds"
    yield from gives_words(metric, verdict)
    yield from reached_words(metric, verdict)
    if verdict.mean is not None:
        yield f"{metric.name} {score_text(metric, verdict.mean)} on fresh seeds"
    if row:
        yield size_text(row.parameters)
    if verdict.branch:
        yield f"branch    git log --graph {verdict.branch}"
    if verdict.decision:
        number = int(verdict.decision.partition("-")[0])
        yield f"decision  archwright decision show {number}"
