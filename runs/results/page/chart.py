"""A chart with its data, and what the charts of a report have in common."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from archwright.core import Metric
from archwright.runs.results.page.drawing import GRID, INK
from archwright.runs.results.snapshot import Snapshot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Cell = str | int | float | None
Rows = Sequence[Sequence[Cell]]

NOISE_BAND: Final = 2.0
"""Standard deviations of the baseline's noise on either side of its mean that are shaded."""

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing as an SVG element, what it says in a line, and its data as a table."""

    name: str
    title: str
    caption: str
    svg: str
    columns: tuple[str, ...]
    rows: Rows

    @property
    def csv_link(self) -> str:
        """The data as a `data:` address of a CSV file."""
        return csv_link(self.columns, self.rows)


def csv_link(columns: Sequence[str], rows: Rows) -> str:
    """A table as a `data:` address of a CSV file.

    A text that a spreadsheet would take for a formula begins with an apostrophe there.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow(
            [f"'{c}" if str(c).startswith(_FORMULA) and isinstance(c, str) else c for c in row]
        )
    return "data:text/csv;charset=utf-8," + quote(buffer.getvalue(), errors="replace")


def focus(snapshot: Snapshot, scores: Sequence[float]) -> tuple[float, float, int]:
    """Limits that show the best, the baseline with its noise and the better three quarters of the
    scores, and how many scores lie outside: a few that failed to learn would squash the rest."""
    sign = 1.0 if snapshot.metric.direction == "maximize" else -1.0
    ordered = sorted(sign * score for score in scores)
    shown = [ordered[len(ordered) // 4], ordered[-1]]
    if snapshot.baseline:
        mean, sd = sign * snapshot.baseline.mean, snapshot.baseline.sd
        shown += [mean - 2 * NOISE_BAND * sd, mean + NOISE_BAND * sd]
    low, high = min(shown), max(shown)
    margin = 0.06 * (high - low) or 0.01 * abs(high) or 1.0
    low, high = low - margin, high + margin
    if snapshot.metric.unit == "%":
        high = min(high, 100.0 + margin / 2)
    outside = sum(value < low for value in ordered)
    return min(sign * low, sign * high), max(sign * low, sign * high), outside


def outside_words(count: int) -> str:
    """The end of a caption, for scores that `focus` leaves out."""
    if not count:
        return ""
    return f" {count:,} weaker {'candidate lies' if count == 1 else 'candidates lie'} outside."


def draw_baseline(axes: Axes, snapshot: Snapshot, point: tuple[float, float] | None = None) -> None:
    base = snapshot.baseline
    if base is None:
        return
    reach = NOISE_BAND * base.sd
    axes.axhspan(base.mean - reach, base.mean + reach, color=GRID, alpha=0.5, linewidth=0)
    axes.axhline(base.mean, color=INK, linewidth=1, label="baseline")
    if point:
        axes.plot(*point, marker="D", color=INK, markersize=6, linestyle="none")


def draw_legend(axes: Axes) -> None:
    """A legend in a line above the axes, which leaves them their width."""
    figure = axes.get_figure()
    assert figure is not None
    figure.legend(
        loc="outside upper left",
        ncols=4,
        handlelength=1.3,
        handletextpad=0.4,
        columnspacing=1.0,
        borderpad=0.1,
    )


def score_label(metric: Metric) -> str:
    name = metric.name.replace("_", " ")
    return f"{name} ({metric.unit})" if metric.unit else name


def gain_unit(metric: Metric) -> str:
    return "points" if metric.unit == "%" else metric.unit or metric.name.replace("_", " ")


def label_text(text: str, limit: int = 40) -> str:
    """A text from a journal as a label: letters that every font has."""
    return re.sub(r"[^\x20-\x7e]", "?", text)[:limit]


def time_unit(seconds: float) -> tuple[float, str]:
    """The unit that so many seconds are shown in: its length in seconds, and its name."""
    units = ((3600.0, "hours"), (60.0, "minutes"))
    return next((u for u in units if seconds >= u[0]), (1.0, "seconds"))


def count_text(value: float) -> str:
    """A large number in few characters: `12k`, `1.5M`."""
    for size, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{suffix}"
    return f"{value:.3g}"
