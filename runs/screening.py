"""From what was chosen to a candidate worth training: idea, code, fingerprint, checks, repair."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from archwright.agents.questions import (
    Brief,
    CodeQuestion,
    Idea,
    RepairQuestion,
    ResearchQuestion,
    ShownCandidate,
    report_to_json,
)
from archwright.agents.roles import CODER, DEBUGGER, RESEARCHER, Agents
from archwright.core import (
    BASELINE,
    CONTROL,
    AnswerError,
    Candidate,
    CandidateStatus,
    Check,
    CheckReport,
    SourceError,
    Status,
    candidate_id,
    seed_of,
    sequence_of,
)
from archwright.runs.budget.allocation import Progress
from archwright.runs.context import Campaign, RunContext
from archwright.runs.memory import REPAIRED, Memory, Retrieved
from archwright.search.policies import Choice
from archwright.search.predict.latency import Device, latency_ms
from archwright.source.fingerprint import ParsedSource, fingerprint, read_source

TITLE_MARK: Final = " (repaired)"


@dataclass(slots=True)
class Screening:
    """Proposes one candidate per number, and lets through what is new and passes its checks.

    Args:
        control: answers for the control arm, which is drawn from the grammar on every backend.
    """

    context: RunContext
    agents: Agents
    control: Agents
    memory: Memory
    progress: Progress
    ahead: int = field(init=False)
    brief: Brief = field(init=False)

    def __post_init__(self) -> None:
        self.ahead = self.context.settings.candidates_ahead
        self.brief = Brief.of(self.context.spec)

    def propose(
        self, number: int, choice: Choice, found: Retrieved, campaign: Campaign
    ) -> Candidate:
        """The number's candidate: open when it is to be trained, else as it ended.

        A duplicate of what has ended goes back to the researcher with the reason. All that calls a
        backend or the sandbox is done beside other numbers. Only the comparison with those that
        are under way waits for this number's turn, so that a slow answer holds up nobody else; a
        duplicate of one of them ends there.
        """
        question = self._question(choice, found, campaign)
        candidate = self._settle(self._write(number, 0, question, campaign))
        for _ in range(self.context.settings.attempts - 1):
            if candidate.status is not CandidateStatus.DUPLICATE:
                break
            refused = (*question.rejected, f"{candidate.title}: {candidate.reason}")
            question = question.model_copy(update={"rejected": refused})
            attempt = candidate.attempt + 1
            candidate = self._settle(self._write(number, attempt, question, campaign))
        with self.progress.turn(number):
            return self._admit(candidate)

    def _admit(self, candidate: Candidate) -> Candidate:
        known = candidate.status is CandidateStatus.OPEN and self._known(
            candidate, candidate.sequence
        )
        return self._ended(candidate, CandidateStatus.DUPLICATE, known) if known else candidate

    def _settled(self, candidate: Candidate) -> int:
        """The sequence before which all have ended, whatever the timing: see `Budget`. The
        baseline, at 0, always has."""
        return max(1, sequence_of(candidate.number - self.ahead + 1))

    def _agents_of(self, operator: str) -> Agents:
        return self.control if operator == CONTROL else self.agents

    # --- idea and code ----------------------------------------------------------------------

    def _question(self, choice: Choice, found: Retrieved, campaign: Campaign) -> ResearchQuestion:
        return ResearchQuestion(
            brief=self.brief,
            operator=choice.operator,
            parents=tuple(ShownCandidate.of(campaign.known[p]) for p in choice.parents),
            examples=found.examples,
            lessons=found.lessons,
            warnings=found.warnings,
            rejected=(),
            seed=None if choice.operator == CONTROL else choice.seed,
            passages=found.passages,
        )

    def _write(
        self, number: int, attempt: int, question: ResearchQuestion, campaign: Campaign
    ) -> Candidate:
        key = f"{number}/{attempt}"
        seed = seed_of(self.context.settings.seed, number, attempt)
        agents = self._agents_of(question.operator)
        idea = Idea(operator=question.operator, title="no idea", rationale="")
        start: tuple[ShownCandidate, ...] = ()
        source = failure = ""
        try:
            idea = agents.ask(RESEARCHER, key, question, seed)
            start = _works(idea, question, campaign.known)
            asked = CodeQuestion(brief=self.brief, idea=idea, works=start)
            source = agents.ask(CODER, key, asked, seed).source
        except AnswerError as error:
            failure = str(error)
        candidate = Candidate(
            id=candidate_id(number, attempt),
            sequence=sequence_of(number, attempt),
            title=idea.title,
            rationale=idea.rationale,
            operator=idea.operator,
            parents=tuple(w.id for w in start),
            source=source,
            recipe=self.context.spec.recipe,
            examples=tuple(w.id for w in question.examples),
            citations=tuple(p.citation for p in question.passages if p.id in idea.citations),
            created=time.time(),
        )
        candidate = self.context.journal.propose(candidate)
        return self._ended(candidate, CandidateStatus.INVALID, failure) if failure else candidate

    # --- fingerprint, checks, repair ----------------------------------------------------------

    def _settle(self, candidate: Candidate) -> Candidate:
        """Repair until it passes, is a duplicate, or no fix is known."""
        if candidate.status is not CandidateStatus.OPEN:
            return candidate
        most = self.context.settings.repairs
        for repair in range(most + 1):
            candidate, report = self._screen(candidate)
            if candidate.status is not CandidateStatus.INVALID or repair == most:
                return candidate
            fixed = self._fix(candidate, report, repair + 1)
            if fixed is None:
                return candidate
            self._ended(candidate, CandidateStatus.INVALID, f"{candidate.reason}{REPAIRED}")
            candidate = fixed
        return candidate

    def _screen(self, candidate: Candidate) -> tuple[Candidate, CheckReport]:
        """One pass: static checks, what is known already, executed checks, the graph."""
        spec = self.context.spec
        try:
            parsed = read_source(candidate.source, spec.problem, spec.recipe)
        except SourceError as error:
            report = CheckReport(
                Status.INVALID, (Check("source", False, str(error)),), error=str(error)
            )
            return self._ended(candidate, CandidateStatus.INVALID, str(error)), report
        candidate = replace(candidate, recipe=parsed.recipe)
        candidate = self._fingerprinted(candidate, parsed)
        if reason := self._known(candidate, self._settled(candidate)):
            return self._ended(candidate, CandidateStatus.DUPLICATE, reason), CheckReport(Status.OK)
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
            # The debugger also gets what crashed while it was being built.
            repairable = report.status is Status.INVALID or bool(report.checks)
            status = CandidateStatus.INVALID if repairable else CandidateStatus.CRASHED
            if report.lost:
                status = CandidateStatus.UNMEASURED
            return self._ended(candidate, status, why(report)), report
        if reason := self._known(candidate, self._settled(candidate)):
            return self._ended(candidate, CandidateStatus.DUPLICATE, reason), report
        return candidate, report

    def _fingerprinted(
        self, candidate: Candidate, parsed: ParsedSource, graph: str = ""
    ) -> Candidate:
        print_ = fingerprint(parsed, parsed.recipe, graph)
        candidate = replace(candidate, fingerprint=print_)
        self.context.journal.update(candidate)
        return candidate

    def _latency(self, report: CheckReport) -> float | None:
        """Predicted milliseconds of a sample, where the run knows its machine."""
        device = self.context.facts.device
        if device is None or not report.graph:
            return None
        return latency_ms(report.graph, Device(**device))

    def _timely(self, report: CheckReport, latency: float | None) -> CheckReport:
        """The report with the check of the limit on latency, which holds outside of the jail."""
        limit = self.context.settings.max_latency_ms
        if limit is None or latency is None:
            return report
        check = Check("latency", latency <= limit, f"{latency:.3g} ms a sample, limit {limit:g} ms")
        status = report.status if check.ok else Status.INVALID
        return replace(report, status=status, checks=(*report.checks, check))

    def _known(self, candidate: Candidate, before: int) -> str | None:
        """Why the candidate need not be trained, from this run up to a sequence, and from all runs
        before it."""
        settled = self._settled(candidate)
        if found := self.context.journal.match(candidate.fingerprint, before, settled):
            level, same = found
            if same.id == BASELINE:
                return f"same {level} as the baseline"
            # Only what cannot change any more: the words must not depend on when trainings end.
            failed = same.status in (CandidateStatus.DUPLICATE, CandidateStatus.INVALID)
            end = f"which ended {same.status}" if failed else "which was taken up before"
            return f"same {level} as candidate {same.id} ({same.title}), {end}"
        if m := self.memory.match(candidate.fingerprint):
            return f"same {m.level} as {m.run}/{m.candidate} ({m.title}), which ended {m.end}"
        return None

    def _check(self, candidate: Candidate) -> CheckReport:
        def act() -> dict[str, object]:
            problem, proxies = self.context.spec.problem, self.context.settings.proxies
            report = self.context.sandbox.check(candidate.source, problem, proxies=proxies)
            found = {"graph": report.graph, "proxies": dict(report.proxies), "lost": report.lost}
            return {**report_to_json(report), **found}

        done = self.context.journal.once("check", candidate.id, candidate.id, {}, act)
        return CheckReport(
            status=Status(done["status"]),
            checks=tuple(Check(**c) for c in done["checks"]),
            parameters=done["parameters"],
            flops=done["flops"],
            graph=done["graph"],
            error=done["error"],
            proxies=done.get("proxies", {}),
            lost=done.get("lost", False),
        )

    def _fix(self, candidate: Candidate, report: CheckReport, attempt: int) -> Candidate | None:
        question = RepairQuestion(
            brief=self.brief,
            title=candidate.title,
            source=candidate.source,
            report=report_to_json(report),
            attempt=attempt,
            past=self.memory.past_repairs(candidate.reason, self._settled(candidate)),
        )
        seed = seed_of(self.context.settings.seed, candidate.id, "repair")
        answer = self._agents_of(candidate.operator).ask(DEBUGGER, candidate.id, question, seed)
        if not answer.source:
            return None
        fixed = candidate.next_attempt(
            title=f"{candidate.title.removesuffix(TITLE_MARK)}{TITLE_MARK}",
            rationale=f"{candidate.rationale} Repaired after {candidate.id}: {answer.notes}.",
            source=answer.source,
            created=time.time(),
        )
        return self.context.journal.propose(fixed)

    def _ended(self, candidate: Candidate, status: CandidateStatus, reason: str) -> Candidate:
        ended = candidate.ended(status, reason)
        self.context.journal.update(ended)
        return ended


def why(report: CheckReport) -> str:
    """What a failed report says, in one line."""
    failed = [f"{c.name}: {c.detail}" for c in report.checks if not c.ok]
    return " ".join((failed[0] if failed else report.error or report.status.value).split())[:300]


def _works(
    idea: Idea, question: ResearchQuestion, known: Mapping[str, Candidate]
) -> tuple[ShownCandidate, ...]:
    """What an idea starts from, of all that may be started from."""
    shown = {work.id: work for work in question.examples}
    found = (
        shown.get(p) or (ShownCandidate.of(known[p]) if p in known else None) for p in idea.parents
    )
    return tuple(work for work in found if work is not None)
