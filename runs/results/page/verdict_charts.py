"""The charts of verification: gains with intervals, discoveries against compute, curves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from archwright.core import BASELINE, Comparison, Verdict
from archwright.runs.results.evidence import Evidence, finalists, mean_curve
from archwright.runs.results.page.chart import Chart, draw_legend, gain_unit, label_text, time_unit
from archwright.runs.results.page.drawing import ACCENT, INK, MUTED, draw
from archwright.runs.results.snapshot import Snapshot
from archwright.runs.results.summary import verdicts_best_first

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def verdict_chart(snapshot: Snapshot, _: Evidence) -> Chart | None:
    """Gain of each finalist over each of its controls, with the corrected interval."""
    measured: list[tuple[Verdict, Comparison]] = [
        (v, c) for v in verdicts_best_first(snapshot) for c in v.comparisons
    ]
    if not measured:
        return None

    def plot(axes: Axes) -> None:
        for place, (verdict, compared) in enumerate(measured):
            low, high = compared.interval
            colour = ACCENT if verdict.verdict == "discovery" else MUTED
            axes.plot([low, high], [-place, -place], color=colour, linewidth=2)
            axes.plot([compared.effect], [-place], "o", color=colour, markersize=6)
        axes.axvline(0, color=INK, linewidth=1)
        labels = [f"{label_text(v.candidate)} / {_control_label(c)}" for v, c in measured]
        axes.set_yticks([-place for place in range(len(measured))], labels)
        axes.set_ylim(0.6 - len(measured), 0.6)
        axes.grid(False, axis="y")
        axes.set_xlabel(f"gain ({gain_unit(snapshot.metric)}), right of 0 is better")

    return Chart(
        name="verdicts",
        title="Gain of the finalists",
        caption="Mean paired gain over each control: on the sealed test split where that was "
        "opened, else on validation. A gain counts when its p on the sealed split is below the "
        "level of that test evaluation.",
        svg=draw("verdicts", plot, "gain of each finalist", 90 + 26 * len(measured)),
        columns=("candidate", "verdict", "control", "gain", "low", "high", "p", "validation"),
        rows=[
            (v.candidate, v.verdict, c.control, c.effect, *c.interval, c.p, c.validation_gain)
            for v, c in measured
        ],
    )


def _control_label(compared: Comparison) -> str:
    """In few letters what the control has in common with the finalist."""
    shared = [
        word
        for word, mark in (
            ("size", "scaled to"),
            ("recipe", "with its recipe"),
            ("wrapper", "in its wrapper"),
        )
        if mark in compared.control
    ]
    return f"same {' and '.join(shared)}" if shared else "baseline"


def compute_chart(snapshot: Snapshot, evidence: Evidence) -> Chart | None:
    """Discoveries against the training time that had been spent when each was first trained."""
    from matplotlib.ticker import MaxNLocator

    if not snapshot.verdicts or not evidence.trainings.count:
        return None
    found = {v.candidate for v in snapshot.verdicts if v.verdict == "discovery"}
    reached = {id_: seconds for id_, seconds in evidence.reached.items() if id_ in found}
    spent = evidence.trainings.seconds
    events = sorted(reached.items(), key=lambda item: item[1])
    size, unit = time_unit(spent)

    def plot(axes: Axes) -> None:
        times = [0.0, *(seconds / size for _, seconds in events), spent / size]
        counts = [0, *range(1, len(events) + 1), len(events)]
        axes.step(times, counts, where="post", color=ACCENT, linewidth=2)
        axes.set_ylim(0, max(1, len(events)) * 1.15)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlim(0, None)
        axes.set_xlabel(f"training time ({unit})")
        axes.set_ylabel("discoveries")

    return Chart(
        name="compute",
        title="Discoveries against compute",
        caption="When what turned out to be a discovery was first trained in full. "
        "The line ends where verification ended.",
        svg=draw("compute", plot, "discoveries against training time"),
        columns=("candidate", "training seconds"),
        rows=events,
    )


def curve_charts(snapshot: Snapshot, evidence: Evidence) -> Iterator[Chart]:
    """One for each finalist: its training loss against the baseline's."""
    base = evidence.curves.get(BASELINE, ())
    for number, candidate in enumerate(finalists(snapshot), start=1):
        own = evidence.curves.get(candidate, ())
        if own:
            yield _curve_chart(
                f"curve-{number}", candidate, mean_curve(own), mean_curve(base) if base else []
            )


def _curve_chart(
    name: str,
    candidate: str,
    own: Sequence[tuple[int, float, float, float]],
    base: Sequence[tuple[int, float, float, float]],
) -> Chart:
    sides = (("baseline", base, MUTED, "--"), (label_text(candidate), own, ACCENT, "-"))

    def plot(axes: Axes) -> None:
        for label, curve, colour, style in sides:
            if curve:
                steps, mean, low, high = zip(*curve, strict=True)
                axes.fill_between(steps, low, high, color=colour, alpha=0.18, linewidth=0)
                axes.plot(steps, mean, color=colour, linestyle=style, linewidth=2, label=label)
        if _spans_decades([point[1] for _, curve, *_ in sides for point in curve]):
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.set_xlabel("steps")
        axes.set_ylabel("training loss")
        draw_legend(axes)

    return Chart(
        name=name,
        title=f"Learning curve of {label_text(candidate)}",
        caption="Mean training loss over seeds at the full budget; the band spans all seeds.",
        svg=draw(
            name, plot, f"training loss of candidate {label_text(candidate)} and the baseline"
        ),
        columns=("who", "step", "mean", "least", "largest"),
        rows=[(label, *point) for label, curve, *_ in sides for point in curve],
    )


def _spans_decades(losses: Sequence[float]) -> bool:
    return min(losses) > 0 and max(losses) > 50 * min(losses)
