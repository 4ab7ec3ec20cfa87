"""Random numbers that a candidate would choose, in every sandbox that isolates.

A seed that is set changes nothing of the luck: it is mixed with the trial's. Weights that no seed
changes are refused by name. Rules that a person would write pass.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from lucky_candidates import CHOSEN, RULED, SEEDED, lucky

from archwright.core import CheckReport, Problem, Recipe, Stage, Status, TrialJob
from archwright.sandbox import Sandbox

Jobs = Callable[..., TrialJob]


def said(report: CheckReport) -> str:
    """What the check of randomness says."""
    return next(check.detail for check in report.checks if check.name == "randomness")


def start(jail: Sandbox, job: TrialJob) -> float:
    """The loss of the first step: it tells the initial weights."""
    outcome = jail.train(job)
    assert outcome.status is Status.OK, outcome.error
    return outcome.curve[0][1]


@pytest.mark.parametrize("name", SEEDED)
def test_a_seed_that_is_set_is_mixed_with_the_trials(
    jail: Sandbox, problem: Problem, make_job: Jobs, name: str
) -> None:
    report = jail.check(SEEDED[name], problem)
    assert report.status is Status.OK, report.error
    first, again, other = (
        start(jail, make_job(SEEDED[name], seed=seed, steps=1)) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_seeds_that_are_set_are_named(jail: Sandbox, problem: Problem) -> None:
    assert "(torch.manual_seed)" in said(jail.check(SEEDED["torch.manual_seed"], problem))
    assert "(numpy.random.default_rng)" in said(jail.check(SEEDED["default_rng"], problem))


@pytest.mark.parametrize("name", CHOSEN)
def test_weights_that_no_seed_changes_are_refused(
    jail: Sandbox, problem: Problem, name: str
) -> None:
    report = jail.check(CHOSEN[name], problem)
    assert report.status is Status.INVALID
    assert [check.name for check in report.checks if not check.ok] == ["randomness"], report.error


@pytest.mark.parametrize("name", RULED)
def test_rules_and_draws_of_the_trials_own_are_sound(
    jail: Sandbox, problem: Problem, name: str
) -> None:
    report = jail.check(RULED[name], problem)
    assert report.status is Status.OK, report.error


def test_a_seed_in_the_stage_before_is_mixed_as_well(jail: Sandbox, make_job: Jobs) -> None:
    """A first stage and an `inherit` that set seeds start the second from the trial's own draws."""
    source = SEEDED["a seed in the stage before"]
    starts = {
        start(jail, make_job(source, seed=seed, steps=1, before=Stage(source, Recipe(), 1)))
        for seed in (1, 2)
    }
    assert len(starts) == 2


def test_a_seed_chosen_as_the_best_of_many_is_worth_nothing(jail: Sandbox, make_job: Jobs) -> None:
    """The seed that did best in one trial does not do best in another."""
    sources = [lucky(init=f"first:torch.manual_seed({seed})") for seed in range(6)]
    starts = np.array(
        [[start(jail, make_job(s, seed=seed, steps=1)) for s in sources] for seed in (5, 6)]
    )
    assert len(np.unique(starts)) == starts.size
    assert abs(np.corrcoef(starts)[0, 1]) < 0.95
