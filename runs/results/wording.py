"""How a run's values are written for a person: scores, gains, times, and text from strangers."""

from __future__ import annotations

import math
import re
import shlex
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from archwright.agents.proposers.campaign import Steer
from archwright.core import Aim, Comparison, LaterVerdict, Metric, Verdict
from archwright.runs.journal import Spend
from archwright.runs.results.snapshot import AimStanding, Funnel

_DROPPED: Final = frozenset({"Cf", "Cs", "Co", "Cn"})
"""Unicode categories that never reach a terminal: bidirectional overrides and other invisible
characters, lone surrogates, private and unassigned code points."""

_SPACED: Final = frozenset({"Cc", "Zl", "Zp", "Zs"})

_ESCAPES = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*")
"""Terminal commands: colours, cursor moves, window titles and links."""

_KNOWN = re.compile(r"\bknown:(\d+)\b")

STATEMENT: Final = 1000
"""Longest sentence that a report says whole: a suspicion, a reason, a notice."""

_MARKS_PER_LETTER: Final = 3
"""Combining marks kept in a row; more of them would spill over the neighbouring lines."""


def command_line(workspace: str, *words: str) -> str:
    """An `archwright` command for a shell; `workspace` is named where it is not this folder."""
    where = [] if workspace == "." else ["--workspace", workspace]
    return shlex.join(["archwright", *words, *where])


def steer_words(steer: Steer, seeds: Sequence[str]) -> Iterator[str]:
    """What a person said to a run, a line for each kind; a line for each guide."""
    yield from (f"shown to every proposal: {words}" for words in steer.words)
    for kept, words in (("kept away from", steer.banned), ("kept to", steer.pinned)):
        if words:
            yield f"{kept}: {'; '.join(words)}"
    if seeds:
        yield f"your own architectures: {', '.join(seeds)}"


def clean(text: str, limit: int = 200) -> str:
    """`text` on one line, safe to print: no control or invisible characters, at most `limit` long.

    Titles, reasons and error texts come from candidates and models; a terminal would obey the
    escape sequences in them. Markup is not touched: print the result as text, never as markup.
    What is too long is cut between words. An id of the knowledge base, `known:3`, is put in words.
    """
    kept: list[str] = []
    marks = 0
    for char in _ESCAPES.sub("", text[: 10 * limit]):
        kind = unicodedata.category(char)
        marks = marks + 1 if kind in ("Mn", "Me") else 0
        if kind in _SPACED:
            kept.append(" ")
        elif kind not in _DROPPED and marks <= _MARKS_PER_LETTER:
            kept.append(char)
    line = _KNOWN.sub(r"knowledge entry \1", " ".join("".join(kept).split()))
    if len(line) <= limit:
        return line
    cut = line[: limit - 1]
    whole = cut if line[limit - 1] == " " else cut.rpartition(" ")[0]
    return (whole if 2 * len(whole) > limit else cut).rstrip() + "…"


def printable(text: str) -> str:
    """`text` without what a reader would obey and not see: line breaks and tabs stay."""
    kept = (c for c in text if c in "\n\t" or unicodedata.category(c) not in (*_DROPPED, "Cc"))
    return "".join(kept)


def score_text(metric: Metric, value: float) -> str:
    """A score with its unit: `94.62 %`, `2.341 bits`."""
    number = f"{value:.2f}" if metric.unit == "%" else f"{value:.4g}"
    return f"{number} {metric.unit}".rstrip()


def size_text(parameters: int) -> str:
    """How many parameters; nobody counts those of a script."""
    return f"{parameters:,} parameters" if parameters else "parameters: not known"


def gain_text(metric: Metric, gain: float) -> str:
    """A gain with its sign and unit; a difference of percentages is in points."""
    if metric.unit == "%":
        return f"{gain:+.2f} points"
    return f"{gain:+.3g} {metric.unit}".rstrip()


def problem_lines(problems: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """What a training on a suite scored on each problem, a line for each."""
    for name, found in problems.items():
        number = f"{found['score']:.2f} %" if found["unit"] == "%" else f"{found['score']:.4g}"
        unit = "" if found["unit"] == "%" else f" {found['unit']}"
        yield f"{name}: {number}{unit}, {found['gain']:+.2f} noise sd over the reference"


def problem_gains(verdict: Verdict) -> Iterator[str]:
    """The gain of a finalist on each problem of a suite, in a line."""
    if verdict.problems:
        each = ", ".join(f"{name} {gain:+.2f}" for name, gain in verdict.problems.items())
        yield f"gain over the baseline by problem, in its noise sd on validation: {each}"


def interval_text(metric: Metric, interval: tuple[float, float]) -> str:
    """The bounds of a gain, without the unit: `+1.10 to +3.20`."""
    style = "+.2f" if metric.unit == "%" else "+.3g"
    return " to ".join(f"{bound:{style}}" for bound in interval)


def forced_words(metric: Metric, verdict: Verdict) -> Iterator[str]:
    """What a person must know of a verdict whose test split was opened more than once."""
    if verdict.round:
        yield (
            f"verified in round {verdict.round + 1}, on seeds of its own: the test split may have "
            "been opened before"
        )
    for later in verdict.again:
        yield (
            f"evaluated again (forced, after {_times(later.round)}): {later.verdict}, "
            f"{measured_text(metric, later)} with {later.seeds} other seeds; "
            "the first verdict remains"
        )


def measured_text(metric: Metric, measured: Verdict | LaterVerdict | Comparison) -> str:
    """A gain with its interval, p and the split that it was measured on."""
    if measured.effect is None or measured.interval is None or measured.p is None:
        return "gain not measured"
    split = "validation" if measured.test_gain is None else "the sealed test split"
    return (
        f"{gain_text(metric, measured.effect)} "
        f"({interval_text(metric, measured.interval)}), p {measured.p:.2g} on {split}"
    )


def gives_words(metric: Metric, verdict: Verdict) -> Iterator[str]:
    """What of a gain is the wrapper's: what the finalist does to its input and output."""
    if verdict.gives:
        wrapper, own = (gain_text(metric, verdict.gives[k]) for k in ("wrapper", "architecture"))
        yield (
            f"What it does to its input and output gives {wrapper}, its architecture within that "
            f"{own}."
        )


def aim_words(standing: AimStanding) -> Iterator[str]:
    """What a run aims at whose aim is a cost, whether the baseline is there, and the smallest."""
    aim, metric = standing.aim, standing.aim.metric
    words = f"the aim is {aim}"
    if standing.baseline_margin is not None:
        over = f"{gain_text(metric, standing.baseline_margin)}, noise sd {standing.baseline_sd:.3g}"
        cost = aim.cost_text(math.inf if standing.baseline is None else standing.baseline)
        if standing.baseline_margin >= 0:
            words += f"; the baseline has {cost} and is at the floor ({over})"
        else:
            words += f"; the baseline has {cost} and is below the floor ({over}): "
            words += "any candidate at the floor counts as a discovery"
    yield words
    if standing.smallest is not None and standing.smallest.score is not None:
        score = score_text(metric, standing.smallest.score)
        sure = "verified" if standing.verified else "not verified yet"
        yield (
            f"the smallest at the floor is candidate {clean(standing.smallest.id, 20)} with "
            f"{aim.cost_text(standing.cost or 0.0)}: {score} in the search, {sure}"
        )


def reached_words(metric: Metric, verdict: Verdict) -> Iterator[str]:
    """What a verdict means where the aim is a cost."""
    reached = verdict.aim
    if reached is None:
        return
    aim = Aim(reached.objective, reached.floor, metric)
    words = f"aim: {aim}; it has {aim.cost_text(reached.cost)}"
    if reached.baseline is not None:
        words += f", the baseline {aim.cost_text(reached.baseline)}"
    if not reached.baseline_meets:
        words += " and is below the floor itself"
    yield f"{words}. This is not a gain in quality: the score was to be at the floor"
    size = next((c for c in verdict.comparisons if c.kind == "size"), None)
    if size is not None:
        yield (
            f"beside it, not to be beaten: {clean(size.control, 60)} scores "
            f"{score_text(metric, size.mean)}; the difference is {measured_text(metric, size)}"
        )


def look_words(verdict: Verdict) -> Iterator[str]:
    """What a test evaluation on the sealed split cost, and what it had to show."""
    if verdict.look is not None and verdict.level is not None:
        yield (
            f"test evaluation {verdict.look} of this workspace on the sealed split: p had to be "
            f"below {verdict.level:.2g}"
        )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def budget_text(spend: Spend, budget: Mapping[str, float]) -> Iterator[str]:
    """What was used of each limit on trials and time: `198 of 200 trials`."""
    trials, hours = budget.get("max_trials"), budget.get("hours")
    given = "" if trials is None else f" of {trials:,.0f}"
    yield f"{spend.trials:,}{given} trials"
    given = "" if hours is None else f" of {duration_text(3600 * hours)}"
    often = f" in {spend.sessions} sessions" if spend.sessions > 1 else ""
    yield f"{duration_text(spend.seconds)}{given}{often}"


def confidence_text(confidence: Mapping[str, Any]) -> str:
    """How well the surrogate predicts that chooses among proposals."""
    if not confidence["examples"]:
        return "surrogate: too little measured to judge it"
    forest = confidence.get("forest")  # Runs of earlier versions had a forest alone.
    parts = "" if forest is None else f"; the forest has {100 * forest:.0f} % of the weight"
    return (
        f"surrogate: rank correlation {confidence['correlation']:.2f} held out, the "
        f"parameter count alone {confidence['parameters_alone']:.2f}, "
        f"over {confidence['examples']} candidates{parts}"
    )


def noise_text(gain: float, sd: float) -> str:
    """A gain in standard deviations of the baseline's noise, empty where no noise was measured."""
    if not (math.isfinite(sd) and sd > 0):
        return ""
    return f"{gain / sd:+.1f} noise sd"


def funnel_text(funnel: Funnel) -> str:
    """How many candidates reached each stage."""
    f = funnel
    rare = {"unmeasured": f.unmeasured, "dropped": f.dropped}
    others = "".join(f"{count} {name}, " for name, count in rare.items() if count)
    return (
        f"{f.proposed} proposed: {f.duplicate} duplicate, {f.invalid} invalid, "
        f"{f.crashed} crashed, {others}{f.trained} trained ({f.promoted} promoted)"
    )


def tokens_text(spend: Spend) -> str:
    """The tokens of a run, with what was thought and what came from the provider's cache."""
    parts = [f"{spend.tokens:,} tokens"]
    if spend.tokens_thought:
        parts.append(f"{spend.tokens_thought:,} of them thought")
    if spend.tokens_cached and spend.tokens_in:
        share = 100 * spend.tokens_cached / spend.tokens_in
        parts.append(f"{share:.0f} % of what was sent from the provider's cache")
    return ", ".join(parts)


def duration_text(seconds: float) -> str:
    """A duration in the two units that matter: `42 s`, `12 m 05 s`, `7 h 48 m`."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} m"
