"""The result of a run, in the form that others build on."""

from __future__ import annotations

from typing import Any, TypedDict

from archwright.runs.results.snapshot import AimStanding, Snapshot
from archwright.runs.results.tradeoffs import front_document


class BaselineResult(TypedDict):
    """Mean and standard deviation over seeds at the top rung, in the metric's unit."""

    mean: float
    sd: float


class BestResult(TypedDict):
    """The best score of the search at the top rung, over few seeds: not yet a discovery."""

    candidate: str
    score: float


class DiscoveryResult(TypedDict):
    """A verified gain over the hardest control, on the sealed test split: the mean paired effect,
    its interval and one-sided p. `of` says what it is owed to: architecture or wrapper. Where the
    aim is a cost, the effect is over its floor: no gain in quality."""

    candidate: str
    branch: str | None
    of: str
    effect: float
    interval: tuple[float, float]
    p: float


class AimResult(TypedDict):
    """The least cost at a floor of quality: what was aimed at, and the smallest at the floor."""

    objective: str
    floor: float
    candidate: str | None
    """The smallest that was verified to be at the floor, else the smallest of the search whose mean
    is."""
    cost: float | None
    verified: bool
    baseline: float | None
    """What the baseline costs."""
    baseline_meets: bool | None
    """Whether the baseline's mean is at the floor: only then its cost is to be beaten."""


class SpendResult(TypedDict):
    """What the run cost."""

    usd: float
    tokens: int
    seconds: float


class RunResult(TypedDict):
    """What `archwright run --json` prints and `archwright.discover` returns."""

    run: str
    task: str
    state: str
    candidates: int
    duplicates: int
    invalid: int
    crashed: int
    unmeasured: int
    """Candidates whose training ended without a measurement, through time or the machine."""
    dropped: int
    """Candidates that were given up before their training, unpaid."""
    trials: int
    baseline: BaselineResult | None
    best: BestResult | None
    aim: AimResult | None
    """Where the aim is a cost; None where it is quality."""
    discoveries: list[DiscoveryResult]
    pareto: list[dict[str, Any]]
    """Candidates that no other one is at once better and cheaper than, by scores of the search."""
    spend: SpendResult


def result_of(snapshot: Snapshot) -> RunResult:
    """The result of a run as it stands."""
    baseline, best, funnel = snapshot.baseline, snapshot.best, snapshot.funnel
    return RunResult(
        run=snapshot.run,
        task=snapshot.task,
        state=snapshot.state,
        candidates=funnel.proposed,
        duplicates=funnel.duplicate,
        invalid=funnel.invalid,
        crashed=funnel.crashed,
        unmeasured=funnel.unmeasured,
        dropped=funnel.dropped,
        trials=snapshot.spend.trials,
        baseline=BaselineResult(mean=baseline.mean, sd=baseline.sd) if baseline else None,
        best=_best(best.id, best.score) if best and best.score is not None else None,
        aim=_aim(snapshot.aim) if snapshot.aim else None,
        discoveries=[
            DiscoveryResult(
                candidate=v.candidate,
                branch=v.branch,
                of=v.of,
                effect=v.gain.effect,
                interval=v.gain.interval,
                p=v.gain.p,
            )
            for v in snapshot.verdicts
            if v.verdict == "discovery" and v.gain
        ],
        pareto=front_document(snapshot),
        spend=SpendResult(
            usd=snapshot.spend.usd, tokens=snapshot.spend.tokens, seconds=snapshot.spend.seconds
        ),
    )


def _best(candidate: str, score: float) -> BestResult:
    return BestResult(candidate=candidate, score=score)


def _aim(standing: AimStanding) -> AimResult:
    margin = standing.baseline_margin
    return AimResult(
        objective=standing.aim.objective,
        floor=standing.aim.floor,
        candidate=standing.smallest.id if standing.smallest else None,
        cost=standing.cost,
        verified=standing.verified,
        baseline=standing.baseline,
        baseline_meets=None if margin is None else margin >= 0,
    )
