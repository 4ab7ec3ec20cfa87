"""A run on the ten criteria for automated deep learning, each computed or "not measured".

The criteria are those of Dong et al. 2021, "Automated Deep Learning: Neural Architecture Search Is
Not the End"; how each is computed from a journal is our choice, and stated beside each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import stdev
from typing import Final

from archwright.runs.results.evidence import Evidence
from archwright.runs.results.snapshot import Snapshot
from archwright.runs.results.summary import discoveries, verdicts_best_first
from archwright.runs.results.wording import duration_text, gain_text, measured_text

NOT_MEASURED: Final = "not measured"


@dataclass(frozen=True, slots=True)
class Criterion:
    """One line of the scorecard: what was measured, and how."""

    name: str
    value: str
    how: str

    @property
    def measured(self) -> bool:
        return self.value != NOT_MEASURED


def score_run(snapshot: Snapshot, evidence: Evidence) -> list[Criterion]:
    """The ten criteria in the order of the paper."""
    return [
        Criterion(name, measure(snapshot, evidence) or NOT_MEASURED, how)
        for name, measure, how in _CRITERIA
    ]


def _novelty(snapshot: Snapshot, _: Evidence) -> str:
    funnel = snapshot.funnel
    if not funnel.proposed:
        return ""
    new = funnel.proposed - funnel.duplicate
    return f"{_share(new, funnel.proposed)} of {funnel.proposed:,} proposals were new"


def _quality(snapshot: Snapshot, _: Evidence) -> str:
    if not snapshot.verdicts:
        return ""
    found = discoveries(snapshot)
    if not found:
        what = "nothing proved to be at the floor" if snapshot.aim else "no gain proved"
        return f"{what} for {_count(len(snapshot.verdicts), 'finalist')}"
    if snapshot.aim is not None:
        return f"{measured_text(snapshot.metric, found[0])}, over the floor"
    return measured_text(snapshot.metric, found[0])


def _efficiency(snapshot: Snapshot, evidence: Evidence) -> str:
    """Of the search only: the baseline and verification are trained in full by design."""
    trainings = evidence.trainings
    if not trainings.seeds:
        return ""
    most: dict[str, int] = {}
    for (candidate, _), count in trainings.seeds.items():
        most[candidate] = max(count, most.get(candidate, 0))
    full = sum(most.values()) * evidence.rungs[-1]
    words = (
        f"{_share(trainings.search_steps, full)} of the steps that training all in full would take"
    )
    control = snapshot.control
    if control and control.improvement is not None and control.interval is not None:
        low, high = control.interval
        words += f"; {control.improvement:+.1f} % over random ({low:+.1f} to {high:+.1f})"
    return words


def _stability(snapshot: Snapshot, _: Evidence) -> str:
    measured = [v for v in verdicts_best_first(snapshot) if len(v.own_scores) > 1]
    if not measured or snapshot.baseline is None:
        return ""
    best = measured[0]
    return (
        f"sd {stdev(best.own_scores):.3g} over {len(best.own_scores)} seeds, "
        f"the baseline's {snapshot.baseline.sd:.3g}"
    )


def _interpretability(snapshot: Snapshot, evidence: Evidence) -> str:
    rows = [r for r in snapshot.candidates if r.rung is not None and r.arm == "search"]
    if not rows:
        return ""
    told = sum(bool(r.rationale and r.lesson) for r in rows)
    return (
        f"{told:,} of {len(rows):,} trained candidates with a stated idea and a lesson; "
        f"{evidence.lines:.0f} lines of source"
    )


def _reproducibility(snapshot: Snapshot, _: Evidence) -> str:
    found = discoveries(snapshot)
    if not found:
        return ""
    kept = sum(bool(v.reproduce) and bool(v.branch) for v in found)
    return (
        f"{kept} of {_count(len(found), 'discovery', 'discoveries')} with branch, command and "
        "the interval to land in"
    )


def _engineering(_: Snapshot, evidence: Evidence) -> str:
    trained = evidence.trainings
    if not trained.count:
        return ""
    return (
        f"{trained.failed:,} of {trained.count:,} trials crashed or ran out of memory, "
        f"{trained.unmeasured:,} ended unmeasured, {trained.repeated:,} had to be repeated"
    )


def _scalability(snapshot: Snapshot, evidence: Evidence) -> str:
    workers = snapshot.settings.get("workers")
    if not workers or not evidence.trainings.count or snapshot.spend.seconds <= 0:
        return ""
    busy = snapshot.spend.training_seconds / (workers * snapshot.spend.seconds)
    rate = evidence.trainings.count / snapshot.spend.seconds * 3600
    return f"{workers} workers, {min(busy, 1):.0%} busy; {rate:,.0f} trials an hour"


def _generalizability(snapshot: Snapshot, _: Evidence) -> str:
    seen = [v for v in verdicts_best_first(snapshot) if v.test_gain is not None]
    if not seen:
        return ""
    best, metric = seen[0], snapshot.metric
    assert best.test_gain is not None
    words = f"{gain_text(metric, best.test_gain)} on the sealed test split"
    if best.validation_gain is not None:
        words += f", {gain_text(metric, best.validation_gain)} on validation"
    return f"{words}; other tasks {NOT_MEASURED}"


def _ecology(_: Snapshot, evidence: Evidence) -> str:
    seconds = evidence.trainings.cpu_seconds
    return f"{duration_text(seconds)} of CPU for training; energy {NOT_MEASURED}" if seconds else ""


_CRITERIA: Final[tuple[tuple[str, Callable[[Snapshot, Evidence], str], str], ...]] = (
    ("novelty", _novelty, "no duplicate, by text, syntax tree or graph, of anything tried before"),
    ("solution quality", _quality, "largest verified gain over the hardest control, corrected"),
    (
        "efficiency",
        _efficiency,
        "steps of the search, seeds being equal; improvement over random after Yang et al. 2020",
    ),
    ("stability", _stability, "standard deviation over fresh seeds of the best finalist"),
    ("interpretability", _interpretability, "ideas and lessons on record; median length"),
    ("reproducibility", _reproducibility, "what each discovery's branch carries"),
    ("engineering quality", _engineering, "trials that did not end by themselves"),
    ("scalability", _scalability, "training time over workers times wall time"),
    (
        "generalizability",
        _generalizability,
        "gain over the hardest control where nothing was tuned",
    ),
    ("eco-friendliness", _ecology, "CPU time of all trials"),
)


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.0%}"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
