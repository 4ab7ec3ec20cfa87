"""What `run` and `resume` share about models: arguments, the estimate, the confirmation."""

from __future__ import annotations

import argparse
import sys
from typing import Any, Final

from archwright.cli.output import say
from archwright.core import RunError
from archwright.runs.settings import RunSettings
from archwright.runs.workspace.workspace import Workspace
from archwright.tasks.loading import Task

ASK_ABOVE_USD: Final = 1.0


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say who answers the roles, and for how much."""
    parser.add_argument(
        "--model",
        action="append",
        metavar="NAME",
        help="an LLM for all roles, or ROLE=NAME for one; more than one form a pool",
    )
    parser.add_argument("--base-url", metavar="URL", help="an OpenAI-compatible server")
    parser.add_argument("--calls", type=int, metavar="N", help="calls to models at a time")
    parser.add_argument("--max-usd", type=float, metavar="X", help="dollars for models in all")
    parser.add_argument("--max-tokens", type=int, metavar="N", help="tokens of models in all")
    parser.add_argument(
        "--price",
        action="append",
        metavar="IN,OUT",
        help="dollars per million tokens, or NAME=IN,OUT for one model",
    )
    parser.add_argument(
        "--fallback",
        choices=("symbolic",),
        help="who answers where a model gave no usable answer (default: nobody)",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask about the cost")


def model_settings(args: argparse.Namespace) -> dict[str, Any]:
    """The settings that the arguments give; None where one is silent."""
    return {
        "models": tuple(args.model) if args.model else None,
        "base_url": args.base_url,
        "calls": args.calls,
        "max_usd": args.max_usd,
        "max_tokens": args.max_tokens,
        "prices": tuple(args.price) if args.price else None,
        "fallback": args.fallback,
    }


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
    from archwright.runs.backends import check_backend

    check_backend(settings)
    if settings.backend != "llm":
        return
    cost = _say_estimate(settings, workspace, task)
    if assume_yes or cost is None or cost <= ASK_ABOVE_USD or not sys.stdin.isatty():
        return
    say("go on? [y/N] ")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise RunError("nothing was spent; bound the cost with --max-usd, or answer with --yes")


def _say_estimate(settings: RunSettings, workspace: Workspace, task: Task) -> float | None:
    """Print the estimate; the most that the run should cost, None where that is not known."""
    from archwright.agents.estimating import estimate
    from archwright.agents.prompting import Prompts
    from archwright.runs.allocation import Plan
    from archwright.runs.backends import known_prices

    plan = Plan.of(settings, len(task.spec.rungs))
    bounds = [n for n in (plan.search, settings.max_candidates) if n is not None]
    found = estimate(
        task.spec,
        Prompts(workspace.paths.prompts),
        settings.examples,
        min(bounds, default=None),
        known_prices(settings),
    )
    what = f"up to {found.candidates} candidates" if found.candidates else "a candidate"
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
