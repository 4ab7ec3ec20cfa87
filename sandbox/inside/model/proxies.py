"""Training-free proxies of quality, measured on a fresh network with made-up samples.

Each is a rank statistic: only its order among candidates of one task means anything. None sees
the task's data, for the checks hold none. What a proxy cannot measure on a network is left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from ...contract import ProblemProjection
from ..chance.seeding import seed_everything
from ..faults import is_out_of_memory
from ..training.losses import loss_of, stand_in
from .building import construct, run
from .examination import Examination

SAMPLES: Final = 16
_JITTER: Final = 1e-5  # of Mellor et al., who add it to eigenvalues

_NORMS: Final = frozenset(
    {
        *(nn.functional.batch_norm, nn.functional.layer_norm, nn.functional.group_norm),
        *(nn.functional.instance_norm, nn.functional.rms_norm),
        *(torch.batch_norm, torch.layer_norm, torch.group_norm),
        *(torch.instance_norm, torch.rms_norm),
    }
)
_aten = torch.ops.aten
_RECTIFIERS: Final = frozenset(
    {
        *(_aten.relu, _aten.relu_, _aten.gelu, _aten.gelu_, _aten.silu, _aten.silu_),
        *(_aten.leaky_relu, _aten.leaky_relu_, _aten.elu, _aten.elu_, _aten.softplus),
        *(_aten.hardswish, _aten.hardswish_, _aten.hardtanh, _aten.hardtanh_, _aten.mish),
        *(_aten._prelu_kernel, _aten.clamp_min, _aten.clamp_min_, _aten.threshold),
    }
)
"""Operations that let what is above zero pass, and little of the rest."""


def measure_proxies(exam: Examination, seed: int) -> dict[str, float]:
    """All proxies that apply to the candidate, each a finite number; a larger one is better."""
    seed_everything(seed)
    model = construct(exam.module, exam.problem)
    x, target = exam.inputs(SAMPLES), exam.targets(SAMPLES)
    plan: dict[str, Callable[[], float]] = {
        "naswot": lambda: naswot(model, x),
        "jacov": lambda: jacov(model, x),
        "snip": lambda: snip(model, x, target, stand_in(exam.problem)),
    }
    if is_sequence(exam.problem):
        plan["hidden_covariance"] = lambda: hidden_covariance(model, x)
    # Last, for it changes the weights.
    plan["synflow"] = lambda: synflow(model, x[:1])
    values = {name: _attempt(proxy) for name, proxy in plan.items()}
    return {name: value for name, value in values.items() if math.isfinite(value)}


def is_sequence(problem: ProblemProjection) -> bool:
    """Whether the first axis of a sample is a sequence."""
    return problem.causal or problem.entry == "Mixer" or problem.vocabulary is not None


def _attempt(proxy: Callable[[], float]) -> float:
    try:
        return proxy()
    except Exception as error:
        if is_out_of_memory(error):
            raise
        return math.nan  # a network that a proxy does not fit is no fault of the candidate


def synflow(model: nn.Module, x: Tensor) -> float:
    """Logarithm of the synaptic flow: sum of |weight x its gradient| in the network of absolute
    weights, for an input of ones.

    In float64, where deep products hold; normalisations are passed by, for they would make the
    flow constant. Tokens have no ones: `x` itself flows. The weights of `model` are changed.

    Source: Tanaka et al. 2020, "Pruning neural networks without any data by iteratively conserving
    synaptic flow"; as a proxy: Abdelfattah et al. 2021, "Zero-Cost Proxies for Lightweight NAS".

    Args:
        model: any module.
        x: `(1, *input_shape)`.
    """
    model.double().eval()
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            if tensor.is_floating_point():
                tensor.abs_()
    ones = torch.ones_like(x, dtype=torch.float64) if x.is_floating_point() else x
    with _default_float64(), _WithoutNorms():
        flow = model(ones).sum()
    return math.log(_saliency(model, flow))


def snip(model: nn.Module, x: Tensor, target: Tensor, problem: ProblemProjection) -> float:
    """Sum of |weight x its gradient| of the loss: how much the loss hangs on the weights.

    Source: Lee et al. 2019, "SNIP: Single-shot network pruning based on connection sensitivity".

    Args:
        model: any module, run in train mode.
        x: `(batch, *input_shape)`.
        target: made-up labels for `x`.
        problem: names the loss.
    """
    model.train()
    loss = loss_of(run(model, x.clone(), problem), target, problem)
    return _saliency(model, loss)


def _saliency(model: nn.Module, value: Tensor) -> float:
    weights = [p for p in model.parameters() if p.requires_grad and p.dim() > 1]
    gradients = torch.autograd.grad(value, weights, allow_unused=True)
    pairs = zip(weights, gradients, strict=True)
    return sum(float((w.detach() * g).abs().sum()) for w, g in pairs if g is not None)


def jacov(model: nn.Module, x: Tensor) -> float:
    """How different the network's local linear maps are at different samples: the spectrum of the
    correlations between their Jacobians. Of tokens, by what they are embedded as.

    Source: Mellor et al. 2020, "Neural Architecture Search without Training" (first version).

    Args:
        model: any module, run in train mode.
        x: `(batch, *input_shape)`.
    """
    model.train()
    start = _Start(x)
    with start:
        out = model(start.x)
    if start.leaf is None:
        return math.nan
    (jacobian,) = torch.autograd.grad(out.sum(), start.leaf)
    return spread_of_spectrum(jacobian.flatten(1))


def naswot(model: nn.Module, x: Tensor) -> float:
    """Log-determinant of the kernel of activation patterns: samples that switch the same
    rectifiers on are hard to tell apart.

    Rectifiers are seen as operations, so that it does not matter whether the source calls a
    module, a function or a method.

    Source: Mellor et al. 2021, "Neural Architecture Search without Training".

    Args:
        model: any module, run in eval mode.
        x: `(batch, *input_shape)`.
    """
    model.eval()
    patterns = _Patterns(len(x))
    with torch.no_grad(), patterns:
        model(x.clone())
    return float(torch.linalg.slogdet(patterns.kernel).logabsdet) if patterns.seen else math.nan


def hidden_covariance(model: nn.Module, x: Tensor) -> float:
    """The spectrum of the correlations between samples of the hidden state at the last position,
    read where the last linear layer takes it.

    Source: Serianni and Kalita 2023, "Training-free Neural Architecture Search for RNNs and
    Transformers".

    Args:
        model: any module with a linear layer, run in eval mode.
        x: `(batch, length, ...)`.
    """
    model.eval()
    states: list[Tensor] = []
    hooks = [
        module.register_forward_pre_hook(lambda _, args: states.append(args[0]))
        for module in model.modules()
        if isinstance(module, nn.Linear)
    ]
    try:
        with torch.no_grad():
            model(x.clone())
    finally:
        for hook in hooks:
            hook.remove()
    if not states or len(states[-1]) != len(x):
        return math.nan
    last = states[-1]
    return spread_of_spectrum(last[:, -1] if last.dim() > 2 else last)


def spread_of_spectrum(rows: Tensor) -> float:
    """`-sum(log(v + k) + 1 / (v + k))` over the eigenvalues v of the correlations between `rows`
    (`(samples, numbers)`): largest where they are uncorrelated."""
    values = torch.linalg.eigvalsh(torch.corrcoef(rows.double())) + _JITTER
    return -float((values.log() + 1.0 / values).sum())


@contextmanager
def _default_float64() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


class _WithoutNorms(TorchFunctionMode):
    """Passes normalisations by, whether a module or a function asks for them."""

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func in _NORMS:
            return args[0] if args else (kwargs or {})["input"]
        return func(*args, **(kwargs or {}))


class _Start(TorchFunctionMode):
    """Where gradients to the input end: the input, or what its tokens are first embedded as."""

    def __init__(self, x: Tensor) -> None:
        super().__init__()
        floats = x.is_floating_point()
        self.x = x.clone().requires_grad_() if floats else x
        self.leaf = self.x if floats else None

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        if self.leaf is None and func in (nn.functional.embedding, torch.embedding):
            self.leaf = out = out.detach().requires_grad_()
        return out


class _Patterns(TorchDispatchMode):
    """Adds up, over all rectifiers, how many of their units agree between two samples."""

    def __init__(self, samples: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kernel = torch.zeros(samples, samples, dtype=torch.float64)
        self.seen = False

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        # Before it runs, for it may work in place.
        if func.overloadpacket in _RECTIFIERS and len(args[0]) == len(self.kernel):
            on = (args[0] > 0).flatten(1).double()
            self.kernel += on @ on.T + (1 - on) @ (1 - on).T
            self.seen = True
        return func(*args, **(kwargs or {}))
