"""Screening: what is new and sound is let through, all else ends with a reason, untrained."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest
from parts import Parts, idea

from archwright.agents.proposers import Proposal
from archwright.core import Candidate, CandidateStatus
from archwright.knowledge.entries import Entry
from archwright.runs.screening import Desk
from archwright.search.predict.latency import NOMINAL
from archwright.source.fingerprint import fingerprint, read_source


def screened(desk: Desk, *proposals: Proposal) -> Candidate:
    """What a desk comes to with these."""
    for proposal in proposals:
        desk.screen(proposal)
    assert desk.candidate is not None
    return desk.candidate


def wrong_shape(source: str) -> str:
    return source.replace("output_shape[0])", "3)")


def test_what_is_new_and_sound_is_let_through(parts: Parts) -> None:
    desk = parts.desk()
    assert desk.screen(idea(parts.wider(), expected=1.5, hypothesis="it bends")) is None
    found = desk.candidate
    assert found is not None
    assert (found.id, found.status, found.operator) == ("1", CandidateStatus.OPEN, "draft")
    assert (found.proposer, found.expected, found.hypothesis) == ("scripted", 1.5, "it bends")
    assert found.parameters == 2 * 24 + 24 + 24 * 2 + 2
    assert found.flops > 0
    assert all(asdict(found.fingerprint).values())
    assert parts.journal.candidates() == [found]
    assert parts.journal.steps("check")[0].result["status"] == "ok"


@pytest.mark.parametrize("asked", [False, True])
def test_proxies_are_computed_when_a_run_asks_for_them(parts: Parts, asked: bool) -> None:
    parts.change(proxies=asked)
    found = screened(parts.desk(), idea(parts.wider()))
    assert bool(found.proxies) is asked
    assert all(isinstance(value, float) for value in found.proxies.values())
    assert parts.journal.candidates() == [found]


def test_a_duplicate_goes_back_with_the_reason_and_is_never_built(parts: Parts) -> None:
    parts.journal.propose(_known_baseline(parts))
    desk = parts.desk()
    refused = [desk.screen(idea(f"# {n}\n{parts.context.baseline.source}")) for n in range(3)]
    assert desk.candidate is not None
    assert (desk.candidate.id, desk.candidate.status) == ("1c", CandidateStatus.DUPLICATE)
    assert {r.reason for r in refused if r} == {"same text as the baseline"}
    assert parts.journal.steps("check") == []


def _known_baseline(parts: Parts) -> Any:
    spec, baseline = parts.context.spec, parts.context.baseline
    parsed = read_source(baseline.source, spec.problem, spec.recipe)
    return replace(baseline, fingerprint=fingerprint(parsed, parsed.recipe, ""))


def test_what_an_earlier_run_tried_is_a_duplicate(parts: Parts) -> None:
    source, spec = parts.wider(), parts.context.spec
    parsed = read_source(source, spec.problem, spec.recipe)
    entry = Entry(
        run="old", candidate="4", task=parts.context.facts.task_key, title="wide", source=source,
        recipe={}, fingerprint=fingerprint(parsed, parsed.recipe, ""), family="mlp",
        metric="accuracy", end=CandidateStatus.TRAINED,
    )  # fmt: skip
    parts.knowledge.record(entry)
    found = screened(parts.desk(), idea(source))
    assert found.status is CandidateStatus.OPEN, "it came after the run had begun"
    parts.know_all()
    found = screened(parts.desk(2), idea(source))
    assert "same text as old/4 (wide), which ended trained" in found.reason


def test_of_two_that_are_the_same_and_under_way_the_second_ends_at_its_turn(parts: Parts) -> None:
    screening = parts.screening()
    both = [screened(parts.desk(n, screening), idea(parts.wider())) for n in (1, 2)]
    first, second = map(screening.admit, both)
    assert [c.status for c in both] == [CandidateStatus.OPEN] * 2
    assert first.status is CandidateStatus.OPEN
    assert (second.id, second.status) == ("2", CandidateStatus.DUPLICATE)
    assert second.reason.endswith("which was taken up before")


def test_with_a_model_who_is_compared_first_is_first_and_stays_so(parts: Parts) -> None:
    """Whatever the numbers: a slow answer must not hold up what comes after it."""
    parts.change(proposer="one-call")
    screening = parts.screening()
    late, early = (screened(parts.desk(n, screening), idea(parts.wider())) for n in (5, 2))
    assert screening.admit(late).status is CandidateStatus.OPEN
    assert early.status is CandidateStatus.DUPLICATE
    assert early.reason == "same text as candidate 5 (an idea), which was taken up before"
    again = parts.screening()
    repeated = [screened(parts.desk(n, again), idea(parts.wider())) for n in (2, 5)]
    assert [c.reason for c in repeated] == [early.reason, ""]


def test_what_is_fixed_keeps_its_number_and_the_failed_one_says_so(parts: Parts) -> None:
    desk = parts.desk()
    refusal = desk.screen(idea(wrong_shape(parts.wider())))
    assert refusal is not None
    assert any(not check.ok for check in refusal.report.checks)
    assert desk.screen(idea(parts.wider(), fixes=True)) is None
    failed, fixed = parts.journal.candidates()
    assert fixed == desk.candidate
    assert (fixed.id, fixed.status) == ("1b", CandidateStatus.OPEN)
    assert fixed.title == f"{failed.title} (repaired)"
    assert (failed.id, failed.status) == ("1", CandidateStatus.INVALID)
    assert failed.reason.startswith("shapes: ")
    assert failed.reason.endswith("; repaired")


def test_what_takes_the_place_of_a_refused_one_is_no_repair_of_it(parts: Parts) -> None:
    found = screened(parts.desk(), idea("x = 1\n"), idea(parts.wider(), "another"))
    failed, _ = parts.journal.candidates()
    assert (found.id, found.title, found.status) == ("1b", "another", CandidateStatus.OPEN)
    assert not failed.reason.endswith("; repaired")


def test_what_is_refused_is_explained_to_a_model(parts: Parts) -> None:
    """By what is most like it, by how such a failure was fixed before, and by its layers."""
    screened(
        parts.desk(1), idea(wrong_shape(parts.wider())), idea(parts.wider(), "wide", fixes=True)
    )
    refusal = parts.desk(2, explains=True).screen(idea(wrong_shape(parts.wider(32))))
    assert refusal is not None
    assert refusal.nearest == "1 (an idea) differs from it in constants alone"
    assert [p.error for p in refusal.past] == [parts.journal.candidates()[0].reason[:-10]]
    large = parts.desk(3, explains=True).screen(idea(parts.wider(5000)))
    assert large is not None
    assert dict(large.report.layers) == {"layers.0": 3 * 5000, "layers.1": 5000 * 2 + 2}
    plain = parts.desk(4).screen(idea(wrong_shape(parts.wider(40))))
    assert plain is not None
    assert (plain.nearest, plain.past) == ("", ())


def test_what_was_explained_once_is_explained_so_again(parts: Parts) -> None:
    parts.change(proposer="one-call")
    broken = idea(wrong_shape(parts.wider(32)))
    before = parts.desk(2, explains=True).screen(broken)
    screened(parts.desk(1), idea(parts.wider(33)))
    again = parts.desk(2, explains=True).screen(broken)
    assert before is not None
    assert before == again


def test_a_proposal_without_code_that_can_be_used_says_why(parts: Parts) -> None:
    desk = parts.desk()
    refusal = desk.screen(idea("", fault="the diff fits nowhere"))
    assert refusal is not None
    assert refusal.reason == "the diff fits nowhere"
    found = desk.give_up("no idea", "nothing was proposed")
    assert [c.id for c in parts.journal.candidates()] == ["1", "1b"]
    assert (found.status, found.source) == (CandidateStatus.INVALID, "")
    assert found.reason == "nothing was proposed"
    assert parts.journal.steps("check") == []


def test_what_is_too_slow_here_fails_a_check_like_any_other(parts: Parts) -> None:
    parts.context.facts = replace(parts.context.facts, device=asdict(NOMINAL))
    parts.change(max_latency_ms=1e-6)
    found = screened(parts.desk(), idea(parts.wider()))
    assert found.latency_ms
    assert found.status is CandidateStatus.INVALID
    assert found.reason.startswith("latency: ")
