"""Proposers: what every one of them keeps to, and what each does with what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from archwright.agents.backends import Request
from archwright.agents.backends.scripted import Answer, ScriptedBackend
from archwright.agents.backends.symbolic import SymbolicBackend
from archwright.agents.proposers import Proposal, Proposer, Refusal
from archwright.agents.proposers.campaign import CampaignQuestion, Steer, Suggestion
from archwright.agents.proposers.one_call import OneCallProposer
from archwright.agents.proposers.scripted import ScriptedProposer
from archwright.agents.proposers.symbolic import SymbolicProposer
from archwright.agents.questions import PastRepair, problem_of
from archwright.agents.roles import Agents, Prompts
from archwright.agents.samples import Start, first_research
from archwright.core import (
    CONTROL,
    AnswerError,
    BackendError,
    CandidateStatus,
    Check,
    CheckReport,
    Status,
    TaskSpec,
)
from archwright.search.operators import OPERATORS, edit_of
from archwright.source.fingerprint import read_source
from archwright.tasks.loading import load_task

INVALID = Refusal(
    CandidateStatus.INVALID,
    "parameters: 25,002 parameters, but the limit is 20,000",
    CheckReport(
        Status.INVALID,
        (Check("parameters", False, "25,002 parameters, but the limit is 20,000"),),
        layers=(("layers.0", 15_000), ("layers.1", 10_002)),
    ),
    nearest="7 (wide) differs from it in constants alone",
    past=(PastRepair(error="parameters: # parameters", diff="-4000\n+40"),),
)
DUPLICATE = Refusal(CandidateStatus.DUPLICATE, "same tree as candidate 3 (deep)")


class Screener:
    """Keeps what is screened, by place, and refuses what it is told to: `refusals` for a place in
    turn, and then nothing."""

    def __init__(self, *refusals: Refusal | None, place: int | None = None) -> None:
        self._refusals = refusals
        self._place = place
        self.seen: dict[int, list[Proposal]] = {}

    def __call__(self, place: int, proposal: Proposal) -> Refusal | None:
        before = self.seen.setdefault(place, [])
        before.append(proposal)
        if self._place not in (None, place):
            return None
        return self._refusals[len(before) - 1] if len(before) <= len(self._refusals) else None

    @property
    def counts(self) -> dict[int, int]:
        return {place: len(seen) for place, seen in self.seen.items()}


@pytest.fixture
def spec(spirals: Path) -> TaskSpec:
    return load_task(spirals).spec


def question(spec: TaskSpec, count: int = 3, **changes: Any) -> CampaignQuestion:
    return first_research(Start(spec, count)).model_copy(update=changes)


def source_of(spec: TaskSpec, width: int) -> str:
    return spec.baseline.replace("16", str(width))


def said(spec: TaskSpec, *widths: int, **fields: Any) -> dict[str, Any]:
    """An answer of a researcher."""
    ideas = [{"title": f"width {w}", "source": source_of(spec, w), **fields} for w in widths]
    return {"proposals": ideas}


def in_turn(*answers: Any) -> Answer:
    """A role that gives these answers one after the other, the last for ever."""
    left = list(answers)

    def answer(_: Request) -> Any:
        given = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(given, Exception):
            raise given
        return given

    return answer


def one_call(backend: ScriptedBackend, rounds: int = 2, **options: bool) -> OneCallProposer:
    """The proposer over a script, with nobody who records."""
    agents = Agents(backend, Prompts(), lambda _key, _request, ask: ask())
    return OneCallProposer(agents, rounds, **options)


def model(**script: Answer) -> ScriptedBackend:
    return ScriptedBackend(script, otherwise=SymbolicBackend())


# --- all of them ----------------------------------------------------------------------------------


def _symbolic(_: TaskSpec) -> Proposer:
    return SymbolicProposer(attempts=3, repairs=2)


def _scripted(spec: TaskSpec) -> Proposer:
    def script(campaign: CampaignQuestion, place: int) -> Sequence[Proposal]:
        widths = (100 * campaign.number + 10 * place + n for n in range(3))
        return [Proposal(f"width {w}", source_of(spec, w), "draft") for w in widths]

    return ScriptedProposer(script)


def _one_call(spec: TaskSpec) -> Proposer:
    def answer(request: Request) -> dict[str, Any]:
        first = 100 * request.context["number"] + 10 * len(request.turns)
        return said(spec, *range(first, first + request.context["count"]))

    return one_call(model(researcher=answer))


every = pytest.mark.parametrize("make", [_symbolic, _scripted, _one_call])
Make = Callable[[TaskSpec], Proposer]


@every
def test_proposals_are_for_places_that_were_asked_for(spec: TaskSpec, make: Make) -> None:
    screen = Screener()
    make(spec).propose(question(spec), screen)
    assert screen.seen
    assert set(screen.seen) <= {0, 1, 2}
    for proposal in (each for seen in screen.seen.values() for each in seen):
        assert proposal.title
        assert proposal.operator in OPERATORS
        assert read_source(proposal.source, spec.problem, spec.recipe)
        assert (proposal.fixes, proposal.fault) == (False, "")


@every
def test_what_is_let_through_is_left_alone(spec: TaskSpec, make: Make) -> None:
    screen = Screener()
    make(spec).propose(question(spec), screen)
    assert set(screen.counts.values()) == {1}
    screen = Screener(DUPLICATE)
    make(spec).propose(question(spec), screen)
    assert set(screen.counts.values()) == {2}
    for first, second in screen.seen.values():
        assert first.source != second.source


@every
@pytest.mark.parametrize("refusal", [INVALID, DUPLICATE])
def test_what_is_always_refused_comes_to_an_end(
    spec: TaskSpec, make: Make, refusal: Refusal
) -> None:
    screen = Screener(*[refusal] * 99)
    make(spec).propose(question(spec), screen)
    assert max(screen.counts.values()) <= 9


@every
def test_any_thread_may_ask(spec: TaskSpec, make: Make) -> None:
    proposer, screens = make(spec), {n: Screener(DUPLICATE) for n in range(1, 9)}
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: proposer.propose(question(spec, number=n), screens[n]), screens))
    for number, screen in screens.items():
        alone = Screener(DUPLICATE)
        make(spec).propose(question(spec, number=number), alone)
        assert screen.seen == alone.seen


# --- symbolic -------------------------------------------------------------------------------------


def test_the_edit_that_the_search_has_in_mind_is_the_one_that_is_made(spec: TaskSpec) -> None:
    asked = question(spec)
    asked = asked.model_copy(
        update={
            "works": (asked.baseline,),
            "suggestion": Suggestion(operator="widen", parents=("baseline",), seed=5),
        }
    )
    screen = Screener(DUPLICATE)
    _symbolic(spec).propose(asked, screen)
    first, second = screen.seen[0]
    made = edit_of("widen", (spec.baseline,), problem_of(asked.brief), 5)
    assert (first.source, first.title) == (made.source, made.title)
    assert (first.operator, first.parents) == ("widen", ("baseline",))
    assert second.title != first.title, "an edit that came back as known is not made again"


def test_a_rule_fixes_what_fails_its_checks_and_keeps_the_idea(spec: TaskSpec) -> None:
    report = CheckReport(Status.INVALID, (Check("parameters", False, "25,002"),), 25_002)
    screen = Screener(Refusal(CandidateStatus.INVALID, "parameters: 25,002", report))
    _symbolic(spec).propose(question(spec), screen)
    failed, *fixed = screen.seen[0]
    assert all((f.fixes, f.title, f.operator) == (True, failed.title, "draft") for f in fixed)
    assert all(f"Repaired after {1}: " in f.rationale for f in fixed)


def drafts(spec: TaskSpec, count: int, **words: tuple[str, ...]) -> list[str]:
    """What is drafted where a person said this."""
    screens = [Screener() for _ in range(count)]
    for number, screen in enumerate(screens, start=1):
        asked = question(spec, number=number, steer=Steer(**words))
        _symbolic(spec).propose(asked, screen)
    return [proposal.source for screen in screens for proposal in screen.seen[0]]


def test_no_draft_is_what_is_banned_however_much_is(spec: TaskSpec) -> None:
    made = drafts(spec, 8, banned=("relu", "gelu", "silu", "mish"))
    assert len(made) == 8
    assert not [source for source in made if re.search(r"\b(ReLU|GELU|SiLU|Mish)\b", source)]


def test_most_drafts_keep_to_what_is_pinned(spec: TaskSpec) -> None:
    made = drafts(spec, 8, pinned=("gelu",))
    assert sum("GELU" in source for source in made) >= 6


def test_where_all_is_banned_it_is_said_which_ban_to_lift(spec: TaskSpec) -> None:
    steer = Steer(banned=tuple(name for name in OPERATORS if name != CONTROL))
    asked = question(spec, steer=steer, suggestion=Suggestion(operator="widen"))
    with pytest.raises(BackendError, match=r"nothing is left to propose: .* are banned; lift one"):
        _symbolic(spec).propose(asked, Screener())


# --- one call -------------------------------------------------------------------------------------


def test_a_proposal_is_taken_as_it_was_said(spec: TaskSpec) -> None:
    backend = model(
        researcher=in_turn(
            said(
                spec, 20, move="change activation", parents=["baseline", "nobody"], expected=1.5,
                hypothesis="it bends", rationale="bends", citations=["paper:a/0.0"],
            )
        )
    )  # fmt: skip
    screen = Screener()
    one_call(backend).propose(question(spec, count=1), screen)
    (proposal,) = screen.seen[0]
    assert proposal == Proposal(
        title="width 20",
        source=source_of(spec, 20),
        operator="change_activation",
        parents=("baseline",),
        rationale="bends",
        hypothesis="it bends",
        expected=1.5,
        citations=("paper:a/0.0",),
        call="1/researcher",
    )


@pytest.mark.parametrize(
    ("move", "parents", "operator"),
    [
        ("Recombine", ["baseline"], "recombine"),
        ("a low-rank trick", ["baseline"], "mutate"),
        ("a low-rank trick", [], "draft"),
        ("control", [], "draft"),
        ("", ["baseline"], "mutate"),
    ],
)
def test_a_move_of_its_own_is_a_mutation_or_a_draft(
    spec: TaskSpec, move: str, parents: list[str], operator: str
) -> None:
    screen = Screener()
    backend = model(researcher=in_turn(said(spec, 20, move=move, parents=parents)))
    one_call(backend).propose(question(spec, count=1), screen)
    assert [p.operator for p in screen.seen[0]] == [operator]


def test_what_is_refused_goes_back_with_reason_layers_and_nearest(spec: TaskSpec) -> None:
    backend = model(researcher=in_turn(said(spec, 20, 5000, 22), said(spec, 40)))
    screen = Screener(INVALID, place=1)
    one_call(backend).propose(question(spec), screen)
    assert [p.title for p in screen.seen[1]] == ["width 5000", "width 40"]
    assert screen.counts == {0: 1, 1: 2, 2: 1}
    first, second = backend.requests
    assert (first.prompt, first.turns) == (second.prompt, ())
    (turn,) = second.turns
    words = " ".join(turn.asked.split())
    for part in (
        "2. ```text width 5000 ```",
        INVALID.reason,
        "layers.0 15000, layers.1 10002",
        "7 (wide) differs from it in constants alone",
        "-4000 +40",
        "Answer with 1 proposal in their place",
    ):
        assert part in words
    assert "width 20" not in words
    assert first.hash != second.hash


def test_the_same_title_is_the_same_idea_fixed(spec: TaskSpec) -> None:
    again = said(spec, 30, 31)
    again["proposals"][0]["title"] = "width 20"
    backend = model(researcher=in_turn(said(spec, 20, 21), again))
    screen = Screener(INVALID)
    one_call(backend).propose(question(spec, count=2), screen)
    assert [(p.title, p.fixes) for p in screen.seen[0]] == [
        ("width 20", False),
        ("width 20", True),
    ]
    assert [(p.title, p.fixes) for p in screen.seen[1]] == [
        ("width 21", False),
        ("width 31", False),
    ]


def test_it_goes_back_as_often_as_there_are_rounds(spec: TaskSpec) -> None:
    backend = model(researcher=in_turn(*(said(spec, w) for w in range(20, 29))))
    one_call(backend, rounds=3).propose(question(spec, count=1), Screener(*[DUPLICATE] * 9))
    assert [len(request.turns) for request in backend.requests] == [0, 1, 2, 3]
    assert len({request.hash for request in backend.requests}) == 4


def test_what_the_machine_lost_does_not_go_back(spec: TaskSpec) -> None:
    backend = model(researcher=in_turn(said(spec, 20)))
    lost = Refusal(CandidateStatus.UNMEASURED, "it was lost with its worker")
    one_call(backend).propose(question(spec, count=1), Screener(lost))
    assert len(backend.requests) == 1


def test_a_second_answer_that_cannot_be_used_costs_no_more_than_its_own(spec: TaskSpec) -> None:
    backend = model(researcher=in_turn(said(spec, 20, 21), AnswerError("it is silent")))
    screen = Screener(DUPLICATE, place=0)
    one_call(backend).propose(question(spec, count=2), screen)
    assert screen.counts == {0: 1, 1: 1}


def test_a_first_answer_that_cannot_be_used_is_the_askers_to_judge(spec: TaskSpec) -> None:
    screen = Screener()
    with pytest.raises(AnswerError, match="it is silent"):
        one_call(model(researcher=in_turn(AnswerError("it is silent")))).propose(
            question(spec), screen
        )
    assert screen.seen == {}


def test_more_than_was_asked_for_is_left_out_and_less_leaves_places_empty(spec: TaskSpec) -> None:
    screen = Screener()
    one_call(model(researcher=in_turn(said(spec, *range(20, 27))))).propose(question(spec), screen)
    assert screen.counts == {0: 1, 1: 1, 2: 1}
    screen = Screener()
    one_call(model(researcher=in_turn(said(spec, 20)))).propose(question(spec), screen)
    assert screen.counts == {0: 1}


def test_another_coder_writes_the_code_of_each(spec: TaskSpec) -> None:
    bare = {"proposals": [{"title": f"idea {n}", "parents": ["baseline"]} for n in (0, 1)]}
    backend = model(
        researcher=in_turn(bare),
        coder=in_turn({"source": source_of(spec, 20)}, AnswerError("the coder gave no code")),
    )
    screen = Screener()
    one_call(backend, writes_code=False).propose(question(spec, count=2), screen)
    assert [r.role for r in backend.requests] == ["researcher", "coder", "coder"]
    assert backend.requests[0].context["with_code"] is False
    assert [w["id"] for w in backend.requests[1].context["works"]] == ["baseline"]
    (written,), (failed,) = screen.seen.values()
    assert (written.source, written.call) == (source_of(spec, 20), "1/0/coder")
    assert (failed.source, failed.fault) == ("", "the coder gave no code")


def test_another_debugger_fixes_what_fails_and_leaves_duplicates(spec: TaskSpec) -> None:
    backend = model(
        researcher=in_turn(said(spec, 20, 21)),
        debugger=in_turn({"source": source_of(spec, 30)}),
    )

    def screen(place: int, proposal: Proposal) -> Refusal | None:
        seen.append((place, proposal))
        if proposal.fixes:
            return None
        return DUPLICATE if place else INVALID

    seen: list[tuple[int, Proposal]] = []
    one_call(backend, debugs=False).propose(question(spec, count=2), screen)
    assert [r.role for r in backend.requests] == ["researcher", "debugger"]
    asked = backend.requests[1].context
    assert asked["report"]["checks"][0]["detail"] == INVALID.report.checks[0].detail
    assert [past["diff"] for past in asked["past"]] == ["-4000\n+40"]
    place, fixed = seen[-1]
    assert (place, fixed.title, fixed.fixes) == (0, "width 20", True)
    assert fixed.source == source_of(spec, 30)
