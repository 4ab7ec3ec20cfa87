"""The coarse family of an architecture, for archives and for the report."""

from __future__ import annotations

import ast
import re
from typing import Final

from archwright.source.segments import callee, calls, classes, code_of

# The first that matches names a class's family: what mixes positions most strongly comes first.
_SIGNS: Final = (
    (
        "recurrent",
        re.compile(r"GRU|LSTM|RNN|Recurren|Sweep|scan|cumsum|Mamba|SSM|StateSpace", re.I),
    ),
    ("linear attention", re.compile(r"Linear_?Attention|Delta|Retention|Performer", re.I)),
    ("attention", re.compile(r"Attention|Transformer|scaled_dot_product", re.I)),
    ("conv", re.compile(r"Conv|unfold|filter_steps", re.I)),
)
# Classes that stand before or after the body, or only hold other blocks.
_AROUND: Final = re.compile(r"Pool|Patch|Sequence|Embed|Stem|Head|Branch|Parallel|Norm", re.I)
FAMILIES: Final = ("conv", "attention", "linear attention", "recurrent", "mlp", "hybrid")


def family(source: str) -> str:
    """One of `FAMILIES`: what mixes positions in the architecture, `hybrid` when several do.

    Over sequences a convolution beside something that reaches further does not count: it is short.

    Raises:
        SourceError: the source is not Python.
    """
    code = code_of(source)
    defined = classes(code.tree)
    entry = defined.get("Model") or defined.get("Mixer")
    blocks = [c for c in defined.values() if c is not entry]
    kinds = {_kind(c) for c in blocks} - {"mlp"}
    if len(kinds) > 1 and not any(callee(c) == "Conv2d" for c in calls(code.tree)):
        kinds.discard("conv")
    if not kinds:
        kinds = {_kind(code.tree)}
    return kinds.pop() if len(kinds) == 1 else "hybrid"


def _kind(tree: ast.AST) -> str:
    """The family of one class (or of a whole file) by the names it goes by and calls."""
    own = getattr(tree, "name", "")
    if _AROUND.search(own):
        return "mlp"
    words = " ".join([own, *(callee(c) for c in calls(tree))])
    return next((kind for kind, sign in _SIGNS if sign.search(words)), "mlp")
