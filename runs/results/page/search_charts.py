"""The charts of the search: best so far, funnel, quality against cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Final

from archwright.core import QUALITY, Candidate, Metric
from archwright.runs.results.evidence import Evidence
from archwright.runs.results.page.chart import (
    NOISE_BAND,
    Chart,
    count_text,
    draw_baseline,
    draw_legend,
    focus,
    outside_words,
    score_label,
    time_unit,
)
from archwright.runs.results.page.drawing import ACCENT, MUTED, PAPER, draw
from archwright.runs.results.snapshot import Snapshot
from archwright.runs.results.tradeoffs import front_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


MANY: Final = 200
"""From this many dots on, they are drawn smaller."""

CLEARLY: Final = 2.0
"""Standard errors of a gain that are beyond its noise."""
ERROR_BARS: Final = 1.96
"""Standard deviations on either side: 95 %."""

_ARMS: Final = (("control", PAPER, MUTED, "--"), ("search", MUTED, ACCENT, "-"))
"""Arm, colour of its dots, colour and style of its line."""
_ARM_WORDS: Final = {"control": "random draws", "search": "search"}


def best_chart(snapshot: Snapshot, _: Evidence) -> Chart | None:
    """Best score so far of the search and of the control arm, against the baseline."""
    places = {row.id: place for place, row in enumerate(snapshot.candidates, start=1)}
    rows = snapshot.at_top
    if not rows:
        return None
    from matplotlib.ticker import MaxNLocator

    metric = snapshot.metric
    low, high, outside = focus(snapshot, [r.score or 0.0 for r in rows])

    def plot(axes: Axes) -> None:
        draw_baseline(axes, snapshot)
        for arm, face, colour, style in _ARMS:
            mine = [r for r in rows if r.arm == arm]
            if not mine:
                continue
            x, y = [places[r.id] for r in mine], [r.score or 0.0 for r in mine]
            best = _running_best(metric, y)
            axes.scatter(x, y, s=_dot_size(rows), facecolor=face, edgecolor=MUTED, linewidth=0.8)
            line: dict[str, Any] = {"color": colour, "linestyle": style, "linewidth": 2}
            x, best = [*x, len(places)], [*best, best[-1]]
            axes.step(x, best, where="post", label=_ARM_WORDS[arm], **line)
        axes.set_ylim(low, high)
        axes.set_xlim(0, len(places) + 1)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.set_xlabel("candidates proposed")
        axes.set_ylabel(score_label(metric))
        draw_legend(axes)

    return Chart(
        name="best",
        title="Best so far",
        caption=f"Scores of the search at the full training budget, on few seeds: optimistic. "
        f"The band is the baseline's noise, {NOISE_BAND:g} standard deviations either way."
        + outside_words(outside),
        svg=draw("best", plot, "best score so far against the baseline and random draws"),
        columns=("place", "candidate", "arm", "score"),
        rows=[(places[r.id], r.id, r.arm, r.score) for r in rows],
    )


def _running_best(metric: Metric, scores: Sequence[float]) -> list[float]:
    best: list[float] = []
    for score in scores:
        best.append(score if not best or metric.better(score, best[-1]) else best[-1])
    return best


def gains_chart(snapshot: Snapshot, evidence: Evidence) -> Chart | None:
    """How many of each arm were clearly better than the baseline, against what the arm cost."""
    from matplotlib.ticker import MaxNLocator

    spent = evidence.spent
    rows = [r for r in snapshot.at_top if r.id in spent and r.gain is not None]
    if not rows or snapshot.aim is not None:
        return None
    size, unit = time_unit(max(spent[row.id] for row in rows))
    lines: dict[str, list[tuple[float, int, float, str]]] = {}
    for row in sorted(rows, key=lambda r: spent[r.id]):
        line = lines.setdefault(row.arm, [])
        count, spread = (line[-1][1], line[-1][2] ** 2) if line else (0, 0.0)
        above = (row.gain or 0.0) / sqrt(2 / max(1, row.seeds)) - CLEARLY
        again = NormalDist().cdf(above)
        spread = sqrt(spread + again * (1 - again))
        line.append((spent[row.id], count + (above > 0), spread, row.id))

    def plot(axes: Axes) -> None:
        for arm, _, colour, style in _ARMS:
            if arm not in lines:
                continue
            x = [0.0, *(seconds / size for seconds, *_ in lines[arm])]
            counts = [0.0, *(float(count) for _, count, *_ in lines[arm])]
            reach = [0.0, *(ERROR_BARS * spread for _, _, spread, _ in lines[arm])]
            low = [max(0.0, c - r) for c, r in zip(counts, reach, strict=True)]
            high = [c + r for c, r in zip(counts, reach, strict=True)]
            axes.fill_between(x, low, high, step="post", color=colour, alpha=0.18, linewidth=0)
            drawn: dict[str, Any] = {"color": colour, "linestyle": style, "linewidth": 2}
            axes.step(x, counts, where="post", label=_ARM_WORDS[arm], **drawn)
        axes.set_ylim(0, None)
        axes.set_xlim(0, None)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel(f"training time of the arm ({unit})")
        axes.set_ylabel("clearly better")
        draw_legend(axes)

    return Chart(
        name="gains",
        title="Gains against compute",
        caption=f"Candidates whose gain at the full budget lay more than {CLEARLY:g} standard "
        "errors above the baseline, on the few seeds of the search: before verification, and of "
        f"those that gain nothing {NormalDist().cdf(-CLEARLY):.1%} do. The band is "
        f"{ERROR_BARS:g} standard deviations of the count, were all trained again.",
        svg=draw("gains", plot, "candidates clearly better than the baseline against compute"),
        columns=("arm", "candidate", "training seconds of the arm", "clearly better", "sd"),
        rows=[
            (arm, id_, seconds, count, spread)
            for arm, line in lines.items()
            for seconds, count, spread, id_ in line
        ],
    )


def funnel_chart(snapshot: Snapshot, _: Evidence) -> Chart | None:
    """How many candidates passed each stage."""
    f = snapshot.funnel
    if not f.proposed:
        return None
    stages = (
        ("proposed", f.proposed),
        ("new", f.proposed - f.duplicate),
        ("valid", f.proposed - f.duplicate - f.invalid),
        ("trained", f.trained),
        ("promoted", f.promoted),
        ("verified", len(snapshot.verdicts)),
        ("discovery", sum(v.verdict == "discovery" for v in snapshot.verdicts)),
    )

    def plot(axes: Axes) -> None:
        names, counts = [s[0] for s in stages], [s[1] for s in stages]
        bars = axes.barh(names, counts, color=ACCENT, height=0.62)
        axes.bar_label(bars, [f"{c:,}" for c in counts], padding=4)
        axes.invert_yaxis()
        axes.margins(x=0.12)
        axes.grid(False)
        axes.spines["bottom"].set_visible(False)
        axes.tick_params(bottom=False, labelbottom=False, left=False)

    return Chart(
        name="funnel",
        title="Funnel",
        caption="How many candidates reached each stage.",
        svg=draw("funnel", plot, "how many candidates reached each stage"),
        columns=("stage", "candidates"),
        rows=stages,
    )


def parameters_chart(snapshot: Snapshot, _: Evidence) -> Chart | None:
    """Quality against parameters."""
    baseline = snapshot.baseline
    mark = (baseline.parameters, baseline.mean) if baseline else None
    return _pareto_chart(snapshot, "parameters", lambda row: row.parameters, mark)


def flops_chart(snapshot: Snapshot, _: Evidence) -> Chart | None:
    """Quality against floating-point operations of one forward pass."""
    baseline = snapshot.baseline
    mark = (baseline.flops, baseline.mean) if baseline and baseline.flops else None
    return _pareto_chart(snapshot, "FLOPs", lambda row: row.flops, mark)


def latency_chart(snapshot: Snapshot, _: Evidence) -> Chart | None:
    """Quality against the predicted milliseconds of one forward pass."""
    baseline = snapshot.baseline
    known = baseline is not None and baseline.latency_ms is not None
    mark = (baseline.latency_ms or 0.0, baseline.mean) if baseline and known else None
    return _pareto_chart(snapshot, "latency", lambda row: row.latency_ms or 0.0, mark)


def _pareto_chart(
    snapshot: Snapshot,
    what: str,
    cost: Callable[[Candidate], float],
    baseline: tuple[float, float] | None,
) -> Chart | None:
    rows = [row for row in snapshot.at_top if cost(row) > 0]
    if not rows:
        return None
    on_front = {row.id for row in front_of(snapshot, (QUALITY, what.lower()))}
    front = sorted((row for row in rows if row.id in on_front), key=cost)
    low, high, outside = focus(snapshot, [r.score or 0.0 for r in rows])

    def plot(axes: Axes) -> None:
        draw_baseline(axes, snapshot, baseline)
        for arm, face, *_ in _ARMS:
            mine = [r for r in rows if r.arm == arm]
            x, y = [cost(r) for r in mine], [r.score or 0.0 for r in mine]
            look: dict[str, Any] = {"facecolor": face, "edgecolor": MUTED, "linewidth": 0.8}
            if mine:
                axes.scatter(x, y, s=_dot_size(rows), label=_ARM_WORDS[arm], **look)
        line: dict[str, Any] = {"color": ACCENT, "marker": "o", "markersize": 4}
        points = [cost(r) for r in front], [r.score or 0.0 for r in front]
        if front:
            axes.plot(*points, drawstyle="steps-post", label="Pareto front", **line, linewidth=1.5)
        axes.set_ylim(low, high)
        _scale_costs(axes, [cost(r) for r in rows])
        axes.set_xlabel("latency, predicted ms" if what == "latency" else what)
        axes.set_ylabel(score_label(snapshot.metric))
        draw_legend(axes)

    return Chart(
        name=what.lower(),
        title=f"Quality against {what}",
        caption="At the full training budget. Neither the baseline nor any candidate is at once "
        "better and cheaper than one on the Pareto front." + outside_words(outside),
        svg=draw(what.lower(), plot, f"score against {what}, with the Pareto front"),
        columns=("candidate", "arm", what, "score", "on the front"),
        rows=[(r.id, r.arm, cost(r), r.score, int(r.id in on_front)) for r in rows],
    )


def _dot_size(dots: Sequence[object]) -> int:
    return 18 if len(dots) < MANY else 5


def _scale_costs(axes: Axes, costs: Sequence[float]) -> None:
    """A logarithmic axis where costs differ much, with labels such as 12k in either case."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    if max(costs) > 4 * min(costs):
        axes.set_xscale("log")
        decades = max(costs) > 100 * min(costs)
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if decades else (1.0, 2.0, 5.0)))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: count_text(value)))
