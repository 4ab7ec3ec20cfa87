"""The morning report for a terminal. What it says comes from `archwright.runs.results.summary`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from archwright.core import Candidate, Comparison, Metric, Verdict
from archwright.runs.results.branches.usage import WORDS
from archwright.runs.results.headline import (
    control_words,
    lacking_words,
    state_of,
    title_of,
    verdict_words,
)
from archwright.runs.results.snapshot import Snapshot
from archwright.runs.results.summary import (
    TOP_COUNT,
    examples_used,
    failures,
    gain_over_baseline,
    next_steps,
    ranked,
    report_document,
    verdicts_best_first,
)
from archwright.runs.results.tradeoffs import front_of, objectives_of
from archwright.runs.results.wording import (
    STATEMENT,
    aim_words,
    budget_text,
    clean,
    confidence_text,
    duration_text,
    forced_words,
    funnel_text,
    gain_text,
    gives_words,
    look_words,
    measured_text,
    noise_text,
    problem_gains,
    reached_words,
    score_text,
    size_text,
    steer_words,
    tokens_text,
)

FAILURE_COUNT: Final = 8
EXAMPLE_COUNT: Final = 5


def render_report(snapshot: Snapshot, workspace: str = ".") -> RenderableType:
    """The report of a run at any moment: finished, going on, stopped or dead.

    Print it with `crop=False`: commands are kept on one line, so that they can be copied.
    """
    parts: list[RenderableType] = [_headline(snapshot)]
    for title, body in (
        ("What was found", _found(snapshot)),
        ("Baseline", _baseline(snapshot)),
        ("Random draws", _control(snapshot)),
        ("Best candidates", _top(snapshot)),
        ("Pareto front", _front(snapshot)),
        ("Candidates", _counts(snapshot)),
        ("What the search has shown", map(_text, snapshot.memo.splitlines())),
        ("Your word", map(_text, steer_words(snapshot.steer, snapshot.seeds))),
        ("Failures", _failures(snapshot)),
        ("Learned from", _examples(snapshot)),
        ("Cost", _cost(snapshot)),
        ("Weaker than asked for", map(_text, snapshot.notices)),
        ("Next", _next(snapshot, workspace)),
    ):
        lines = list(body)
        if lines:
            parts += [Text(""), Text(title, "bold cyan"), *lines]
    return Group(*parts)


def _counts(snapshot: Snapshot) -> Iterator[RenderableType]:
    yield _text(funnel_text(snapshot.funnel))
    if snapshot.confidence is not None:
        yield _text(confidence_text(snapshot.confidence))


def _text(line: str, style: str = "", indent: int = 2) -> RenderableType:
    return Padding(Text(clean(line, STATEMENT), style), (0, 0, 0, indent), expand=False)


def _headline(snapshot: Snapshot) -> Text:
    words = title_of(snapshot).lower()
    state = clean(state_of(snapshot))
    line = f"{clean(snapshot.run)}  task {clean(snapshot.task)}  {state}  {words}"
    return Text(line, "bold")


def _found(snapshot: Snapshot) -> Iterator[RenderableType]:
    if snapshot.error:
        yield _text(snapshot.error, "red")
    if snapshot.aim is not None:
        yield from map(_text, aim_words(snapshot.aim))
    if not snapshot.verdicts:
        yield _text(_no_verdict_words(snapshot))
    for verdict in verdicts_best_first(snapshot):
        style = "bold green" if verdict.verdict == "discovery" else ""
        yield _text(f"candidate {verdict.candidate}, {clean(verdict.title, 100)}", style)
        yield from (_text(line, indent=4) for line in _verdict_words(snapshot, verdict))
        if verdict.branch:
            yield _command(f"branch {verdict.branch}")
        if verdict.decision:
            yield _command(f"decision {verdict.decision}, review {verdict.review}")
        yield from _reproduction(snapshot.metric, verdict)
        for key, line in verdict.usage.items():
            yield _text(f"{WORDS[key]}:", indent=4)
            yield _command(line, indent=6)


def _no_verdict_words(snapshot: Snapshot) -> str:
    if snapshot.best is None:
        return lacking_words(snapshot)
    return "Nothing is verified yet; the scores below come from the search and are optimistic."


def _verdict_words(snapshot: Snapshot, verdict: Verdict) -> Iterator[str]:
    own = "" if verdict.mean is None else f"{score_text(snapshot.metric, verdict.mean)} "
    yield f"{verdict_words(verdict)}: {own}on {verdict.seeds} paired seeds"
    measured: Sequence[Comparison | Verdict] = verdict.comparisons or (verdict,)
    yield from (_gain_words(snapshot.metric, each) for each in measured)
    yield from problem_gains(verdict)
    if verdict.reason:
        yield verdict.reason
    if verdict.shrunk is not None:
        yield f"shrunk for having been selected: {gain_text(snapshot.metric, verdict.shrunk)}"
    if verdict.needs:
        yield f"to settle it: {verdict.needs}"
    yield from (f"suspicion: {each}" for each in verdict.suspicions)
    yield from gives_words(snapshot.metric, verdict)
    yield from reached_words(snapshot.metric, verdict)
    yield from look_words(verdict)
    yield from forced_words(snapshot.metric, verdict)


def _reproduction(metric: Metric, verdict: Verdict) -> Iterator[RenderableType]:
    """The command that trains it again, and where its score must land."""
    command, interval = (verdict.reproduce.get(key) for key in ("command", "interval"))
    if command:
        yield _text("train it again, in its branch:", indent=4)
        yield _command(command, indent=6)
    if interval:
        low, high = (score_text(metric, bound) for bound in interval)
        yield _text(f"it must land between {low} and {high}", indent=6)


def _gain_words(metric: Metric, measured: Comparison | Verdict) -> str:
    """A gain with its control, and what validation says where the test split decided."""
    control = "the baseline"
    if isinstance(measured, Comparison):
        control = f"{clean(measured.control, 60)} ({score_text(metric, measured.mean)})"
    words = f"over {control}: {measured_text(metric, measured)}"
    if measured.validation_gain is None:
        return words
    return f"{words}; on validation {gain_text(metric, measured.validation_gain)}"


def _baseline(snapshot: Snapshot) -> Iterator[RenderableType]:
    base = snapshot.baseline
    if base is None:
        yield _text("not measured yet")
        return
    mean = score_text(snapshot.metric, base.mean)
    yield _text(
        f"{mean} over {len(base.scores)} seeds, noise sd {base.sd:.3g}, "
        f"{size_text(base.parameters)}"
    )


def _control(snapshot: Snapshot) -> Iterator[RenderableType]:
    control = snapshot.control
    if control is None:
        return
    mean, best = (score_text(snapshot.metric, s) for s in (control.mean, control.best))
    if control.count == 1:
        yield _text(f"{mean}, the only one")
    else:
        yield _text(f"{mean} on average, {best} at best, over {control.count} of them")
    yield from map(_text, control_words(snapshot))


def _top(snapshot: Snapshot) -> Iterator[RenderableType]:
    rows = ranked(snapshot)[:TOP_COUNT]
    if not rows:
        return
    yield candidate_table(snapshot, rows)
    base, best = snapshot.baseline, snapshot.best
    if base and best and best.score is not None:
        noise = noise_text(snapshot.metric.gain(best.score, base.mean), base.sd)
        if noise and snapshot.aim is None:
            yield _text(f"best at the top rung: candidate {best.id}, {noise} over the baseline")


def candidate_table(
    snapshot: Snapshot, rows: Sequence[Candidate], wide: bool = True
) -> RenderableType:
    """Scored candidates as a table; with `wide` off only what matters most."""
    names = ("candidate", "idea", "score", *(("gain", "rung", "parameters") if wide else ()))
    table = stretching_table(*names, stretched="idea")
    for row in rows:
        gain = gain_over_baseline(snapshot, row)
        more = (
            "" if gain is None else gain_text(snapshot.metric, gain),
            str(row.rung),
            f"{row.parameters:,}" if row.parameters else "not known",
        )
        score = "" if row.score is None else score_text(snapshot.metric, row.score)
        cells = (clean(row.id, 20), clean(row.title), score, *(more if wide else ()))
        table.add_row(*map(Text, cells))
    return table


def _front(snapshot: Snapshot) -> Iterator[RenderableType]:
    rows = front_of(snapshot, objectives_of(snapshot))
    if rows:
        yield front_table(snapshot, rows)
        yield _text("scores of the search; what was verified says so above", "dim")


def front_table(snapshot: Snapshot, rows: Sequence[Candidate]) -> RenderableType:
    """Candidates with what they cost: `ms` of a sample as predicted, and as timed. Columns that
    nothing is known for are left out."""
    metric = snapshot.metric
    optional: Mapping[str, Callable[[Candidate], str]] = {
        "ms": lambda r: _or_blank(r.latency_ms),
        "timed": lambda r: _or_blank(r.measured_ms),
        "INT8": lambda r: "" if r.int8 is None else score_text(metric, r.int8),
    }
    if "int8" in objectives_of(snapshot):
        optional = {**optional, "INT8 bytes": lambda r: f"{r.int8_bytes:,}" if r.int8_bytes else ""}
    known = {name: text for name, text in optional.items() if any(text(row) for row in rows)}
    names = ("candidate", "idea", "score", "parameters", "MFLOPs", *known)
    table = stretching_table(*names, stretched="idea")
    for row in rows:
        cells = (clean(row.id, 20), clean(row.title), score_text(metric, row.score or 0.0))
        costs = (
            f"{row.parameters:,}" if row.parameters else "?",
            f"{row.flops / 1e6:.3g}" if row.flops else "?",
        )
        table.add_row(*map(Text, (*cells, *costs, *(text(row) for text in known.values()))))
    return table


def _or_blank(milliseconds: float | None) -> str:
    return "" if milliseconds is None else f"{milliseconds:.2g}"


def stretching_table(*columns: str, stretched: str) -> Table:
    """A borderless table whose column `stretched` takes what room is left and is cut there."""
    table = Table(box=None, expand=True, padding=(0, 1), header_style="dim")
    for name in columns:
        table.add_column(
            name,
            ratio=1 if name == stretched else None,
            no_wrap=True,
            overflow="ellipsis",
            justify="left" if name in (stretched, "candidate") else "right",
        )
    return table


def _failures(snapshot: Snapshot) -> Iterator[RenderableType]:
    causes = failures(snapshot)
    for item in causes[:FAILURE_COUNT]:
        yield _text(
            f"{item['count']} {item['end']}: {item['cause']} (first: candidate {item['candidate']})"
        )
    rest = sum(item["count"] for item in causes[FAILURE_COUNT:])
    if rest:
        yield _text(f"{rest} more, of other causes")


def _examples(snapshot: Snapshot) -> Iterator[RenderableType]:
    used = examples_used(snapshot)
    for item in used[:EXAMPLE_COUNT]:
        yield _text(item["words"])
    if len(used) > EXAMPLE_COUNT:
        yield _text(f"and {len(used) - EXAMPLE_COUNT} more entries")


def _cost(snapshot: Snapshot) -> Iterator[RenderableType]:
    spend = snapshot.spend
    trials, time = budget_text(spend, snapshot.budget)
    yield _text(
        f"{time}, {trials}, "
        f"{duration_text(spend.training_seconds)} of training, "
        f"{spend.usd:.2f} USD, {tokens_text(spend)}"
    )


def _next(snapshot: Snapshot, workspace: str) -> Iterator[RenderableType]:
    for why, command in next_steps(snapshot, workspace):
        yield _text(f"{why}:", "dim")
        yield _command(command)


def _command(line: str, indent: int = 4) -> RenderableType:
    """A command on one line, however long, so that it can be copied."""
    return Text(" " * indent + clean(line, 1000), no_wrap=True, overflow="ignore")


__all__ = ["render_report", "report_document"]
