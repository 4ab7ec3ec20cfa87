"""From an idea to a candidate worth training: code, fingerprint, checks, repair."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace

from archwright.agents.questions import (
    Brief,
    CodeQuestion,
    Idea,
    RepairQuestion,
    ResearchQuestion,
    Work,
    report_to_json,
)
from archwright.agents.roles import Agents
from archwright.core import (
    AnswerError,
    Check,
    CheckReport,
    End,
    SourceError,
    Status,
    TaskSpec,
)
from archwright.knowledge.store import Knowledge
from archwright.runs.candidates import REPAIRED, Candidate, seed_of
from archwright.runs.journal.journal import Journal
from archwright.runs.ledger import Ledger
from archwright.runs.noise import BASELINE
from archwright.runs.repairs import MARK, past_repairs
from archwright.runs.settings import RunSettings
from archwright.sandbox import Sandbox
from archwright.search.policies import CONTROL
from archwright.search.predict.latency import Device, latency_ms
from archwright.source.fingerprint import ParsedSource, fingerprint, read_source


class Screening:
    """Proposes one candidate per number, and lets through what is new and passes its checks."""

    def __init__(
        self,
        spec: TaskSpec,
        agents: Agents,
        control: Agents,
        sandbox: Sandbox,
        journal: Journal,
        knowledge: Knowledge,
        ledger: Ledger,
    ) -> None:
        self._spec = spec
        self._brief = Brief.of(spec)
        self._agents = agents
        self._control = control
        self._sandbox = sandbox
        self._journal = journal
        self._knowledge = knowledge
        self._ledger = ledger
        settings = journal.fact("settings")
        self._run_seed: int = settings["seed"]
        self._attempts: int = settings["attempts"]
        self._repairs: int = settings["repairs"]
        self._lag = RunSettings(**settings).candidates_ahead
        self._task: str = journal.fact("task_key")
        self._until: int = journal.fact("known_until")
        self._max_latency_ms: float | None = settings.get("max_latency_ms")
        device = journal.fact("device")
        self._device = Device(**device) if device else None

    def propose(
        self,
        number: int,
        question: ResearchQuestion,
        works: dict[str, Work],
    ) -> Candidate:
        """The number's candidate: open when it is to be trained, else with its end.

        A duplicate of what has ended goes back to the researcher with the reason. All that calls a
        backend or the sandbox is done beside other numbers. Only the comparison with those that
        are under way waits for this number's turn, so that a slow answer holds up nobody else; a
        duplicate of one of them ends there.
        """
        candidate = self._settle(self._write(number, 0, question, works))
        for _ in range(self._attempts - 1):
            if candidate.end is not End.DUPLICATE:
                break
            refused = (*question.rejected, f"{candidate.title}: {candidate.reason}")
            question = question.model_copy(update={"rejected": refused})
            candidate = self._settle(self._write(number, candidate.attempt + 1, question, works))
        with self._ledger.turn(number):
            return self._admit(candidate)

    def _admit(self, candidate: Candidate) -> Candidate:
        if candidate.end is End.OPEN and (reason := self._known(candidate, candidate.sequence)):
            return self._ended(candidate, End.DUPLICATE, reason)
        return candidate

    def _settled(self, candidate: Candidate) -> int:
        """The sequence before which all have ended, whatever the timing: see `Budget`. The
        baseline, at 0, always has."""
        return max(1, (candidate.number - self._lag + 1) * 1000)

    def _agents_of(self, operator: str) -> Agents:
        """The control arm is drawn by grammar, whoever answers the search."""
        return self._control if operator == CONTROL else self._agents

    # --- idea and code ----------------------------------------------------------------------

    def _write(
        self, number: int, attempt: int, question: ResearchQuestion, works: dict[str, Work]
    ) -> Candidate:
        key = f"{number}/{attempt}"
        seed = seed_of(self._run_seed, number, attempt)
        agents = self._agents_of(question.operator)
        idea = Idea(operator=question.operator, title="no idea", rationale="")
        start: tuple[Work, ...] = ()
        source = failure = ""
        try:
            idea = agents.research(key, question, seed)
            start = tuple(works[p] for p in idea.parents if p in works)
            asked = CodeQuestion(brief=self._brief, idea=idea, works=start)
            source = agents.code(key, asked, seed).source
        except AnswerError as error:
            failure = str(error)
        candidate = Candidate(
            number=number,
            attempt=attempt,
            title=idea.title,
            rationale=idea.rationale,
            operator=idea.operator,
            parents=tuple(w.id for w in start),
            source=source,
            recipe=self._spec.recipe,
            citations=tuple(p.citation for p in question.passages if p.id in idea.citations),
        )
        self._record(candidate, question.examples)
        return self._ended(candidate, End.INVALID, failure) if failure else candidate

    def _record(self, candidate: Candidate, examples: Sequence[Work]) -> None:
        self._journal.propose(
            {
                "id": candidate.id,
                "sequence": candidate.sequence,
                "title": candidate.title,
                "rationale": candidate.rationale,
                "operator": candidate.operator,
                "parents": candidate.parents,
                "source": candidate.source,
                "recipe": candidate.recipe.to_json(),
                "examples": [w.id for w in examples],
                "citations": candidate.citations,
                "created": time.time(),
            }
        )

    # --- fingerprint, checks, repair ----------------------------------------------------------

    def _settle(self, candidate: Candidate) -> Candidate:
        """Repair until it passes, is a duplicate, or no fix is known."""
        if candidate.end is not End.OPEN:
            return candidate
        for repair in range(self._repairs + 1):
            candidate, report = self._screen(candidate)
            if candidate.end is not End.INVALID or repair == self._repairs:
                return candidate
            fixed = self._fix(candidate, report, repair + 1)
            if fixed is None:
                return candidate
            self._journal.end(candidate.id, End.INVALID, f"{candidate.reason}{MARK}")
            candidate = fixed
        return candidate

    def _screen(self, candidate: Candidate) -> tuple[Candidate, CheckReport]:
        """One pass: static checks, what is known already, executed checks, the graph."""
        try:
            parsed = read_source(candidate.source, self._spec.problem, self._spec.recipe)
        except SourceError as error:
            report = CheckReport(
                Status.INVALID, (Check("source", False, str(error)),), error=str(error)
            )
            return self._ended(candidate, End.INVALID, str(error)), report
        candidate = replace(candidate, recipe=parsed.recipe)
        candidate = self._fingerprinted(candidate, parsed, "")
        if reason := self._known(candidate, self._settled(candidate)):
            return self._ended(candidate, End.DUPLICATE, reason), CheckReport(Status.OK)
        report = self._check(candidate)
        candidate = replace(
            candidate,
            parameters=report.parameters,
            flops=report.flops,
            latency_ms=self._latency(report),
            proxies=report.proxies,
        )
        candidate = self._fingerprinted(candidate, parsed, report.graph)
        report = self._timely(report, candidate.latency_ms)
        if report.status is not Status.OK:
            end = End.INVALID if report.status is Status.INVALID else End.CRASHED
            # The debugger also gets what crashed while it was being built.
            return self._ended(
                candidate, End.INVALID if report.checks else end, why(report)
            ), report
        if reason := self._known(candidate, self._settled(candidate)):
            return self._ended(candidate, End.DUPLICATE, reason), report
        return candidate, report

    def _fingerprinted(self, candidate: Candidate, parsed: ParsedSource, graph: str) -> Candidate:
        print_ = fingerprint(parsed, parsed.recipe, graph)
        self._journal.update(
            candidate.id,
            recipe=json.dumps(candidate.recipe.to_json()),
            text=print_.text,
            tree=print_.tree,
            graph=print_.graph or None,
            parameters=candidate.parameters,
            flops=candidate.flops,
            latency_ms=candidate.latency_ms,
            proxies=json.dumps(dict(candidate.proxies)),
        )
        return replace(candidate, fingerprint=print_)

    def _latency(self, report: CheckReport) -> float | None:
        """Predicted milliseconds of a sample, where the run knows its machine."""
        if self._device is None or not report.graph:
            return None
        return latency_ms(report.graph, self._device)

    def _timely(self, report: CheckReport, latency: float | None) -> CheckReport:
        """The report with the check of the limit on latency, which holds outside of the jail."""
        limit = self._max_latency_ms
        if limit is None or latency is None:
            return report
        check = Check("latency", latency <= limit, f"{latency:.3g} ms a sample, limit {limit:g} ms")
        status = report.status if check.ok else Status.INVALID
        return replace(report, status=status, checks=(*report.checks, check))

    def _known(self, candidate: Candidate, before: int) -> str | None:
        """Why the candidate need not be tried, from this run up to a sequence, and from all runs
        before it."""
        if found := self._journal.match(candidate.fingerprint, before):
            level, row = found
            # Only what cannot change any more, lest the words depend on when trainings end.
            failed = row["end"] in (End.DUPLICATE, End.INVALID)
            end = f"which ended {row['end']}" if failed else "which was taken up before"
            if row["id"] == BASELINE:
                return f"same {level} as the baseline"
            return f"same {level} as candidate {row['id']} ({row['title']}), {end}"
        if matches := self._knowledge.match(self._task, candidate.fingerprint, self._until):
            m = matches[0]
            return f"same {m.level} as {m.run}/{m.candidate} ({m.title}), which ended {m.end}"
        return None

    def _check(self, candidate: Candidate) -> CheckReport:
        def act() -> dict[str, object]:
            report = self._sandbox.check(candidate.source, self._spec.problem)
            found = {"graph": report.graph, "proxies": dict(report.proxies)}
            return {**report_to_json(report), **found}

        done = self._journal.once("check", candidate.id, candidate.id, {}, act)
        return CheckReport(
            status=Status(done["status"]),
            checks=tuple(Check(**c) for c in done["checks"]),
            parameters=done["parameters"],
            flops=done["flops"],
            graph=done["graph"],
            error=done["error"],
            proxies=done.get("proxies", {}),
        )

    def _fix(self, candidate: Candidate, report: CheckReport, attempt: int) -> Candidate | None:
        question = RepairQuestion(
            brief=self._brief,
            title=candidate.title,
            source=candidate.source,
            report=report_to_json(report),
            attempt=attempt,
            past=past_repairs(
                self._journal, self._knowledge, candidate.reason, self._settled(candidate)
            ),
        )
        seed = seed_of(self._run_seed, candidate.id, "repair")
        answer = self._agents_of(candidate.operator).repair(candidate.id, question, seed)
        if not answer.source:
            return None
        fixed = replace(
            candidate,
            attempt=candidate.attempt + 1,
            title=f"{candidate.title.removesuffix(REPAIRED)}{REPAIRED}",
            rationale=f"{candidate.rationale} Repaired after {candidate.id}: {answer.notes}.",
            source=answer.source,
            end=End.OPEN,
            reason="",
        )
        self._record(fixed, ())
        return fixed

    def _ended(self, candidate: Candidate, end: End, reason: str) -> Candidate:
        self._journal.end(candidate.id, end, reason)
        return replace(candidate, end=end, reason=reason)


def why(report: CheckReport) -> str:
    """What a failed report says, in one line."""
    failed = [f"{c.name}: {c.detail}" for c in report.checks if not c.ok]
    return " ".join((failed[0] if failed else report.error or report.status.value).split())[:300]
