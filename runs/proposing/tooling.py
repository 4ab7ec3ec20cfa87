"""The tools of a model: what it may check, look up and try before it submits."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from archwright.agents.proposers.campaign import CampaignQuestion
from archwright.agents.proposers.tools import Tool
from archwright.core import AnswerError, Candidate, SourceError, Status, TrialSpec
from archwright.knowledge.store import Knowledge
from archwright.runs.budget.purse import QUICK
from archwright.runs.context import RunContext
from archwright.runs.noise import measured_floors
from archwright.runs.screening import Screening, why
from archwright.source.fingerprint import read_source

QUICK_TRAININGS: Final = 2
"""Trainings for one question, at most."""
HITS: Final = 5
TOOL: Final = "tool"


class Tooling:
    """Makes the tools for a question."""

    def __init__(self, context: RunContext, screening: Screening, knowledge: Knowledge) -> None:
        self._context = context
        self._screening = screening
        self._knowledge = knowledge

    def tools(self, campaign: CampaignQuestion) -> tuple[Tool, ...]:
        """What may be called."""
        one, steps = {"candidate": "an id of the ledger"}, self._context.spec.rungs[0]
        is_script = self._context.spec.problem.script is not None
        file = {"source": "all files that may change" if is_script else "a whole Python file"}
        return (
            Tool("check", "Build a file and run all checks.", file, partial(self._check, campaign)),
            Tool("show", "The source of a candidate, and what it showed.", one, self._show),
            Tool(
                "diff",
                "What changes from one candidate to another.",
                {"a": "an id of the ledger", "b": "an id of the ledger"},
                self._diff,
            ),
            Tool("curve", "The training loss of a candidate by step.", one, self._curve),
            Tool(
                "search_knowledge",
                "What earlier runs and papers say on some words.",
                {"words": "what to look for"},
                self._search,
            ),
            Tool(
                "quick_train",
                f"Train a file for {steps} steps with one seed, {QUICK_TRAININGS} times at most; "
                "the score counts for nothing but your own judgement.",
                file,
                partial(self._train, campaign),
            ),
        )

    def record(self, key: str, act: Callable[[], str]) -> str:
        """The result of a call: from the journal, or made now."""
        number = key.partition("/")[0]
        done = self._context.journal.once(TOOL, key, number, {}, lambda: {"text": act()})
        return str(done["text"])

    def trainings(self, number: int) -> int:
        """Quick trainings for the question that begins with a number."""
        trials = self._context.journal.trials(purpose=QUICK)
        return sum(t.candidate.startswith(f"{number}/") for t in trials)

    def _check(self, campaign: CampaignQuestion, source: str) -> str:
        self._read(source)
        report = self._screening.try_out(source, f"{campaign.number}/try-{_short(source)}")
        layers = ", ".join(f"{name} {count}" for name, count in report.layers)
        failed = "" if report.status is Status.OK else f"it fails: {why(report)}\n"
        return f"{failed}{report.parameters} parameters ({layers}), {report.flops} FLOPs a sample"

    def _show(self, candidate: str) -> str:
        found = self._find(candidate)
        shown = found.measured
        said = "not measured" if shown is None else f"{shown.score:.4g} ({shown.seeds} seeds)"
        return f"{found.title}\n{found.status}: {said} {found.reason}\n\n{found.source}"

    def _diff(self, a: str, b: str) -> str:
        old, new = (self._find(id_).source.splitlines() for id_ in (a, b))
        return "\n".join(difflib.unified_diff(old, new, a, b, lineterm="", n=2)) or "the same"

    def _curve(self, candidate: str) -> str:
        trials = self._context.journal.trials(self._find(candidate).id)
        lines = [
            f"{t.steps} steps, seed {t.seed}: " + ", ".join(f"{s} {v:.3g}" for s, v in t.curve)
            for t in trials
        ]
        return "\n".join(lines) or "it was not trained"

    def _search(self, words: str) -> str:
        until = self._context.facts.known_until
        hits = self._knowledge.search(words, n=HITS, until=until)
        return "\n".join(f"{h.entry.title}: {h.entry.lesson}" for h in hits) or "nothing is known"

    def _train(self, campaign: CampaignQuestion, source: str) -> str:
        used = self.trainings(campaign.number)
        if used >= QUICK_TRAININGS:
            return f"{QUICK_TRAININGS} trainings were used: submit"
        recipe = self._read(source)
        report = self._screening.try_out(source, f"{campaign.number}/try-{_short(source)}")
        if report.status is not Status.OK:
            return f"it fails: {why(report)}"
        own = Candidate(f"{campaign.number}/quick-{used + 1}", "a quick try", source, recipe)
        trial = self._context.trainer.train(TrialSpec(own, 0, 0, QUICK))
        if trial.score is None:
            return f"{trial.status}: {trial.error}"
        floors = measured_floors(self._context.floors)
        beside = f"; the baseline reaches {floors[0].mean:.4g}" if floors else ""
        return f"{trial.score:.4g} after {trial.steps} steps with one seed{beside}"

    def _read(self, source: str) -> Any:
        """The recipe of a source.

        Raises:
            AnswerError: it breaks the contract.
        """
        spec = self._context.spec
        try:
            return read_source(source, spec.problem, spec.recipe).recipe
        except SourceError as error:
            raise AnswerError(str(error)) from None

    def _find(self, id_: str) -> Candidate:
        found = self._context.journal.candidate(id_.strip().lstrip("#"))
        if found is None:
            raise AnswerError(f"there is no candidate {id_!r} in this run")
        return found


def _short(source: str) -> str:
    """A name for a source."""
    return hashlib.sha256(source.encode(errors="replace")).hexdigest()[:12]
