"""The public interface for programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from archwright.agents.backends import Backend
from archwright.runs.results.result import RunResult
from archwright.runs.session import View


def discover(
    task: str | Path,
    *,
    workspace: str | Path = ".",
    max_trials: int | None = None,
    hours: float | None = None,
    workers: int | None = None,
    sandbox: str | None = None,
    seed: int | None = None,
    examples: int | None = None,
    model: str | Sequence[str] | None = None,
    base_url: str | None = None,
    price: str | Sequence[str] | None = None,
    max_usd: float | None = None,
    max_tokens: int | None = None,
    max_candidates: int | None = None,
    policy: str | None = None,
    objectives: Sequence[str] | None = None,
    max_params: int | None = None,
    max_flops: int | None = None,
    max_latency_ms: float | None = None,
    calls: int | None = None,
    fallback: str | None = None,
    backend: Backend | None = None,
    view: View | None = None,
) -> RunResult:
    """Discover architectures for a task; what `archwright run --json` prints.

    Args:
        task: a built-in task's name, or a task folder.
        workspace: a git repository where discoveries land as branches; see `archwright init`.
        max_trials: trainings in all.
        hours: wall-clock time in all.
        workers: trainings at a time.
        sandbox: auto, process or docker.
        seed: of the whole run.
        examples: examples retrieved from the knowledge base for each proposal.
        model: an LLM for all roles, or `ROLE=NAME` for one; several form a pool.
        base_url: an OpenAI-compatible server; None is the provider that litellm knows the model of.
        price: dollars per million tokens, `IN,OUT` or `NAME=IN,OUT`, over what litellm lists.
        max_usd: dollars for models in all.
        max_tokens: tokens of models in all.
        max_candidates: candidates in all.
        policy: what chooses parents and operators; None is the default one.
        objectives: quality, and any of parameters, flops, latency.
        max_params: most parameters of a candidate, where the task allows more.
        max_flops: most FLOPs of one sample's forward pass, where the task allows more.
        max_latency_ms: longest forward pass of one sample, as predicted for this machine.
        calls: calls to models at a time.
        fallback: "symbolic" has that engine answer where a model gave no usable answer.
        backend: what answers the roles, over what `model` says; None without a model is the
            symbolic backend.
        view: shows the run while it goes on; None shows nothing.

    Raises:
        InputError: what was given cannot be used; the message names the fix.
        KeyboardInterrupt: a signal ended the run; it can be resumed.
    """
    from archwright.runs.phases import discover as discover_run
    from archwright.runs.results.result import result_of
    from archwright.runs.session import carry_out
    from archwright.runs.settings import RunSettings
    from archwright.runs.starting import begin
    from archwright.runs.workspace.workspace import Workspace
    from archwright.tasks.loading import load_task

    given = {
        "max_trials": max_trials,
        "hours": hours,
        "workers": workers,
        "sandbox": sandbox,
        "seed": seed,
        "examples": examples,
        "models": _several(model),
        "base_url": base_url,
        "prices": _several(price),
        "max_usd": max_usd,
        "max_tokens": max_tokens,
        "max_candidates": max_candidates,
        "policy": policy,
        "objectives": None if objectives is None else tuple(objectives),
        "max_params": max_params,
        "max_flops": max_flops,
        "max_latency_ms": max_latency_ms,
        "calls": calls,
        "fallback": fallback,
    }
    place = Workspace.open(Path(workspace))
    settings = RunSettings.load(place.paths.settings, given)
    loaded = load_task(task)
    paths = begin(place, loaded, settings, task)
    return result_of(carry_out(place, loaded, paths, discover_run, view, backend))


def _several(words: str | Sequence[str] | None) -> tuple[str, ...] | None:
    if words is None:
        return None
    return (words,) if isinstance(words, str) else tuple(words)
