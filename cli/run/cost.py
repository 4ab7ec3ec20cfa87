"""Who answers the roles of a run, and what that will cost: the estimate, the confirmation."""

from __future__ import annotations

import sys
from typing import Final

from archwright.cli.output import say
from archwright.core import RunError
from archwright.core.settings import RunSettings
from archwright.runs.workspace.workspace import Workspace
from archwright.tasks.loading import Task

ASK_ABOVE_USD: Final = 1.0
TRAININGS: Final = 3
"""Trainings that a candidate of the search takes on average."""


def describe_backend(settings: RunSettings) -> str:
    """Who answers the roles, in a few words."""
    if settings.backend != "llm":
        return f"{settings.backend} backend"
    where = f" at {settings.base_url}" if settings.base_url else ""
    return ", ".join(settings.models) + where


def confirm_cost(settings: RunSettings, workspace: Workspace, task: Task, assume_yes: bool) -> None:
    """Say what a run with models will cost, and ask above a threshold, on a terminal only.

    Raises:
        InputError: a model or its price is not known.
        RunError: the answer was no.
    """
    from archwright.agents.backends.opening import check_backend

    check_backend(settings)
    if settings.backend != "llm":
        return
    cost = _say_estimate(settings, workspace, task)
    if assume_yes or cost is None or cost <= ASK_ABOVE_USD or not sys.stdin.isatty():
        return
    say("continue? [y/N] ")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise RunError("nothing was spent; bound the cost with --max-usd, or answer with --yes")


def _say_estimate(settings: RunSettings, workspace: Workspace, task: Task) -> float | None:
    """Print the estimate; the most that the run should cost, None where that is not known."""
    from archwright.agents.backends.opening import known_prices
    from archwright.agents.estimating import estimate
    from archwright.agents.roles import Prompts
    from archwright.runs.budget.plan import Plan

    plan = Plan.of(settings, len(task.spec.rungs))
    searched = None if plan.search is None else max(1, plan.search // TRAININGS)
    bounds = [n for n in (searched, settings.max_candidates) if n is not None]
    found = estimate(
        task.spec,
        Prompts(workspace.paths.prompts),
        settings.examples,
        settings.proposals,
        min(bounds, default=None),
        known_prices(settings),
    )
    what = f"about {found.candidates} candidates" if found.candidates else "a candidate"
    usd = "at an unknown price" if found.usd is None else f"about ${found.usd:.2f}"
    limits = [f"--max-usd {settings.max_usd:g}"] if settings.max_usd is not None else []
    limits += [f"--max-tokens {settings.max_tokens}"] if settings.max_tokens is not None else []
    bound = f"; bounded by {' and '.join(limits)}" if limits else ""
    say(f"estimate: {what} take about {found.tokens:,} tokens, {usd}{bound}")
    if settings.max_usd is not None and (found.usd is None or found.candidates is None):
        return settings.max_usd
    if found.usd is None or settings.max_usd is None:
        return found.usd
    return min(found.usd, settings.max_usd)
