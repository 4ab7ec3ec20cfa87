"""Records: a decision for every finalist, a branch for a discovery, the first verdict stands."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from parts import Parts, enter
from whole_runs import Git

from archwright.agents.backends import Request
from archwright.core import CandidateStatus, Verdict
from archwright.knowledge.decisions.folder import DecisionFolder
from archwright.knowledge.entries import Entry

FOUND = Verdict(
    candidate="1", title="idea 1", verdict="discovery", effect=4.0, interval=(2.0, 6.0), p=0.01,
    seeds=3, reason="it gained on all seeds", mean=74.0, own_scores=(73.0, 74.0, 75.0),
    test_gain=3.0, shrunk=3.5,
)  # fmt: skip
NONE = replace(FOUND, verdict="no gain", reason="it gained nothing", test_gain=None)


def decisions(parts: Parts) -> DecisionFolder:
    return DecisionFolder(parts.workspace.paths.decisions)


def test_a_discovery_gets_a_decision_and_a_branch(parts: Parts, git: Git) -> None:
    enter(parts, "1", 2.0, citations=("Smith 2020, section 2",), parameters=90)
    parts.records().write(FOUND)
    (kept,) = parts.journal.verdicts()
    assert kept.branch == f"archwright/{parts.context.run}/idea-1"
    assert "idea 1" in git(parts.workspace.root, "log", "-1", "--format=%B", kept.branch)
    (decision,) = decisions(parts).list()
    assert (decision.status, decision.chosen) == ("proposed", "idea 1")
    assert decision.evidence["cites"] == "Smith 2020, section 2"
    assert decision.evidence["score on fresh seeds"] == "74 % (mean of 3)"
    text = (parts.workspace.paths.decisions / str(kept.decision)).read_text()
    shown = git(parts.workspace.root, "show", f"{kept.branch}:docs/decisions/{kept.decision}")
    assert shown == text


def test_how_to_train_it_again_is_said_with_what_must_come_of_it(parts: Parts) -> None:
    enter(parts, "1", 2.0)
    parts.records().write(FOUND)
    (kept,) = parts.journal.verdicts()
    assert kept.reproduce["command"].startswith(
        "archwright try discoveries/spirals/architecture.py --task "
    )
    assert kept.reproduce["score"] == 73.0
    low, high = kept.reproduce["interval"]
    assert low < 73.0 < 75.0 < high <= 100.0


@pytest.mark.parametrize(
    ("verdict", "status"), [(NONE, "rejected"), (replace(NONE, verdict="undecided"), "proposed")]
)
def test_what_is_no_discovery_keeps_the_baseline(
    parts: Parts, verdict: Verdict, status: str
) -> None:
    """Only what was decided against warns later runs; what is undecided is open."""
    enter(parts, "1", 2.0)
    parts.records().write(verdict)
    (kept,) = parts.journal.verdicts()
    assert (kept.verdict, kept.branch) == (verdict.verdict, None)
    (decision,) = decisions(parts).list()
    assert decision.status == status
    warned = parts.knowledge.rejections(parts.context.facts.task_key, decision.title, 3)
    assert bool(warned) == (status == "rejected")
    assert decision.chosen.startswith("keep the baseline")


def test_writing_again_finds_what_is_there(parts: Parts, git: Git) -> None:
    enter(parts, "1", 2.0)
    parts.records().write(FOUND)
    before = parts.journal.verdicts(), git(parts.workspace.root, "for-each-ref")
    parts.records().write(FOUND)
    assert (parts.journal.verdicts(), git(parts.workspace.root, "for-each-ref")) == before
    assert len(decisions(parts).list()) == 1


def test_a_verdict_that_opened_the_test_split_stands(parts: Parts) -> None:
    enter(parts, "1", 2.0)
    parts.records().write(FOUND)
    (first,) = parts.journal.verdicts()
    later = replace(FOUND, verdict="no gain", effect=0.5, p=0.4, round=1, test_gain=None)
    for _ in range(2):
        parts.records(round_=1).write(later)
    (kept,) = parts.journal.verdicts()
    assert replace(kept, again=()) == first
    assert [(a.round, a.verdict, a.effect) for a in kept.again] == [(1, "no gain", 0.5)]


def test_one_that_never_opened_it_is_judged_anew(parts: Parts) -> None:
    enter(parts, "1", 2.0)
    parts.records().write(NONE)
    parts.records(round_=1).write(replace(FOUND, round=1))
    (kept,) = parts.journal.verdicts()
    assert (kept.verdict, kept.again) == ("discovery", ())
    before, decision = decisions(parts).list()
    assert (before.status, decision.status) == ("superseded by ADR-0002", "proposed")
    assert decision.evidence["test split"] == "round 2: it may have been opened before"


def test_the_reviewer_is_shown_what_earlier_runs_knew_and_what_it_says_is_kept(
    parts: Parts,
) -> None:
    source = parts.context.baseline.source.replace("16", "24")
    known = {"score": 73.0, "gain": 1.5, "end": CandidateStatus.PROMOTED, "task": "spirals"}
    parts.knowledge.record(
        Entry(run="old", candidate="7", title="old wide", source=source, **known)
    )
    parts.know_all()
    enter(parts, "1", 2.0, source=source)

    def review(request: Request) -> dict[str, Any]:
        assert [work["title"] for work in request.context["similar"]] == ["old wide"]
        said = {"summary": "It is only wider.", "consequences": ["more weights"]}
        return {**said, "suspicions": ["known before"]}

    parts.script({"reviewer": review})
    parts.records().write(FOUND)
    (kept,) = parts.journal.verdicts()
    assert kept.suspicions == ("known before",)
    (decision,) = decisions(parts).list()
    assert decision.because == "it gained on all seeds. It is only wider."
    assert decision.consequences == ("more weights", "Suspicion: known before")
