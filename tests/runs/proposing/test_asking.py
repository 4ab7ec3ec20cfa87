"""Who proposes the candidate of a number, and what becomes of an answer that numbers share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from parts import DRAFT, Parts, idea

from archwright.agents.proposers import Proposal, Proposer, Screen
from archwright.agents.proposers.campaign import CampaignQuestion
from archwright.agents.proposers.scripted import ScriptedProposer
from archwright.core import CONTROL, AnswerError, BackendError, Candidate, CandidateStatus
from archwright.runs.guiding import record_word
from archwright.runs.proposing.arms import CONTROL_ARM, MODEL, PERSON
from archwright.runs.proposing.asking import UNUSABLE, Proposing
from archwright.runs.steering import Choice, Move


@pytest.fixture(autouse=True)
def with_a_model(parts: Parts) -> None:
    parts.change(proposer="one-call", control=0.0)


def widths(parts: Parts, *per_place: int) -> ScriptedProposer:
    """A model that proposes networks of these widths, in each of its answers other ones."""

    def script(campaign: CampaignQuestion, place: int) -> Iterable[Proposal]:
        if place >= len(per_place):
            return []
        width = 100 * campaign.number + per_place[place]
        return [idea(parts.wider(width), f"width {width}", call=f"{campaign.number}/researcher")]

    return ScriptedProposer(script)


class Failing:
    """A model that fails from one of its answers on."""

    name = "scripted"

    def __init__(self, model: Proposer, error: Exception, after: int = 0) -> None:
        self._model = model
        self._error = error
        self._left = after
        self.asked = 0

    def propose(self, campaign: CampaignQuestion, screen: Screen) -> None:
        self.asked += 1
        if self._left == 0:
            raise self._error
        self._left -= 1
        self._model.propose(campaign, screen)


def shared(first: int, count: int, numbers: Sequence[int] = ()) -> list[tuple[int, Move]]:
    """The moves of an answer's numbers."""
    numbers = numbers or range(first, first + count)
    return [(n, Move(DRAFT, MODEL, first, place, count)) for place, n in enumerate(numbers)]


def come_to(
    parts: Parts, proposing: Proposing, moves: Sequence[tuple[int, Move]]
) -> list[Candidate]:
    """What the numbers come to, side by side, the last first."""
    for number, move in moves:
        proposing.begin(number, move, parts.campaign())
    with ThreadPoolExecutor(len(moves)) as threads:
        work = [
            threads.submit(proposing.propose, n, m, parts.campaign()) for n, m in reversed(moves)
        ]
        return [future.result() for future in reversed(work)]


def test_numbers_share_one_answer_a_candidate_each(parts: Parts) -> None:
    model = widths(parts, 1, 2, 3, 4)
    found = come_to(parts, parts.proposing(model), shared(1, 4))
    assert [(c.id, c.title) for c in found] == [(str(n), f"width {100 + n}") for n in range(1, 5)]
    assert {c.status for c in found} == {CandidateStatus.OPEN}
    assert {c.proposer for c in found} == {"scripted"}
    (asked,) = model.asked
    assert (asked.number, asked.count) == (1, 4)
    assert asked.brief.task == "spirals"


def test_the_control_arm_has_its_numbers_and_is_drawn_without_the_model(parts: Parts) -> None:
    parts.change(proposer="one-call", control=0.5)
    model = widths(parts, 1, 2)
    proposing = parts.proposing(model)
    control = (2, Move(Choice(CONTROL, (), 0, 1), CONTROL_ARM))
    record_word(parts.journal, "ban", "draft")
    first, drawn, second = come_to(
        parts, proposing, [*shared(1, 2, [1]), control, (3, Move(DRAFT, MODEL, 1, 1, 2))]
    )
    assert [first.title, second.title] == ["width 101", "width 102"]
    assert (drawn.is_control, drawn.proposer, drawn.parents) == (True, "symbolic", ())
    assert drawn.status is CandidateStatus.OPEN, "a person's word does not reach it"
    assert len(model.asked) == 1


def test_what_an_answer_does_not_bring_the_symbolic_engine_proposes(parts: Parts) -> None:
    found = come_to(parts, parts.proposing(widths(parts, 1, 2)), shared(1, 3))
    assert [c.proposer for c in found] == ["scripted", "scripted", "symbolic"]


def test_what_the_budget_does_not_come_to_is_dropped(parts: Parts) -> None:
    proposing = parts.proposing(widths(parts, 1, 2, 3))
    come_to(parts, proposing, shared(1, 3)[:2])
    proposing.end(2)
    ends = [(c.id, c.status, c.reason) for c in parts.journal.candidates()]
    assert ends[-1] == ("3", CandidateStatus.DROPPED, "the budget ended before its turn")
    assert [status for _, status, _ in ends[:2]] == [CandidateStatus.OPEN] * 2


def test_a_run_that_goes_on_takes_up_what_was_dropped(parts: Parts) -> None:
    before = parts.proposing(widths(parts, 1, 2, 3))
    come_to(parts, before, shared(1, 3)[:2])
    before.end(2)
    *_, third = come_to(parts, parts.proposing(widths(parts, 1, 2, 3)), shared(1, 3))
    assert (third.id, third.status, third.reason) == ("3", CandidateStatus.OPEN, "")


def test_what_was_asked_once_is_asked_so_again(parts: Parts) -> None:
    """Whatever has ended since: the answer in the journal is one to that question."""
    model = widths(parts, 1, 2)
    come_to(parts, parts.proposing(model), shared(1, 2))
    again = widths(parts, 1, 2)
    come_to(parts, parts.proposing(again), shared(1, 2))
    assert again.asked == model.asked


def test_a_later_question_shows_what_an_earlier_one_brought(parts: Parts) -> None:
    model = widths(parts, 1, 2)
    proposing = parts.proposing(model)
    come_to(parts, proposing, shared(1, 2))
    come_to(parts, proposing, shared(3, 2))
    first, second = model.asked
    assert [r.candidate for r in first.ledger] == ["baseline"]
    assert [(r.candidate, r.status) for r in second.ledger[1:]] == [("1", "open"), ("2", "open")]


def test_a_persons_own_is_taken_as_it_is(parts: Parts) -> None:
    record_word(parts.journal, "ban", "draft")
    record_word(parts.journal, "seed", "mine", parts.wider(77))
    model = widths(parts, 1)
    move = Move(DRAFT, PERSON, first=1, words=2, seed=0)
    (found,) = come_to(parts, parts.proposing(model), [(1, move)])
    assert (found.title, found.proposer, found.status) == ("mine", "person", CandidateStatus.OPEN)
    assert found.source == parts.wider(77)
    assert model.asked == []


# --- a model that fails ---------------------------------------------------------------------------


def test_a_model_that_never_worked_stops_the_run(parts: Parts) -> None:
    proposing = parts.proposing(Failing(widths(parts), BackendError("the key was refused")))
    with pytest.raises(BackendError, match=r"^the key was refused$"):
        come_to(parts, proposing, shared(1, 1))


def test_a_model_that_dies_leaves_the_search_to_the_symbolic_engine(parts: Parts) -> None:
    model = Failing(widths(parts, 1), BackendError("the quota is exhausted"), after=1)
    proposing = parts.proposing(model)
    found = [c for n in range(1, 5) for c in come_to(parts, proposing, shared(n, 1))]
    assert [c.proposer for c in found] == ["scripted", "symbolic", "symbolic", "symbolic"]
    assert model.asked == 2
    assert parts.journal.notices()[-1:] == (
        "the quota is exhausted: the symbolic engine continues alone",
    )


def test_where_models_alone_are_to_propose_a_dead_one_stops_the_run(parts: Parts) -> None:
    parts.change(proposer="one-call", model_share=1.0)
    model = Failing(widths(parts, 1), BackendError("the quota is exhausted"), after=1)
    proposing = parts.proposing(model)
    come_to(parts, proposing, shared(1, 1))
    with pytest.raises(BackendError, match=r"^the quota is exhausted$"):
        come_to(parts, proposing, shared(2, 1))


def test_one_answer_that_cannot_be_used_is_a_failure_and_no_end(parts: Parts) -> None:
    model = Failing(widths(parts, 1), AnswerError("it holds no proposal"), after=1)
    proposing = parts.proposing(model)
    come_to(parts, proposing, shared(1, 1))
    failed, other = come_to(parts, proposing, shared(2, 2))
    assert (failed.status, failed.source) == (CandidateStatus.INVALID, "")
    assert failed.reason == "it holds no proposal"
    assert other.proposer == "symbolic"
    assert not [n for n in parts.journal.notices() if "continues alone" in n]


@pytest.mark.parametrize("worked", [True, False])
def test_a_cause_that_meets_every_question_is_not_paid_for_for_ever(
    parts: Parts, worked: bool
) -> None:
    model = Failing(widths(parts, 1), AnswerError("it holds no proposal"), after=int(worked))
    proposing = parts.proposing(model)
    words = f"the model gave no usable answer {UNUSABLE} times in a row"
    if not worked:
        for number in range(1, UNUSABLE):
            come_to(parts, proposing, shared(number, 1))
        with pytest.raises(BackendError, match=rf"{words} \(it holds no proposal\): fix the cause"):
            come_to(parts, proposing, shared(UNUSABLE, 1))
        return
    for number in range(1, UNUSABLE + 6):
        come_to(parts, proposing, shared(number, 1))
    assert model.asked == 1 + UNUSABLE
    assert len([n for n in parts.journal.notices() if n.startswith(words)]) == 1


# --- many at a time -------------------------------------------------------------------------------


class Slow:
    """A model that thinks for as long as it is let."""

    name = "scripted"

    def __init__(self, model: Proposer) -> None:
        self._model = model
        self._changed = threading.Condition()
        self._free = 0
        self.asked: list[int] = []

    def propose(self, campaign: CampaignQuestion, screen: Screen) -> None:
        with self._changed:
            self.asked.append(campaign.number)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._free > 0)
            self._free -= 1
        self._model.propose(campaign, screen)

    def wait_until(self, ready: Callable[[], Any]) -> None:
        with self._changed:
            assert self._changed.wait_for(ready, timeout=60)

    def answer(self, count: int = 1) -> None:
        with self._changed:
            self._free += count
            self._changed.notify_all()


def test_one_question_is_open_at_a_time_and_none_waits_for_ever(parts: Parts) -> None:
    slow = Slow(widths(parts, 1, 2))
    proposing = parts.proposing(slow)
    moves = [move for first in range(1, 13, 2) for move in shared(first, 2)]
    with ThreadPoolExecutor(1) as thread:
        found = thread.submit(come_to, parts, proposing, moves)
        slow.wait_until(lambda: len(slow.asked) == 1)
        assert set(slow.asked) == {1}
        slow.answer()
        slow.wait_until(lambda: len(slow.asked) == 2)
        slow.answer(9)
        ids = [c.id for c in found.result(timeout=60)]
    assert ids == [str(n) for n in range(1, 13)]
    assert slow.asked == [1, 3, 5, 7, 9, 11]


def test_it_asks_as_late_as_the_slots_allow(parts: Parts) -> None:
    """What waits for a training keeps them busy: until it has drained the next question can be
    shown more."""
    model, seconds = widths(parts, 1), [30.0, 10.0, 0.0]
    found = come_to(parts, parts.proposing(model, drains=lambda: seconds.pop(0)), shared(1, 1))
    assert seconds == []
    assert len(found) == len(model.asked) == 1
