"""From an idea to a candidate worth training: code, fingerprint, checks, repair."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from archwright.agents.questions import (
    Brief,
    CodeQuestion,
    RepairQuestion,
    ResearchQuestion,
    Work,
    report_to_json,
)
from archwright.agents.roles import Agents
from archwright.domain import (
    Check,
    CheckReport,
    End,
    Fingerprint,
    Recipe,
    SourceError,
    Status,
    TaskSpec,
)
from archwright.knowledge.store import Knowledge
from archwright.runs.journal import Journal
from archwright.runs.ledger import Ledger
from archwright.sandbox import Sandbox
from archwright.search.fingerprint import ParsedSource, fingerprint, read_source

REPAIRED: Final = " (repaired)"
UNKNOWN: Final = Fingerprint("", "")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A candidate on its way. `number` is its place in the run; each attempt has its own id."""

    number: int
    attempt: int
    title: str
    rationale: str
    operator: str
    parents: tuple[str, ...]
    source: str
    recipe: Recipe
    fingerprint: Fingerprint = UNKNOWN
    parameters: int = 0
    end: End = End.OPEN
    reason: str = ""

    @property
    def id(self) -> str:
        """`17`, and `17b`, `17c` … for what came after it under the same number."""
        return f"{self.number}{_letters(self.attempt)}"

    @property
    def sequence(self) -> int:
        """The order of all that was ever proposed in the run."""
        return self.number * 1000 + self.attempt


def _letters(attempt: int) -> str:
    return "" if attempt == 0 else "bcdefghijklmnopqrstuvwxyz"[attempt - 1]


def seed_of(*parts: object) -> int:
    """A seed that depends on all of `parts` and on nothing else."""
    text = "/".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")


class Screening:
    """Proposes one candidate per number, and lets through what is new and passes its checks."""

    def __init__(
        self,
        spec: TaskSpec,
        agents: Agents,
        sandbox: Sandbox,
        journal: Journal,
        knowledge: Knowledge,
        ledger: Ledger,
    ) -> None:
        self._spec = spec
        self._brief = Brief.of(spec)
        self._agents = agents
        self._sandbox = sandbox
        self._journal = journal
        self._knowledge = knowledge
        self._ledger = ledger
        settings = journal.fact("settings")
        self._run_seed: int = settings["seed"]
        self._attempts: int = settings["attempts"]
        self._repairs: int = settings["repairs"]
        self._until: int = journal.fact("known_until")

    def propose(
        self,
        number: int,
        question: ResearchQuestion,
        works: dict[str, Work],
    ) -> Candidate:
        """The number's candidate: open when it is to be trained, else with its end.

        A duplicate goes back to the researcher with the reason. The first idea is made at once;
        what depends on other candidates waits for this number's turn.
        """
        candidate = self._write(number, 0, question, works)
        with self._ledger.turn(number):
            candidate = self._settle(candidate)
            for _ in range(self._attempts - 1):
                if candidate.end is not End.DUPLICATE:
                    break
                refused = (*question.rejected, f"{candidate.title}: {candidate.reason}")
                question = question.model_copy(update={"rejected": refused})
                candidate = self._settle(
                    self._write(number, candidate.attempt + 1, question, works)
                )
        return candidate

    # --- idea and code ----------------------------------------------------------------------

    def _write(
        self, number: int, attempt: int, question: ResearchQuestion, works: dict[str, Work]
    ) -> Candidate:
        key = f"{number}/{attempt}"
        seed = seed_of(self._run_seed, number, attempt)
        idea = self._agents.research(key, question, seed)
        start = tuple(works[p] for p in idea.parents if p in works)
        asked = CodeQuestion(brief=self._brief, idea=idea, works=start)
        source = self._agents.code(key, asked, seed).source
        candidate = Candidate(
            number=number,
            attempt=attempt,
            title=idea.title,
            rationale=idea.rationale,
            operator=idea.operator,
            parents=tuple(w.id for w in start),
            source=source,
            recipe=self._spec.recipe,
        )
        self._record(candidate, question.examples)
        return candidate

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
                "created": time.time(),
            }
        )

    # --- fingerprint, checks, repair ----------------------------------------------------------

    def _settle(self, candidate: Candidate) -> Candidate:
        """Repair until it passes, is a duplicate, or no mend is known."""
        for repair in range(self._repairs + 1):
            candidate, report = self._screen(candidate)
            if candidate.end is not End.INVALID or repair == self._repairs:
                return candidate
            mended = self._mend(candidate, report, repair + 1)
            if mended is None:
                return candidate
            self._journal.end(candidate.id, End.INVALID, f"{candidate.reason}; repaired")
            candidate = mended
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
        if reason := self._known(candidate):
            return self._ended(candidate, End.DUPLICATE, reason), CheckReport(Status.OK)
        report = self._check(candidate)
        candidate = self._fingerprinted(
            replace(candidate, parameters=report.parameters), parsed, report.graph
        )
        if report.status is not Status.OK:
            end = End.INVALID if report.status is Status.INVALID else End.CRASHED
            # The debugger also gets what crashed while it was being built.
            return self._ended(
                candidate, End.INVALID if report.checks else end, why(report)
            ), report
        if reason := self._known(candidate):
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
        )
        return replace(candidate, fingerprint=print_)

    def _known(self, candidate: Candidate) -> str | None:
        """Why the candidate need not be tried, from this run and from all before it."""
        if found := self._journal.match(candidate.fingerprint, candidate.sequence):
            level, row = found
            open_ = row["end"] == End.OPEN
            end = "which is still under way" if open_ else f"which ended {row['end']}"
            return f"same {level} as candidate {row['id']} ({row['title']}), {end}"
        if matches := self._knowledge.match(self._spec.name, candidate.fingerprint, self._until):
            m = matches[0]
            return f"same {m.level} as {m.run}/{m.candidate} ({m.title}), which ended {m.end}"
        return None

    def _check(self, candidate: Candidate) -> CheckReport:
        def act() -> dict[str, object]:
            report = self._sandbox.check(candidate.source, self._spec.problem)
            return {**report_to_json(report), "graph": report.graph}

        done = self._journal.once("check", candidate.id, candidate.id, {}, act)
        return CheckReport(
            status=Status(done["status"]),
            checks=tuple(Check(**c) for c in done["checks"]),
            parameters=done["parameters"],
            flops=done["flops"],
            graph=done["graph"],
            error=done["error"],
        )

    def _mend(self, candidate: Candidate, report: CheckReport, attempt: int) -> Candidate | None:
        question = RepairQuestion(
            brief=self._brief,
            title=candidate.title,
            source=candidate.source,
            report=report_to_json(report),
            attempt=attempt,
        )
        seed = seed_of(self._run_seed, candidate.id, "repair")
        answer = self._agents.repair(candidate.id, question, seed)
        if not answer.source:
            return None
        mended = replace(
            candidate,
            attempt=candidate.attempt + 1,
            title=f"{candidate.title.removesuffix(REPAIRED)}{REPAIRED}",
            rationale=f"{candidate.rationale} Repaired after {candidate.id}: {answer.notes}.",
            source=answer.source,
            end=End.OPEN,
            reason="",
        )
        self._record(mended, ())
        return mended

    def _ended(self, candidate: Candidate, end: End, reason: str) -> Candidate:
        self._journal.end(candidate.id, end, reason)
        return replace(candidate, end=end, reason=reason)


def why(report: CheckReport) -> str:
    """What a failed report says, in one line."""
    failed = [f"{c.name}: {c.detail}" for c in report.checks if not c.ok]
    return " ".join((failed[0] if failed else report.error or report.status.value).split())[:300]
