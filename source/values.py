"""What the interpreter of `counting.py` computes with: bounded arithmetic on numbers, short lists
and tensors known by their size, and the parameters of PyTorch's own layers.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

# --- arithmetic -----------------------------------------------------------------------------------

MAX_ITEMS: Final = 1_000


class Unknown(Exception):  # noqa: N818
    """Something that the interpreter does not follow."""


@dataclass(frozen=True)
class Tensor:
    """A tensor as far as counting goes: how many numbers it holds."""

    size: int


BINARY: Final[Mapping[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
COMPARE: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "range": lambda *a: list(range(*a)[:MAX_ITEMS]),
    "len": len,
    "max": max,
    "min": min,
    "int": int,
    "float": float,
    "bool": bool,
    "round": round,
    "abs": abs,
    "sum": sum,
    "tuple": list,
    "list": list,
    "reversed": lambda a: list(reversed(a)),
    "zip": lambda *a, **_: list(zip(*a, strict=False)),
    "enumerate": lambda a: list(enumerate(a)),
    "prod": math.prod,
    "gcd": math.gcd,
    "sqrt": math.sqrt,
    "ceil": math.ceil,
    "floor": math.floor,
    "log2": math.log2,
}


def combine(op: ast.operator, left: Any, right: Any) -> Any:
    """`left op right`.

    Raises:
        Unknown: the result could be large, or the operands are none that are followed.
    """
    for part in (left, right):
        if isinstance(part, Tensor):
            return part
        if isinstance(part, str) or (isinstance(part, int) and part.bit_length() > 64):
            raise Unknown
    if isinstance(left, list) != isinstance(right, list):
        items, times = (left, right) if isinstance(left, list) else (right, left)
        if not isinstance(times, int) or len(items) * times > MAX_ITEMS:
            raise Unknown
    if isinstance(op, ast.Pow):
        if not (abs(left) <= 1024 and abs(right) <= 6):
            raise Unknown
        return left**right
    return BINARY[type(op)](left, right)


# --- layers ---------------------------------------------------------------------------------------

Arguments = Mapping[str, Any]


def _volume(size: Any, axes: int) -> int:
    return math.prod(size) if isinstance(size, tuple | list) else int(size) ** axes


def _linear(a: Arguments) -> int:
    return int(a["in_features"] * a["out_features"] + a["out_features"] * bool(a["bias"]))


def _conv(axes: int) -> Callable[[Arguments], int]:
    def count(a: Arguments) -> int:
        weights = a["in_channels"] * a["out_channels"] * _volume(a["kernel_size"], axes)
        return int(weights // a["groups"] + a["out_channels"] * bool(a["bias"]))

    return count


def _norm(a: Arguments) -> int:
    return 2 * _volume(a["size"], 1) * bool(a["affine"])


def _rms_norm(a: Arguments) -> int:
    return _volume(a["size"], 1) * bool(a["affine"])


def _recurrent(gates: int) -> Callable[[Arguments], int]:
    def count(a: Arguments) -> int:
        width, sides = a["hidden_size"], 1 + bool(a["bidirectional"])
        total, inputs = 0, a["input_size"]
        for _ in range(a["num_layers"]):
            total += sides * gates * width * (inputs + width + 2 * bool(a["bias"]))
            inputs = sides * width
        return int(total)

    return count


def _attention(a: Arguments) -> int:
    width = a["embed_dim"]
    return int(4 * width * width + 4 * width * bool(a["bias"]))


def _encoder_layer(a: Arguments) -> int:
    width, hidden = a["d_model"], a["dim_feedforward"]
    return int(4 * width * (width + 1) + 2 * width * hidden + hidden + width + 4 * width)


_CONV: Final = (
    "in_channels out_channels kernel_size stride=1 padding=0 dilation=1 groups=1 bias=True"
)
_UPWARDS: Final = (
    "in_channels out_channels kernel_size stride=1 padding=0 output_padding=0 groups=1 bias=True"
)
_RECURRENT: Final = (
    "input_size hidden_size num_layers=1 bias=True batch_first=False dropout=0 bidirectional=False"
)

_SIGNATURES: Final[Mapping[str, tuple[str, Callable[[Arguments], int]]]] = {
    "Linear": ("in_features out_features bias=True", _linear),
    **{f"Conv{n}d": (_CONV, _conv(n)) for n in (1, 2, 3)},
    **{f"ConvTranspose{n}d": (_UPWARDS, _conv(n)) for n in (1, 2, 3)},
    **{f"BatchNorm{n}d": ("size eps=0 momentum=0 affine=True", _norm) for n in (1, 2, 3)},
    **{f"InstanceNorm{n}d": ("size eps=0 momentum=0 affine=False", _norm) for n in (1, 2, 3)},
    "LayerNorm": ("size eps=0 affine=True", _norm),
    "RMSNorm": ("size eps=0 affine=True", _rms_norm),
    "GroupNorm": ("groups size eps=0 affine=True", _norm),
    "Embedding": ("count width", lambda a: int(a["count"] * a["width"])),
    "GRU": (_RECURRENT, _recurrent(3)),
    "LSTM": (_RECURRENT, _recurrent(4)),
    "RNN": (_RECURRENT, _recurrent(1)),
    "MultiheadAttention": ("embed_dim num_heads dropout=0 bias=True", _attention),
    "TransformerEncoderLayer": ("d_model nhead dim_feedforward=2048", _encoder_layer),
    "PReLU": ("num_parameters=1", lambda a: int(a["num_parameters"])),
}
_ALIASES: Final = {
    "num_features": "size",
    "normalized_shape": "size",
    "num_channels": "size",
    "num_groups": "groups",
    "elementwise_affine": "affine",
    "num_embeddings": "count",
    "embedding_dim": "width",
}
_LITERALS: Final = {"True": True, "False": False}

_FREE_NAMES: Final = (
    "ReLU ReLU6 GELU SiLU ELU SELU CELU LeakyReLU Mish Hardswish Hardsigmoid Hardtanh Softplus "
    "Sigmoid LogSigmoid Tanh Softmax LogSoftmax GLU Identity Flatten Unflatten Dropout Dropout1d "
    "Dropout2d Dropout3d AlphaDropout MaxPool1d MaxPool2d AvgPool1d AvgPool2d AdaptiveAvgPool1d "
    "AdaptiveAvgPool2d AdaptiveMaxPool1d AdaptiveMaxPool2d Upsample PixelShuffle PixelUnshuffle "
    "ZeroPad1d ZeroPad2d ConstantPad1d ConstantPad2d ChannelShuffle Softsign Unfold Fold"
)
FREE: Final = frozenset(_FREE_NAMES.split())
"""Layers without parameters."""


def is_layer(name: str) -> bool:
    """Whether `count_layer` knows a layer of PyTorch by this name."""
    return name in _SIGNATURES or name in FREE


def count_layer(name: str, positional: list[Any], named: Arguments) -> int:
    """Parameters of the layer `nn.<name>(*positional, **named)`.

    Raises:
        KeyError: an argument without default is missing.
        TypeError, ValueError: an argument is not the number that it should be.
    """
    if name in FREE:
        return 0
    signature, count = _SIGNATURES[name]
    words = [w.partition("=") for w in signature.split()]
    given = {k: _default(v) for k, eq, v in words if eq}
    given |= dict(zip([k for k, _, _ in words], positional, strict=False))
    return count(given | {_ALIASES.get(k, k): v for k, v in named.items()})


def _default(text: str) -> Any:
    return _LITERALS[text] if text in _LITERALS else int(text)
