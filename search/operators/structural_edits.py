"""Operators that change the structure: blocks swapped, put in, set side by side, taken out, and two
architectures made one.
"""

from __future__ import annotations

import ast
from random import Random
from typing import Final

from archwright.core import BY_SHAPES, Problem
from archwright.search.blocks import Block, Domain, closure
from archwright.search.grammar.library import (
    TAB,
    Term,
    draw_arguments,
    library,
    members,
    reason,
)
from archwright.search.operators.local_edits import DROPOUTS, Kernel, kernel_of
from archwright.search.operators.parents import (
    BRANCHING,
    Definition,
    Edit,
    NotApplicable,
    Parent,
    Site,
    Slot,
    bring,
    closure_in,
    definitions,
    prune,
    rename,
    styled,
)
from archwright.source.code import (
    Change,
    callee,
    calls,
    classes,
    code_of,
    free_name,
    method,
    rename_class,
    walk,
)
from archwright.source.constructor import constructor_of
from archwright.source.scaling import scale_width

CORE: Final = f"({BY_SHAPES})"
"""Stands in a body for the call that makes a mixer's core."""

AROUND: Final = '''

class Mixer(nn.Module):
    """The core mixer, {words}."""

    def __init__(self, {parameters}):
        super().__init__()
{setup}        self.body = {body}

    def forward(self, x):
        return self.body(x)
'''


def write(parent: Parent, changes: list[Change], *wanted: str) -> str:
    """The parent's source with changes, the blocks `wanted` brought in, the rest pruned."""
    text = parent.code.apply(changes)
    brought = styled(closure(wanted, library()), parent.code)
    text, _ = bring(code_of(text), brought, parent.problem.entry)
    return prune(text, parent.problem.entry)


def swap_block(source: str, problem: Problem, rng: Random) -> Edit:
    """Another block in a block's place, or another kind of convolution in a convolution's."""
    parent = Parent(source, problem)
    if parent.sites:
        return _swap(parent, rng.choice(parent.sites), rng)
    plain = [c for c in calls(parent.init) if callee(c) == "Conv2d" and len(c.args) > 1]
    kernels = [(c, kernel) for c in plain if (kernel := kernel_of(c))]
    if not kernels:
        raise NotApplicable("no block that could be swapped")
    return _swap_conv(parent, *rng.choice(kernels), rng)


def _swap(parent: Parent, site: Site, rng: Random) -> Edit:
    old = callee(site.call)
    block = rng.choice([b for b in members(site.domain) if b.name != old])
    term = _term(parent, block, site.width, site.features, rng)
    source = write(parent, [_replace(parent, site.call, term)], block.name)
    title = f"swap block {site.number}: {words_of(old)} -> {block.words}"
    return Edit(source, title, reason(block))


def _swap_conv(parent: Parent, call: ast.Call, kernel: Kernel, rng: Random) -> Edit:
    """A convolution made separable, dilated or larger; what else it is told stays."""
    code, size = parent.code, kernel.size
    given, made = (code.segment(a) for a in call.args[:2])
    conv = code.segment(call.func)
    separable = (
        f"nn.Sequential({conv}({given}, {made}, 1), "
        f"{conv}({made}, {made}, {size}, padding={size // 2}, groups={made}))"
    )
    wide = code.replaced(call, {kernel.padding: str(size - 1)})
    larger = code.replaced(call, {kernel.node: str(size + 2), kernel.padding: str(size // 2 + 1)})
    options = [("dilated", f"{wide[:-1].rstrip(', ')}, dilation=2)"), ("larger", larger)]
    if not any(k.arg in {"stride", "groups"} for k in call.keywords) and len(call.args) < 4:
        options.append(("separable", separable))
    words, text = rng.choice(options)
    why = "Another filter sees another neighbourhood for its parameters."
    title = f"swap convolution {given} to {made}: plain -> {words}"
    return Edit(code.apply([code.put(call, text)]), title, why)


def deepen(source: str, problem: Problem, rng: Random) -> Edit:
    """One more block behind another."""
    parent = Parent(source, problem)
    if parent.slots:
        slot = rng.choice(parent.slots)
        block, term = _for_slot(parent, slot, rng)
        text = _put_in(parent, slot, term, block.name)
        return Edit(text, f"deepen: {block.words} at width {slot.features}", reason(block))
    if problem.entry != "Mixer":
        raise NotApplicable("no place where a block fits")
    block, term = _beside_mixer(parent, rng)
    chain = Term("nn.Sequential", (CORE, _normed(parent, term)))
    text = around(parent, chain, f"then {block.words}", block.name, "PreNorm")
    return Edit(text, f"deepen: {block.words} behind the mixer", reason(block))


def add_branch(source: str, problem: Problem, rng: Random) -> Edit:
    """A block beside another."""
    parent = Parent(source, problem)
    kind = rng.choice(BRANCHING)
    branching = parent.name_for(kind)
    if parent.sites:
        site = rng.choice(parent.sites)
        block = rng.choice(members(site.domain))
        term = _term(parent, block, site.width, site.features, rng)
        pair = Term(branching, (parent.code.segment(site.call), term))
        text = write(parent, [_replace(parent, site.call, pair)], block.name, kind)
        beside = words_of(callee(site.call))
    elif problem.entry == "Mixer":
        block, term = _beside_mixer(parent, rng)
        pair = Term(branching, (CORE, term))
        text = around(parent, pair, f"beside {block.words}", block.name, kind)
        beside = "the mixer"
    elif parent.slots:
        slot = rng.choice(parent.slots)
        block, term = _for_slot(parent, slot, rng)
        text = _put_in(parent, slot, Term(branching, ("nn.Identity()", term)), block.name, kind)
        beside = "a shortcut"
    else:
        raise NotApplicable("no block that a branch could stand beside")
    return Edit(text, f"add branch: {block.words} beside {beside}", reason(block))


def drop_branch(source: str, problem: Problem, rng: Random) -> Edit:
    """One of several branches taken out."""
    parent = Parent(source, problem)
    pairs = [c for c in calls(parent.init) if callee(c) in BRANCHING and len(c.args) > 1]
    if not pairs:
        return _drop_term(parent, rng)
    pair = rng.choice(pairs)
    gone = rng.choice(pair.args)
    code = parent.code
    if len(pair.args) == 2:
        (kept,) = (a for a in pair.args if a is not gone)
        change = code.put(pair, code.segment(kept))
    else:
        change = code.cut_item(gone, pair.args)
    words = words_of(callee(gone))
    why = "If the score holds without it, the branch was not needed."
    return Edit(write(parent, [change]), f"drop branch: {words}", why)


def _drop_term(parent: Parent, rng: Random) -> Edit:
    """Drop `self.f(h)` from a sum in `forward`, and the submodule with it."""
    forward = method(parent.entry, "forward")
    sums = [
        (n, a, b)
        for n in walk(forward or parent.init)
        if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Add)
        for a, b in ((n.left, n.right), (n.right, n.left))
        if _own_call(b)
    ]
    if not sums:
        raise NotApplicable("no branch to drop")
    node, kept, gone = rng.choice(sums)
    name = _own_call(gone)
    text = parent.code.apply([parent.code.put(node, parent.code.segment(kept))])
    text = prune(remove_module(text, parent.problem.entry, name), parent.problem.entry)
    why = "If the score holds without it, the branch was not needed."
    return Edit(text, f"drop branch: {name}", why)


def _own_call(node: ast.expr) -> str:
    """The name of the submodule that `self.name(…)` calls, else nothing."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name)):
            return name
    return ""


def remove_module(source: str, owner: str, name: str) -> str:
    """`source` without the statement that makes `self.name`, if nothing else reads it."""
    code = code_of(source)
    node = classes(code.tree)[owner]
    init = method(node, "__init__")
    uses = [n for n in walk(node) if isinstance(n, ast.Attribute) and n.attr == name]
    if init is None or len(uses) != 1:
        return source
    made = [s for s in init.body if uses[0] in walk(s)]
    return code.apply([code.cut_statement(s, init.body) for s in made])


def simplify(source: str, problem: Problem, rng: Random) -> Edit:
    """One element of a sequence taken out that the shapes do not need."""
    parent = Parent(source, problem)
    options = [
        (element, call)
        for call in calls(parent.init)
        if callee(call) == "Sequential" and len(call.args) > 1
        for element in call.args
        if _spare(parent, element)
    ]
    if not options:
        raise NotApplicable("nothing that could be left out")
    element, call = rng.choice(options)
    named = [callee(c) for c in calls(element) if callee(c) != "PreNorm"]
    words = words_of((named or ["PreNorm"])[0])
    text = write(parent, [parent.code.cut_item(element, call.args)])
    why = "Of two that score alike the simpler one is better, and smaller leaves room elsewhere."
    return Edit(text, f"simplify: without {words}", why)


def _spare(parent: Parent, element: ast.expr) -> bool:
    name = callee(element)
    block = any(s.call is element for s in parent.sites)
    return block or name in {"PreNorm", *BRANCHING, *DROPOUTS, "Identity"}


# --- making blocks --------------------------------------------------------------------------------


def words_of(name: str) -> str:
    """A class's name in words."""
    known = library().get(name)
    return known.words if known else name


def _term(parent: Parent, block: Block, width: str, features: int, rng: Random) -> Term:
    side = min(parent.problem.input_shape[1:]) if block.domain == "image" else 0
    drawn = draw_arguments(block, features, parent.problem, rng, side)
    return Term(parent.name_for(block.name), (width, *drawn), block.words)


def _normed(parent: Parent, term: Term) -> Term:
    return Term(parent.name_for("PreNorm"), (term.arguments[0], term), term.words)


def _for_slot(parent: Parent, slot: Slot, rng: Random) -> tuple[Block, Term]:
    if slot.domain == "image":
        block = rng.choice(members("image"))
        return block, _term(parent, block, slot.width, slot.features, rng)
    domain: Domain = rng.choice(("sequence", "vector")) if slot.domain == "sequence" else "vector"
    block = rng.choice(members(domain))
    return block, _normed(parent, _term(parent, block, slot.width, slot.features, rng))


def _beside_mixer(parent: Parent, rng: Random) -> tuple[Block, Term]:
    block = rng.choice(members("sequence"))
    return block, _term(
        parent, block, "width", parent.features(constructor_of(parent.entry).width), rng
    )


def _replace(parent: Parent, node: ast.expr, term: Term) -> Change:
    return parent.code.put(node, term.render(len(parent.code.indent(node)) // len(TAB)))


def _put_in(parent: Parent, slot: Slot, term: Term, *wanted: str) -> str:
    """The source with a term behind an element; `PreNorm` comes along where the term uses it."""
    indent = parent.code.indent(slot.after)
    text = f",\n{indent}{term.render(len(indent) // len(TAB))}"
    return write(parent, [parent.code.after(slot.after, text)], *wanted, "PreNorm")


def around(parent: Parent, body: Term, words: str, *wanted: str) -> str:
    """The Mixer under another name, and a new Mixer whose `body` uses it as `CORE`."""
    core = free_name("MixerCore", parent.classes)
    text = rename_class(parent.code, "Mixer", core).rstrip()
    made = constructor_of(parent.entry)
    text += "\n" + AROUND.format(
        body=body.render(2).replace(CORE, f"{core}({made.arguments})"),
        words=words,
        parameters=made.parameters,
        setup=f"        {made.setup}\n" if made.setup else "",
    )
    brought = styled(closure(wanted, library()), parent.code)
    return bring(code_of(text), brought, "Mixer")[0]


# --- two parents ----------------------------------------------------------------------------------

SHARE: Final = 0.7
"""Widths of two whole parents side by side: half of each one's parameters, about."""

TOGETHER: Final = '''

class {entry}(nn.Module):
    """Two architectures side by side; their mean is the answer."""

    def __init__(self, {parameters}):
        super().__init__()
        self.first = {entry}A({first})
        self.second = {entry}B({second})

    def forward(self, x):
        return (self.first(x) + self.second(x)) / 2
'''


def recombine(first: str, second: str, problem: Problem, rng: Random) -> Edit:
    """The first parent with blocks of the second, or both side by side where no block fits.

    Raises:
        NotApplicable: a parent lacks the entry class.
    """
    ours, theirs = Parent(first, problem), Parent(second, problem)
    pairs = [
        (mine, other)
        for mine in ours.sites
        for other in theirs.sites
        if mine.domain == other.domain and _text(theirs, other) != _text(ours, mine)
    ]
    if not pairs:
        return _side_by_side(first, second, problem)
    return _graft(ours, theirs, rng.sample(pairs, k=min(len(pairs), rng.choice((1, 2)))))


def _text(parent: Parent, site: Site) -> str:
    """A block's call without its width, and how its class is defined."""
    call = parent.code.segment(site.call).replace(site.width, "", 1)
    return call + parent.code.segment(parent.classes[callee(site.call)])


def _graft(ours: Parent, theirs: Parent, pairs: list[tuple[Site, Site]]) -> Edit:
    wanted = {callee(other.call) for _, other in pairs}
    entry = ours.problem.entry
    brought = closure_in(theirs.code, wanted)
    _, renames = bring(ours.code, brought, entry)
    changes = []
    for mine, other in pairs:
        call = theirs.code.replaced(other.call, {other.call.args[0]: mine.width})
        changes.append(ours.code.put(mine.call, rename(call, renames)))
    text, _ = bring(code_of(ours.code.apply(changes)), brought, entry)
    mine, other = pairs[0]
    title = f"recombine: {words_of(callee(other.call))} for {words_of(callee(mine.call))}"
    why = "Each parent's blocks did well where they stood; together they may do better."
    return Edit(prune(text, entry), title, why)


def _side_by_side(first: str, second: str, problem: Problem) -> Edit:
    entry = problem.entry
    if any(f"{entry}A" in definitions(code_of(parent)) for parent in (first, second)):
        raise NotApplicable("a parent is two architectures side by side already")
    made, other = (constructor_of(classes(code_of(p).tree)[entry]) for p in (first, second))
    if made.parameters != other.parameters:
        raise NotApplicable("the parents are constructed in two ways")
    ours = code_of(rename_class(code_of(scale_width(first, SHARE)), entry, f"{entry}A"))
    theirs = code_of(rename_class(code_of(scale_width(second, SHARE)), entry, f"{entry}B"))
    renames = {n: f"{n}B" for n in definitions(theirs) if n in definitions(ours)}
    brought = [
        Definition(renames.get(d.name, d.name), rename(d.source, renames))
        for d in closure_in(theirs, [f"{entry}B"])
    ]
    text = (
        ours.text.rstrip()
        + "\n"
        + TOGETHER.format(
            entry=entry, parameters=made.parameters, first=made.arguments, second=other.arguments
        )
    )
    text, _ = bring(code_of(text), brought, entry)
    why = "Two answers that err in different places err less when they are averaged."
    return Edit(text, "recombine: both parents side by side at half the size", why)
