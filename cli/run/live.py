"""A run on a terminal, redrawn as it goes on."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console, ConsoleOptions, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from archwright.cli.run.plain import baseline_line, best_line, changes
from archwright.runs.results.report import candidate_table, stretching_table
from archwright.runs.results.snapshot import Snapshot
from archwright.runs.results.summary import ranked
from archwright.runs.results.wording import (
    aim_words,
    clean,
    confidence_text,
    duration_text,
    funnel_text,
)

REFRESH_SECONDS: Final = 0.5
EVENT_COUNT: Final = 5
WIDE_COLUMNS: Final = 72
"""Below this width the tables keep only what matters most."""

TALL_LINES: Final = 36
"""Below this height the lists are cut, so that the whole frame stays in view."""


def watch(
    take: Callable[[], Snapshot], stop: threading.Event, console: Console, keep: bool = False
) -> None:
    """Show a run on `console` until `stop` is set; the last frame stays there if `keep`.

    What other code writes to stderr meanwhile appears above the view. stdout is left alone.
    """
    events: deque[str] = deque(maxlen=EVENT_COUNT)
    before: Snapshot | None = None
    with Live(
        console=console, auto_refresh=False, redirect_stdout=False, transient=not keep
    ) as live:
        while True:
            last = stop.is_set()
            now = take()
            events.extend(changes(before, now))
            compact = console.size.height < TALL_LINES
            live.update(render(now, time.time(), tuple(events), compact), refresh=True)
            before = now
            if last:
                return
            stop.wait(REFRESH_SECONDS)


def render(
    snapshot: Snapshot, now: float, events: Sequence[str] | None = None, compact: bool = False
) -> RenderableType:
    """One frame: where the run stands at Unix time `now` (seconds).

    `events` are the last things that happened, oldest first; where they are not given, the ends
    of the newest candidates stand in for them. `compact` shortens the lists.
    """
    if events is None:
        events = tuple(changes(None, snapshot))
    return _View(snapshot, now, tuple(events), 3 if compact else 8, 3 if compact else EVENT_COUNT)


@dataclass(frozen=True, slots=True)
class _View:
    """A frame that fits itself to the width it is given."""

    snapshot: Snapshot
    now: float
    events: tuple[str, ...]
    running_count: int
    list_count: int

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        wide = options.max_width >= WIDE_COLUMNS
        yield _heading(self.snapshot)
        yield from _standing(self.snapshot)
        yield Text(funnel_text(self.snapshot.funnel))
        if self.snapshot.confidence is not None:
            yield Text(confidence_text(self.snapshot.confidence), "dim")
        yield _limits(self.snapshot)
        if self.snapshot.running:
            yield _title("running")
            yield _running(self.snapshot, self.now, wide, self.running_count)
        if best := ranked(self.snapshot)[: self.list_count]:
            yield _title("best candidates")
            yield candidate_table(self.snapshot, best, wide)
        if self.events:
            yield _title("lately")
            yield from (
                _line(f"  {clean(event)}", "dim") for event in self.events[-self.list_count :]
            )
        yield from (Text(f"note: {clean(n)}", "yellow") for n in self.snapshot.notices)
        if self.snapshot.error:
            yield Text(clean(self.snapshot.error), "red")


_STATE_STYLES: Final = {"running": "green", "finished": "bold green", "failed": "bold red"}


def _line(text: str, style: str = "") -> Text:
    return Text(text, style, no_wrap=True, overflow="ellipsis")


def _title(text: str) -> Text:
    return Text(text, "bold cyan")


def _heading(snapshot: Snapshot) -> Text:
    style = _STATE_STYLES.get(snapshot.state, "yellow")
    phase = "" if snapshot.state == "finished" else f" · {clean(snapshot.phase)}"
    head = Text(f"{snapshot.state}{phase}", style)
    return head.append(f" · {clean(snapshot.task)} · {clean(snapshot.run)}", "bold")


def _standing(snapshot: Snapshot) -> Iterator[Text]:
    if snapshot.baseline:
        yield Text(baseline_line(snapshot))
    if snapshot.aim is not None:
        yield Text(next(aim_words(snapshot.aim)))
    if snapshot.best:
        best = Text(best_line(snapshot), "bold")
        yield best.append(f"  {clean(snapshot.best.title, 80)}", "not bold")


def _limits(snapshot: Snapshot) -> Table:
    """Each limit of the budget as a bar, with what is used and what is left."""
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    table.add_column(no_wrap=True, overflow="ellipsis")
    for name, used, limit, words in _budget(snapshot):
        bar = ProgressBar(total=limit, completed=min(used, limit)) if limit else Text("no limit")
        table.add_row(name, bar, words)
    return table


def _budget(snapshot: Snapshot) -> Iterator[tuple[str, float, float | None, str]]:
    spend, budget = snapshot.spend, snapshot.budget
    hours = budget.get("hours")
    limit_seconds = hours * 3600 if hours else None
    words = duration_text(spend.seconds)
    if limit_seconds:
        words += f", {duration_text(limit_seconds - spend.seconds)} left"
    yield "time", spend.seconds, limit_seconds, words
    trials = budget.get("max_trials")
    words = str(spend.trials)
    if trials:
        words += f", {max(0, int(trials) - spend.trials)} left"
    yield "trials", spend.trials, trials, words
    usd, tokens = budget.get("max_usd"), budget.get("max_tokens")
    if usd or spend.usd:
        left = f", {max(0.0, usd - spend.usd):.2f} left" if usd else ""
        yield "USD", spend.usd, usd, f"{spend.usd:.2f}{left}"
    if tokens or spend.tokens:
        left = f", {max(0, int(tokens) - spend.tokens):,} left" if tokens else ""
        yield "tokens", spend.tokens, tokens, f"{spend.tokens:,}{left}"


def _running(snapshot: Snapshot, now: float, wide: bool, count: int) -> Table:
    names = (
        ("candidate", "idea", "steps", "seed", "time") if wide else ("candidate", "idea", "time")
    )
    table = stretching_table(*names, stretched="idea")
    for trial in snapshot.running[:count]:
        middle = (str(trial.steps), str(trial.seed)) if wide else ()
        elapsed = duration_text(now - trial.started)
        title = (
            f"{clean(trial.title, 80)} ({clean(trial.purpose, 20)})" if wide else clean(trial.title)
        )
        table.add_row(*map(Text, (clean(trial.candidate, 20), title, *middle, elapsed)))
    hidden = len(snapshot.running) - count
    if hidden > 0:
        table.add_row(Text(f"+{hidden}"), Text("more"))
    return table
