"""The parts of a run, put together in a folder, without a run around them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from archwright.agents.backends.scripted import Answer, ScriptedBackend
from archwright.agents.backends.symbolic import SymbolicBackend
from archwright.agents.proposers import Proposal, Proposer
from archwright.agents.proposers.opening import open_symbolic
from archwright.agents.roles import Agents
from archwright.core import BASELINE, Candidate, Floor, Measurement
from archwright.core.settings import RunSettings
from archwright.knowledge.store import Knowledge
from archwright.runs.backends import open_agents
from archwright.runs.budget.progress import Progress
from archwright.runs.context import Campaign, RunContext, baseline_of
from archwright.runs.journal import Journal
from archwright.runs.memory import Memory
from archwright.runs.proposing.arms import Arms
from archwright.runs.proposing.asking import Proposing
from archwright.runs.proposing.memos import Memos
from archwright.runs.proposing.viewing import Viewer
from archwright.runs.results.branches.lineage import Lineage
from archwright.runs.results.branches.records import Records
from archwright.runs.screening import Desk, Screening
from archwright.runs.starting import begin
from archwright.runs.steering import Choice, Move, Steering
from archwright.runs.training.trainer import Trainer
from archwright.runs.workspace.knowing import knowledge_of
from archwright.runs.workspace.workspace import Workspace
from archwright.sandbox.in_process import InProcessSandbox
from archwright.tasks.loading import load_task

FLOORS = (
    Floor(15, 60.0, 2.0, (58.0, 60.0, 62.0), 82),
    Floor(45, 70.0, 2.0, (68.0, 70.0, 72.0), 82),
)
DRAFT = Choice("draft", (), 0)


@dataclass
class Parts:
    """A run that has measured its baseline and searched nothing yet."""

    workspace: Workspace
    context: RunContext
    knowledge: Knowledge
    backend: ScriptedBackend = field(
        default_factory=lambda: ScriptedBackend({}, otherwise=SymbolicBackend())
    )

    @property
    def journal(self) -> Journal:
        return self.context.journal

    def script(self, script: Mapping[str, Answer]) -> None:
        """What the roles answer from now on."""
        self.backend = ScriptedBackend(script, otherwise=SymbolicBackend())

    def change(self, **settings: Any) -> None:
        """Other settings from now on."""
        given = {**self.context.facts.settings, **settings}
        self.context.settings = RunSettings(**given)

    def know_all(self) -> None:
        """As if the run had begun now: it may know all that is in the knowledge base."""
        facts = replace(self.context.facts, known_until=self.knowledge.high_water())
        self.context.facts = facts

    def agents(self) -> Agents:
        return open_agents(self.backend, self.journal, self.workspace.paths)

    def screening(self) -> Screening:
        return Screening(self.context, self.memory(), Progress(lambda: False))

    def viewer(self) -> Viewer:
        return Viewer(self.context, self.memory())

    def memos(self) -> Memos:
        return Memos(self.context, self.agents())

    def desk(
        self, number: int = 1, screening: Screening | None = None, explains: bool = False
    ) -> Desk:
        """Where what is proposed for one number of a run that knows nothing else goes."""
        question = self.viewer().for_one(number, Move(DRAFT), self.campaign())
        return Desk(screening or self.screening(), number, question, "scripted", explains)

    def proposing(
        self,
        model: Proposer | None = None,
        symbolic: Proposer | None = None,
        drains: Callable[[], float] = lambda: 0.0,
    ) -> Proposing:
        """What comes to a candidate for each number, by these proposers."""
        settings, progress = self.context.settings, Progress(lambda: False)
        return Proposing(
            context=self.context,
            viewer=self.viewer(),
            screening=Screening(self.context, self.memory(), progress),
            symbolic=symbolic or open_symbolic(settings),
            model=model,
            memos=self.memos(),
            arms=Arms(settings, self.journal),
            progress=progress,
            drains=drains,
        )

    def steering(self) -> Steering:
        return Steering(self.context)

    def memory(self) -> Memory:
        return Memory(self.context, self.knowledge)

    def lineage(self) -> Lineage:
        return Lineage(self.context, self.knowledge)

    def records(self, round_: int = 0) -> Records:
        return Records(self.context, self.agents(), self.knowledge, self.workspace, round_)

    def campaign(self, *candidates: Candidate) -> Campaign:
        """The baseline and these."""
        shown = {self.context.top: Measurement(70.0, 0.0, 3)}
        known = (replace(self.context.baseline, rungs=shown), *candidates)
        return Campaign({c.id: c for c in known}, tuple(c for c in candidates if c.rungs))

    def wider(self, width: int = 24) -> str:
        """The baseline with so many units."""
        return self.context.baseline.source.replace("16", str(width))


def put_together(workspace: Path, task: Path, **settings: Any) -> Parts:
    """The parts of a new run in a workspace."""
    place, loaded = Workspace.open(workspace), load_task(task)
    given = RunSettings(**{"workers": 1, "max_trials": 40, **settings})
    journal = Journal.open(begin(place, loaded, given, task))
    sandbox = InProcessSandbox()
    context = RunContext(
        spec=loaded.spec,
        settings=given,
        journal=journal,
        sandbox=sandbox,
        trainer=Trainer(loaded, sandbox, journal),
        baseline=replace(baseline_of(loaded.spec), parameters=82),
        floors=FLOORS,
        facts=journal.facts,
    )
    return Parts(place, context, knowledge_of(place, given.knowledge))


def idea(source: str, title: str = "an idea", **changes: Any) -> Proposal:
    """A draft with its source."""
    return Proposal(**{"title": title, "source": source, "operator": "draft", **changes})


def enter(parts: Parts, id_: str, gain: float | None = None, **changes: Any) -> Candidate:
    """A candidate in the journal, measured at the top rung where a gain is given."""
    shown = {} if gain is None else {1: Measurement(70.0 + 2.0 * gain, gain, 1)}
    number = 0 if id_ == BASELINE else int(id_.rstrip("bcd"))
    attempt = " bcd".index(id_[-1]) if id_[-1] in "bcd" else 0
    given = {"title": f"idea {id_}", "source": f"# {id_}\n", "rungs": shown, "created": 1.8e9}
    candidate = Candidate(id_, sequence=1000 * number + attempt, **{**given, **changes})
    return parts.journal.propose(candidate)
