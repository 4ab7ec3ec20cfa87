"""Budgets: never passed, split fairly, and the same however trials are timed."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.core import Candidate, CandidateStatus, Measurement, Stopped, TrialSpec
from archwright.core.settings import RunSettings
from archwright.runs.budget.allocation import Budget, Grants, record_grant
from archwright.runs.budget.pace import NO_TIME
from archwright.runs.budget.plan import (
    Plan,
    Share,
    affordable_rungs,
    floor_seeds,
    is_entrant,
    shortfalls,
    verified_by,
)
from archwright.runs.budget.progress import EndedCandidates, Grant, Progress
from archwright.runs.budget.purse import Purse
from archwright.runs.journal import Journal
from archwright.runs.verification import least_trainings, trainings_needed
from archwright.runs.workspace.paths import RunPaths


def _ended(trials: int, number: int = 1) -> Candidate:
    return Candidate(str(number), sequence=1000 * number, trials=trials)


def _found(number: int, gain: float, rung: int = 1, trials: int = 3) -> Candidate:
    return Candidate(
        str(number),
        sequence=1000 * number,
        trials=trials,
        status=CandidateStatus.PROMOTED,
        rungs={rung: Measurement(1.0, gain, 1)},
    )


def _all(candidates: list[Candidate]) -> EndedCandidates:
    """These have ended; the top rung is 1."""
    progress = Progress(lambda: False, lambda c: is_entrant(c, top=1))
    for candidate in candidates:
        progress.close(candidate.number, candidate)
    return progress.ended()


def _only(trials: int | None) -> Share:
    """A search alone, with nothing to verify."""
    return Share(RunSettings(), trials, finalists=0, verification=0)


@given(max_trials=st.integers(20, 500), rungs=st.integers(1, 4))
def test_the_parts_of_a_plan_add_up_to_the_budget(max_trials: int, rungs: int) -> None:
    plan = Plan.of(RunSettings(max_trials=max_trials), rungs)

    assert plan.search is not None
    assert plan.baseline + plan.search + plan.verification == max_trials
    assert plan.verification <= max_trials / 2
    assert (plan.finalists == 0) == (plan.verification == 0)


def test_a_small_budget_verifies_fewer_finalists() -> None:
    finalists = [Plan.of(RunSettings(max_trials=n), 2).finalists for n in (300, 200, 60, 30)]
    assert finalists == [3, 3, 1, 0]


def test_time_is_split_as_the_trainings_that_it_is_worth() -> None:
    """A task whose trainings take 110 s: half an hour on two workers is 36 of them."""
    plan = Plan.of(RunSettings(hours=0.55), 3, trials=36)
    assert (plan.seeds, plan.finalists, plan.search) == ((2, 2, 2), 0, 30)
    plan = Plan.of(RunSettings(hours=1.0), 3, trials=60)
    assert (plan.seeds, plan.finalists, plan.verification) == ((2, 2, 3), 1, 30)
    assert plan.search == 60 - 7 - 30


@pytest.mark.parametrize(
    ("trials", "seeds"),
    [(None, (3, 3, 5)), (200, (3, 3, 5)), (80, (3, 2, 5)), (64, (2, 2, 4)), (30, (2, 2, 2))],
)
def test_the_noise_floor_takes_a_share_of_the_budget(
    trials: int | None, seeds: tuple[int, ...]
) -> None:
    assert floor_seeds(RunSettings(), 3, trials) == seeds


def test_a_handful_of_trials_leaves_the_lowest_rungs_out() -> None:
    def rungs(trials: int | None) -> tuple[int, ...]:
        return affordable_rungs(RunSettings(max_trials=trials), (50, 150, 450))

    assert [rungs(n) for n in (None, 24, 16, 3)] == [
        (50, 150, 450),
        (50, 150, 450),
        (150, 450),
        (450,),
    ]


def test_what_a_budget_cannot_do_is_said_with_what_it_would_take() -> None:
    def said(trials: int) -> list[str]:
        settings = RunSettings(max_trials=trials)
        plan = Plan.of(settings, 2)
        return list(shortfalls(plan, settings, f"{trials} trials", lambda n: f"{n} trials"))

    assert said(300) == []
    nothing, seeds = said(30)
    assert nothing.endswith("can become a discovery; 44 trials verify one")
    assert seeds == "30 trials measure the noise floor on 2 seeds at the top rung, not on 5"
    assert Plan.of(RunSettings(max_trials=44), 2).finalists == 1
    assert said(60) == ["60 trials verify 1 of 3 finalists; 108 trials verify all"]
    assert Plan.of(RunSettings(max_trials=108), 2).finalists == 3


def test_trials_that_verification_needs_are_kept_once_there_is_something_to_verify() -> None:
    settings = RunSettings()
    finalists, kept = verified_by(settings, 200)
    share = Share(settings, 200, finalists, kept)
    least = least_trainings(settings, 1)
    assert share.free(_all([])) == 200 - least, "nothing was found: the least is kept"
    lost = [_found(1, -1.0), _found(2, 4.0, rung=0)]
    assert share.free(_all(lost)) == 200 - least - 6
    one = [*lost, _found(3, 2.0)]
    assert share.free(_all(one)) == 200 - 9 - trainings_needed(settings, 1)
    many = [*one, *(_found(n, 1.0) for n in range(4, 9))]
    assert share.free(_all(many)) == 200 - 24 - kept


def test_a_later_leg_counts_what_is_new_in_it() -> None:
    settings = RunSettings()
    share, least = Share(settings, 100, 1, 50, since=2), least_trainings(settings, 1)
    old = [_found(1, 3.0), _found(2, 3.0)]
    assert share.free(_all(old)) == 100 - least
    assert share.free(_all([*old, _found(3, 2.0)])) == 100 - 3 - 50


def _play(seed: int, search: int, rungs: int, lag: int, width: int) -> list[tuple[int, int, int]]:
    """Grants of a search whose candidates end in an order of chance but use fixed trials."""
    progress = Progress(lambda: False)
    budget = Budget(_only(search), rungs, lag, 100, progress, None)
    order = Random(seed)
    waiting: list[tuple[int, int]] = []
    lock = threading.Lock()
    done = threading.Event()

    def finish_some() -> None:
        while not done.is_set() or waiting:
            with lock:
                if waiting:
                    number, used = waiting.pop(order.randrange(min(width, len(waiting))))
                    progress.close(number, _ended(used, number))
            done.wait(0.0005)

    finisher = threading.Thread(target=finish_some)
    finisher.start()
    grants = []
    number = 1
    while (grant := budget.grant(number)) is not None:
        grants.append((grant.number, grant.sees, grant.trials))
        used = min(grant.trials, 1 + number * 7 % rungs)
        with lock:
            waiting.append((number, used))
        number += 1
    done.set()
    finisher.join()
    assert progress.upto(number - 1).used == search
    return grants


@pytest.mark.parametrize("lag", [1, 4, 9])
def test_grants_do_not_depend_on_timing_and_spend_it_all(lag: int) -> None:
    plays = [_play(seed, search=30, rungs=3, lag=lag, width=lag) for seed in range(4)]

    assert plays[0] == plays[1] == plays[2] == plays[3]
    assert all(number - sees <= lag for number, sees, _ in plays[0])
    granted = [trials for _, _, trials in plays[0]]
    assert all(trials == 3 for trials in granted[:-3]), "all that a candidate can need"


@given(used=st.lists(st.integers(0, 6), min_size=1, max_size=40), search=st.integers(1, 60))
def test_only_what_comes_last_is_granted_less_than_it_can_need(
    used: list[int], search: int
) -> None:
    budget, progress = _only(search), Progress(lambda: False)
    grants = Budget(budget, 6, 1, 100, progress, None)
    spent = 0
    for number, wish in enumerate(used, 1):
        grant = grants.grant(number)
        if grant is None:
            assert spent == search
            return
        assert grant.trials == min(6, search - spent)
        spent += min(wish, grant.trials)
        progress.close(number, _ended(min(wish, grant.trials), number))
    assert spent <= search


def test_a_candidate_waits_for_what_others_give_back() -> None:
    progress = Progress(lambda: False)
    budget = Budget(_only(10), 6, 4, 100, progress, None)
    assert budget.grant(1) == Grant(1, 0, 6)
    progress.close(1, _ended(1))
    assert budget.grant(2) == Grant(2, 1, 6), "four are left beside the first: too few"
    progress.close(2, _ended(2, 2))
    assert budget.grant(3) == Grant(3, 2, 6)


def test_near_the_end_of_a_search_those_under_way_share_what_is_left() -> None:
    progress = Progress(lambda: False)
    budget = Budget(_only(40), 13, 4, 100, progress, None, enough=5)
    assert [budget.grant(n) for n in (1, 2, 3, 4)] == [Grant(n, 0, 10) for n in (1, 2, 3, 4)]
    for number, used in ((1, 4), (2, 6), (3, 2)):
        progress.close(number, _ended(used, number))
    assert budget.grant(5) == Grant(5, 1, 6), "of 36 less three times ten"
    assert budget.grant(6) == Grant(6, 3, 7), "a quarter of 28 that are left"
    assert budget.grant(7) == Grant(7, 3, 5), "no less than is enough"
    progress.close(4, _ended(10, 4))
    progress.close(5, _ended(6, 5))
    progress.close(6, _ended(2, 6))
    assert budget.grant(8) == Grant(8, 6, 5), "beside the seventh, of 10"
    progress.close(7, _ended(1, 7))
    progress.close(8, _ended(5, 8))
    assert budget.grant(9) == Grant(9, 8, 4), "but for the last"


def test_what_is_free_is_enough_before_a_slow_one_has_ended() -> None:
    """However many have ended behind it, for what they left is not yet seen."""
    progress = Progress(lambda: False)
    budget = Budget(_only(60), 13, 8, 100, progress, None, enough=4)
    for number in range(1, 9):
        assert budget.grant(number) == Grant(number, 0, 7)
        if number > 1:
            progress.close(number, _ended(1, number))


def test_what_starts_high_needs_less_and_leaves_it_to_others() -> None:
    progress = Progress(lambda: False)
    budget = Budget(_only(8), 6, 4, 100, progress, None)
    first = budget.grant(1)
    assert first is not None
    budget.settle(first, 2)
    assert budget.grant(2) == Grant(2, 0, 6), "beside the first, which is still under way"


def test_of_many_workers_none_waits_for_the_slowest() -> None:
    """The first candidate does not end: others go on, and see each other's results."""
    progress = Progress(lambda: False)
    budget = Budget(_only(None), 2, 3, 100, progress, None, fresh=True)
    assert [budget.grant(n) for n in (1, 2, 3)] == [Grant(n, 0, 2) for n in (1, 2, 3)]
    progress.close(3, _ended(2, 3))
    grant = Grant(4, 3, 2, without=(1, 2))
    assert budget.grant(4) == grant
    assert progress.seen(grant).numbers.tolist() == [3]
    for number in range(5, 30):
        progress.close(number - 1, _ended(1, number - 1))
        grant = budget.grant(number) or grant
        assert (grant.number, grant.without, len(grant.under_way)) == (number, (1, 2), 2)


def test_what_a_grant_names_is_seen_again_after_an_interruption(tmp_path: Path) -> None:
    given = [Grant(1, 0, 2), Grant(2, 0, 2), Grant(3, 2, 2, without=(1,))]
    with Journal.create(RunPaths(tmp_path / "run"), {}) as journal:
        for grant in given:
            record_grant(journal, grant)
        assert list(Grants(journal)) == given
    progress = Progress(lambda: False)
    budget = Budget(_only(None), 2, 4, 100, progress, None, earlier=given, fresh=True)
    for number in (1, 2):
        progress.close(number, _ended(1, number))
    assert budget.grant(3) == given[2]
    assert progress.seen(given[2]).numbers.tolist() == [2], "as it was, whatever ended since"


def test_many_begin_by_what_candidates_use_on_average() -> None:
    progress = Progress(lambda: False)
    worst, expecting = (
        Budget(_only(60), 13, 100, 100, progress, None, fresh=True, expecting=expecting)
        for expecting in (False, True)
    )
    begun = 0
    while begun < 30 and expecting.grant(begun + 1) is not None:
        begun += 1
    assert begun == 30, "two trainings each, before any has ended"
    assert [worst.grant(n) for n in range(1, 5)] == [Grant(n, 0, 13) for n in range(1, 5)]


def test_a_purse_gives_out_what_there_is_and_no_more(tmp_path: Path) -> None:
    candidate = Candidate("7", sequence=7000)
    with Journal.create(RunPaths(tmp_path / "run"), {}) as journal:
        asked = {"candidate": "7", "purpose": "search", "steps": 5}
        journal.once("trial", "7/search/5/0", "7", asked, lambda: {"resources": {"seconds": 1.0}})
        purse = Purse(journal, lambda: 3)
    searching = TrialSpec(candidate, 0, 1)
    assert [purse.draw(searching) for _ in range(4)] == [True, True, False, False]
    assert purse.draw(TrialSpec(candidate, 0, 1, purpose="verification")), "not the search's"


def test_time_that_is_up_ends_the_search() -> None:
    left = [2.0, 0.0, -1.0]
    progress = Progress(lambda: False)
    budget = Budget(_only(None), 2, 4, 100, progress, lambda *_: left.pop(0))

    assert budget.grant(1) is not None
    progress.close(1, _ended(1))
    assert budget.grant(2) is None


def test_time_that_is_kept_for_those_under_way_is_given_back_once_they_end() -> None:
    progress = Progress(lambda: False)
    budget = Budget(_only(None), 2, 4, 100, progress, lambda _, under_way: 2.5 - under_way)
    for number in (1, 2, 3):
        assert budget.grant(number) == Grant(number, 0, 2)
        progress.close(number, _ended(1))

    assert budget.grant(4) == Grant(4, 1, 2)


def test_what_was_granted_before_goes_on_though_time_is_up(tmp_path: Path) -> None:
    given = [Grant(n, max(0, n - 2), n % 3 + 1) for n in range(1, 12)]
    with Journal.create(RunPaths(tmp_path / "run"), {}) as journal:
        for grant in given:
            record_grant(journal, grant)
        assert list(Grants(journal)) == given

    progress = Progress(lambda: False)
    budget = Budget(_only(None), 2, 4, 100, progress, lambda *_: 0.0, earlier=given)
    for grant in given:
        assert budget.grant(grant.number) == grant
        progress.close(grant.number, _ended(1))
    assert budget.grant(12) is None


def test_a_search_that_had_ended_grants_no_more() -> None:
    progress = Progress(lambda: False)
    budget = Budget(_only(None), 2, 4, 100, progress, None, earlier=[Grant(1, 0, 2)], last=1)
    assert budget.grant(1) == Grant(1, 0, 2)
    assert budget.grant(2) is None


def test_a_search_that_proposes_nothing_new_ends() -> None:
    progress = Progress(lambda: False)
    budget = Budget(_only(1000), 2, 1, 5, progress, None)
    number = 1
    while budget.grant(number) is not None:
        progress.close(number, _ended(1 if number == 3 else 0))
        number += 1
    assert number == 3 + 5 + 1


def test_whoever_waits_is_told_of_a_stop_and_of_a_failure() -> None:
    stopping = threading.Event()
    progress = Progress(stopping.is_set)
    stopping.set()
    with pytest.raises(Stopped):
        progress.upto(1)

    broken = Progress(lambda: False)
    broken.fail(OSError("disk"))
    with pytest.raises(OSError, match="disk"):
        broken.upto(1)


def test_what_has_ended_is_taken_once_and_counted_for_good() -> None:
    progress = Progress(lambda: False, lambda c: is_entrant(c, top=1))
    progress.close(3, _found(3, 2.0))
    progress.close(1, _ended(2, 1))
    assert [c.number for c in progress.take(Grant(4, 3, 1, without=(2,)))] == [1, 3]
    late = replace(_ended(1, 2), reason=NO_TIME)
    progress.close(2, late)
    assert [c.number for c in progress.take(Grant(5, 3, 1))] == [2]
    assert progress.take(Grant(6, 3, 1)) == []
    shown = progress.seen(Grant(4, 3, 1, without=(2,)))
    assert (shown.numbers.tolist(), shown.used, shown.is_out_of_time) == ([1, 3], 5, False)
    ended = progress.ended()
    assert (ended.used, ended.is_entrant.tolist()) == (6, [False, False, True])
    assert ended.is_out_of_time
    assert ended.since(2).numbers.tolist() == [3]
    assert [c.number for c in progress.latest()] == [3, 1, 2], "in the order in which they ended"


@given(ended=st.sets(st.integers(1, 200), min_size=1), sees=st.integers(1, 200), data=st.data())
def test_a_view_is_what_its_grant_names(ended: set[int], sees: int, data: st.DataObject) -> None:
    progress = Progress(lambda: False)
    for number in data.draw(st.permutations(sorted(ended))):
        progress.close(number, _ended(number % 5, number))
    without = tuple(n for n in range(1, sees + 1) if n not in ended)
    named = sorted(n for n in ended if n <= sees)
    shown = progress.seen(Grant(sees + 1, sees, 1, without))
    assert shown.numbers.tolist() == named
    assert shown.trials.tolist() == [n % 5 for n in named]
    last, left = progress.wait_for_more(len(ended))
    assert (last, set(left)) == (max(ended), set(range(1, last)) - ended)


def test_turns_are_taken_in_order_of_number() -> None:
    progress = Progress(lambda: False)
    order: list[int] = []

    def pass_through(number: int) -> None:
        with progress.turn(number):
            order.append(number)

    threads = [threading.Thread(target=pass_through, args=(n,)) for n in (3, 2, 5, 4, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert order == [1, 2, 3, 4, 5]


def test_nobody_passes_after_a_turn_that_broke_off() -> None:
    progress = Progress(lambda: False)
    with pytest.raises(OSError, match="disk"), progress.turn(1):
        raise OSError("disk")
    progress.fail(OSError("disk"))
    with pytest.raises(OSError, match="disk"), progress.turn(2):
        pytest.fail("it must not pass")
