"""Opens the backend that a run's settings name, with what the journal knows of it."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from typing import Any

from archwright.agents.backends import Backend, Reply
from archwright.agents.backends.bandit import Pull
from archwright.agents.backends.meter import Amount
from archwright.agents.backends.opening import (
    REPLAY,
    BackendSource,
    known_prices,
    open_backend,
    symbolic,
)
from archwright.agents.roles import Agents, Prompts, record_by
from archwright.core import sequence_of
from archwright.core.settings import RunSettings
from archwright.runs.budget.legs import LEG
from archwright.runs.guiding import SEEDS, WORD
from archwright.runs.journal import Journal
from archwright.runs.workspace.finding import find_run
from archwright.runs.workspace.paths import WorkspacePaths


def open_run_backend(
    settings: RunSettings, journal: Journal, workspace: WorkspacePaths, stop: threading.Event
) -> Backend:
    """The backend of a run.

    Raises:
        InputError: it is not available: a recorded run or a price is missing.
    """
    source = source_of(settings, journal, stop)
    if settings.backend.startswith(REPLAY):
        with _recorded(settings, workspace) as recorded:
            replies = (recorded.paths.name, recorded_replies(recorded))
        return open_backend(replace(source, recorded=replies))
    backend = open_backend(source)
    prices = known_prices(settings) if settings.models else {}
    for name in (n for n, price in prices.items() if price is None):
        journal.notice(f"the price of {name} is not known: its dollars are not counted")
    return backend


def source_of(settings: RunSettings, journal: Journal, stop: threading.Event) -> BackendSource:
    """What a run's backend is opened from: the bandit learns from the journal, which also knows
    what was spent."""
    spent, lag = journal.spend(), settings.candidates_ahead
    return BackendSource(
        settings,
        notify=journal.notice,
        stop=stop,
        pulls=lambda number: _pulls(journal, number - lag),
        spent=Amount(spent.usd, spent.tokens),
    )


def open_agents(backend: Backend, journal: Journal, workspace: WorkspacePaths) -> Agents:
    """The roles over a run's backend, each of their calls recorded in its journal."""
    engine = symbolic()
    return Agents(
        backend=backend,
        prompts=Prompts(workspace.prompts),
        record=record_by(journal.once),
        fallback=engine if journal.facts.settings.get("fallback") == "symbolic" else None,
        words=engine,
    )


def _pulls(journal: Journal, upto: int) -> list[Pull]:
    """What the best candidate of each answer earned, up to a number: all have ended. The gain at
    the top rung, or as many noise standard deviations as rungs were reached: gains of lower rungs
    say nothing beside it."""
    first, last, top = sequence_of(1), sequence_of(upto + 1) - 1, len(journal.facts.rungs) - 1
    gains: dict[int, float] = {}
    for c in journal.candidates(first, last):
        if c.rung is not None and c.gain is not None:
            earned = max(c.rung + 1.0, c.gain if c.rung == top else 0.0)
            asked = _number(c.call) or c.number
            gains[asked] = max(earned, gains.get(asked, 0.0))
    costs: dict[tuple[int, str], float] = {}
    for call in journal.calls():
        number = _number(call.candidate)
        if 1 <= number <= upto:
            place = (number, call.model)
            costs[place] = costs.get(place, 0.0) + call.usd
    return [Pull(m, gains.get(n, 0.0), usd) for (n, m), usd in sorted(costs.items())]


def _number(candidate: str) -> int:
    """The number of a candidate by its id; 0 for an id that is not of the search."""
    found = re.match(r"\d+", candidate)
    return int(found[0]) if found else 0


# --- replay -----------------------------------------------------------------------------------


def recorded_settings(settings: RunSettings, workspace: WorkspacePaths) -> RunSettings:
    """The settings that repeat the run that `settings.backend` names: its own, with as many
    candidates as it had, and no limit of time, money or tokens.

    Raises:
        RunError: there is no such run.
    """
    with _recorded(settings, workspace) as journal:
        name = journal.paths.name
        recorded = RunSettings(**journal.facts.settings)
        last = journal.last_number()
    return recorded.changed(
        # By its full name: "the latest" will soon be the replay itself.
        backend=f"{REPLAY}{name}",
        workers=settings.workers,
        lag=recorded.candidates_ahead,
        sandbox=settings.sandbox,
        max_candidates=max(1, last),
        hours=None,
        max_usd=None,
        max_tokens=None,
        seed_from=None,  # the folder may have changed; what it held is copied
    )


def recorded_facts(settings: RunSettings, workspace: WorkspacePaths) -> dict[str, Any]:
    """What a replay must know as the recorded run knew it; nothing for any other run."""
    if not settings.backend.startswith(REPLAY):
        return {}
    with _recorded(settings, workspace) as journal:
        facts = journal.facts
        names = "known_until", "most_known", "head"
        return {name: getattr(facts, name) for name in names}


def copy_choices(settings: RunSettings, workspace: WorkspacePaths, journal: Journal) -> None:
    """Give a replay what the recorded run decided and no call holds: which results each candidate
    saw, who was to propose it and what the policy had in mind, what a proposer was shown, what was
    found to be the same, which were dropped, where the search paused to verify, and a person's
    words and architectures."""
    if not settings.backend.startswith(REPLAY):
        return
    with _recorded(settings, workspace) as recorded:
        last = recorded.last_number()
        grants = (grant for grant in recorded.steps("grant") if int(grant.key) <= last)
        kinds = (
            "retrieve",
            "choice",
            "question",
            "match",
            "refusal",
            "queue",
            "tool",
            "memo",
            LEG,
            WORD,
            SEEDS,
        )
        journal.copy_steps([*grants, *(step for kind in kinds for step in recorded.steps(kind))])


def _recorded(settings: RunSettings, workspace: WorkspacePaths) -> Journal:
    name = settings.backend.removeprefix(REPLAY)
    paths = find_run(_Place(workspace), name or "latest")
    return Journal.open(paths)


class _Place:
    def __init__(self, paths: WorkspacePaths) -> None:
        self.paths = paths


def recorded_replies(journal: Journal) -> dict[str, Reply]:
    """What models answered, by the hash of all that was sent. What the symbolic engine answered
    in a model's place is left out: it answers the same again."""
    calls = (call for call in journal.steps("call") if not call.key.endswith("/symbolic"))
    return {call.request["request"]: Reply(**call.result) for call in calls}
