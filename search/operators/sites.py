"""The places of a source where an operator can work: its blocks, and the gaps between them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from archwright.core import Problem
from archwright.search.grammar.library import Domain, library
from archwright.search.grammar.variation import ACTIVATIONS, NORMS
from archwright.search.operators.definitions import definitions, free_name, same_interface
from archwright.search.operators.edits import NotApplicable
from archwright.source.counting import Blueprint, build_blueprint
from archwright.source.segments import callee, calls, classes, code_of, method

KEEPING: Final = frozenset(
    {*ACTIVATIONS, *NORMS, "Dropout", "Dropout2d", "Identity", "MaxPool2d", "AvgPool2d"}
)
"""Layers after which features are as wide as before."""
BRANCHING: Final = ("Parallel", "WeightedBranches")


@dataclass(frozen=True, slots=True)
class Site:
    """A block that keeps its width: the call that makes it.

    `width` is its width as the source writes it, `features` the number where it can be told.
    `holder` is the list of arguments that the call stands in.
    """

    call: ast.Call
    domain: Domain
    width: str
    features: int
    number: int
    holder: ast.Call | None


@dataclass(frozen=True, slots=True)
class Gap:
    """A place behind an element of an `nn.Sequential` where a block can be put in."""

    after: ast.expr
    domain: Domain
    width: str
    features: int


class Plan:
    """A parsed source with its blocks and gaps."""

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
        self.gaps = list(self._find_gaps())

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
        holders = {id(a): c for c in calls(self.init) for a in c.args}
        number = 0
        for call in calls(self.init):
            domain = self._domain_of(call)
            if domain is not None and call.args:
                number += 1
                width = self.code.segment(call.args[0])
                holder = holders.get(id(call))
                yield Site(call, domain, width, self.features(width), number, holder)

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
        if not any(isinstance(n, ast.Name) and n.id == first for n in ast.walk(init)):
            return None
        return "image" if "Conv2d" in inside else self.flow

    def _find_gaps(self) -> Iterator[Gap]:
        for call in calls(self.init):
            if callee(call) == "Sequential":
                yield from self._gaps_in(call)

    def _gaps_in(self, sequential: ast.Call) -> Iterator[Gap]:
        here: tuple[Domain, str] | None = None
        elements = sequential.args
        for place, element in enumerate(elements):
            here = self._behind(element, here)
            following = callee(elements[place + 1]) if place + 1 < len(elements) else ""
            if here and following not in ACTIVATIONS and following not in NORMS:
                yield Gap(element, here[0], here[1], self.features(here[1]))

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
