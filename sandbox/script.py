"""What a jail is told of a training script: its tree, its command, and what it must leave."""

from __future__ import annotations

from collections.abc import Mapping

from archwright.core import Problem, SandboxError, Script, TrialJob, read_bundle
from archwright.core.script import BUDGET_WORD, SEED_WORD
from archwright.sandbox.contract import ScriptOutput, ScriptRequest
from archwright.sandbox.replies import Wanted


def script_request(job: TrialJob, wanted: Mapping[str, Wanted]) -> ScriptRequest:
    """What a jail is told of a trial of a script.

    Args:
        wanted: the predictions that it owes, by split.
    """
    script = job.problem.script
    if script is None:
        raise SandboxError("the job is not a script")
    shapes = {split: (owed.samples, *owed.shape) for split, owed in wanted.items()}
    return _request(script, job.source, shapes, job.steps, job.seed)


def script_check(source: str, problem: Problem, seed: int) -> ScriptRequest | None:
    """What a jail is told of the short run that checks a script; None where there is none."""
    script = problem.script
    if script is None or script.check_budget is None:
        return None
    shapes = {split: (0, *problem.output_shape) for split, _ in script.predictions}
    return _request(script, source, shapes, script.check_budget, seed, check=True)


def _request(
    script: Script,
    source: str,
    shapes: Mapping[str, tuple[int, ...]],
    budget: int,
    seed: int,
    check: bool = False,
) -> ScriptRequest:
    places = dict(script.predictions)
    words = (w.replace(BUDGET_WORD, str(budget)) for w in script.command)
    return ScriptRequest(
        command=tuple(word.replace(SEED_WORD, str(seed)) for word in words),
        files=read_bundle(source),
        links=dict(script.reads),
        outputs=tuple(ScriptOutput(split, places[split], shape) for split, shape in shapes.items()),
        budget=budget,
        seed=seed,
        check=check,
    )
