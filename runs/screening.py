"""From a proposal to a candidate worth training: entered, fingerprinted, checked, let through."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace
from typing import Any, Final

from archwright.agents.proposers import Proposal, Refusal
from archwright.agents.proposers.campaign import CampaignQuestion
from archwright.agents.questions import PastRepair, report_to_json
from archwright.core import (
    BASELINE,
    Candidate,
    CandidateStatus,
    Check,
    CheckReport,
    SourceError,
    Status,
    candidate_id,
    sequence_of,
)
from archwright.runs.budget.progress import Progress
from archwright.runs.context import RunContext
from archwright.runs.memory import REPAIRED, Memory
from archwright.runs.proposing.nearest import nearest
from archwright.runs.training.checking import check_all
from archwright.search.predict.latency import Device, latency_ms
from archwright.source.fingerprint import ParsedSource, fingerprint, read_source

TITLE_MARK: Final = " (repaired)"
NOTHING_KNOWN: Final = (CandidateStatus.UNMEASURED, CandidateStatus.DROPPED)
"""What ended so may be proposed again."""
MATCH: Final = "match"
"""The kind of a step that says what was known of a candidate when it was compared."""


class Desk:
    """Where what is proposed for one number goes: each proposal becomes a candidate of its own,
    which is kept with its status; the last one is what the number comes to.

    Args:
        question: what the proposer was shown.
        proposer: its name.
        explains: whether what is refused is set beside what was tried: for a model, that can make
            something of it.
    """

    def __init__(
        self,
        screening: Screening,
        number: int,
        question: CampaignQuestion,
        proposer: str,
        explains: bool = False,
    ) -> None:
        self._screening = screening
        self._number = number
        self._question = question
        self._proposer = proposer
        self._explains = explains
        self.candidate: Candidate | None = None

    def screen(self, proposal: Proposal) -> Refusal | None:
        """Enter a proposal and let it through, or say why not."""
        before = self.candidate
        if before is not None and proposal.fixes:
            self._screening.end(before, before.status, f"{before.reason}{REPAIRED}")
        attempt = 0 if before is None else before.attempt + 1
        candidate = self._screening.enter(self._make(proposal, attempt))
        if proposal.fault:
            self.candidate = self._screening.end(candidate, CandidateStatus.INVALID, proposal.fault)
            return Refusal(CandidateStatus.INVALID, proposal.fault)
        self.candidate, report = self._screening.screen(candidate)
        if self.candidate.status is CandidateStatus.OPEN:
            return None
        refusal = Refusal(self.candidate.status, self.candidate.reason, report)
        return self._screening.explain(self.candidate, refusal) if self._explains else refusal

    def charge(self, trainings: int) -> None:
        """Count trainings that were used on the way to its candidate."""
        if self.candidate is not None and trainings:
            self.candidate = replace(self.candidate, trials=self.candidate.trials + trainings)

    def give_up(self, title: str, reason: str) -> Candidate:
        """What the number comes to where nobody proposed anything that can be used."""
        proposal = Proposal(title=title, source="", operator="draft", fault=reason)
        self.screen(proposal)
        assert self.candidate is not None
        return self.candidate

    def _make(self, proposal: Proposal, attempt: int) -> Candidate:
        question, title = self._question, proposal.title
        if proposal.fixes:
            title = f"{title.removesuffix(TITLE_MARK)}{TITLE_MARK}"
        cited = set(proposal.citations)
        return Candidate(
            id=candidate_id(self._number, attempt),
            sequence=sequence_of(self._number, attempt),
            title=title,
            rationale=proposal.rationale or proposal.hypothesis,
            proposer=self._proposer,
            hypothesis=proposal.hypothesis,
            expected=proposal.expected,
            call=proposal.call,
            operator=proposal.operator,
            parents=proposal.parents,
            source=proposal.source,
            recipe=self._screening.context.spec.recipe,
            examples=tuple(w.id for w in question.examples),
            citations=tuple(p.citation for p in question.passages if p.id in cited),
            created=time.time(),
        )


@dataclass(slots=True)
class Screening:
    """Lets through what is new and passes its checks.

    Where a run goes by the order of its candidates, they are compared in it with those that are
    under way, so that the same seed gives the same ones. Elsewhere a slow answer or training would
    hold up all that come after it: there, who is compared first is first, and the journal says what
    was found.
    """

    context: RunContext
    memory: Memory
    progress: Progress
    ahead: int = field(init=False)
    in_turn: bool = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.ahead = self.context.settings.candidates_ahead
        self.in_turn = self.context.settings.is_in_order

    def admit(self, candidate: Candidate) -> Candidate:
        """The comparison with all that are under way, at the candidate's turn, and with what runs
        on other machines train."""
        if not self.in_turn:  # It was compared with them at once.
            return self._claimed(candidate)
        with self.progress.turn(candidate.number):
            known = candidate.status is CandidateStatus.OPEN and self._known(
                candidate, candidate.sequence
            )
            if known:
                return self.end(candidate, CandidateStatus.DUPLICATE, known)
            return self._claimed(candidate)

    def _claimed(self, candidate: Candidate) -> Candidate:
        """The candidate, taken up by this run; a duplicate where another one was faster."""
        if candidate.status is not CandidateStatus.OPEN:
            return candidate
        taken = self.memory.claim(candidate)
        return self.end(candidate, CandidateStatus.DUPLICATE, taken) if taken else candidate

    def enter(self, candidate: Candidate) -> Candidate:
        """Write a new candidate down."""
        return self.context.journal.propose(candidate)

    def end(self, candidate: Candidate, status: CandidateStatus, reason: str) -> Candidate:
        """Write down how a candidate ended."""
        ended = candidate.ended(status, reason)
        self.context.journal.update(ended)
        return ended

    def explain(self, candidate: Candidate, refusal: Refusal) -> Refusal:
        """A refusal with what was tried that is most like it, and how such a failure was fixed
        before; the journal answers from then on."""
        journal = self.context.journal

        def look() -> dict[str, Any]:
            past = self.memory.past_repairs(candidate.reason, candidate.sequence)
            near = nearest(candidate, journal.candidates(), self.context)
            return {"nearest": near, "past": [repair.model_dump() for repair in past]}

        found = journal.once("refusal", candidate.id, candidate.id, {}, look)
        past = tuple(PastRepair(**repair) for repair in found["past"])
        return replace(refusal, nearest=found["nearest"], past=past)

    def _settled(self, candidate: Candidate) -> int:
        """The sequence before which all have ended, whatever the timing: see `Budget`. The
        baseline, at 0, always has."""
        return max(1, sequence_of(candidate.number - self.ahead + 1))

    # --- fingerprint and checks -----------------------------------------------------------------

    def screen(self, candidate: Candidate) -> tuple[Candidate, CheckReport]:
        """One pass: static checks, what is known already, executed checks, the graph."""
        spec = self.context.spec
        try:
            parsed = read_source(candidate.source, spec.problem, spec.recipe)
        except SourceError as error:
            report = CheckReport(
                Status.INVALID, (Check("source", False, str(error)),), error=str(error)
            )
            return self.end(candidate, CandidateStatus.INVALID, str(error)), report
        candidate = replace(candidate, recipe=parsed.recipe)
        candidate = self._fingerprinted(candidate, parsed)
        if reason := self._same(candidate, "code"):
            return self.end(candidate, CandidateStatus.DUPLICATE, reason), CheckReport(Status.OK)
        report = self._check(candidate)
        candidate = replace(
            candidate,
            parameters=report.parameters,
            flops=report.flops,
            latency_ms=self._latency(report),
            int8_bytes=report.int8_bytes,
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
            return self.end(candidate, status, why(report)), report
        if reason := self._same(candidate, "graph"):
            return self.end(candidate, CandidateStatus.DUPLICATE, reason), report
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

    # --- what is known ---------------------------------------------------------------------------

    def _same(self, candidate: Candidate, stage: str) -> str | None:
        """Why the candidate need not be trained, by its code, or by its graph as well."""
        if self.in_turn:
            return self._known(candidate, self._settled(candidate))
        key = f"{candidate.id}/{stage}"
        with self._lock:
            found = self.context.journal.once(
                MATCH, key, candidate.id, {}, lambda: {"reason": self._first(candidate) or ""}
            )
        return str(found["reason"]) or None

    def _first(self, candidate: Candidate) -> str | None:
        """Why the candidate need not be trained, among all that were proposed before it, and all
        that were let through by now."""
        for level, same in self.context.journal.matches(candidate.fingerprint):
            if same.id == candidate.id or same.status in NOTHING_KNOWN:
                continue
            if same.sequence < candidate.sequence or self._is_through(same):
                return _words(level, same, settled=True)
        return self._known_before(candidate)

    def _is_through(self, candidate: Candidate) -> bool:
        step = self.context.journal.step(MATCH, f"{candidate.id}/graph")
        return step is not None and not step.result["reason"]

    def _known(self, candidate: Candidate, before: int) -> str | None:
        """Why the candidate need not be trained, from this run up to a sequence, and from all runs
        before it."""
        settled = self._settled(candidate)
        if found := self.context.journal.match(candidate.fingerprint, before, settled):
            return _words(*found, settled=False)
        return self._known_before(candidate)

    def _known_before(self, candidate: Candidate) -> str | None:
        if m := self.memory.match(candidate.fingerprint):
            return f"same {m.level} as {m.run}/{m.candidate} ({m.title}), which ended {m.end}"
        return None

    def try_out(self, source: str, key: str) -> CheckReport:
        """Check a source that is no candidate, on behalf of one."""
        return self._check(Candidate(key, source=source))

    def _check(self, candidate: Candidate) -> CheckReport:
        def act() -> dict[str, object]:
            context = self.context
            report = check_all(
                context.sandbox, candidate.source, context.spec, context.settings.proxies
            )
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
            layers=tuple((str(name), int(count)) for name, count in done.get("layers", ())),
            int8_bytes=done.get("int8_bytes", 0),
        )


def why(report: CheckReport) -> str:
    """What a failed report says, in one line."""
    failed = [f"{c.name}: {c.detail}" for c in report.checks if not c.ok]
    return " ".join((failed[0] if failed else report.error or report.status.value).split())[:300]


def _words(level: str, same: Candidate, settled: bool) -> str:
    """What a candidate is the same as; only what cannot change any more, unless that is `settled`:
    the words must not depend on when trainings end."""
    if same.id == BASELINE:
        return f"same {level} as the baseline"
    failed = same.status in (CandidateStatus.DUPLICATE, CandidateStatus.INVALID)
    over = failed or (settled and same.status is not CandidateStatus.OPEN)
    end = f"which ended {same.status}" if over else "which was taken up before"
    return f"same {level} as candidate {same.id} ({same.title}), {end}"
