"""Operators that change the structure: blocks swapped, put in, set side by side, taken out."""

from __future__ import annotations

import ast
from random import Random
from typing import Final

from archwright.core import Problem
from archwright.search.grammar.frame import draw_arguments, reason
from archwright.search.grammar.library import Block, Domain, closure, library, members
from archwright.search.grammar.rendering import TAB, Term
from archwright.search.operators.definitions import bring, free_name, prune, rename_class, styled
from archwright.search.operators.edits import Edit, NotApplicable
from archwright.search.operators.local_edits import DROPOUTS, Kernel, kernel_of
from archwright.search.operators.sites import BRANCHING, Gap, Plan, Site
from archwright.source.segments import Change, callee, calls, classes, code_of, method

CORE: Final = "(input_shape, output_shape)"
"""How a mixer's core is constructed, behind its name."""

AROUND: Final = '''

class Mixer(nn.Module):
    """The core mixer, {words}."""

    def __init__(self, input_shape, output_shape):
        super().__init__()
        width = input_shape[-1]
        self.body = {body}

    def forward(self, x):
        return self.body(x)
'''


def write(plan: Plan, changes: list[Change], *wanted: str) -> str:
    """The plan's source with changes, the library's blocks `wanted` brought in, the rest pruned."""
    text = plan.code.apply(changes)
    brought = styled(closure(wanted), plan.code)
    text, _ = bring(code_of(text), brought, plan.problem.entry)
    return prune(text, plan.problem.entry)


def swap_block(source: str, problem: Problem, rng: Random) -> Edit:
    """Another block in a block's place, or another kind of convolution in a convolution's."""
    plan = Plan(source, problem)
    if plan.sites:
        return _swap(plan, rng.choice(plan.sites), rng)
    plain = [c for c in calls(plan.init) if callee(c) == "Conv2d" and len(c.args) > 1]
    kernels = [(c, kernel) for c in plain if (kernel := kernel_of(c))]
    if not kernels:
        raise NotApplicable("no block that could be swapped")
    return _swap_conv(plan, *rng.choice(kernels), rng)


def _swap(plan: Plan, site: Site, rng: Random) -> Edit:
    old = callee(site.call)
    block = rng.choice([b for b in members(site.domain) if b.name != old])
    term = _term(plan, block, site.width, site.features, rng)
    source = write(plan, [_replace(plan, site.call, term)], block.name)
    title = f"swap block {site.number}: {words_of(old)} -> {block.words}"
    return Edit(source, title, reason(block))


def _swap_conv(plan: Plan, call: ast.Call, kernel: Kernel, rng: Random) -> Edit:
    """A convolution made separable, dilated or larger; what else it is told stays."""
    code, size = plan.code, kernel.size
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
    plan = Plan(source, problem)
    if plan.gaps:
        gap = rng.choice(plan.gaps)
        block, term = _for_gap(plan, gap, rng)
        text = _put_in(plan, gap, term, block.name)
        return Edit(text, f"deepen: {block.words} at width {gap.features}", reason(block))
    if problem.entry != "Mixer":
        raise NotApplicable("no place where a block fits")
    block, term = _beside_mixer(plan, rng)
    chain = Term("nn.Sequential", (CORE, _normed(plan, term)))
    text = around(plan, chain, f"then {block.words}", block.name, "PreNorm")
    return Edit(text, f"deepen: {block.words} behind the mixer", reason(block))


def add_branch(source: str, problem: Problem, rng: Random) -> Edit:
    """A block beside another."""
    plan = Plan(source, problem)
    kind = rng.choice(BRANCHING)
    branching = plan.name_for(kind)
    if plan.sites:
        site = rng.choice(plan.sites)
        block = rng.choice(members(site.domain))
        term = _term(plan, block, site.width, site.features, rng)
        pair = Term(branching, (plan.code.segment(site.call), term))
        text = write(plan, [_replace(plan, site.call, pair)], block.name, kind)
        beside = words_of(callee(site.call))
    elif problem.entry == "Mixer":
        block, term = _beside_mixer(plan, rng)
        pair = Term(branching, (CORE, term))
        text = around(plan, pair, f"beside {block.words}", block.name, kind)
        beside = "the mixer"
    elif plan.gaps:
        gap = rng.choice(plan.gaps)
        block, term = _for_gap(plan, gap, rng)
        text = _put_in(plan, gap, Term(branching, ("nn.Identity()", term)), block.name, kind)
        beside = "a shortcut"
    else:
        raise NotApplicable("no block that a branch could stand beside")
    return Edit(text, f"add branch: {block.words} beside {beside}", reason(block))


def drop_branch(source: str, problem: Problem, rng: Random) -> Edit:
    """One of several branches taken out."""
    plan = Plan(source, problem)
    pairs = [c for c in calls(plan.init) if callee(c) in BRANCHING and len(c.args) > 1]
    if not pairs:
        return _drop_term(plan, rng)
    pair = rng.choice(pairs)
    gone = rng.choice(pair.args)
    code = plan.code
    if len(pair.args) == 2:
        (kept,) = (a for a in pair.args if a is not gone)
        change = code.put(pair, code.segment(kept))
    else:
        change = code.cut_item(gone, pair.args)
    words = words_of(callee(gone))
    why = "If the score holds without it, the branch was not needed."
    return Edit(write(plan, [change]), f"drop branch: {words}", why)


def _drop_term(plan: Plan, rng: Random) -> Edit:
    """Drop `self.f(h)` from a sum in `forward`, and the submodule with it."""
    forward = method(plan.entry, "forward")
    sums = [
        (n, a, b)
        for n in ast.walk(forward or plan.init)
        if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Add)
        for a, b in ((n.left, n.right), (n.right, n.left))
        if _own_call(b)
    ]
    if not sums:
        raise NotApplicable("no branch to drop")
    node, kept, gone = rng.choice(sums)
    name = _own_call(gone)
    text = plan.code.apply([plan.code.put(node, plan.code.segment(kept))])
    text = prune(remove_module(text, plan.problem.entry, name), plan.problem.entry)
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
    uses = [n for n in ast.walk(node) if isinstance(n, ast.Attribute) and n.attr == name]
    if init is None or len(uses) != 1:
        return source
    made = [s for s in init.body if uses[0] in ast.walk(s)]
    return code.apply([code.cut_statement(s, init.body) for s in made])


def simplify(source: str, problem: Problem, rng: Random) -> Edit:
    """One element of a sequence taken out that the shapes do not need."""
    plan = Plan(source, problem)
    options = [
        (element, call)
        for call in calls(plan.init)
        if callee(call) == "Sequential" and len(call.args) > 1
        for element in call.args
        if _spare(plan, element)
    ]
    if not options:
        raise NotApplicable("nothing that could be left out")
    element, call = rng.choice(options)
    named = [callee(c) for c in calls(element) if callee(c) != "PreNorm"]
    words = words_of((named or ["PreNorm"])[0])
    text = write(plan, [plan.code.cut_item(element, call.args)])
    why = "Of two that score alike the simpler one is better, and smaller leaves room elsewhere."
    return Edit(text, f"simplify: without {words}", why)


def _spare(plan: Plan, element: ast.expr) -> bool:
    name = callee(element)
    block = any(s.call is element for s in plan.sites)
    return block or name in {"PreNorm", *BRANCHING, *DROPOUTS, "Identity"}


# --- making blocks --------------------------------------------------------------------------------


def words_of(name: str) -> str:
    """A class's name in words."""
    known = library().get(name)
    return known.words if known else name


def _term(plan: Plan, block: Block, width: str, features: int, rng: Random) -> Term:
    side = min(plan.problem.input_shape[1:]) if block.domain == "image" else 0
    drawn = draw_arguments(block, features, plan.problem, rng, side)
    return Term(plan.name_for(block.name), (width, *drawn), block.words)


def _normed(plan: Plan, term: Term) -> Term:
    return Term(plan.name_for("PreNorm"), (term.arguments[0], term), term.words)


def _for_gap(plan: Plan, gap: Gap, rng: Random) -> tuple[Block, Term]:
    if gap.domain == "image":
        block = rng.choice(members("image"))
        return block, _term(plan, block, gap.width, gap.features, rng)
    domain: Domain = rng.choice(("sequence", "vector")) if gap.domain == "sequence" else "vector"
    block = rng.choice(members(domain))
    return block, _normed(plan, _term(plan, block, gap.width, gap.features, rng))


def _beside_mixer(plan: Plan, rng: Random) -> tuple[Block, Term]:
    block = rng.choice(members("sequence"))
    return block, _term(plan, block, "width", plan.features("input_shape[-1]"), rng)


def _replace(plan: Plan, node: ast.expr, term: Term) -> Change:
    return plan.code.put(node, term.render(len(plan.code.indent(node)) // len(TAB)))


def _put_in(plan: Plan, gap: Gap, term: Term, *wanted: str) -> str:
    """The source with a term behind an element; `PreNorm` comes along where the term uses it."""
    indent = plan.code.indent(gap.after)
    text = f",\n{indent}{term.render(len(indent) // len(TAB))}"
    return write(plan, [plan.code.after(gap.after, text)], *wanted, "PreNorm")


def around(plan: Plan, body: Term, words: str, *wanted: str) -> str:
    """The Mixer under another name, and a new Mixer whose `body` uses it as `CORE`."""
    core = free_name("MixerCore", plan.classes)
    text = rename_class(plan.code, "Mixer", core).rstrip()
    text += "\n" + AROUND.format(body=body.render(2).replace(CORE, f"{core}{CORE}"), words=words)
    brought = styled(closure(wanted), plan.code)
    return bring(code_of(text), brought, "Mixer")[0]
