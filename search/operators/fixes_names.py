"""Fixes for source that does not build: names, imports, constructors, recipes."""

from __future__ import annotations

import ast
import difflib
import re
from typing import Any, Final

from archwright.core import RECIPE_BOUNDS, Recipe, SourceError
from archwright.search.grammar.library import closure, library
from archwright.search.grammar.variation import find_recipe, put_recipe
from archwright.search.operators.parents import IMPORTS, Definition, Edit, add_imports, bring
from archwright.search.operators.patient import Fix, Patient
from archwright.source.code import (
    Change,
    SourceCode,
    callee,
    calls,
    classes,
    method,
    names,
    rename_class,
)
from archwright.source.values import FREE, is_layer

ALSO_CALLED: Final = {"Swish": "SiLU", "HardSwish": "Hardswish", "LeakyRelu": "LeakyReLU"}
MORE_IMPORTS: Final = {"np": "import numpy as np", "numpy": "import numpy"}


def fix_recipe(patient: Patient) -> Edit | None:
    """Unknown keys go; values out of bounds move to the nearest bound."""
    found = find_recipe(patient.code)
    if found is None or "RECIPE" not in patient.complaint:
        return None
    kept: dict[str, Any] = {}
    for key, value in found[1].items():
        for offered in (value, _bounded(key, value)):
            try:
                Recipe().updated({key: offered})
            except (SourceError, TypeError):
                continue
            kept[key] = offered
            break
    source = put_recipe(patient.code, kept)
    return Edit(source, "repair: RECIPE within its keys and bounds", "The list is closed.")


def _bounded(key: str, value: Any) -> Any:
    if key not in RECIPE_BOUNDS or isinstance(value, bool) or not isinstance(value, int | float):
        return None
    low, high = RECIPE_BOUNDS[key]
    bounded = min(max(value, low), high)
    return round(bounded) if key == "batch_size" else bounded


def fix_entry_name(patient: Patient) -> Edit | None:
    """The class that no other class uses gets the name that the task asks for."""
    entry = patient.problem.entry
    defined = classes(patient.code.tree)
    if entry in defined or not defined or not patient.said(r"no class|not defined|no attribute"):
        return None
    used = {n for name, c in defined.items() for n in names(c) - {name}}
    modules = [n for n, c in defined.items() if c.bases and n not in used] or list(defined)
    chosen = modules[-1]
    source = rename_class(patient.code, chosen, entry)
    return Edit(source, f"repair: class {chosen} is the {entry}", f"The task asks for {entry}.")


def fix_missing_name(patient: Patient) -> Edit | None:
    """A name that is not defined: an import, a block of the library, or a slip of the pen."""
    match = patient.said(r"name '(\w+)' is not defined")
    if match is None:
        return None
    name = match[1]
    if name in IMPORTS:
        return Edit(
            add_imports(patient.source), f"repair: import {name}", "It was used unimported."
        )
    if name in MORE_IMPORTS:
        source = _after_docstring(patient.code, MORE_IMPORTS[name])
        return Edit(source, f"repair: import {name}", "It was used unimported.")
    if name in library():
        brought = [Definition(b.name, b.source) for b in closure([name])]
        source, _ = bring(patient.code, brought, patient.problem.entry)
        return Edit(source, f"repair: define {name}", "It was used and never defined.")
    return _rename_near(patient, name)


def _after_docstring(code: SourceCode, line: str) -> str:
    body = code.tree.body
    place = 1 if ast.get_docstring(code.tree) is not None and len(body) > 1 else 0
    while place + 1 < len(body) and _is_future(body[place]):
        place += 1
    start = code.span(body[place])[0]
    return code.apply([Change(start, start, line + "\n")])


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _rename_near(patient: Patient, name: str) -> Edit | None:
    tree = patient.code.tree
    known = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} | set(classes(tree))
    known |= {a.arg for a in ast.walk(tree) if isinstance(a, ast.arg)}
    near = difflib.get_close_matches(name, sorted(known - {name}), 1, 0.7)
    if not near:
        return None
    wrong = [n for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == name]
    changes = [patient.code.put(n, near[0]) for n in wrong]
    return patient.edit(changes, f"repair: {name} is {near[0]}", "It was never defined.")


def fix_missing_attribute(patient: Patient) -> Edit | None:
    """`self.norm3` or `nn.Swish` that does not exist: the nearest that does."""
    match = patient.said(r"'?([\w.]+)'? (?:object )?has no attribute '(\w+)'")
    if match is None:
        return None
    owner, name = match[1].rpartition(".")[2], match[2]
    if owner == "nn":
        layers = [n for n in FREE if is_layer(n)]
        near = [ALSO_CALLED[name]] if name in ALSO_CALLED else []
        near = near or difflib.get_close_matches(name, sorted(layers), 1, 0.6)
    else:
        node = classes(patient.code.tree).get(owner)
        init = method(node, "__init__") if node else None
        near = difflib.get_close_matches(name, sorted(_assigned_to_self(init)), 1, 0.6)
    if not near:
        return None
    tree = patient.code.tree
    wrong = [n for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.attr == name]
    changes = [patient.code.put(n, f"{patient.code.segment(n.value)}.{near[0]}") for n in wrong]
    return patient.edit(changes, f"repair: {name} is {near[0]}", f"{owner} has no {name}.")


def _assigned_to_self(init: ast.FunctionDef | None) -> set[str]:
    nodes = ast.walk(init) if init else iter(())
    return {n.attr for n in nodes if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)}


def fix_super(patient: Patient) -> Edit | None:
    """`super().__init__()` at the start of every constructor that lacks it."""
    if not patient.said(
        r"before Module\.__init__\(\) call|has no attribute '_(modules|parameters)'"
    ):
        return None
    changes = []
    for node in classes(patient.code.tree).values():
        init = method(node, "__init__")
        if init and not any(callee(c) == "super" for c in calls(init)):
            start = patient.code.span(init.body[0])[0]
            indent = patient.code.indent(init.body[0])
            changes.append(Change(start, start, f"super().__init__()\n{indent}"))
    return patient.edit(changes, "repair: call super().__init__() first", "Modules need it.")


def fix_constructor(patient: Patient) -> Edit | None:
    """The entry's constructor takes the two shapes."""
    entry = patient.entry
    init = method(entry, "__init__") if entry else None
    said = patient.said(r"__init__\(\) (takes|missing|got an unexpected)")
    if init is None or said is None or init.args.vararg:
        return None
    code, plain = patient.code, init.args.args
    asked = [a.arg for a in plain[1 : len(plain) - len(init.args.defaults)]]
    if len(asked) > 1 or len(plain) < 1:
        return None
    first, rest = plain[0], plain[1 + len(asked) :]
    end = code.span(plain[len(asked)])[1]
    shapes = Change(code.span(first)[1], end, ", input_shape, output_shape")
    changes = [shapes, *(_derive(patient, name, init) for name in asked)]
    if len(rest) > 1 and not asked:
        return None
    why = f"{patient.problem.entry} is built from input_shape and output_shape."
    return patient.edit(changes, "repair: the constructor takes both shapes", why)


def _derive(patient: Patient, name: str, init: ast.FunctionDef) -> Change:
    """A first line that takes what the constructor used to ask for from the shapes."""
    counts_outputs = re.search(r"class|out|label|target", name)
    inputs = "input_shape[0]" if len(patient.problem.input_shape) == 3 else "input_shape[-1]"
    start = patient.code.span(init.body[0])[0]
    indent = patient.code.indent(init.body[0])
    value = "output_shape[-1]" if counts_outputs else inputs
    return Change(start, start, f"{name} = {value}\n{indent}")


FIXES: Final[tuple[Fix, ...]] = (
    fix_recipe,
    fix_entry_name,
    fix_missing_name,
    fix_missing_attribute,
    fix_super,
    fix_constructor,
)
