"""What a verdict leaves behind: a decision record for every finalist, a branch for a discovery."""

from __future__ import annotations

import datetime
import shlex
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from archwright.agents.questions import Brief, Review, ReviewQuestion, ShownCandidate
from archwright.agents.roles import REVIEWER, Agents
from archwright.core import BASELINE, Candidate, Check, LaterVerdict, Verdict, seed_of
from archwright.knowledge.decisions.folder import Decision, DecisionFolder, Option, parse, slugify
from archwright.knowledge.decisions.importing import remember
from archwright.knowledge.store import Knowledge
from archwright.runs.context import RunContext
from archwright.runs.memory import as_work
from archwright.runs.results.branches.branches import SCRIPT_FOLDER, Landing, land
from archwright.runs.results.branches.lineage import Lineage
from archwright.runs.results.branches.usage import readme_of, usage_of
from archwright.runs.results.wording import (
    gain_text,
    gives_words,
    look_words,
    measured_text,
    reached_words,
)
from archwright.runs.verification.statistics import predict
from archwright.runs.verification.suspicion import suspect
from archwright.runs.verification.verification import fresh_seed
from archwright.runs.workspace.workspace import Workspace

SIMILAR: Final = 3
"""Known architectures that a reviewer is shown."""


class Records:
    """Writes the records of one run's finalists.

    Args:
        round_: the round of verification whose verdicts are written.
    """

    def __init__(
        self,
        context: RunContext,
        agents: Agents,
        knowledge: Knowledge,
        workspace: Workspace,
        round_: int = 0,
    ) -> None:
        self._context = context
        self._spec = context.spec
        self._journal = context.journal
        self._floor = context.floors[-1]
        self._agents = agents
        self._knowledge = knowledge
        self._workspace = workspace
        self._lineage = Lineage(context, knowledge)
        self._folder = DecisionFolder(workspace.paths.decisions)
        self._round = round_

    def write(self, verdict: Verdict) -> None:
        """Review a finalist, write its decision and, for a discovery, its branch.

        Writing the same verdict again finds what is there. A verdict that was evaluated on the
        test split is kept; a later, forced one is noted beside it.
        """
        first = self._earlier(verdict)
        if first:
            later = [again for again in first.again if again.round != self._round]
            first = replace(first, again=(*later, _later_verdict(verdict)))
            self._journal.judge(verdict.candidate, asdict(first))
            return
        candidate = self._journal.candidate(verdict.candidate)
        assert candidate is not None, "a finalist is a candidate of the run"
        verdict = replace(
            verdict,
            suspicions=tuple(self._suspicions(verdict)),
            reproduce=self._reproduction(verdict),
        )
        review = self._review(candidate, verdict)
        said = (*verdict.suspicions, *review.suspicions)
        verdict = replace(verdict, suspicions=tuple(dict.fromkeys(said)))
        path = self._folder.renew(self._decision(candidate, verdict, review))
        remember(self._knowledge, [parse(path.read_text(encoding="utf-8"), path)])
        verdict = replace(verdict, decision=path.name)
        if verdict.verdict == "discovery":
            branch = self._land(candidate, verdict, path)
            verdict = replace(verdict, branch=branch, usage=self._usage(candidate, branch))
        self._journal.judge(verdict.candidate, asdict(verdict))

    def _readme(self, candidate: Candidate, branch: str) -> str:
        usage = self._usage(candidate, branch)
        return readme_of(candidate.title, self._spec.summary, usage)

    def _usage(self, candidate: Candidate, branch: str) -> dict[str, str]:
        return usage_of(self._spec, branch, candidate.source)

    def _land(self, candidate: Candidate, verdict: Verdict, decision: Path) -> str:
        evidence = "\n".join(f"{k}: {v}" for k, v in self._evidence(candidate, verdict).items())
        landing = Landing(
            run=self._context.run,
            task=self._spec.name,
            base=self._context.facts.head,
            commits=tuple(self._lineage.of(verdict, evidence)),
            decision_name=decision.name,
            decision_text=decision.read_text(encoding="utf-8"),
            readme=None if self._spec.problem.script else partial(self._readme, candidate),
        )
        return land(self._workspace, landing)

    def _earlier(self, verdict: Verdict) -> Verdict | None:
        """The verdict of an earlier round that opened the test split for this finalist."""
        known = (v for v in self._journal.verdicts() if v.candidate == verdict.candidate)
        return next((v for v in known if v.round < self._round and v.test_gain is not None), None)

    # --- review and decision --------------------------------------------------------------------

    def _review(self, candidate: Candidate, verdict: Verdict) -> Review:
        question = ReviewQuestion(
            brief=Brief.of(self._spec),
            title=candidate.title,
            rationale=candidate.rationale,
            source=candidate.source,
            parameters=candidate.parameters,
            baseline_parameters=self._floor.parameters,
            recipe=candidate.recipe.to_json(),
            parent_titles=tuple(map(self._title_of, candidate.parents)),
            similar=tuple(self._similar(candidate)),
            verdict=verdict.numbers(),
        )
        seed = seed_of(self._context.settings.seed, candidate.id, "review")
        # A later round has other numbers to speak of.
        key = f"{candidate.id}/verified" + (f"-{self._round}" if self._round else "")
        return self._agents.ask(REVIEWER, key, question, seed)

    def _title_of(self, id_: str) -> str:
        """What a parent is called; its id, where it is of another run."""
        if id_ == BASELINE:
            return "the baseline"
        parent = self._journal.candidate(id_)
        return parent.title if parent else id_

    def _similar(self, candidate: Candidate) -> Iterator[ShownCandidate]:
        """What earlier runs knew that is most like it; its own parents are left out."""
        parents, until = candidate.parents, self._context.facts.known_until
        found = self._knowledge.relatives(candidate.source, SIMILAR + len(parents), until)
        works = (as_work(entry) for entry in found)
        return islice((work for work in works if work.id not in parents), SIMILAR)

    def _decision(self, candidate: Candidate, verdict: Verdict, review: Review) -> Decision:
        accepted, title = verdict.verdict == "discovery", candidate.title
        baseline = f"keep the baseline ({self._floor.mean:.4g} {self._spec.metric.unit})"
        day = datetime.datetime.fromtimestamp(candidate.created, datetime.UTC).date().isoformat()
        return Decision(
            title=title,
            # What was not settled is not decided against.
            status="rejected" if verdict.verdict == "no gain" else "proposed",
            date=day,
            context=f"{self._spec.summary.rstrip('.')}. {candidate.rationale}",
            options=(Option(title, candidate.rationale), Option(baseline, "nothing changes")),
            chosen=title if accepted else baseline,
            because=f"{verdict.reason}. {review.summary}",
            consequences=(*review.consequences, *(f"Suspicion: {s}" for s in verdict.suspicions)),
            confirmation=_confirmation(verdict),
            evidence=self._evidence(candidate, verdict),
            run=self._context.run,
            candidate=candidate.id,
            task=self._spec.name,
        )

    def _suspicions(self, verdict: Verdict) -> Iterator[str]:
        check = self._journal.step("check", verdict.candidate)
        checks = [Check(**c) for c in check.result["checks"]] if check else []
        gains, floors = self._gains(verdict.candidate), self._context.floors
        losses = self._losses(verdict.candidate)
        yield from suspect(self._spec.metric, verdict, gains, losses, checks, floors)
        yield from self._rounded(verdict)

    def _rounded(self, verdict: Verdict) -> Iterator[str]:
        """Whether weights in INT8 fall below the floor, where their size is the aim."""
        aim = self._context.aim
        if aim is None or aim.objective != "int8":
            return
        trials = self._journal.trials(verdict.candidate, purpose="verification")
        scores = [t.int8 for t in trials if t.int8 is not None]
        if scores and aim.margin(fmean(scores)) < 0:
            own = f"{fmean(scores):.4g} {aim.metric.unit}".rstrip()
            yield f"with weights rounded to INT8 it scores {own} on validation: below the floor"

    def _losses(self, candidate: str) -> tuple[float, float] | None:
        """Validation loss of a candidate and of the baseline at the top rung, on average over the
        seeds that both have."""
        top = self._spec.rungs[-1]
        own, base = (
            {t.seed: t.loss for t in self._journal.trials(id_, steps=top) if t.loss is not None}
            for id_ in (candidate, BASELINE)
        )
        shared = own.keys() & base.keys()
        if not shared:
            return None
        return fmean(own[seed] for seed in shared), fmean(base[seed] for seed in shared)

    def _gains(self, candidate: str) -> dict[int, float]:
        """Gains of a candidate by rung, from its first seed of the search."""
        metric, floors = self._spec.metric, self._context.floors
        trials = self._journal.trials(candidate, purpose="search")
        return {
            t.rung: floors[t.rung].gain(metric, t.score)
            for t in trials
            if t.seed == 0 and t.score is not None
        }

    def _reproduction(self, verdict: Verdict) -> dict[str, Any]:
        """The command that trains it again on the first fresh seed, what that gave, and where a
        training on any seed must land (a 95 % prediction interval)."""
        if len(verdict.own_scores) < 2:
            return {}
        is_script = self._spec.problem.script is not None
        file = f"discoveries/{slugify(self._spec.name)}/"
        file += SCRIPT_FOLDER if is_script else "architecture.py"
        screened = verdict.level is None
        first = fresh_seed(self._round, 0 if screened else self._context.settings.screen_seeds)
        task = shlex.quote(self._context.facts.task_from)
        return {
            "command": f"archwright try {file} --task {task} --seed {first}",
            "score": verdict.own_scores[0],
            "interval": self._spec.metric.clamp(predict(verdict.own_scores)),
        }

    def _evidence(self, candidate: Candidate, verdict: Verdict) -> dict[str, str]:
        metric, unit = self._spec.metric, self._spec.metric.unit
        shrunk = "not measured" if verdict.shrunk is None else gain_text(metric, verdict.shrunk)
        evidence = {
            "baseline": f"{self._floor.mean:.6g} {unit} (sd {self._floor.sd:.3g})",
            "score in the search": f"{_or_none(candidate.score)} {unit}",
            "score on fresh seeds": f"{_or_none(verdict.mean)} {unit} (mean of {verdict.seeds})",
            "p": "not measured" if verdict.p is None else f"{verdict.p:.3g}",
            "gain, shrunk for selection": shrunk,
            "parameters": f"{candidate.parameters} (baseline {self._floor.parameters})"
            if candidate.parameters
            else "not known",
        }
        for number, words in enumerate(reached_words(metric, verdict)):
            evidence["size alone" if number else "aim"] = words
        if candidate.citations:
            evidence["cites"] = "; ".join(candidate.citations)
        if self._round:
            evidence["test split"] = f"round {self._round + 1}: it may have been opened before"
        for c in verdict.comparisons:
            with_ = f" with {c.parameters} parameters" if c.parameters else ""
            evidence[f"gain over {c.control}"] = (
                f"{measured_text(metric, c)}; it scores {c.mean:.6g} {unit}{with_}"
            )
            if c.validation_gain is not None:
                evidence[f"gain over {c.control} on validation"] = gain_text(
                    metric, c.validation_gain
                )
        for words in gives_words(metric, verdict):
            evidence["wrapper"] = words
        for words in look_words(verdict):
            evidence["account"] = words
        return evidence


def _later_verdict(verdict: Verdict) -> LaterVerdict:
    names = LaterVerdict.__dataclass_fields__
    return LaterVerdict(**{name: getattr(verdict, name) for name in names})


def _confirmation(verdict: Verdict) -> str:
    again = verdict.reproduce
    if not again:
        return ""
    low, high = again["interval"]
    return f"{again['command']}  # gave {again['score']:.6g}, must land in {low:.6g} to {high:.6g}"


def _or_none(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.6g}"
