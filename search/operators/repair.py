"""Repairing a candidate from what its failed checks said: what does not fit, and the limits.

These are the fixes that cured something when foreign sources were measured (see docs/search.md).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Final

from archwright.core import CheckReport, Problem, SourceError
from archwright.search.grammar.grammar import ROOM
from archwright.search.operators.parents import Edit, NotApplicable
from archwright.search.operators.structural_edits import remove_module, simplify
from archwright.source.code import (
    Change,
    SourceCode,
    callee,
    calls,
    classes,
    code_of,
    free_name,
    rename_class,
)
from archwright.source.constructor import constructor_of
from archwright.source.counting import build_blueprint, count_parameters
from archwright.source.evaluation import stored
from archwright.source.scaling import fit_parameters, scale_width

HEAD: Final = '''

class {entry}(nn.Module):
    """The core, and a head that gives the output its shape."""

    def __init__(self, {parameters}):
        super().__init__()
        self.core = {core}({arguments})
        self.head = nn.Linear({features}, {outputs})

    def forward(self, x):
        return self.head(self.core(x))
'''


@dataclass(frozen=True)
class Failed:
    """A candidate that failed its checks: source, problem and what the checks said."""

    source: str
    problem: Problem
    report: CheckReport
    rng: Random

    @cached_property
    def code(self) -> SourceCode:
        return code_of(self.source)

    @cached_property
    def details(self) -> dict[str, str]:
        """Details of the failed checks by the check's name; the error text under ""."""
        return {"": self.report.error} | {c.name: c.detail for c in self.report.checks if not c.ok}

    def said(self, pattern: str) -> re.Match[str] | None:
        """A pattern found in all that was said."""
        return re.search(pattern, "\n".join(self.details.values()))

    def number(self, node: ast.expr) -> int | None:
        """The number that an argument in the entry's constructor stands for."""
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, int) else None
        blueprint = build_blueprint(self.source, self.problem)
        return blueprint.number(self.code.segment(node)) if blueprint else None

    def edit(self, change: Change, title: str, why: str) -> Edit:
        return Edit(self.code.apply([change]), title, why)


def repair(source: str, problem: Problem, report: CheckReport, rng: Random) -> Edit | None:
    """The first fix that fits what the report says; None when none does.

    One call fixes one fault; a source with several is repaired by several calls, each with the
    report of the last.
    """
    if problem.script is not None:
        return None
    failed = Failed(source, problem, report, rng)
    try:
        made = (fix(failed) for fix in FIXES)
        return next((e for e in made if e is not None and e.source != source), None)
    except SourceError:
        return None


# --- what does not fit ----------------------------------------------------------------------------


def fix_misfit(failed: Failed) -> Edit | None:
    """A linear layer that expects another number of features than it gets."""
    match = failed.said(r"mat1 and mat2 shapes cannot be multiplied \(\d+x(\d+) and (\d+)x(\d+)\)")
    if match is None:
        return None
    new, old, made = map(int, match.groups())
    for call in failed.code.calls:
        if callee(call) != "Linear" or not isinstance(call.func, ast.Attribute) or not call.args:
            continue
        sizes = [failed.number(a) for a in call.args[:2]]
        if sizes[0] == old and (len(sizes) < 2 or sizes[1] in (made, None)):
            title = f"repair: Linear takes {new} features, not {old}"
            why = "That is what the layers before it give."
            return failed.edit(failed.code.put(call.args[0], str(new)), title, why)
    return None


def fix_output(failed: Failed) -> Edit | None:
    """A wrong number of outputs: the last linear layer fixed, else a linear layer put behind."""
    wanted = failed.said(r"tensor of shape \((?P<want>[\d, ]+)\)") or failed.said(
        r"must keep the shape \((?P<want>[\d, ]+)\)"
    )
    given = failed.said(r"it (?:returned|gave) (\(\d[\d, ]*\))")
    entry = classes(failed.code.tree).get(failed.problem.entry)
    if wanted is None or given is None or entry is None:
        return None
    shape, want = (
        [int(n) for n in re.findall(r"\d+", text)][1:] for text in (given[1], wanted["want"])
    )
    if not shape or len(shape) != len(want) or shape[:-1] != want[:-1]:
        return None
    made = constructor_of(entry)
    linear = [c for c in calls(entry) if callee(c) == "Linear" and len(c.args) > 1]
    if linear and failed.number(linear[-1].args[1]) == shape[-1]:
        change = failed.code.put(linear[-1].args[1], made.outputs)
        return failed.edit(change, "repair: the head gives the task's outputs", "It gave others.")
    core = free_name(f"{entry.name}Core", classes(failed.code.tree))
    text = rename_class(failed.code, entry.name, core).rstrip() + "\n"
    text += HEAD.format(
        entry=entry.name,
        core=core,
        features=shape[-1],
        parameters=made.parameters,
        arguments=made.arguments,
        outputs=made.outputs,
    )
    return Edit(text, "repair: a head gives the output its shape", "The core gave another shape.")


def fix_unused(failed: Failed) -> Edit | None:
    """A submodule or parameter that `forward` never uses goes."""
    detail = failed.details.get("gradients", "")
    match = re.search(r"no gradient reaches (.+?)(?: and \d+ more)?$", detail, re.S)
    if match is None:
        return None
    names = [name for path in match[1].split(",") for name in path.strip().split(".")]
    for name in names:
        for owner in classes(failed.code.tree):
            source = remove_module(failed.source, owner, name)
            if source != failed.source and not name.isdigit():
                why = "It was made and never used, so no gradient reached it."
                return Edit(source, f"repair: without {name}", why)
    return None


def fix_claim(failed: Failed) -> Edit | None:
    """A claim about the cost that does not hold goes; so do steps that are not those of forward."""
    details = [failed.details.get(name, "") for name in ("complexity", "steps")]
    entry = classes(failed.code.tree).get(failed.problem.entry)
    if entry is None or not any(details):
        return None
    gone: list[tuple[ast.stmt, list[ast.stmt]]]
    if any("COMPLEXITY" in detail for detail in details):
        places = (failed.code.tree.body, entry.body)
        gone = [
            (statement, body)
            for body in places
            for statement in body
            if isinstance(statement, ast.Assign) and "COMPLEXITY" in stored(statement)
        ]
        title, why = "repair: no claim about the cost", "What was claimed was not measured."
    else:
        names = {"start", "step"}
        gone = [(s, entry.body) for s in entry.body if getattr(s, "name", "") in names]
        title, why = "repair: without steps", "They were not those of forward."
    changes = [failed.code.cut_statement(statement, body) for statement, body in gone]
    return Edit(failed.code.apply(changes), title, why)


# --- limits ---------------------------------------------------------------------------------------


def fix_size(failed: Failed) -> Edit | None:
    """Too many parameters: narrower, and where that is not enough fewer blocks."""
    if "parameters" not in failed.details:
        return None
    source, limit = failed.source, failed.problem.max_params
    fitted = fit_parameters(source, failed.problem, int(ROOM * limit))
    if fitted == source and failed.report.parameters > limit:
        fitted = scale_width(source, 0.95 * (limit / failed.report.parameters) ** 0.5)
    if fitted == source:
        return _fewer(failed)
    count = count_parameters(fitted, failed.problem)
    if count is not None and count > limit:
        return _fewer(failed) or Edit(fitted, "repair: narrower", "It is over the limit.")
    return Edit(fitted, "repair: narrower, to fit the parameter limit", f"The limit is {limit:,}.")


def fix_cost(failed: Failed) -> Edit | None:
    """Too many FLOPs: narrower."""
    limit = failed.problem.max_flops
    if "flops" not in failed.details or limit is None or failed.report.flops <= limit:
        return None
    # Widths are rounded: less of a margin stays just above the limit.
    source = scale_width(failed.source, 0.85 * (limit / failed.report.flops) ** 0.5)
    return Edit(source, "repair: narrower, to fit the FLOP limit", f"The limit is {limit:,}.")


def _fewer(failed: Failed) -> Edit | None:
    try:
        made = simplify(failed.source, failed.problem, failed.rng)
    except NotApplicable:
        return None
    return Edit(made.source, made.title.replace("simplify", "repair"), "It is over the limit.")


FIXES: Final[tuple[Callable[[Failed], Edit | None], ...]] = (
    fix_misfit,
    fix_output,
    fix_size,
    fix_cost,
    fix_unused,
    fix_claim,
)
