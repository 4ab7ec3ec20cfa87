"""A run in a few plain sentences: what was found, how sure it is, what it cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from archwright.core import Verdict
from archwright.runs.results.snapshot import LEAST_DRAWS, Snapshot
from archwright.runs.results.summary import discoveries
from archwright.runs.results.wording import (
    aim_words,
    budget_text,
    clean,
    duration_text,
    gives_words,
    measured_text,
    reached_words,
    score_text,
)

VERDICT_WORDS: Final = {
    "discovery": "Better than the baseline beyond noise",
    "no gain": "Not better than the baseline",
    "undecided": "Could be better, but the evidence does not settle it",
}
AIM_WORDS: Final = {
    "discovery": "At the floor beyond noise",
    "no gain": "Not at the floor",
    "undecided": "Could be at the floor, but the evidence does not settle it",
}
"""The same where the aim is a cost."""


def verdict_words(verdict: Verdict) -> str:
    """What a verdict says, in a few words."""
    return (AIM_WORDS if verdict.aim else VERDICT_WORDS)[verdict.verdict]


def title_of(snapshot: Snapshot) -> str:
    """What was found, in a few words."""
    found = len(discoveries(snapshot))
    if found and snapshot.aim is not None and snapshot.aim.cost is not None:
        return f"At the floor with {snapshot.aim.aim.cost_text(snapshot.aim.cost)}"
    if found:
        return f"{found} discover{'y' if found == 1 else 'ies'}"
    if snapshot.verdicts:
        return "No discovery"
    yet = "" if snapshot.state == "finished" else " yet"
    return f"Nothing {'verified' if snapshot.best else 'found'}{yet}"


def state_of(snapshot: Snapshot) -> str:
    """`finished`, or the state with the phase it is in."""
    if snapshot.state == "finished":
        return snapshot.state
    return f"{snapshot.state} in {snapshot.phase}"


def tell(snapshot: Snapshot) -> Iterator[str]:
    """Sentences, the most important first."""
    found = discoveries(snapshot)
    if snapshot.aim is not None:
        yield from (f"{words[0].upper()}{words[1:]}." for words in aim_words(snapshot.aim))
    if found:
        yield from _discovery_words(snapshot, found[0])
        if len(found) > 1:
            yield f"{len(found) - 1} more passed the same verification."
    else:
        yield _nothing_words(snapshot)
    yield from control_words(snapshot)
    yield cost_words(snapshot)


def _discovery_words(snapshot: Snapshot, best: Verdict) -> Iterator[str]:
    metric = snapshot.metric
    own = f" scores {score_text(metric, best.mean)}" if best.mean is not None else ""
    if best.aim is not None:
        yield (
            f"Candidate {clean(best.candidate, 20)} ({clean(best.title, 100)}){own}: it is over "
            f"the floor by {measured_text(metric, best)}, with {best.seeds} seeds that nothing was "
            "chosen by."
        )
        yield from (f"{words[0].upper()}{words[1:]}." for words in reached_words(metric, best))
        return
    hardest = min(best.comparisons, key=lambda c: c.interval[0], default=None)
    control = "the baseline" if hardest is None else clean(hardest.control, 60)
    yield (
        f"Candidate {clean(best.candidate, 20)} ({clean(best.title, 100)}){own}: over {control} "
        f"it gains {measured_text(metric, best)}, with {best.seeds} seeds that nothing was "
        "chosen by."
    )
    yield from gives_words(metric, best)
    if best.suspicions:
        count = len(best.suspicions)
        yield f"{count} suspicion{'' if count == 1 else 's'} to check before accepting it."


def _nothing_words(snapshot: Snapshot) -> str:
    if snapshot.best is None or snapshot.best.score is None:
        return lacking_words(snapshot)
    if not snapshot.verdicts:
        return (
            f"Candidate {clean(snapshot.best.id, 20)} leads with "
            f"{score_text(snapshot.metric, snapshot.best.score)}. Nothing is verified yet: "
            "scores of the search are optimistic."
        )
    ends = Counter(v.verdict for v in snapshot.verdicts)
    words = ", ".join(f"{count} {verdict}" for verdict, count in ends.items())
    held = "None was proved to be at the floor" if snapshot.aim else "No gain held up"
    return f"{held}. Of the finalists that were verified: {words}."


def lacking_words(snapshot: Snapshot) -> str:
    """Why there is no best candidate. The snapshot must have none."""
    yet = "" if snapshot.state == "finished" else " yet"
    top = f"the top rung ({snapshot.rungs[-1]:,} steps)" if snapshot.rungs else "the top rung"
    if snapshot.at_top:
        return f"Only random draws were trained at {top}: nothing that was searched got there{yet}."
    return f"No candidate has a score at {top}{yet}."


def control_words(snapshot: Snapshot) -> Iterator[str]:
    """What the search is worth over random draws, once that was measured."""
    control = snapshot.control
    if control is None:
        return
    if control.improvement is None or control.interval is None:
        if snapshot.verdicts and control.count < LEAST_DRAWS:
            draws = (
                "1 random draw is" if control.count == 1 else f"{control.count} random draws are"
            )
            yield f"{draws} too few to say what the search is worth over them."
        return
    low, high = control.interval
    yield (
        f"Relative improvement over {control.count} random draws of the same space, trained as "
        f"long: {control.improvement:+.2f} % ({low:+.2f} to {high:+.2f})."
    )


def cost_words(snapshot: Snapshot) -> str:
    """Time, trials and money."""
    spend = snapshot.spend
    money = "no money"
    if spend.usd or spend.tokens:
        money = f"{spend.usd:.2f} USD for {spend.tokens:,} tokens"
    trials, time = budget_text(spend, snapshot.budget)
    training = duration_text(spend.training_seconds)
    return f"It took {time}, {trials} ({training} of training) and {money}."
