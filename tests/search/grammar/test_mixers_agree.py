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


def kernel(name: str, function: str) -> Any:
    """A function of a mixer's source."""
    space: dict[str, Any] = {}
    exec(compile(source(name), name, "exec"), space)
    return space[function]


@pytest.mark.parametrize("loss", [0.0, 0.03, 1.0, 5.0])
@pytest.mark.parametrize("by_key", [True, False])
def test_kernels_are_exact_from_no_decay_to_the_strongest(loss: float, by_key: bool) -> None:
    torch.manual_seed(0)
    q, k, v, erase = (torch.randn(1, 2, 70, 8).double() for _ in range(4))
    k, erase = (torch.nn.functional.normalize(t, dim=-1) for t in (k, erase))
    decay = -loss * torch.rand(1, 2, 70, 8 if by_key else 1).double().round()
    memories = torch.zeros(3, 1, 2, 8, 8).double()
    wanted: list[list[torch.Tensor]] = [[], [], []]
    for t in range(70):
        here = slice(t, t + 1)
        now, key = v[:, :, here], k[:, :, here].transpose(-1, -2)
        kept = decay[:, :, here].exp().transpose(-1, -2) * memories
        found = erase[:, :, here] @ memories[2]
        memories = torch.stack(
            [
                kept[0] + key @ now,
                kept[1] + key @ (now - erase[:, :, here] @ kept[1]),
                kept[2] + erase[:, :, here].transpose(-1, -2) @ found * -0.5 + key @ now,
            ]
        )
        for place in range(3):
            wanted[place].append(q[:, :, here] @ memories[place])
    given = [t.float() for t in (q, k, v, erase, decay)]
    q, k, v, erase, decay = given
    found_all = (
        kernel("gla", "decayed_sum")(q, k, v, decay, chunk=32),
        kernel("kda", "corrected_sum")(q, k, v, erase, decay, chunk=32),
        kernel("rwkv-7", "low_rank_sum")(q, k, v, erase, -0.5 * erase, decay, chunk=32),
    )
    for found, steps in zip(found_all, wanted, strict=True):
        assert relative(found, torch.cat(steps, 2)) <= 1e-5


def test_a_long_convolution_forgets_what_is_beyond_its_reach() -> None:
    mixer, x = build("long-convolution"), torch.randn(1, 530, WIDTH)
    with torch.no_grad():
        state = mixer.start(1)  # type: ignore[operator]
        for now in x.unbind(1):
            y, state = mixer.step(now, state)  # type: ignore[operator]
        assert relative(y, mixer(x)[:, -1]) <= 1e-5


def test_the_tree_merges_what_is_older_than_its_levels() -> None:
    read, step = kernel("log-linear", "tree_sum"), kernel("log-linear", "tree_step")
    q, k, v = (torch.randn(1, 1, 45, 4) for _ in range(3))
    weights, decay = torch.rand(1, 1, 45, 4), -0.1 * torch.rand(1, 1, 45, 1)
    whole = [read(q, k, v, weights, decay, chunk=chunk) for chunk in (1, 4, 64)]
    memories, count, steps = torch.zeros(1, 1, 3, 4, 4), torch.tensor(0), []
    for t in range(45):
        parts = (a[:, :, t : t + 1] for a in (q, k, v, weights, decay))
        y, memories, count = step(*parts, memories, count)
        steps.append(y)
    for one in whole:
        assert relative(one, torch.cat(steps, 2)) <= 1e-5


def test_kernels_agree_with_flash_linear_attention() -> None:
    """On a GPU, where the package is installed."""
    fla = pytest.importorskip("fla", reason="flash-linear-attention is not installed")
    if not torch.cuda.is_available():
        pytest.skip("its kernels need a GPU")
    from fla.ops.gated_delta_rule import chunk_gated_delta_rule
    from fla.ops.gla import chunk_gla
    from fla.ops.kda import chunk_kda

    assert fla.__version__
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 4, 200, 64, device="cuda") for _ in range(3))
    q, k = (torch.nn.functional.normalize(t, dim=-1) for t in (q, k))
    beta = torch.rand(2, 4, 200, 1, device="cuda")
    slow = -0.1 * torch.rand(2, 4, 200, 64, device="cuda")
    theirs = [t.transpose(1, 2).contiguous() for t in (q, k, v, beta, slow)]
    a, b, c, strength, decay = theirs
    one = decay[..., 0].contiguous()
    rate = strength.squeeze(-1)
    pairs = [
        (
            kernel("gla", "decayed_sum")(q, k, v, slow, chunk=32),
            chunk_gla(a, b, c, decay, scale=1.0)[0],
        ),
        (
            kernel("gated-deltanet", "corrected_sum")(
                q, k, beta * v, beta * k, slow[..., :1], chunk=64
            ),
            chunk_gated_delta_rule(a, b, c, g=one, beta=rate, scale=1.0)[0],
        ),
        (
            kernel("kda", "corrected_sum")(q, k, beta * v, beta * k, slow, chunk=32),
            chunk_kda(a, b, c, g=decay, beta=rate, scale=1.0)[0],
        ),
    ]
    for ours, other in pairs:
        assert relative(ours, other.transpose(1, 2)) < 2e-2  # Theirs multiply in TF32.
