"""A parent as operators see it: its blocks, the slots between them, and the classes and functions
that are moved from one source into another, and out when nothing needs them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from archwright.core import ArchwrightError, Problem
from archwright.search.blocks import Block, Domain
from archwright.search.grammar.library import library
from archwright.search.grammar.variation import (
    ACTIVATIONS,
    NORMS,
    activation_sites,
    norm_sites,
    replace_activations,
    replace_norms,
)
from archwright.search.operators.keeping import KEEPING, keeps_width
from archwright.source.code import (
    Change,
    SourceCode,
    callee,
    calls,
    classes,
    code_of,
    free_name,
    method,
    names,
    tree_of,
    walk,
)
from archwright.source.counting import Blueprint, build_blueprint


class NotApplicable(ArchwrightError):  # noqa: N818 - it says no, nothing went wrong
    """An operator found nothing that it could edit."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A new source, a title that says what was changed, and why it may help."""

    source: str
    title: str
    rationale: str


BRANCHING: Final = ("Parallel", "WeightedBranches")


@dataclass(frozen=True, slots=True)
class Site:
    """A block that keeps its width: the call that makes it.

    `width` is its width as the source writes it, `features` the number where it can be told.
    """

    call: ast.Call
    domain: Domain
    width: str
    features: int
    number: int


@dataclass(frozen=True, slots=True)
class Slot:
    """A place behind an element of an `nn.Sequential` where a block can be put in."""

    after: ast.expr
    domain: Domain
    width: str
    features: int


class Parent:
    """A parsed source with its blocks and slots."""

    def __init__(self, source: str, problem: Problem) -> None:
        """Read `source`.

        Raises:
            SourceError: it is not Python.
            NotApplicable: it has no entry class with a constructor.
        """
        self.code = code_of(source)
        self.problem = problem
        self.classes = classes(self.code.tree)
        entry = self.classes.get(problem.entry)
        init = method(entry, "__init__") if entry else None
        if entry is None or init is None:
            raise NotApplicable(f"the source has no class {problem.entry} with a constructor")
        self.entry, self.init = entry, init
        self.known = {
            name: block
            for name, block in library().items()
            if name in self.classes and same_interface(self.classes[name], block.source)
        }
        self.blueprint: Blueprint | None = build_blueprint(source, problem)
        self.sites: list[Site] = []
        self.sites = list(self._find_sites())
        self.slots = list(self._find_slots())

    @property
    def flow(self) -> Domain:
        """What flows where the layers do not tell: a sequence or a vector."""
        problem = self.problem
        sequence = problem.entry == "Mixer" or problem.vocabulary is not None
        sequence = sequence or any(s.domain == "sequence" for s in self.sites)
        return "sequence" if sequence or len(problem.input_shape) == 2 else "vector"

    def name_for(self, name: str) -> str:
        """The name that a definition of the library has, or would get, in this source."""
        if name not in self.classes or name in self.known:
            return name
        return free_name(name, definitions(self.code))

    def features(self, width: str) -> int:
        """The number that a width's expression stands for; 32 where it cannot be told."""
        value = self.blueprint.number(width) if self.blueprint else None
        return value if value and value > 0 else 32

    def _find_sites(self) -> Iterator[Site]:
        number = 0
        for call in calls(self.init):
            domain = self._domain_of(call)
            if domain is not None and call.args:
                number += 1
                width = self.code.segment(call.args[0])
                yield Site(call, domain, width, self.features(width), number)

    def _domain_of(self, call: ast.Call) -> Domain | None:
        """The domain of a call that makes a width-keeping block, else None."""
        name = callee(call)
        if name not in self.classes or isinstance(call.func, ast.Attribute):
            return None
        known = self.known.get(name)
        if known is not None:
            return known.domain if known.takes_width and known.domain != "structure" else None
        return self._foreign_domain(self.classes[name], call)

    def _foreign_domain(self, node: ast.ClassDef, call: ast.Call) -> Domain | None:
        """A class of the file's own counts as a block when one width is all that it asks for."""
        init = method(node, "__init__")
        if init is None or len(call.args) != 1:
            return None
        asked = len(init.args.args) - len(init.args.defaults) - 1
        first = init.args.args[1].arg if len(init.args.args) > 1 else ""
        inside = {callee(c) for c in calls(init)}
        holds_block = any(w in first for w in ("block", "fn", "module", "layer", "shape"))
        if asked != 1 or holds_block or not inside & {"Conv2d", "Linear", "GRU", "LSTM"}:
            return None
        if not keeps_width(node, init, first):
            return None
        return "image" if "Conv2d" in inside else self.flow

    def _find_slots(self) -> Iterator[Slot]:
        for call in calls(self.init):
            if callee(call) == "Sequential":
                yield from self._slots_in(call)

    def _slots_in(self, sequential: ast.Call) -> Iterator[Slot]:
        here: tuple[Domain, str] | None = None
        elements = sequential.args
        for place, element in enumerate(elements):
            here = self._behind(element, here)
            following = callee(elements[place + 1]) if place + 1 < len(elements) else ""
            if here and following not in ACTIVATIONS and following not in NORMS:
                yield Slot(element, here[0], here[1], self.features(here[1]))

    def _behind(
        self, element: ast.expr, before: tuple[Domain, str] | None
    ) -> tuple[Domain, str] | None:
        """Domain and width behind an element of a sequence, None where unknown."""
        name = callee(element)
        arguments = element.args if isinstance(element, ast.Call) else []
        site = next((s for s in self.sites if s.call is element), None)
        if site is not None:
            return self._at(site.domain), site.width
        if name == "PreNorm" and arguments:
            return self.flow if before is None else before[0], self.code.segment(arguments[0])
        if name == "Conv2d" and len(arguments) > 1:
            return "image", self.code.segment(arguments[1])
        if name == "Embedding" and len(arguments) > 1:
            return "sequence", self.code.segment(arguments[1])
        if name in BRANCHING and arguments:
            return self._behind(arguments[0], before)
        if name in KEEPING:
            return before
        return None

    def _at(self, domain: Domain) -> Domain:
        """Blocks over the last axis work on sequences, too."""
        return self.flow if domain == "vector" else domain


# --- definitions ----------------------------------------------------------------------------------

IMPORTS: Final = {
    "torch": "import torch",
    "F": "import torch.nn.functional as F",
    "nn": "from torch import nn",
    "math": "import math",
}
"""Names that sources use, and the statement that binds each."""

_Defined = ast.ClassDef | ast.FunctionDef


@dataclass(frozen=True, slots=True)
class Definition:
    """A class or function at the top level of a file."""

    name: str
    source: str


def definitions(code: SourceCode) -> dict[str, _Defined]:
    """The classes and functions at the top level, by name."""
    return {n.name: n for n in code.tree.body if isinstance(n, _Defined)}


def closure_in(code: SourceCode, wanted: Iterable[str]) -> list[Definition]:
    """The named definitions of a file and all that they use, in the file's order."""
    defined, todo, found = definitions(code), list(wanted), set[str]()
    while todo:
        name = todo.pop()
        if name in defined and name not in found:
            found.add(name)
            todo.extend(names(defined[name]))
    return [Definition(n, code.segment(node)) for n, node in defined.items() if n in found]


def styled(blocks: Sequence[Block], code: SourceCode) -> list[Definition]:
    """Library blocks in the style of a source: with its activation and its norm."""
    activations = activation_sites(code)
    norms = norm_sites(code)
    choice = {"BatchNorm2d": "GroupNorm", "LayerNorm": "RMSNorm"}
    swaps = {old: new for old, new in choice.items() if new in norms and old not in norms}
    made = []
    for block in blocks:
        source = replace_norms(block.source, swaps)
        if activations:
            most = max(activations, key=lambda a: (len(activations[a]), a))
            source = replace_activations(source, most)
        made.append(Definition(block.name, source))
    return made


def bring(
    code: SourceCode, brought: Sequence[Definition], entry: str
) -> tuple[str, dict[str, str]]:
    """Write definitions before the entry class, with the imports that they need.

    One that the file has already is left out; one whose name the file uses for something else
    gets another name. Returns the source and the new names by the old ones.
    """
    defined = definitions(code)
    renames: dict[str, str] = {}
    for one in brought:
        if one.name in defined and not same_interface(defined[one.name], one.source):
            renames[one.name] = free_name(one.name, defined)
    texts = [
        rename(one.source, renames)
        for one in brought
        if one.name not in defined or one.name in renames
    ]
    if not texts:
        return code.text, renames
    place = defined.get(entry) or code.tree.body[-1]
    start = code.span(place)[0]
    text = code.apply([Change(start, start, "\n\n\n".join(texts) + "\n\n\n")])
    return add_imports(text), renames


def same_interface(node: _Defined, source: str) -> bool:
    """Whether two definitions of one name can stand for each other: the same constructor."""
    other = tree_of(source).body[0]
    return _arguments(node) == _arguments(other)


def _arguments(node: ast.AST) -> list[str]:
    found = next(
        (n for n in walk(node) if isinstance(n, ast.FunctionDef) and n.name == "__init__"),
        node if isinstance(node, ast.FunctionDef) else None,
    )
    return [ast.dump(a) for a in found.args.args] if found else []


def rename(text: str, renames: dict[str, str]) -> str:
    """`text` with whole identifiers replaced."""
    if not renames:
        return text
    pattern = re.compile(r"(?<![\w.])(" + "|".join(map(re.escape, renames)) + r")(?!\w)")
    return pattern.sub(lambda m: renames[m[1]], text)


def add_imports(source: str) -> str:
    """`source` with the imports of torch and math that it uses and lacks."""
    code = code_of(source)
    bound = {
        (a.asname or a.name.split(".")[0])
        for n in walk(code.tree)
        if isinstance(n, ast.Import | ast.ImportFrom)
        for a in n.names
    }
    used = names(code.tree) - bound
    missing = [line for name, line in IMPORTS.items() if name in used]
    if not missing:
        return source
    lines = "\n".join(missing) + "\n"
    first = next((n for n in code.tree.body if not _is_docstring(n)), None)
    place = code.span(first)[0] if first else len(source.encode())
    gap = "" if isinstance(first, ast.Import | ast.ImportFrom) else "\n\n"
    return _order_imports(code.apply([Change(place, place, lines + gap)]))


def _order_imports(source: str) -> str:
    """Sort the first block of import lines the way formatters do."""
    lines = source.split("\n")
    start = next((i for i, t in enumerate(lines) if re.match(r"(import|from) ", t)), len(lines))
    end = start
    while end < len(lines) and re.match(r"(import|from) [\w. ,]+$", lines[end]):
        end += 1
    future = "from __future__"
    block = sorted(set(lines[start:end]), key=lambda t: (not t.startswith(future), t[0] == "f", t))
    return "\n".join(lines[:start] + block + lines[end:])


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def prune(source: str, entry: str) -> str:
    """`source` without the classes, functions and torch imports that the entry does not need."""
    code = code_of(source)
    kept = {d.name for d in closure_in(code, [entry])}
    loose = [n for n in code.tree.body if not isinstance(n, _Defined)]
    kept |= {d.name for d in closure_in(code, {n for node in loose for n in names(node)})}
    if entry not in kept:
        return source
    dead = [n for name, n in definitions(code).items() if name not in kept]
    text = _tidy(code.apply([code.cut_statement(n, code.tree.body) for n in dead]))
    code = code_of(text)
    used = names(code.tree)
    gone = [
        code.cut_statement(n, code.tree.body)
        for n in code.tree.body
        if (name := _torch_import(n)) and name not in used
    ]
    return code.apply(gone)


def _torch_import(node: ast.stmt) -> str:
    """The name that one of our own import statements binds, else nothing."""
    if not isinstance(node, ast.Import | ast.ImportFrom):
        return ""
    return next((n for n, line in IMPORTS.items() if ast.unparse(node) == line), "")


def _tidy(text: str) -> str:
    return re.sub(r"\n{4,}", "\n\n\n", text)
