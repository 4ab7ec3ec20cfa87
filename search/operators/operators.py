"""The operators by name: how many parents each needs, and what it does to them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random
from typing import Final

from archwright.core import Problem, SourceError
from archwright.search.grammar.grammar import ROOM, draw
from archwright.search.operators import local_edits, structural_edits
from archwright.search.operators.design_edits import edit_design
from archwright.search.operators.parents import Edit, NotApplicable, Parent
from archwright.search.operators.script_edits import edit_script
from archwright.search.operators.structural_edits import recombine
from archwright.source.code import alike, code_of
from archwright.source.counting import count_parameters
from archwright.source.scaling import fit_parameters

ATTEMPTS: Final = 4
"""Draws of an operator before it is said that it changes nothing."""


@dataclass(frozen=True, slots=True)
class OperatorInfo:
    """How many parents an operator needs, and what it does in a line."""

    parents: int
    summary: str


_SINGLE: Final[Mapping[str, Callable[[str, Problem, Random], Edit]]] = {
    "swap_block": structural_edits.swap_block,
    "widen": local_edits.widen,
    "deepen": structural_edits.deepen,
    "add_branch": structural_edits.add_branch,
    "drop_branch": structural_edits.drop_branch,
    "change_activation": local_edits.change_activation,
    "change_norm": local_edits.change_norm,
    "tune_block": local_edits.tune_block,
    "simplify": structural_edits.simplify,
    "change_recipe": local_edits.change_recipe,
}

OPERATORS: Final[Mapping[str, OperatorInfo]] = {
    "draft": OperatorInfo(0, "A new architecture, drawn from the grammar."),
    "control": OperatorInfo(0, "A draw under the task's own recipe: the control arm's."),
    **{n: OperatorInfo(1, (f.__doc__ or "").split("\n")[0]) for n, f in _SINGLE.items()},
    "recombine": OperatorInfo(2, "One architecture with the blocks of two."),
}


def edit(
    operator: str,
    parents: Sequence[str],
    problem: Problem,
    rng: Random,
    target: int | None = None,
) -> Edit:
    """Apply an operator to the sources of its parents; the same `rng` state gives the same bytes.

    An edit that would pass the problem's parameter limit, or `target` parameters, is scaled down
    to fit it; a draft is of about as many.

    Raises:
        NotApplicable: the operator finds nothing to edit, or there are too few parents.
        SourceError: a parent is not Python.
    """
    info = OPERATORS.get(operator)
    if info is None:
        raise NotApplicable(f"there is no operator {operator!r}; there are {', '.join(OPERATORS)}")
    if len(parents) < info.parents:
        raise NotApplicable(f"{operator} needs {info.parents} parents, not {len(parents)}")
    if problem.script is not None:
        return edit_script(operator, parents[: info.parents], problem, problem.script, rng)
    if info.parents == 0:
        draft = draw(problem, rng, with_recipe=operator == "draft", target=target)
        return Edit(draft.source, draft.title, draft.rationale)
    if target is not None:
        problem = replace(problem, max_params=min(target, problem.max_params))
    for _ in range(ATTEMPTS):
        made = _apply(operator, parents, problem, rng)
        if made is not None:
            return made
    raise NotApplicable(f"{operator} changes nothing here")


@lru_cache(maxsize=256)
def edit_of(
    operator: str,
    parents: tuple[str, ...],
    problem: Problem,
    seed: int,
    target: int | None = None,
) -> Edit:
    """`edit` from a seed. What was made once is kept: a choice that a policy previewed becomes an
    idea, and the idea becomes code.

    Raises:
        NotApplicable, SourceError: see `edit`.
    """
    return edit(operator, parents, problem, Random(seed), target)


def _apply(operator: str, parents: Sequence[str], problem: Problem, rng: Random) -> Edit | None:
    """One attempt; None when the result is no new Python program."""
    made = _make(operator, parents, problem, rng)
    source = _fitted(made.source, problem)
    if (count_parameters(source, problem) or 0) > problem.max_params:
        return None  # No width makes it small enough.
    try:
        if any(_same(source, parent) for parent in parents):
            return None
    except SourceError:
        return None
    return Edit(note(source, made.title), made.title, made.rationale)


def _make(operator: str, parents: Sequence[str], problem: Problem, rng: Random) -> Edit:
    made = edit_design(operator, parents, problem, rng)
    if made is not None:
        return made
    if operator == "recombine":
        return recombine(parents[0], parents[1], problem, rng)
    return _SINGLE[operator](parents[0], problem, rng)


def _fitted(source: str, problem: Problem) -> str:
    count = count_parameters(source, problem)
    if count is None or count <= problem.max_params:
        return source
    return fit_parameters(source, problem, int(ROOM * problem.max_params))


def _same(source: str, parent: str) -> bool:
    return alike(code_of(source).tree, code_of(parent).tree)


def note(source: str, title: str) -> str:
    """`source` with the edit named at the end of its docstring, so that the words stay true."""
    code = code_of(source)
    line = f"Then: {title}."
    first = code.tree.body[0] if code.tree.body else None
    if ast.get_docstring(code.tree) is None or not isinstance(first, ast.Expr):
        return f'"""{line}"""\n\n{source.lstrip()}'
    text = code.segment(first)
    quotes = text[-3:]
    if quotes not in {'"""', "'''"}:
        return code.apply([code.put(first, f'"""{ast.get_docstring(code.tree)}\n\n{line}\n"""')])
    body = text[:-3].rstrip()
    gap = "\n" if body.split("\n")[-1].startswith("Then: ") else "\n\n"
    return code.apply([code.put(first, f"{body}{gap}{line}\n{quotes}")])


def applicable(source: str, problem: Problem) -> list[str]:
    """Names of the operators that can be applied to `source`, in the order of `OPERATORS`.

    Empty of all but `draft` for a source that is not Python.
    """
    return [name for name in OPERATORS if _applies(name, source, problem)]


def _applies(name: str, source: str, problem: Problem) -> bool:
    if OPERATORS[name].parents == 0:
        return name == "draft"
    try:
        if name == "recombine":
            Parent(source, problem)
        else:
            _make(name, [source], problem, Random(0))
    except (NotApplicable, SourceError):
        return False
    return True
