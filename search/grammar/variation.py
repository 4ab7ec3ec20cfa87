"""Activations and norms: which may stand for which, and putting one in the place of another."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Final

from archwright.source.segments import Change, Code, callee, calls, code_of

ACTIVATIONS: Final[Mapping[str, str]] = {
    "ReLU": "relu",
    "GELU": "gelu",
    "SiLU": "silu",
    "Mish": "mish",
    "ELU": "elu",
    "LeakyReLU": "leaky_relu",
    "Hardswish": "hardswish",
}
"""Activation layers and the functions that do the same."""
FUNCTIONS: Final = {function: layer for layer, function in ACTIVATIONS.items()}

NORMS: Final[Mapping[str, tuple[str, ...]]] = {
    "BatchNorm2d": ("GroupNorm", "InstanceNorm2d"),
    "InstanceNorm2d": ("GroupNorm", "BatchNorm2d"),
    "BatchNorm1d": ("GroupNorm",),
    "GroupNorm": (),
    "LayerNorm": ("RMSNorm",),
    "RMSNorm": ("LayerNorm",),
}
"""Norm layers and what can stand in their place whatever the shape is."""


def activation_sites(code: Code) -> dict[str, list[ast.Call]]:
    """Calls of activations, as layers and as functions, by the layer's name."""
    found: dict[str, list[ast.Call]] = {}
    for call in calls(code.tree):
        name = callee(call)
        name = FUNCTIONS.get(name, name) if _is_function(call) else name
        if name in ACTIVATIONS and isinstance(call.func, ast.Attribute):
            found.setdefault(name, []).append(call)
    return found


def _is_function(call: ast.Call) -> bool:
    """Whether a call is `F.relu(x)` or `torch.relu(x)`; `x.relu()` is left alone."""
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    module = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
    return module in {"F", "functional", "torch"} and bool(call.args)


def put_activation(code: Code, call: ast.Call, new: str) -> list[Change]:
    """The changes that make an activation's call one of `new` (a layer's name)."""
    assert isinstance(call.func, ast.Attribute)
    if callee(call) in ACTIVATIONS:
        return [code.put(call, f"{code.segment(call.func.value)}.{new}()")]
    owner = code.segment(call.func.value)
    owner = "nn.functional" if owner == "torch" and new != "ReLU" else owner
    return [code.put(call, f"{owner}.{ACTIVATIONS[new]}({code.segment(call.args[0])})")]


def norm_sites(code: Code) -> dict[str, list[ast.Call]]:
    """Calls of norm layers with a width, by name."""
    found: dict[str, list[ast.Call]] = {}
    for call in calls(code.tree):
        name = callee(call)
        if name in NORMS and isinstance(call.func, ast.Attribute) and _norm_width(call):
            found.setdefault(name, []).append(call)
    return found


def norm_choices(code: Code, name: str) -> tuple[str, ...]:
    """What may stand in a norm's place in this source."""
    if name == "GroupNorm":
        images = any(callee(c) == "Conv2d" for c in calls(code.tree))
        return ("BatchNorm2d",) if images else ("BatchNorm1d",)
    return NORMS[name]


def _norm_width(call: ast.Call) -> ast.expr | None:
    place = 1 if callee(call) == "GroupNorm" else 0
    if len(call.args) > place:
        return call.args[place]
    named = {"num_features", "num_channels", "normalized_shape"}
    return next((k.value for k in call.keywords if k.arg in named), None)


def put_norm(code: Code, call: ast.Call, new: str) -> Change:
    """The change that makes a norm's call one of `new`, over the same width."""
    assert isinstance(call.func, ast.Attribute)
    width = _norm_width(call)
    assert width is not None
    text = code.segment(width)
    arguments = {"GroupNorm": f"1, {text}", "InstanceNorm2d": f"{text}, affine=True"}
    return code.put(call, f"{code.segment(call.func.value)}.{new}({arguments.get(new, text)})")


def replace_activations(source: str, new: str) -> str:
    """`source` with every GELU made an activation of `new`."""
    code = code_of(source)
    found = activation_sites(code).get("GELU", [])
    return code.apply([c for call in found for c in put_activation(code, call, new)])


def replace_norms(source: str, new: Mapping[str, str]) -> str:
    """`source` with every norm that is a key of `new` made a norm of its value."""
    code = code_of(source)
    found = norm_sites(code)
    return code.apply([put_norm(code, c, new[n]) for n in found if n in new for c in found[n]])
