"""What a network costs and withstands: operations (counted, so that the figure is the same
everywhere), the time of a forward pass, weights in eight bits."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry, sdpa_flop_count

_WARM_UP: Final = 3
_REPEATS: Final = 15
_LARGEST: Final = 127

_CLOCK: Final = time.perf_counter
"""Taken before any candidate's code runs."""


def time_forward(model: nn.Module, x: Tensor) -> float:
    """Milliseconds of one forward pass over `x` in eval mode: the median of several.

    It is read in the process that the candidate's code runs in, so it is a claim, not a proof.
    """
    model.eval()
    seconds = []
    with torch.no_grad():
        for repeat in range(_WARM_UP + _REPEATS):
            copy = x.clone()
            start = _CLOCK()
            out = model(copy)
            if out.is_cuda:
                torch.cuda.synchronize(out.device)  # what was started is not yet done
            if repeat >= _WARM_UP:
                seconds.append(_CLOCK() - start)
    return 1e3 * sorted(seconds)[_REPEATS // 2]


def round_weights(model: nn.Module) -> None:
    """Round every weight of two or more dimensions to 255 levels, the same scale for the whole
    tensor and symmetric about zero. Biases, norms and activations stay as they are.

    Source: the per-tensor scheme of Krishnamoorthi 2018, "Quantizing deep convolutional networks
    for efficient inference: A whitepaper", for weights alone.
    """
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1 and weight.is_floating_point():
                scale = (weight.abs().amax() / _LARGEST).clamp_min(torch.finfo(weight.dtype).tiny)
                weight.copy_((weight / scale).round() * scale)


class CostCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts floating-point operations while it is entered.

    Matrix products, convolutions and attention count by torch's own formulas (two for each
    multiply-add); any other operation counts one for each element it writes; views are free.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = 0

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Run one operation and add its cost."""
        out = func(*args, **(kwargs or {}))
        self.flops += _cost(func, args, kwargs or {}, out)
        return out


def _cost(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> int:
    packet = func.overloadpacket
    if packet is torch.ops.aten._scaled_dot_product_flash_attention_for_cpu:
        return int(sdpa_flop_count(*(a.shape for a in args[:3])))  # type: ignore[no-untyped-call]
    formula: Callable[..., int] | None = flop_registry.get(packet)
    if formula is not None:
        return int(formula(*args, **kwargs, out_val=out))
    if func.is_view:
        return 0
    outputs = out if isinstance(out, (tuple, list)) else (out,)
    return sum(o.numel() for o in outputs if isinstance(o, Tensor))


def count_flops(model: nn.Module, batch: Tensor) -> int:
    """Operations of one forward pass of `model` over `batch`, in eval mode, without gradients."""
    model.eval()
    counter = CostCounter()
    enabled = torch._C._get_mkldnn_enabled()
    torch._C._set_mkldnn_enabled(False)  # its fused recurrent kernels hide their matrix products
    try:
        with torch.no_grad(), counter:
            model(batch)
    finally:
        torch._C._set_mkldnn_enabled(enabled)
    return counter.flops
