"""What a forward pass costs: every operation is counted, or named."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from archwright.core import Problem, Status
from archwright.sandbox.in_process import InProcessSandbox
from archwright.sandbox.inside.model.counting import Count, count_flops
from archwright.sandbox.inside.model.growth import power_of
from archwright.sandbox.process import ProcessSandbox

X: Final = torch.linspace(-1, 1, 2 * 24 * 16).reshape(2, 24, 16)
PLACES: Final = torch.arange(45) % 7
MATRIX: Final = torch.eye(40).roll(3, 1) + 2 * torch.eye(40)
COUNTED: Final = "not counted"


class Calling(nn.Module):
    """A function, and the modules that it calls, as one module."""

    def __init__(self, function: Callable[..., Any], *parts: nn.Module) -> None:
        super().__init__()
        self.function, self.parts = function, nn.ModuleList(parts)

    def forward(self, x: Tensor) -> Any:
        """Call it."""
        return self.function(x, *self.parts)


def counted(function: Callable[..., Any], x: Tensor, *parts: nn.Module) -> Count:
    return count_flops(Calling(function, *parts), x)


def attention(x: Tensor, layer: nn.MultiheadAttention) -> Tensor:
    """Self-attention written with matrix products."""
    batch, length, width = x.shape
    heads, each = layer.num_heads, width // layer.num_heads
    projected = x @ layer.in_proj_weight.T + layer.in_proj_bias
    q, k, v = projected.reshape(batch, length, 3, heads, each).permute(2, 0, 3, 1, 4)
    mixed = (q @ k.mT / math.sqrt(each)).softmax(-1) @ v
    out: Tensor = layer.out_proj(mixed.transpose(1, 2).reshape(batch, length, width))
    return out


def encoder(x: Tensor, layer: nn.TransformerEncoderLayer) -> Tensor:
    """A post-norm encoder layer, attention by hand."""
    x = layer.norm1(x + attention(x, layer.self_attn))
    out: Tensor = layer.norm2(x + layer.linear2(layer.linear1(x).relu()))
    return out


def lstm(x: Tensor, layer: nn.LSTM) -> Tensor:
    """An LSTM written step by step."""
    weights = (layer.weight_ih_l0, layer.weight_hh_l0)
    h = c = x.new_zeros(len(x), layer.hidden_size)
    out = []
    for t in range(x.shape[1]):
        gates = x[:, t] @ weights[0].T + layer.bias_ih_l0 + h @ weights[1].T + layer.bias_hh_l0
        i, f, g, o = gates.chunk(4, -1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        out.append(h)
    return torch.stack(out, 1)


def gru(x: Tensor, layer: nn.GRU) -> Tensor:
    """A GRU written step by step."""
    weights = (layer.weight_ih_l0, layer.weight_hh_l0)
    h = x.new_zeros(len(x), layer.hidden_size)
    out = []
    for t in range(x.shape[1]):
        a = (x[:, t] @ weights[0].T + layer.bias_ih_l0).chunk(3, -1)
        b = (h @ weights[1].T + layer.bias_hh_l0).chunk(3, -1)
        reset, update = (a[0] + b[0]).sigmoid(), (a[1] + b[1]).sigmoid()
        h = (1 - update) * (a[2] + reset * b[2]).tanh() + update * h
        out.append(h)
    return torch.stack(out, 1)


def scattered(x: Tensor) -> Tensor:
    """Rows added to places one by one."""
    out, rows = torch.zeros(7, 16), x.reshape(-1, 16)[: len(PLACES)].clone()
    for row, place in zip(rows, PLACES.tolist(), strict=True):
        out[place].add_(row)
    return out


def test_attention_costs_what_it_costs_by_hand() -> None:
    layer = nn.MultiheadAttention(16, 2, batch_first=True)
    by_hand = counted(attention, X, layer).flops
    for weights in (True, False):
        fused = counted(lambda x, a, w=weights: a(x, x, x, need_weights=w)[0], X, layer)
        assert fused.flops == pytest.approx(by_hand, rel=0.02)
        assert not fused.unknown
    bare = counted(lambda x: F.scaled_dot_product_attention(x, x, x), X)
    written = counted(lambda x: (x @ x.mT / 4).softmax(-1) @ x, X)
    assert bare.flops == pytest.approx(written.flops, rel=0.02)


@pytest.mark.parametrize("masked", [False, True])
def test_encoder_layers_cost_what_they_cost_by_hand(masked: bool) -> None:
    layer = nn.TransformerEncoderLayer(16, 2, 48, dropout=0.1, batch_first=True)
    both = nn.TransformerEncoder(layer, 2)
    mask = torch.zeros(2, 24, dtype=torch.bool) if masked else None
    by_hand = count_flops(Calling(encoder, layer), X).flops
    one = counted(lambda x, m: m(x, src_key_padding_mask=mask), X, layer)
    two = counted(lambda x, m: m(x, src_key_padding_mask=mask), X, both)
    assert one.flops == pytest.approx(by_hand, rel=0.02)
    assert two.flops == pytest.approx(2 * by_hand, rel=0.02)
    assert not one.unknown + two.unknown


@pytest.mark.parametrize(("kind", "by_hand"), [(nn.LSTM, lstm), (nn.GRU, gru)], ids=["lstm", "gru"])
def test_recurrent_layers_cost_what_they_cost_by_hand(
    kind: type[nn.RNNBase], by_hand: Callable[[Tensor, Any], Tensor]
) -> None:
    layer = kind(16, 40, batch_first=True)  # type: ignore[call-arg]
    fused = counted(lambda x, m: m(x)[0], X, layer)
    assert fused.flops == pytest.approx(counted(by_hand, X, layer).flops, rel=0.02)
    assert not fused.unknown


PRODUCTS: Final[dict[str, tuple[Callable[..., Any], Tensor, tuple[nn.Module, ...], float]]] = {
    "conv1d": (lambda x, c: c(x.mT), X, (nn.Conv1d(16, 6, 5),), 2 * 2 * 6 * 20 * 16 * 5),
    "depthwise": (
        lambda x, c: c(x[:, None].expand(-1, 4, -1, -1)), X,
        (nn.Conv2d(4, 4, 3, padding=1, groups=4),), 2 * 2 * 4 * 24 * 16 * 9,
    ),
    "grouped 3d": (
        lambda x, c: c(x.reshape(2, 4, 6, 4, 4)), X,
        (nn.Conv3d(4, 8, 3, padding=1, groups=2),), 2 * 2 * 8 * 96 * 2 * 27,
    ),
    "transposed": (
        lambda x, c: c(x[:, None]), X, (nn.ConvTranspose2d(1, 5, 3, stride=2),),
        2 * 2 * 384 * 5 * 9,
    ),
    "fft": (lambda x: torch.fft.fft(x + 0j), X, (), 2 * 24 * (5 * 16 * 4 + 2 * 16)),
    "complex product": (
        lambda x: torch.view_as_real((x + 0j) @ (x + 0j).mT), X, (),
        2 * (2 * 2 * 384) + 8 * 2 * 24 * 24 * 16,
    ),
    "real fft": (lambda x: torch.fft.rfft(x), X, (), 2 * 24 * 2.5 * 16 * 4),
    "fft of an image": (lambda x: torch.fft.rfft2(x), X, (), 2 * 2.5 * 384 * math.log2(384)),
    "einsum": (
        lambda x: torch.einsum("bnd,bmd->bnm", x, x), X, (), 2 * 2 * 24 * 24 * 16,
    ),
    "csr": (lambda x: MATRIX.to_sparse_csr() @ x.reshape(-1, 16)[:40], X, (), 1600 + 2 * 80 * 16),
    "coo": (lambda x: MATRIX.to_sparse() @ x.reshape(-1, 16)[:40], X, (), 1600 + 2 * 80 * 16),
    "batched": (lambda x: torch.baddbmm(x @ x.mT, x, x.mT), X, (), 2 * 2 * 2 * 24 * 24 * 16),
    "mapped": (lambda x: torch.func.vmap(lambda a: a @ a.T)(x), X, (), 2 * 2 * 24 * 24 * 16),
    "solve": (
        lambda x: torch.linalg.solve(MATRIX, x.reshape(-1, 16)[:40]), X, (),
        2 / 3 * 40**3 + 2 * 40 * 40 * 16,
    ),
    "inverse": (lambda _: torch.linalg.inv(MATRIX), X, (), 2 * 40**3),
    "bag": (
        lambda x: F.embedding_bag(PLACES.reshape(9, 5), x[0]), X, (), 45 * 16,
    ),
    "sum": (lambda x: x.sum(), X, (), 768),
    "view": (lambda x: x.mT.unsqueeze(0).expand(3, -1, -1, -1), X, (), 0),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")
@pytest.mark.parametrize("name", PRODUCTS)
def test_an_operation_costs_what_its_formula_says(name: str) -> None:
    function, x, parts, wanted = PRODUCTS[name]
    found = counted(function, x, *parts)
    assert found.flops == pytest.approx(wanted, rel=0.02)
    assert not found.unknown


def test_adding_rows_to_places_costs_the_same_at_once_and_one_by_one() -> None:
    loop = counted(scattered, X).flops
    rows = X.reshape(-1, 16)[: len(PLACES)]
    at_once = counted(lambda _: torch.zeros(7, 16).index_add_(0, PLACES, rows.clone()), X)
    spread = PLACES[:, None].expand(-1, 16)
    assert at_once.flops == pytest.approx(loop, rel=0.02)
    same = counted(lambda _: torch.zeros(7, 16).scatter_add_(0, spread, rows.clone()), X)
    assert same.flops == pytest.approx(loop, rel=0.02)


class Squared(torch.autograd.Function):
    """A custom function of torch operations."""

    @staticmethod
    def forward(_ctx: Any, x: Tensor) -> Tensor:
        """A product."""
        return x @ x.mT

    @staticmethod
    def backward(_ctx: Any, grad: Tensor) -> Tensor:  # type: ignore[override]
        """None is needed."""
        return grad


def test_what_a_custom_function_does_is_counted() -> None:
    found = counted(lambda x: Squared.apply(x), X)  # type: ignore[no-untyped-call]
    assert found == counted(lambda x: x @ x.mT, X)
    assert found.flops == 2 * 2 * 24 * 24 * 16


def in_a_thread(x: Tensor) -> Tensor:
    found: list[Tensor] = []
    thread = threading.Thread(target=lambda: found.append(x @ x.mT))
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: 1 * torch.from_numpy(x.numpy() @ x.numpy().swapaxes(1, 2)),
        lambda x: 1 * torch.tensor(np.sort(x.numpy())),
        lambda x: 1 * torch.tensor(x.tolist()),
        lambda x: 1 * in_a_thread(x),
        in_a_thread,
        lambda x: 1 * torch.tensor(max(x.flatten().tolist())),
    ],
    ids=["numpy", "numpy copied", "lists", "thread", "thread alone", "whatever the order"],
)
def test_what_is_computed_elsewhere_is_named(function: Callable[[Tensor], Tensor]) -> None:
    found = counted(function, X)
    assert found.unknown == ("what it computes outside of torch",)
    assert COUNTED in str(found)


def test_constants_from_elsewhere_are_not() -> None:
    found = counted(lambda x: x * torch.from_numpy(np.ones(16, "float32")) + torch.tensor(2.0), X)
    assert not found.unknown


# --- limits -----------------------------------------------------------------------------------

UNKNOWN: Final = """\
import torch
from torch import nn

@torch.library.custom_op("hidden::product", mutates_args=())
def product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return a @ b

product.register_autograd(
    lambda ctx, g: (g @ ctx.b.T, ctx.a.T @ g),
    setup_context=lambda ctx, inputs, output: (
        setattr(ctx, "a", inputs[0]), setattr(ctx, "b", inputs[1])
    ),
)

class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.weight = nn.Parameter(0.1 * torch.randn(input_shape[0], output_shape[0]))

    def forward(self, x):
        return product(x, self.weight)
"""


def test_no_limit_passes_on_what_is_not_counted(process_sandbox: ProcessSandbox) -> None:
    # Not in this process: torch uses the memory of an operator that is defined again after it was
    # freed, which ends the process now and then.
    problem = Problem("Model", (8,), (3,), "cross_entropy", 1_000)
    free = process_sandbox.check(UNKNOWN, problem)
    bound = process_sandbox.check(UNKNOWN, replace(problem, max_flops=10**9))
    assert free.status is Status.OK
    assert free.flops == 0  # unknown, which no objective takes for cheap
    assert "not counted: hidden.product.default" in next(
        c.detail for c in free.checks if c.name == "flops"
    )
    assert bound.status is Status.INVALID
    assert "not counted: hidden.product.default" in bound.error


# --- growth -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cost", "power"),
    [
        (lambda n: 64 * n, 1.0),
        (lambda n: 90_000 + 64 * n, 1.0),
        (lambda n: 24 * n * 256**2 + 4 * 256 * n**2, 2.0),  # far wider than it is long
        (lambda n: 500 * n + 2 * n**3, 3.0),
        (lambda n: 100 * n + 3 * n**1.5, 1.5),
        (lambda _: 5_000, 0.0),
        (lambda n: 70 * 64 * max(1, n // 64), 1.0),  # chunks of 64, the first ones not full
    ],
)
@pytest.mark.parametrize("doublings", [2, 4])
def test_the_power_of_the_leading_part(
    cost: Callable[[int], float], power: float, doublings: int
) -> None:
    start = 64
    found = power_of([cost(start * 2**k) for k in range(doublings + 1)])
    assert found == pytest.approx(power, abs=0.03)


def test_n_log_n_is_between() -> None:
    assert 1.0 < power_of([n * math.log2(n) for n in (64, 128, 256, 512)]) < 1.25


GROWING: Final = """\
import torch
from torch import nn
import torch.nn.functional as F

class Mixer(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.attention = nn.MultiheadAttention(input_shape[1], 2, batch_first=True)
        self.chunk = {chunk}

    def forward(self, x):
        count, length, width = x.shape
        chunk = self.chunk or length
        x = F.pad(x, (0, 0, 0, -length % chunk)).reshape(-1, chunk, width)
        mask = torch.ones(chunk, chunk, dtype=torch.bool).triu(1)
        x = self.attention(x, x, x, attn_mask=mask, need_weights=False)[0]
        return x.reshape(count, -1, width)[:, :length]
"""


@pytest.mark.parametrize(("chunk", "power"), [(0, "2.0"), (16, "1.0")])
def test_chunks_do_not_hide_how_attention_grows(chunk: int, power: str, sequences: Problem) -> None:
    with InProcessSandbox() as sandbox:
        report = sandbox.check(GROWING.format(chunk=chunk), sequences)
    growth = next(c.detail for c in report.checks if c.name == "cost_growth")
    assert report.status is Status.OK
    assert f"about N^{power}" in growth
