"""Operators on a training script, which is no architecture that the grammar knows: its constants,
and the layers that can be told by their calls.

Honest about what it is: a random walk over numbers and layers. Ideas come from a model.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from archwright.core import Problem, Script, read_bundle, write_bundle
from archwright.core.script import is_python
from archwright.search.operators.local_edits import change_activation, change_norm
from archwright.search.operators.parents import Edit, NotApplicable
from archwright.source.code import Change, code_of

LARGEST_FACTOR: Final = 4.0
DRAFTED: Final = (2, 3, 4)
"""How many constants a draft draws again."""
# What the harness gives, or what is no matter of quality.
_FIXED: Final = re.compile(
    r"seed|budget|step|epoch|second|time|version|split|classes|vocab|channels|device|worker|iter",
    re.IGNORECASE,
)
_LAYERS: Final[Mapping[str, Callable[[str, Problem, Random], Edit]]] = {
    "change_activation": change_activation,
    "change_norm": change_norm,
}


@dataclass(frozen=True, slots=True)
class Setting:
    """A number that goes by a name: a constant, a keyword or a parameter's default."""

    file: str
    name: str
    value: float
    """A count where it is an int."""
    node: ast.expr


def edit_script(
    operator: str, parents: Sequence[str], problem: Problem, script: Script, rng: Random
) -> Edit:
    """Apply an operator to bundles; a draft starts from the files as the repository has them.

    Raises:
        NotApplicable: it finds nothing to edit.
        SourceError: a file of a parent is not Python.
    """
    if not parents:
        return _draft(script.baseline, rng)
    if operator in _LAYERS:
        return _change_layers(operator, parents[0], problem, rng)
    if operator == "recombine":
        return _recombine(parents[0], parents[1], rng)
    wanted = {"widen": True, "change_recipe": False}.get(operator)
    if wanted is None and operator != "tune_block":
        raise NotApplicable(f"{operator} is for architectures; here the task is a script")
    found = [s for s in settings_of(parents[0]) if wanted in (None, isinstance(s.value, int))]
    return _vary(parents[0], found, 1, rng)


def settings_of(bundle: str) -> list[Setting]:
    """The numbers of a bundle's Python files that may be varied, in their order."""
    return [
        setting
        for path, text in read_bundle(bundle).items()
        if is_python(path)
        for node in ast.walk(code_of(text).tree)
        for setting in _settings(path, node)
        if setting.value > 0 and not _FIXED.search(setting.name)
    ]


def _settings(path: str, statement: ast.AST) -> list[Setting]:
    pairs: list[tuple[str, ast.expr | None]] = []
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        pairs = [(statement.targets[0].id, statement.value)]
    elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        pairs = [(statement.target.id, statement.value)]
    elif isinstance(statement, ast.keyword):
        pairs = [(statement.arg or "", statement.value)]
    elif isinstance(statement, ast.arguments):
        named = statement.args[len(statement.args) - len(statement.defaults) :]
        pairs = [(a.arg, d) for a, d in zip(named, statement.defaults, strict=True)]
        pairs += [
            (a.arg, d) for a, d in zip(statement.kwonlyargs, statement.kw_defaults, strict=True)
        ]
    return [
        Setting(path, name, node.value, node)
        for name, node in pairs
        if isinstance(node, ast.Constant)
        and isinstance(node.value, (int, float))
        and not isinstance(node.value, bool)
    ]


def _draft(bundle: str, rng: Random) -> Edit:
    found = settings_of(bundle)
    return _vary(bundle, found, min(rng.choice(DRAFTED), len(found)), rng)


def _vary(bundle: str, found: Sequence[Setting], count: int, rng: Random) -> Edit:
    """Some of the settings multiplied by a factor each."""
    if not found:
        raise NotApplicable("no number that goes by a name may be varied")
    files, said = read_bundle(bundle), []
    changes: dict[str, list[Change]] = defaultdict(list)
    for setting in rng.sample(found, count):
        new = _scaled(setting.value, rng)
        said.append(f"{setting.name} {setting.value} -> {new}")
        changes[setting.file].append(code_of(files[setting.file]).put(setting.node, new))
    changed = {path: code_of(files[path]).apply(changes[path]) for path in changes}
    why = "How large a number should be is a matter of measuring."
    return Edit(write_bundle(files | changed), f"vary {', '.join(said)}", why)


def _scaled(value: float, rng: Random) -> str:
    """A number times a factor, log-uniform on both sides of 1; of one between 0.5 and 1, such as a
    decay, the distance to 1. A multiple of 8 stays one."""
    factor = LARGEST_FACTOR ** rng.uniform(-1.0, 1.0)
    if isinstance(value, int):
        step = 8 if value % 8 == 0 else 1
        new = max(step, step * round(value * factor / step))
        return str(new if new != value else value + step)
    number = 1 - min((1 - value) * factor, 0.9) if 0.5 < value < 1 else value * factor
    return f"{number:.3g}"


def _change_layers(operator: str, bundle: str, problem: Problem, rng: Random) -> Edit:
    """An edit of layers in the first file, in an order that is drawn, where it finds something."""
    files = read_bundle(bundle)
    paths = [path for path in files if is_python(path)]
    rng.shuffle(paths)
    for path in paths:
        try:
            made = _LAYERS[operator](files[path], problem, rng)
        except NotApplicable:
            continue
        title = f"{made.title} in {path}" if len(paths) > 1 else made.title
        return Edit(write_bundle(files | {path: made.source}), title, made.rationale)
    raise NotApplicable(f"{operator} finds nothing in {', '.join(paths)}")


def _recombine(first: str, second: str, rng: Random) -> Edit:
    """The first bundle with one of the files in which the second differs."""
    files, others = read_bundle(first), read_bundle(second)
    differing = [path for path in files if others.get(path, files[path]) != files[path]]
    if len(differing) < 2:
        raise NotApplicable("fewer than two files differ: a part of one would be the whole")
    path = rng.choice(differing)
    why = "What helped in one may help in the other, where the files fit each other."
    source = write_bundle(files | {path: others[path]})
    return Edit(source, f"recombine: {path} of the other", why)
