"""Chats for tuning, from what a workspace proved and decided.

A proposal whose gain was verified is an answer to the researcher's question; an accepted decision
is one to the drafter's. That small models draft decisions well once they are tuned on such pairs is
DRAFT's finding (Dhar et al., "DRAFT-ing Architectural Design Decisions using LLMs", 2025).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from archwright.agents.proposers.campaign import CampaignQuestion, ShownWork, Suggestion
from archwright.agents.questions import Brief, DraftQuestion, Passage, ShownCandidate
from archwright.agents.roles import DRAFTER, RESEARCHER, Prompts, fenced
from archwright.core import BASELINE, Candidate, Verdict
from archwright.core.settings import RunSettings
from archwright.knowledge.decisions.folder import Decision
from archwright.knowledge.decisions.importing import RUN as DECISIONS
from archwright.runs.context import within_limits
from archwright.runs.journal import Journal
from archwright.runs.noise import measured_floors
from archwright.runs.proposing.viewing import ledger_rows, most_telling
from archwright.runs.starting import task_of
from archwright.search.operators import OPERATORS
from archwright.source.fingerprint import fingerprint


@dataclass(frozen=True, slots=True)
class TuningExample:
    """One question with its answer.

    `key` is the same for two that say the same: the fingerprint of the code, the words of a
    decision. `facts` are what was measured, None where nothing was.
    """

    run: str
    kind: str
    id: str
    key: str
    prompt: str
    answer: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """A line of the file; every line has the same keys."""
        names = ("task", "title", "metric", "unit", "effect", "interval", "p", "seeds")
        turns = (("user", self.prompt), ("assistant", self.answer))
        return {
            "messages": [{"role": role, "content": text} for role, text in turns],
            "run": self.run,
            "kind": self.kind,
            "id": self.id,
            **{name: self.facts.get(name) for name in names},
        }


# --- proposals ------------------------------------------------------------------------------------


def proposal_examples(journal: Journal, prompts: Prompts) -> Iterator[TuningExample]:
    """The run's proposals whose gain was verified and that no person rejected.

    Raises:
        TaskError: a question has to be made anew, and the run's task is gone or broken.
        InputError: a template of the workspace is broken.
    """
    facts = journal.facts
    for verdict in journal.verdicts():
        candidate = journal.candidate(verdict.candidate)
        if verdict.verdict != "discovery" or verdict.review == "rejected":
            continue
        if candidate is None or not candidate.source:
            continue
        yield TuningExample(
            run=journal.run,
            kind="proposal",
            id=candidate.id,
            key=_code_key(candidate),
            prompt=_prompt(journal, candidate, prompts),
            answer=_answer(candidate, verdict),
            facts={
                "task": facts.task,
                "title": candidate.title,
                "metric": facts.metric.name,
                "unit": facts.metric.unit,
                "effect": verdict.effect,
                "interval": list(verdict.interval) if verdict.interval else None,
                "p": verdict.p,
                "seeds": verdict.seeds,
            },
        )


def _code_key(candidate: Candidate) -> str:
    levels = fingerprint(candidate.source, candidate.recipe)
    return levels.tree or levels.text


def _answer(candidate: Candidate, verdict: Verdict) -> str:
    """The proposal as the researcher is asked to give it; what it expected is what was measured."""
    said: dict[str, Any] = {
        "title": candidate.title,
        "move": candidate.operator,
        "parents": list(candidate.parents),
        "rationale": candidate.rationale,
        "hypothesis": candidate.hypothesis,
        "expected": None if verdict.effect is None else float(f"{verdict.effect:.3g}"),
    }
    kept = {name: value for name, value in said.items() if value not in ("", None)}
    idea = fenced(json.dumps(kept, ensure_ascii=False), "json")
    return f"{idea}\n\n{fenced(candidate.source, 'python')}\n"


def _prompt(journal: Journal, candidate: Candidate, prompts: Prompts) -> str:
    """The question that the proposal answers, asked for it alone.

    A model's question is in the journal. Where it was of an earlier version, the prompt that was
    sent is; where none was sent, the question is made as the template would have shown it.
    """
    number = candidate.call.partition("/")[0]
    asked = journal.step("question", number) if number else None
    if asked is not None:
        question = CampaignQuestion.model_validate(asked.result)
    else:
        sent = journal.step("call", candidate.call) if candidate.call else None
        if sent and sent.request.get("role") == RESEARCHER.name and "prompt_text" in sent.request:
            return str(sent.request["prompt_text"])
        question = _question(journal, candidate)
    alone = {"count": 1, "number": candidate.number, "with_code": True}
    return prompts.render(RESEARCHER.name, question.model_copy(update=alone))


def _question(journal: Journal, candidate: Candidate) -> CampaignQuestion:
    """What the researcher would have been shown when the symbolic engine proposed a candidate."""
    facts = journal.facts
    settings = RunSettings(**facts.settings)
    spec = within_limits(task_of(journal.paths).spec, settings)
    before = journal.candidates(first=0, last=candidate.sequence - 1)
    retrieved = journal.step("retrieve", str(candidate.number))
    found = retrieved.result if retrieved else {}
    known = {c.id: c for c in before}
    baseline = known.get(BASELINE) or Candidate(BASELINE, "the baseline", spec.baseline)
    floors = measured_floors(facts.noise)
    rows = ledger_rows(before, facts.rungs, [floor.sd for floor in floors])
    shown = most_telling(rows)
    parents = (known[p] for p in candidate.parents if p in known and p != BASELINE)
    operator = OPERATORS.get(candidate.operator)
    return CampaignQuestion(
        brief=Brief.of(spec),
        number=candidate.number,
        seed=settings.seed,
        baseline=_work(baseline, "the baseline"),
        noise=tuple((floor.steps, floor.mean, floor.sd) for floor in floors),
        promoted=settings.reduction,
        ledger=shown,
        omitted=len(rows) - len(shown),
        works=tuple(_work(parent, "suggested as a parent") for parent in parents),
        examples=tuple(ShownCandidate(**e) for e in found.get("examples", ())),
        lessons=tuple(found.get("lessons", ())),
        warnings=tuple(found.get("warnings", ())),
        passages=tuple(Passage(**p) for p in found.get("passages", ())),
        suggestion=Suggestion(
            operator=candidate.operator or "draft",
            parents=candidate.parents,
            about=operator.summary if operator else "a change of its own",
        ),
    )


def _work(candidate: Candidate, why: str) -> ShownWork:
    return ShownWork(**ShownCandidate.of(candidate).model_dump(), why=why)


# --- decisions ------------------------------------------------------------------------------------


def decision_examples(decisions: Iterable[Decision], prompts: Prompts) -> Iterator[TuningExample]:
    """Accepted decisions that say both their situation and their reason.

    Raises:
        InputError: a template of the workspace is broken.
    """
    for decision in decisions:
        context, because = decision.context.strip(), decision.because.strip()
        if decision.status != "accepted" or not context or not because:
            continue
        words = " ".join(f"{decision.title} {context} {because}".casefold().split())
        yield TuningExample(
            run=decision.run or DECISIONS,
            kind="decision",
            id=f"ADR-{decision.number:04d}",
            key=hashlib.sha256(words.encode(errors="replace")).hexdigest(),
            prompt=prompts.render(DRAFTER.name, DraftQuestion(context=context, records=())),
            answer=_drafted(decision),
            facts={"task": decision.task or None, "title": decision.title},
        )


def _drafted(decision: Decision) -> str:
    """The decision as the drafter is asked to give it."""
    chosen = decision.chosen or decision.title
    options = [{"name": o.name, "why": o.why} for o in decision.options]
    if chosen not in [o["name"] for o in options]:
        options.insert(0, {"name": chosen, "why": ""})
    said = {
        "title": decision.title,
        "options": options,
        "chosen": chosen,
        "because": decision.because,
        "consequences": list(decision.consequences),
    }
    return fenced(json.dumps(said, ensure_ascii=False), "json") + "\n"


# --- sets -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TuningSets:
    """What to tune on, what to validate on, and how many said what another said already."""

    train: tuple[TuningExample, ...]
    validation: tuple[TuningExample, ...]
    duplicates: int


def split_sets(examples: Sequence[TuningExample], share: float) -> TuningSets:
    """The examples, each once, in two sets that share no run.

    A decision that no run led to is a run of its own here. Which runs go to validation hangs on
    their names alone, so that they stay there when more are added to the right of them.

    Args:
        share: of the runs for validation; one at least where there are two, as long as it is
            above 0.
    """
    once = {(e.kind, e.key): e for e in reversed(examples)}
    kept = tuple(e for e in examples if once[e.kind, e.key] is e)
    runs = sorted({e.run for e in kept if e.run != DECISIONS}, key=_order)
    alone = sorted({e.id for e in kept if e.run == DECISIONS}, key=_order)
    least = 1 if len(runs) > 1 and share > 0 else 0
    chosen = set(runs[: max(least, round(share * len(runs)))] if len(runs) > 1 else ())
    chosen |= set(alone[: round(share * len(alone))])

    def is_held(example: TuningExample) -> bool:
        return (example.id if example.run == DECISIONS else example.run) in chosen

    train = tuple(e for e in kept if not is_held(e))
    return TuningSets(train, tuple(filter(is_held, kept)), len(examples) - len(kept))


def _order(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
