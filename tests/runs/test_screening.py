"""Screening: what is new and sound is let through, all else ends with a reason, untrained."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest
from parts import DRAFT, Parts

from archwright.agents.backends import Request
from archwright.core import CONTROL, AnswerError, CandidateStatus
from archwright.knowledge.entries import Entry
from archwright.runs.memory import Retrieved
from archwright.runs.steering import Choice
from archwright.search.predict.latency import NOMINAL
from archwright.source.fingerprint import fingerprint, read_source


def wider(parts: Parts, width: int = 24) -> str:
    return parts.context.baseline.source.replace("16", str(width))


def code(source: str) -> dict[str, Any]:
    return {"coder": lambda _: {"source": source}}


def test_what_is_new_and_sound_is_let_through(parts: Parts) -> None:
    parts.script(code(wider(parts)))
    found = parts.propose()
    assert (found.id, found.status, found.operator) == ("1", CandidateStatus.OPEN, "draft")
    assert found.parameters == 2 * 24 + 24 + 24 * 2 + 2
    assert found.flops > 0
    assert all(asdict(found.fingerprint).values())
    assert parts.journal.candidates() == [found]
    assert parts.journal.steps("check")[0].result["status"] == "ok"


@pytest.mark.parametrize("asked", [False, True])
def test_proxies_are_computed_when_a_run_asks_for_them(parts: Parts, asked: bool) -> None:
    parts.change(proxies=asked)
    parts.script(code(wider(parts)))
    found = parts.propose()
    assert bool(found.proxies) is asked
    assert all(isinstance(value, float) for value in found.proxies.values())
    assert parts.journal.candidates() == [found]


def test_a_duplicate_goes_back_with_the_reason_and_is_never_built(parts: Parts) -> None:
    parts.journal.propose(_known_baseline(parts))
    parts.script(code(f"# again\n{parts.context.baseline.source}"))
    found = parts.propose()
    assert (found.id, found.status) == ("1c", CandidateStatus.DUPLICATE)
    assert found.reason == "same text as the baseline"
    asked = [r.context["rejected"] for r in parts.backend.requests if r.role == "researcher"]
    assert [len(rejected) for rejected in asked] == [0, 1, 2]
    assert parts.journal.steps("check") == []


def _known_baseline(parts: Parts) -> Any:
    spec, baseline = parts.context.spec, parts.context.baseline
    parsed = read_source(baseline.source, spec.problem, spec.recipe)
    return replace(baseline, fingerprint=fingerprint(parsed, parsed.recipe, ""))


def test_what_an_earlier_run_tried_is_a_duplicate(parts: Parts) -> None:
    source, spec = wider(parts), parts.context.spec
    parsed = read_source(source, spec.problem, spec.recipe)
    entry = Entry(
        run="old", candidate="4", task=parts.context.facts.task_key, title="wide", source=source,
        recipe={}, fingerprint=fingerprint(parsed, parsed.recipe, ""), family="mlp",
        metric="accuracy", end=CandidateStatus.TRAINED,
    )  # fmt: skip
    parts.knowledge.record(entry)
    parts.script(code(source))
    assert parts.propose().status is CandidateStatus.OPEN, "it came after the run had begun"
    parts.know_all()
    found = parts.propose(2)
    assert "same text as old/4 (wide), which ended trained" in found.reason


def test_of_two_that_are_the_same_and_under_way_the_second_ends_at_its_turn(parts: Parts) -> None:
    parts.script(code(wider(parts)))
    screening = parts.screening()
    first, second = (screening.propose(n, DRAFT, Retrieved(), parts.campaign()) for n in (1, 2))
    assert first.status is CandidateStatus.OPEN
    assert (second.id, second.status) == ("2", CandidateStatus.DUPLICATE)
    assert second.reason.endswith("which was taken up before")


def test_what_the_debugger_repairs_is_let_through_under_the_next_id(parts: Parts) -> None:
    broken = wider(parts).replace("output_shape[0])", "3)")

    def repair(request: Request) -> dict[str, Any]:
        assert any(not check["ok"] for check in request.context["report"]["checks"])
        return {"source": request.context["source"].replace(", 3)", ", output_shape[0])")}

    parts.script({**code(broken), "debugger": repair})
    found = parts.propose()
    failed, fixed = parts.journal.candidates()
    assert fixed == found
    assert (fixed.id, fixed.status) == ("1b", CandidateStatus.OPEN)
    assert fixed.title == f"{failed.title} (repaired)"
    assert (failed.id, failed.status) == ("1", CandidateStatus.INVALID)
    assert failed.reason.startswith("shapes: ")
    assert failed.reason.endswith("; repaired")


@pytest.mark.parametrize("repairs", [0, 2])
def test_what_nobody_can_repair_ends_invalid(parts: Parts, repairs: int) -> None:
    parts.change(repairs=repairs)
    parts.script({**code("x = 1\n"), "debugger": lambda r: {"source": f"x = {r.seed}\n"}})
    found = parts.propose()
    assert found.status is CandidateStatus.INVALID
    assert len(parts.journal.candidates()) == 1 + repairs
    assert parts.journal.steps("check") == []


def test_an_answer_that_cannot_be_used_is_a_candidate_without_source(parts: Parts) -> None:
    def fail(_: Request) -> dict[str, Any]:
        raise AnswerError("the coder gave no code")

    parts.script({"coder": fail})
    found = parts.propose()
    assert (found.status, found.source) == (CandidateStatus.INVALID, "")
    assert "the coder gave no code" in found.reason


def test_what_is_too_slow_here_fails_a_check_like_any_other(parts: Parts) -> None:
    parts.context.facts = replace(parts.context.facts, device=asdict(NOMINAL))
    parts.change(max_latency_ms=1e-6)
    parts.script({**code(wider(parts)), "debugger": lambda _: {"source": None}})
    found = parts.propose()
    assert found.latency_ms
    assert found.status is CandidateStatus.INVALID
    assert found.reason.startswith("latency: ")


def test_the_control_arm_is_drawn_by_grammar_whoever_answers_the_search(parts: Parts) -> None:
    parts.script(code(wider(parts)))
    found = parts.propose(10, Choice(CONTROL, (), 0, 1))
    assert found.is_control
    assert found.parents == ()
    assert parts.backend.requests == []
