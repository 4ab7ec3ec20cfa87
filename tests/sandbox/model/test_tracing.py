"""The computation graph as text: what must show in it, and what must not."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from archwright.sandbox.inside.model.tracing import TEXT_LIMIT_BYTES, trace_graph

Build = Callable[[], nn.Module]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def trace(build: Build, seed: int = 0, batch: int = 2, limit: int = TEXT_LIMIT_BYTES) -> str:
    torch.manual_seed(seed)
    model = build()
    return trace_graph(model, torch.randn(batch, 1, 8, 8), limit)


def net(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 8, 3), *layers, nn.Flatten(), nn.Linear(288, 10))


class ByHand(nn.Module):
    """`net(nn.ReLU())` in other words, defined in another order, with something unused."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Linear(3, 3)
        self.last = nn.Linear(288, 10)
        self.first = nn.Conv2d(1, 8, 3)

    def forward(self, x: Tensor) -> Tensor:
        hidden = functional.relu(self.first(x))
        return self.last(torch.flatten(hidden, 1))


class Stopping(ByHand):
    def forward(self, x: Tensor) -> Tensor:
        hidden = functional.relu(self.first(x)).detach()
        return self.last(torch.flatten(hidden, 1))


class OtherWhenEvaluated(ByHand):
    def forward(self, x: Tensor) -> Tensor:
        out = super().forward(x)
        return out if self.training else 2 * out


class Cubed(torch.autograd.Function):
    """The identity forward; three times the gradient backward."""

    @staticmethod
    def forward(_ctx: object, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(_ctx: object, gradient: Tensor) -> Tensor:
        return 3 * gradient


class Straight(Cubed):
    @staticmethod
    def backward(_ctx: object, gradient: Tensor) -> Tensor:
        return gradient.clone()


def test_other_code_for_the_same_operations_gives_the_same_text() -> None:
    assert trace(ByHand) == trace(lambda: net(nn.ReLU()))


def test_the_seed_does_not_show() -> None:
    layers = [nn.BatchNorm2d(8), nn.Dropout(0.2), nn.GroupNorm(2, 8)]
    assert len({trace(lambda: net(*layers, nn.ReLU()), seed) for seed in range(6)}) == 1


def test_the_batch_size_shows() -> None:
    assert trace(ByHand) != trace(ByHand, batch=3)


def initialised(fill: Callable[[Tensor], object]) -> Build:
    def build() -> nn.Module:
        model = net(nn.ReLU())
        fill(model[3].weight)  # type: ignore[index]
        return model

    return build


VARIANTS: dict[str, Build] = {
    "plain": lambda: net(),
    "relu": lambda: net(nn.ReLU()),
    "gelu": lambda: net(nn.GELU()),
    "dropout .1": lambda: net(nn.ReLU(), nn.Dropout(0.1)),
    "dropout .2": lambda: net(nn.ReLU(), nn.Dropout(0.2)),
    "norm": lambda: net(nn.BatchNorm2d(8)),
    "norm, slow": lambda: net(nn.BatchNorm2d(8, momentum=0.01)),
    "norm, then relu": lambda: net(nn.BatchNorm2d(8), nn.ReLU()),
    "relu, then norm": lambda: net(nn.ReLU(), nn.BatchNorm2d(8)),
    "stop gradient": Stopping,
    "other in eval": OtherWhenEvaluated,
    "frozen": lambda: net(nn.Tanh()).requires_grad_(False),
    "zeros": initialised(nn.init.zeros_),
    "ones": initialised(nn.init.ones_),
    "half": initialised(lambda w: nn.init.constant_(w, 0.5)),
    "normal .02": initialised(lambda w: nn.init.normal_(w, std=0.02)),
    "normal 1": initialised(nn.init.normal_),
    "normal 1, shifted": initialised(lambda w: nn.init.normal_(w, mean=5.0)),
    "xavier uniform": initialised(nn.init.xavier_uniform_),
    "kaiming normal": initialised(nn.init.kaiming_normal_),
    "orthogonal": initialised(nn.init.orthogonal_),
    "eye": initialised(nn.init.eye_),
}


def test_every_variant_has_a_text_of_its_own_whatever_the_seed() -> None:
    texts = {name: {trace(build, seed) for seed in range(3)} for name, build in VARIANTS.items()}
    assert {name: len(found) for name, found in texts.items()} == dict.fromkeys(VARIANTS, 1)
    owners: dict[str, str] = {}
    for name, found in texts.items():
        assert owners.setdefault(found.pop(), name) == name


def test_a_custom_derivative_shows() -> None:
    class Custom(ByHand):
        function: type[torch.autograd.Function]

        def forward(self, x: Tensor) -> Tensor:
            return super().forward(self.function.apply(self.first.bias.sum() * x))

    class A(Custom):
        function = Cubed

    class B(Custom):
        function = Straight

    assert trace(A).split("backward")[0] == trace(B).split("backward")[0]
    assert trace(A) != trace(B)


def test_weight_sharing_shows() -> None:
    def tower(shared: bool) -> nn.Module:
        first = nn.Linear(8, 8)
        return nn.Sequential(first, first if shared else nn.Linear(8, 8))

    assert trace(lambda: tower(True)) != trace(lambda: tower(False))


def test_a_recurrent_net_that_draws_its_depth_is_traced_alike() -> None:
    class Lucky(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = nn.Linear(8, 8)

        def forward(self, x: Tensor) -> Tensor:
            for _ in range(random.randrange(1, 5) + int(torch.randint(3, ()))):
                x = self.cell(x).tanh()
            return x

    random.seed(1)
    assert trace(Lucky, 1) == trace(Lucky, 2)


def test_the_model_and_the_random_state_are_left_as_they_were() -> None:
    torch.manual_seed(3)
    model = net(nn.BatchNorm2d(8), nn.Dropout(0.5))
    model[1].eval()  # type: ignore[index]
    model(torch.randn(2, 1, 8, 8)).sum().backward()
    modes = [m.training for m in model.modules()]
    state = {k: v.clone() for k, v in model.state_dict().items()}
    gradients = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    draws, python_draws = torch.get_rng_state(), random.getstate()

    trace_graph(model, torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(1)))

    assert [m.training for m in model.modules()] == modes
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    after = [p.grad for p in model.parameters() if p.grad is not None]
    assert len(after) == len(gradients)
    assert all(torch.equal(a, b) for a, b in zip(after, gradients, strict=True))
    assert torch.equal(torch.get_rng_state(), draws)
    assert random.getstate() == python_draws


def test_the_model_is_left_as_it_was_when_it_raises() -> None:
    class Broken(ByHand):
        def forward(self, x: Tensor) -> Tensor:
            self.last.weight.data.zero_()
            raise ValueError(f"no to {x.shape}")

    model = Broken().eval()
    weight = model.last.weight.detach().clone()
    with pytest.raises(ValueError, match="no"):
        trace_graph(model, torch.randn(2, 1, 8, 8))
    assert torch.equal(model.last.weight, weight)
    assert not model.training


def test_a_long_text_is_cut_and_still_tells_nets_apart() -> None:
    class Long(nn.Module):
        def __init__(self, last: float) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1))
            self.last = last

        def forward(self, x: Tensor) -> Tensor:
            x = x * self.weight
            for _ in range(100):
                x = x + 1.0
            return x * self.last

    a, b = (trace(lambda last=last: Long(last), limit=2_000) for last in (2.0, 3.0))
    assert len(a) < 2_200
    assert a.rpartition("\n")[0] == b.rpartition("\n")[0]
    assert a != b


def test_lines_are_readable() -> None:
    lines = trace(ByHand).splitlines()
    assert lines[0] == "t0 = input float32[2,1,8,8]"
    assert "t1 = parameter float32[8,1,3,3] random scale 0" in lines
    assert any("aten.convolution.default(t0, t1" in line for line in lines)
    assert lines[-2].startswith("backward: ")
    assert lines[-1].startswith("eval: ")
