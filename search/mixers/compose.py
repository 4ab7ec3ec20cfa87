"""A mixer's source from its design: one file with the kernels that it needs and `class Mixer`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from archwright.core import InputError
from archwright.search.blocks import Block, assemble, closure, paragraph, read_blocks
from archwright.search.mixers.design import Design, parts_line

FILES: Final = ("kernels", "layers", "attention", "recurrences")
WINDOW: Final = 32
"""Steps that window attention sees."""


@cache
def parts() -> Mapping[str, Block]:
    """Kernels, layers and whole mixers by name, in the order in which a file may define them."""
    folder = Path(__file__).parent / "parts"
    texts = [(folder / f"{name}.py").read_text(encoding="utf-8") for name in FILES]
    return read_blocks({"sequence": "\n\n".join(texts)})


def fill(source: str, sizes: Mapping[str, object]) -> str:
    """A part's source with its sizes written in for the names in capitals."""
    if not sizes:
        return source
    pattern = re.compile(r"\b(" + "|".join(sizes) + r")\b")
    return pattern.sub(lambda found: str(sizes[found[1]]), source)


def write_file(docstring: str, entry: str, others: Iterable[str] = (), recipe: str = "") -> str:
    """A whole file: the entry class, other classes before it, and all parts that they use."""
    own = [*others, entry]
    tree = ast.parse("\n\n\n".join(own))
    used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    blocks = closure(used, parts())
    return assemble(docstring, blocks, "\n\n\n".join(own), recipe)


def compose(design: Design, title: str = "", idea: str = "", recipe: str = "") -> str:
    """The source of a design, with a line that states a recipe: the same design gives the same
    bytes.

    Raises:
        InputError: its parts do not fit together.
    """
    flaw = design.flaw()
    if flaw:
        raise InputError(flaw)
    said = "\n".join(paragraph(text) for text in (title, idea, parts_line(design)) if text)
    if design.layers == "alike":
        return write_file(said, _memory(design, "Mixer"), (), recipe)
    name = "SoftmaxAttention" if design.layers == "softmax" else "WindowAttention"
    sizes = {"HEADS": design.heads, "INNER": "width", "WINDOW": WINDOW}
    attention = fill(parts()[name].source, sizes)
    claim = "quadratic" if design.layers == "softmax" else "linear"
    mixer = _ALTERNATING.format(attention=name, claim=claim)
    return write_file(said, mixer, [attention, _memory(design, "Memory")], recipe)


_ALTERNATING: Final = '''
class Mixer(nn.Module):
    """A memory in even layers, attention in odd ones."""

    COMPLEXITY = "{claim}"

    def __init__(self, width, layer=0):
        super().__init__()
        self.body = {attention}(width) if layer % 2 else Memory(width)

    def forward(self, x):
        return self.body(x)

    def start(self, batch):
        return self.body.start(batch)

    def step(self, x, state):
        return self.body.step(x, state)
'''.strip()


# --- the class of a memory ------------------------------------------------------------------------

_SIZES: Final = {"half": "width // 2", "whole": "width", "double": "2 * width"}
_FEATURES: Final = {
    "plain": "",
    "elu": "q, k = F.elu(q) + 1, F.elu(k) + 1",
    "relu": "q, k = F.relu(q), F.relu(k)",
    "unit": "q, k = F.normalize(q, dim=-1), F.normalize(k, dim=-1)",
}
_DECAYS: Final = {
    "head": "HeadDecay(width, self.heads)",
    "key": "KeyDecay(width, self.heads, keys, rank={rank})",
    "slow": "SlowKeyDecay(width, self.heads, keys, rank={rank})",
}
_WIDE_GATES: Final = {"silu": "F.silu(self.gate(x))", "sigmoid": "self.gate(x).sigmoid()"}


@dataclass(slots=True)
class Lines:
    """The statements of each method while a class is written."""

    init: list[str]
    prepare: list[str]
    finish: list[str]
    given: list[str]
    """What the kernel is given, in its order."""


def _memory(design: Design, name: str) -> str:
    """The class of a design."""
    lines = Lines([], [], [], ["q", "k", "v"])
    _write_projections(design, lines)
    _write_keys(design, lines)
    _write_rule(design, lines)
    _write_reading(design, lines)
    kernel = _kernel(design)
    first = ", first=0" if design.rotary else ""
    mixed = "self.short(self.project(x))" if design.short else "self.project(x)"
    text = [
        f"class {name}(nn.Module):",
        f'    """{_WORDS[design.rule]}"""',
        "",
        '    COMPLEXITY = "linear"',
        "",
        "    def __init__(self, width, layer=0):",
        "        super().__init__()",
        *_indented(lines.init),
        "",
        f"    def prepare(self, x, mixed{first}):",
        *_indented(lines.prepare),
        f"        return {', '.join(lines.given)}",
        "",
        "    def finish(self, x, read):",
        *_indented(lines.finish),
        "",
        "    def forward(self, x):",
        f"        parts = self.prepare(x, {mixed})",
        f"        return self.finish(x, {kernel}_sum(*parts, chunk={design.chunk}))",
        "",
        "    def start(self, batch):",
        *_indented(_start(design)),
        "",
        "    def step(self, x, state):",
        *_indented(_step(design, kernel)),
    ]
    return "\n".join(text)


_WORDS: Final = {
    "add": "A memory to which each step adds its value under its key.",
    "correct": "A memory that each step corrects by what it holds for the key.",
    "erase": "A memory that each step erases and writes, each by a gate of its own.",
}


def _indented(lines: list[str]) -> list[str]:
    return [f"        {line}" for line in lines]


def _kernel(design: Design) -> str:
    if design.rule != "add":
        return "corrected"
    return "running" if design.decay == "none" else "decayed"


def _write_projections(design: Design, lines: Lines) -> None:
    lines.init += [
        f"self.heads = {design.heads}",
        f"keys, values = {_SIZES[design.keys]}, {_SIZES[design.values]}",
        "self.sizes = [keys, keys, values]",
        "self.project = nn.Linear(width, 2 * keys + values, bias=False)",
    ]
    if design.short:
        kernel = f", kernel={design.short}" if design.short != 4 else ""
        lines.init.append(f"self.short = ShortConvolution(2 * keys + values{kernel})")
    split = "split_heads(t, self.heads) for t in mixed.split(self.sizes, dim=-1)"
    lines.prepare.append(f"q, k, v = ({split})")


def _write_keys(design: Design, lines: Lines) -> None:
    if design.features == "unit" and not design.short:
        lines.prepare.append("q, k, v = F.silu(q), F.silu(k), F.silu(v)")
    lines.prepare += [_FEATURES[design.features]] if _FEATURES[design.features] else []
    if design.rotary:
        lines.prepare.append("q, k = rotate(q, first), rotate(k, first)")
    if design.read != "share":
        lines.prepare.append("q = q * q.shape[-1] ** -0.5")


def _write_rule(design: Design, lines: Lines) -> None:
    if design.rule == "correct":
        lines.init.append("self.strength = nn.Linear(width, self.heads, bias=False)")
        lines.prepare.append("strength = split_heads(self.strength(x).sigmoid(), self.heads)")
        lines.given[2:] = ["strength * v", "strength * k"]
    if design.rule == "erase":
        for gate, size in (("erase", "keys"), ("write", "values")):
            lines.init += _narrow(gate, size, design.rank)
            gated = f"split_heads(self.{gate}(x).sigmoid(), self.heads)"
            lines.prepare.append(f"{gate} = {gated}")
        lines.given[2:] = ["write * v", "erase * k"]
    if design.decay in _DECAYS:
        lines.init.append(f"self.decay = {_DECAYS[design.decay].format(rank=design.rank)}")
        lines.given.append("self.decay(x)")
    elif design.decay == "fixed":
        lines.given.append("fixed_decay(self.heads, q)")
    elif design.rule != "add":
        lines.given.append("no_decay(q)")


def _narrow(name: str, size: str, rank: int) -> list[str]:
    down, up = f"nn.Linear(width, {rank}, bias=False)", f"nn.Linear({rank}, {size}, bias=False)"
    return [f"self.{name} = nn.Sequential(", f"    {down}, {up}", ")"]


def _write_reading(design: Design, lines: Lines) -> None:
    size = "values // self.heads"
    if design.read == "share":
        size += " + 1"
        lines.prepare.append("v = torch.cat([v, torch.ones_like(v[..., :1])], dim=-1)")
        lines.finish.append("read = read[..., :-1] / (read[..., -1:] + 1e-6)")
    if design.read == "norm":
        lines.init.append("self.norm = nn.RMSNorm(values // self.heads, eps=1e-5)")
        lines.finish.append("read = self.norm(read)")
    gate = ""
    if design.gate == "narrow":
        lines.init += _narrow("gate", "values", design.rank)
        gate = " * self.gate(x).sigmoid()"
    elif design.gate != "none":
        lines.init.append("self.gate = nn.Linear(width, values, bias=False)")
        gate = f" * {_WIDE_GATES[design.gate]}"
    lines.init.append("self.out = nn.Linear(values, width, bias=False)")
    lines.init.append(f"self.shape = (self.heads, keys // self.heads, {size})")
    lines.finish.append(f"return self.out(merge_heads(read){gate})")


def _start(design: Design) -> list[str]:
    lines = ['state = {"memory": self.out.weight.new_zeros(batch, *self.shape)}']
    if design.short:
        lines.append('state["recent"] = self.short.start(batch)')
    if design.rotary:
        place = "torch.zeros((), dtype=torch.long, device=self.out.weight.device)"
        lines.append(f'state["count"] = {place}')
    return [*lines, "return state"]


def _step(design: Design, kernel: str) -> list[str]:
    mixed = "self.project(x).unsqueeze(1)"
    after = ['"memory": memory']
    lines = []
    if design.short:
        lines.append('mixed, recent = self.short.step(self.project(x), state["recent"])')
        mixed = "mixed.unsqueeze(1)"
        after.append('"recent": recent')
    count = ', state["count"]' if design.rotary else ""
    if design.rotary:
        after.append('"count": state["count"] + 1')
    return [
        *lines,
        f"parts = self.prepare(x.unsqueeze(1), {mixed}{count})",
        f'read, memory = {kernel}_step(*parts, state["memory"])',
        f"after = {{{', '.join(after)}}}",
        "return self.finish(x.unsqueeze(1), read).squeeze(1), after",
    ]
