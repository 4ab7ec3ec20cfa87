"""Budgets: never passed, split fairly, and the same however trials are timed."""

from __future__ import annotations

import threading
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.core import Candidate, Stopped
from archwright.core.settings import RunSettings
from archwright.runs.allocation import Budget, Grant, Ledger, Plan, read_grants, record_grant
from archwright.runs.journal import Journal
from archwright.runs.workspace.paths import RunPaths


def _ended(trials: int) -> Candidate:
    return Candidate("1", trials=trials)


@given(max_trials=st.integers(20, 500), rungs=st.integers(1, 4))
def test_the_parts_of_a_plan_add_up_to_the_budget(max_trials: int, rungs: int) -> None:
    plan = Plan.of(RunSettings(max_trials=max_trials), rungs)

    assert plan.search is not None
    assert plan.baseline + plan.search + plan.verification == max_trials
    assert plan.verification <= max_trials / 2
    assert (plan.finalists == 0) == (plan.verification == 0)


def test_a_small_budget_verifies_fewer_finalists() -> None:
    finalists = [Plan.of(RunSettings(max_trials=n), 2).finalists for n in (300, 200, 60, 30)]
    assert finalists == [3, 2, 1, 0]


def _play(seed: int, search: int, rungs: int, lag: int, width: int) -> list[tuple[int, int, int]]:
    """Grants of a search whose candidates end in an order of chance but use fixed trials."""
    ledger = Ledger(lambda: False)
    plan = Plan(baseline=0, search=search, verification=0, finalists=0)
    budget = Budget(plan, rungs, lag, 100, ledger, None)
    order = Random(seed)
    waiting: list[tuple[int, int]] = []
    lock = threading.Lock()
    done = threading.Event()

    def finish_some() -> None:
        while not done.is_set() or waiting:
            with lock:
                if waiting:
                    number, used = waiting.pop(order.randrange(min(width, len(waiting))))
                    ledger.close(number, _ended(used))
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
    assert sum(t.trials for t in ledger.upto(number - 1)) == search
    return grants


@pytest.mark.parametrize("lag", [1, 4, 9])
def test_grants_do_not_depend_on_timing_and_spend_it_all(lag: int) -> None:
    plays = [_play(seed, search=30, rungs=3, lag=lag, width=lag) for seed in range(4)]

    assert plays[0] == plays[1] == plays[2] == plays[3]
    assert all(number - sees <= lag for number, sees, _ in plays[0])


def test_time_that_is_up_ends_the_search() -> None:
    plan = Plan(baseline=0, search=None, verification=0, finalists=3)
    left = [2.0, 0.0, -1.0]
    ledger = Ledger(lambda: False)
    budget = Budget(plan, 2, 4, 100, ledger, lambda _: left.pop(0))

    assert budget.grant(1) is not None
    ledger.close(1, _ended(1))
    assert budget.grant(2) is None


def test_time_that_is_kept_for_those_under_way_is_given_back_once_they_end() -> None:
    plan = Plan(baseline=0, search=None, verification=0, finalists=3)
    ledger = Ledger(lambda: False)
    budget = Budget(plan, 2, 4, 100, ledger, lambda under_way: 2.5 - under_way)
    for number in (1, 2, 3):
        assert budget.grant(number) == Grant(number, 0, 2)
        ledger.close(number, _ended(1))

    assert budget.grant(4) == Grant(4, 1, 2)


def test_what_was_granted_before_goes_on_though_time_is_up(tmp_path: Path) -> None:
    given = [Grant(n, max(0, n - 2), n % 3 + 1) for n in range(1, 12)]
    with Journal.create(RunPaths(tmp_path / "run"), {}) as journal:
        for grant in given:
            record_grant(journal, grant)
        assert read_grants(journal) == given

    ledger = Ledger(lambda: False)
    plan = Plan(baseline=0, search=None, verification=0, finalists=3)
    budget = Budget(plan, 2, 4, 100, ledger, lambda _: 0.0, earlier=given)
    for grant in given:
        assert budget.grant(grant.number) == grant
        ledger.close(grant.number, _ended(1))
    assert budget.grant(12) is None


def test_a_search_that_had_ended_grants_no_more() -> None:
    plan = Plan(baseline=0, search=None, verification=0, finalists=3)
    ledger = Ledger(lambda: False)
    budget = Budget(plan, 2, 4, 100, ledger, None, earlier=[Grant(1, 0, 2)], over=True)
    assert budget.grant(1) == Grant(1, 0, 2)
    assert budget.grant(2) is None


def test_a_search_that_proposes_nothing_new_ends() -> None:
    plan = Plan(baseline=0, search=1000, verification=0, finalists=0)
    ledger = Ledger(lambda: False)
    budget = Budget(plan, 2, 1, 5, ledger, None)
    number = 1
    while budget.grant(number) is not None:
        ledger.close(number, _ended(1 if number == 3 else 0))
        number += 1
    assert number == 3 + 5 + 1


def test_whoever_waits_is_told_of_a_stop_and_of_a_failure() -> None:
    stopping = threading.Event()
    ledger = Ledger(stopping.is_set)
    stopping.set()
    with pytest.raises(Stopped):
        ledger.upto(1)

    broken = Ledger(lambda: False)
    broken.fail(OSError("disk"))
    with pytest.raises(OSError, match="disk"):
        broken.upto(1)


def test_turns_are_taken_in_order_of_number() -> None:
    ledger = Ledger(lambda: False)
    order: list[int] = []

    def pass_through(number: int) -> None:
        with ledger.turn(number):
            order.append(number)

    threads = [threading.Thread(target=pass_through, args=(n,)) for n in (3, 2, 5, 4, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert order == [1, 2, 3, 4, 5]


def test_nobody_passes_after_a_turn_that_broke_off() -> None:
    ledger = Ledger(lambda: False)
    with pytest.raises(OSError, match="disk"), ledger.turn(1):
        raise OSError("disk")
    ledger.fail(OSError("disk"))
    with pytest.raises(OSError, match="disk"), ledger.turn(2):
        pytest.fail("it must not pass")
