"""Every mixer of the zoo computes what its recurrence says, in chunks of any size and in steps."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from mixer_recurrences import RECURRENCES

from archwright.search.mixers import names, source

WIDTH = 64
CHUNKS = {
    "gla": (4, 16, 32),
    "kda": (4, 16, 32),
    "gated-deltanet-2": (4, 16, 32),
    "rwkv-7": (4, 16, 32),
    **dict.fromkeys(("softmax", "long-convolution", "gru"), (None,)),
}
LENGTHS = (1, 37, 131)
"""None of them is a multiple of a chunk."""


def build(name: str, **sizes: Any) -> torch.nn.Module:
    """A mixer with weights that are not those of its start, so that none is 0 or 1."""
    space: dict[str, Any] = {}
    exec(compile(source(name, **sizes), name, "exec"), space)
    torch.manual_seed(0)
    mixer: torch.nn.Module = space["Mixer"](WIDTH)
    with torch.no_grad():
        for weight in mixer.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return mixer


def relative(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((found - wanted).abs().max() / wanted.abs().max())


def test_every_mixer_has_its_recurrence() -> None:
    assert set(RECURRENCES) == set(names())


@pytest.mark.parametrize("name", names())
def test_chunks_agree_with_the_recurrence(name: str) -> None:
    x = torch.randn(2, max(LENGTHS), WIDTH, generator=torch.Generator().manual_seed(1))
    for chunk in CHUNKS.get(name, (4, 16, 64)):
        mixer = build(name, chunk=chunk)
        weights = {key: value.double().numpy() for key, value in mixer.state_dict().items()}
        whole = [RECURRENCES[name](weights, row.double().numpy()) for row in x]
        wanted = torch.stack([torch.from_numpy(row) for row in whole])
        with torch.no_grad():
            for length in LENGTHS:
                error = relative(mixer(x[:, :length]), wanted[:, :length])
                assert error <= 1e-5, f"chunk {chunk}, length {length}: {error:.1e}"


@pytest.mark.parametrize("name", names())
def test_steps_agree_with_the_whole(name: str) -> None:
    mixer, x = build(name), torch.randn(2, 70, WIDTH)
    with torch.no_grad():
        state, steps = mixer.start(2), []  # type: ignore[operator]
        for now in x.unbind(1):
            y, state = mixer.step(now, state)  # type: ignore[operator]
            steps.append(y)
        assert relative(torch.stack(steps, 1), mixer(x)) <= 1e-5


@pytest.mark.parametrize("name", names())
def test_half_precision_and_large_inputs_stay_finite(name: str) -> None:
    mixer, x = build(name), torch.randn(2, 70, WIDTH)
    with torch.no_grad():
        exact = mixer(x)
        rough = mixer.bfloat16()(x.bfloat16()).float()
        assert float((rough - exact).pow(2).mean().sqrt() / exact.pow(2).mean().sqrt()) < 0.05
    mixer = mixer.float()
    y = mixer(30 * x)
    y.square().mean().backward()
    assert y.isfinite().all()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in mixer.parameters())


@pytest.mark.parametrize("name", names())
def test_gradients_agree_with_double_precision(name: str) -> None:
    mixer, x = build(name), torch.randn(2, 45, WIDTH)
    found = torch.autograd.grad(mixer(x).square().sum(), list(mixer.parameters()))
    mixer = mixer.double()
    wanted = torch.autograd.grad(mixer(x.double()).square().sum(), list(mixer.parameters()))
    for one, other in zip(found, wanted, strict=True):
        assert relative(one.double(), other) < 1e-3
