"""Operators that change the structure: blocks swapped, put in, set side by side, taken out."""

from __future__ import annotations

import ast
from random import Random
from typing import Final

from archwright.domain import Problem
from archwright.search.definitions import bring, prune, styled
from archwright.search.edits import Edit, NotApplicable
from archwright.search.frame import draw_arguments, reason
from archwright.search.library import Block, Domain, closure, library, members
from archwright.search.local_edits import DROPOUTS, Kernel, kernel_of
from archwright.search.rendering import Term
from archwright.search.segments import Change, Code, callee, calls, classes, method
from archwright.search.sites import BRANCHING, Gap, Plan, Site

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
    text, renames = bring(Code(text), brought, plan.problem.entry)
    assert not renames or not set(renames) & set(wanted)
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
    block = rng.choice([b for b in _fitting(plan, site.domain) if b.name != old])
    term = _term(plan, block, site.width, site.features, rng)
    source = write(plan, [plan.code.put(site.call, str(term))], block.name)
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
        change = plan.code.after(gap.after, f",\n{plan.code.indent(gap.after)}{term}")
        text = write(plan, [change], block.name, term.callee)
        return Edit(text, f"deepen: {block.words} at width {gap.features}", reason(block))
    if problem.entry != "Mixer":
        raise NotApplicable("no place where a block fits")
    block = rng.choice(_fitting(plan, "sequence"))
    term = _normed(_term(plan, block, "width", plan.features("input_shape[-1]"), rng))
    body = f"nn.Sequential(MixerCore(input_shape, output_shape), {term})"
    text = around(plan, body, f"then {block.words}", block.name, "PreNorm")
    return Edit(text, f"deepen: {block.words} behind the mixer", reason(block))


def add_branch(source: str, problem: Problem, rng: Random) -> Edit:
    """A block beside another."""
    plan = Plan(source, problem)
    kind = rng.choice(BRANCHING)
    if plan.sites:
        site = rng.choice(plan.sites)
        block = rng.choice(_fitting(plan, site.domain))
        term = _term(plan, block, site.width, site.features, rng)
        pair = f"{kind}({plan.code.segment(site.call)}, {term})"
        text = write(plan, [plan.code.put(site.call, pair)], block.name, kind)
        beside = words_of(callee(site.call))
    elif problem.entry == "Mixer":
        block = rng.choice(_fitting(plan, "sequence"))
        term = _term(plan, block, "width", plan.features("input_shape[-1]"), rng)
        body = f"{kind}(MixerCore(input_shape, output_shape), {term})"
        text = around(plan, body, f"beside {block.words}", block.name, kind)
        beside = "the mixer"
    elif plan.gaps:
        gap = rng.choice(plan.gaps)
        block, inner = _for_gap(plan, gap, rng)
        pair = f"{kind}(nn.Identity(), {inner})"
        change = plan.code.after(gap.after, f",\n{plan.code.indent(gap.after)}{pair}")
        text = write(plan, [change], block.name, inner.callee, kind)
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
    code = Code(source)
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


def _fitting(plan: Plan, domain: Domain) -> list[Block]:
    """Blocks of a domain whose names the file does not use for something else."""
    own = {n for n in plan.classes if n not in library()}
    return [b for b in members(domain) if b.name not in own]


def _term(plan: Plan, block: Block, width: str, features: int, rng: Random) -> Term:
    side = min(plan.problem.input_shape[1:]) if block.domain == "image" else 0
    drawn = draw_arguments(block, features, plan.problem, rng, side)
    return Term(block.name, (width, *drawn), block.words)


def _normed(term: Term) -> Term:
    return Term("PreNorm", (term.arguments[0], term), term.words)


def _for_gap(plan: Plan, gap: Gap, rng: Random) -> tuple[Block, Term]:
    if gap.domain == "image":
        block = rng.choice(_fitting(plan, "image"))
        return block, _term(plan, block, gap.width, gap.features, rng)
    domain: Domain = rng.choice(("sequence", "vector")) if gap.domain == "sequence" else "vector"
    block = rng.choice(_fitting(plan, domain))
    return block, _normed(_term(plan, block, gap.width, gap.features, rng))


def around(plan: Plan, body: str, words: str, *wanted: str) -> str:
    """The Mixer renamed to MixerCore, and a new Mixer whose `body` uses it."""
    if "MixerCore" in plan.classes:
        raise NotApplicable("the mixer has a core already")
    text = rename_entry(plan.code, "Mixer", "MixerCore")
    text = text.rstrip() + "\n" + AROUND.format(body=body, words=words)
    brought = styled(closure(wanted), plan.code)
    return bring(Code(text), brought, "Mixer")[0]


def rename_entry(code: Code, old: str, new: str) -> str:
    """`code` with a class and all that names it renamed."""
    node = classes(code.tree)[old]
    start = code.span(node)[0] + code.segment(node).index(f"class {old}") + len("class ")
    changes = [Change(start, start + len(old.encode()), new)]
    changes += [
        code.put(n, new) for n in ast.walk(code.tree) if isinstance(n, ast.Name) and n.id == old
    ]
    return code.apply(changes)
