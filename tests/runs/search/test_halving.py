"""Successive halving: paired seeds, seeds where it is close, an early end for the hopeless."""

from __future__ import annotations

from dataclasses import replace

import pytest

from archwright.core import (
    BASELINE,
    METRICS,
    Candidate,
    CandidateStatus,
    Floor,
    Measurement,
    Recipe,
    Status,
    Trial,
    TrialSpec,
)
from archwright.core.settings import RunSettings
from archwright.runs.context import MOST_RIVALS, Campaign
from archwright.runs.halving import SuccessiveHalving

FLOORS = [
    Floor(10, 80.0, 1.0, (80.0, 81.0, 79.0), 10, ceiling=(5, 1.0)),
    Floor(30, 90.0, 1.0, (90.0, 92.0, 88.0, 90.0, 90.0), 10),
]


class Scripted:
    """Scores by (rung, seed); a missing one is a failure of the given status."""

    def __init__(self, scores: dict[tuple[int, int], float], status: Status) -> None:
        self.scores, self.status = scores, status
        self.specs: list[TrialSpec] = []

    def train(self, spec: TrialSpec) -> Trial:
        self.specs.append(spec)
        score = self.scores.get((spec.rung, spec.seed))
        asked = ("1", "search", spec.rung, FLOORS[spec.rung].steps, spec.seed)
        if score is None:
            return Trial(*asked, status=self.status, error="why")
        return Trial(*asked, status=Status.OK, score=score, curve=((10, 0.5),))


def _train(
    scores: dict[tuple[int, int], float],
    rivals: tuple[float, ...] = (),
    allowance: int = 9,
    status: Status = Status.CRASHED,
    first: int = 0,
    **settings: int,
) -> tuple[Candidate, Scripted]:
    trainer = Scripted(scores, status)
    reached: list[Candidate] = []
    halving = SuccessiveHalving(METRICS["accuracy"], RunSettings(**settings), trainer, FLOORS)
    ended = halving.run(
        Candidate("1", "t", recipe=Recipe(), sequence=1000),
        allowance,
        lambda rung: [
            _measured(str(place), (), *[gain] * (rung + 1)) for place, gain in enumerate(rivals, 2)
        ],
        reached.append,
        first,
    )
    assert [c.rungs[c.rung or 0] for c in reached] == list(ended.rungs.values())
    return ended, trainer


def test_a_clear_gain_is_promoted_on_one_seed_and_confirmed_at_the_top() -> None:
    ended, trainer = _train({(0, 0): 90.0, (1, 0): 99.0, (1, 1): 103.0})
    assert ended.status is CandidateStatus.PROMOTED
    assert [(r.rung, r.seed) for r in trainer.specs] == [(0, 0), (1, 0), (1, 1)]
    assert [r.gain for r in ended.rungs.values()] == [10.0, 10.0]


def test_what_is_lucky_at_the_top_does_not_stay_the_best() -> None:
    ended, trainer = _train({(1, 0): 99.0, (1, 1): 84.0, (1, 2): 88.0}, first=1)
    assert [r.seed for r in trainer.specs] == [0, 1, 2]
    assert ended.rungs[1].gain == pytest.approx((9.0 - 8.0 + 0.0) / 3)
    one, trainer = _train({(1, 0): 99.0}, first=1, search_seeds=1)
    assert (len(trainer.specs), one.rungs[1].gain) == (1, 9.0)


def test_a_confirmation_is_not_paid_for_beyond_the_allowance() -> None:
    ended, trainer = _train({(0, 0): 90.0, (1, 0): 99.0}, allowance=2)
    assert ended.trials == len(trainer.specs) == 2
    assert ended.rungs[1].seeds == 1


def test_it_starts_at_the_rung_that_it_is_given() -> None:
    ended, trainer = _train({(1, 0): 99.0, (1, 1): 101.0}, first=1)
    assert [(r.rung, r.seed) for r in trainer.specs] == [(1, 0), (1, 1)]
    assert {rung: shown.gain for rung, shown in ended.rungs.items()} == {1: 9.0}
    assert ended.status is CandidateStatus.TRAINED


def test_a_clear_loss_stops_on_one_seed() -> None:
    ended, trainer = _train({(0, 0): 70.0})
    assert ended.status is CandidateStatus.TRAINED
    assert len(trainer.specs) == ended.trials == 1


def test_a_close_decision_gets_a_second_seed_paired_with_the_baselines() -> None:
    ended, trainer = _train({(0, 0): 80.5, (0, 1): 90.0, (1, 0): 70.0})
    assert [(r.rung, r.seed) for r in trainer.specs] == [(0, 0), (0, 1), (1, 0)]
    first = ended.rungs[0]
    assert first.score == pytest.approx(85.25)
    assert first.gain == pytest.approx(((80.5 - 80.0) + (90.0 - 81.0)) / 2)
    assert first.seeds == 2


@pytest.mark.parametrize(("score", "climbs"), [(95.0, True), (85.0, False)])
def test_the_top_third_of_the_rivals_climbs(score: float, climbs: bool) -> None:
    ended, _ = _train(
        {(0, 0): score, (1, 0): 95.0}, rivals=(0.0, 2.0, 8.0, 11.0, 12.0, 1.0), search_seeds=1
    )
    assert (ended.status is CandidateStatus.PROMOTED) == climbs


def test_the_allowance_is_never_passed() -> None:
    ended, trainer = _train({(0, 0): 80.5, (0, 1): 90.0, (1, 0): 95.0}, allowance=2)
    assert len(trainer.specs) == ended.trials == 2
    assert len(ended.rungs) == 1


def test_a_crash_ends_it_and_counts() -> None:
    ended, _ = _train({(0, 0): 90.0})
    assert ended.status is CandidateStatus.CRASHED
    assert ended.reason == "crashed: why"
    assert ended.trials == 2
    assert len(ended.rungs) == 1


def test_what_was_stopped_early_is_no_crash() -> None:
    ended, trainer = _train({}, status=Status.KILLED)
    assert (ended.status, ended.reason) == (CandidateStatus.TRAINED, "why")
    assert trainer.specs[0].ceiling == (5, 1.0)


def _measured(id_: str, parents: tuple[str, ...], *gains: float) -> Candidate:
    rungs = {n: Measurement(0.0, g, 1) for n, g in enumerate(gains)}
    return Candidate(id_, parents=parents, rungs=rungs)


def test_drafts_are_compared_with_drafts_and_variations_with_the_best_of_their_parents() -> None:
    measured = [
        *(_measured("1", (), 1.0, 2.0, 3.0), _measured("2", (), 4.0), _measured("3", ())),
        *(_measured("4", ("1",), 5.0, 6.0, 7.0), _measured("5", ("2",), 8.0, 9.0)),
    ]

    def rivals(rung: int, *parents: str, among: list[Candidate] = measured) -> list[float]:
        campaign = Campaign({BASELINE: Candidate(BASELINE)}, tuple(among))
        return [c.rungs[rung].gain or 0.0 for c in campaign.rivals(rung, 2, parents)]

    assert rivals(0) == [1.0, 4.0]
    assert rivals(1) == [2.0]
    # In whatever order a proposal names them.
    assert rivals(0, "4", "1") == rivals(0, "1", "4") == [5.0]
    # One that did not climb from the rung does not count.
    assert rivals(1, "5", "4") == rivals(1, "4", "5") == [6.0]
    assert rivals(1, "5") == [2.0, 6.0, 9.0]
    assert rivals(0, "baseline") == [1.0, 4.0, 5.0, 8.0]
    assert rivals(2) == rivals(2, "1") == [3.0, 7.0]
    # What started higher has shown nothing below.
    higher = [*measured, replace(measured[0], id="6", rungs={1: Measurement(0.0, 10.0, 1)})]
    assert rivals(0, among=higher) == [1.0, 4.0]
    assert rivals(1, among=higher) == [2.0, 10.0]


def test_below_the_top_the_latest_are_compared_and_at_the_top_all() -> None:
    drafts = [_measured(str(n), (), float(n)) for n in range(MOST_RIVALS + 3)]
    finals = [_measured(f"top-{n}", ("7",), 0.0, float(n)) for n in range(MOST_RIVALS + 3)]
    campaign = Campaign({}, (*drafts, *finals))
    assert [c.id for c in campaign.rivals(0, 1, ())] == [c.id for c in drafts[3:]]
    assert campaign.rivals(0, 1, ("none",)) == finals[3:]
    assert campaign.rivals(1, 1, ()) == finals


def test_a_candidate_that_timed_out_at_once_is_unmeasured() -> None:
    ended, _ = _train({}, status=Status.TIMEOUT)
    assert (ended.status, ended.trials, ended.rungs) == (CandidateStatus.UNMEASURED, 1, {})
    assert ended.reason == "it timed out at 10 steps: why"


def test_what_was_measured_before_a_timeout_stands() -> None:
    """Below the top rung, and with one seed of several."""
    ended, _ = _train({(0, 0): 99.0}, status=Status.TIMEOUT)
    assert (ended.status, list(ended.rungs)) == (CandidateStatus.TRAINED, [0])
    assert ended.reason == "it timed out at 30 steps: why"
    close, trainer = _train({(0, 0): 80.1}, status=Status.TIMEOUT)
    assert [spec.seed for spec in trainer.specs if spec.rung == 0] == [0, 1]
    assert (close.rungs[0].seeds, close.status) == (1, CandidateStatus.TRAINED)


PARENT = Candidate("p", rungs={0: Measurement(84.0, 4.0, 1), 1: Measurement(95.0, 5.0, 1)})


class Both:
    """Answers for a child and its parent alike, by (candidate, rung, seed)."""

    def __init__(self, scores: dict[tuple[str, int, int], float]) -> None:
        self.scores, self.asked = scores, list[tuple[str, int, int]]()

    def train(self, spec: TrialSpec) -> Trial:
        key = (spec.candidate.id, spec.rung, spec.seed)
        self.asked.append(key)
        asked = (key[0], "search", spec.rung, FLOORS[spec.rung].steps, spec.seed)
        return Trial(*asked, status=Status.OK, score=self.scores[key])


def _challenge(
    halving: SuccessiveHalving, child: str, parent: Candidate = PARENT, allowance: int = 9
) -> Candidate:
    made = Candidate(child, parents=(parent.id,))
    return halving.run(made, allowance, lambda _: [parent], lambda _: None)


def test_a_lucky_parent_is_trained_again_before_it_stops_its_child() -> None:
    """Its one seed was at +4; on the next two it is at -1 and 0, and its child at +3 each time."""
    child = {("1", 0, seed): base + 3.0 for seed, base in enumerate(FLOORS[0].scores)}
    parent = {("p", 0, 1): 80.0, ("p", 0, 2): 79.0}
    trainer = Both({**child, **parent, ("1", 1, 0): 99.0, ("1", 1, 1): 101.0})
    halving = SuccessiveHalving(METRICS["accuracy"], RunSettings(), trainer, FLOORS)
    ended = _challenge(halving, "1")
    assert ended.status is CandidateStatus.PROMOTED
    assert trainer.asked[:3] == [("1", 0, 0), ("p", 0, 1), ("1", 0, 1)]
    assert ended.trials == len(trainer.asked)


def test_what_one_child_asked_of_a_parent_the_next_one_finds() -> None:
    scores = {(c, 0, s): base + 3.0 for c in "12" for s, base in enumerate(FLOORS[0].scores)}
    top = {(c, 1, seed): 99.0 + 2 * seed for c in "12" for seed in (0, 1)}
    trainer = Both({**scores, **top, ("p", 0, 1): 80.0, ("p", 0, 2): 79.0})
    halving = SuccessiveHalving(METRICS["accuracy"], RunSettings(), trainer, FLOORS)
    _challenge(halving, "1")
    trainer.asked.clear()
    assert _challenge(halving, "2").status is CandidateStatus.PROMOTED
    assert not [asked for asked in trainer.asked if asked[0] == "p"]


def test_a_parent_that_is_far_ahead_or_was_seen_enough_is_left_alone() -> None:
    trainer = Both({("1", 0, 0): 70.0})
    halving = SuccessiveHalving(METRICS["accuracy"], RunSettings(), trainer, FLOORS)
    assert _challenge(halving, "1").status is CandidateStatus.TRAINED
    assert trainer.asked == [("1", 0, 0)]
    sure = replace(PARENT, rungs={**PARENT.rungs, 0: Measurement(84.0, 4.0, 3)})
    trainer = Both({("1", 0, seed): base + 3.9 for seed, base in enumerate(FLOORS[0].scores)})
    halving = SuccessiveHalving(METRICS["accuracy"], RunSettings(), trainer, FLOORS)
    assert _challenge(halving, "1", sure).status is CandidateStatus.TRAINED
    assert {asked[0] for asked in trainer.asked} == {"1"}


def test_a_parents_seeds_are_paid_for_by_its_child_and_never_pass_the_allowance() -> None:
    trainer = Both({("1", 0, 0): 83.0, ("p", 0, 1): 80.0})
    halving = SuccessiveHalving(METRICS["accuracy"], RunSettings(), trainer, FLOORS)
    ended = _challenge(halving, "1", allowance=2)
    assert ended.trials == len(trainer.asked) == 2
    assert halving.most_trials == 3 + 5
