"""The parts of a run, put together in a folder, without a run around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from archwright.agents.backends.scripted import Answer, ScriptedBackend
from archwright.agents.backends.symbolic import SymbolicBackend
from archwright.agents.roles import Agents
from archwright.core import BASELINE, Candidate, Floor, Measurement
from archwright.core.settings import RunSettings
from archwright.knowledge.store import Knowledge
from archwright.runs.backends import open_agents
from archwright.runs.budget.allocation import Progress
from archwright.runs.context import Campaign, RunContext, baseline_of
from archwright.runs.journal import Journal
from archwright.runs.memory import Memory, Retrieved
from archwright.runs.results.branches.lineage import Lineage
from archwright.runs.results.branches.records import Records
from archwright.runs.screening import Screening
from archwright.runs.starting import begin
from archwright.runs.steering import Choice, Steering
from archwright.runs.trainer import Trainer
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
        control = open_agents(SymbolicBackend(), self.journal, self.workspace.paths)
        progress = Progress(lambda: False)
        return Screening(self.context, self.agents(), control, self.memory(), progress)

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

    def propose(self, number: int = 1, choice: Choice = DRAFT) -> Candidate:
        """What screening makes of one number of a run that knows nothing else, at its turn."""
        screening = self.screening()
        for earlier in range(1, number):
            with screening.progress.turn(earlier):
                pass
        return screening.propose(number, choice, Retrieved(), self.campaign())


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
    return Parts(place, context, Knowledge(place.paths.knowledge))


def enter(parts: Parts, id_: str, gain: float | None = None, **changes: Any) -> Candidate:
    """A candidate in the journal, measured at the top rung where a gain is given."""
    shown = {} if gain is None else {1: Measurement(70.0 + 2.0 * gain, gain, 1)}
    number = 0 if id_ == BASELINE else int(id_.rstrip("bcd"))
    attempt = " bcd".index(id_[-1]) if id_[-1] in "bcd" else 0
    given = {"title": f"idea {id_}", "source": f"# {id_}\n", "rungs": shown, "created": 1.8e9}
    candidate = Candidate(id_, sequence=1000 * number + attempt, **{**given, **changes})
    return parts.journal.propose(candidate)
