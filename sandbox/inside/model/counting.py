"""Counts operations and parameters, so that the figures are the same on every machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode

from ...contract import LAYER_NAME_LIMIT, LAYERS_LIMIT, ProblemProjection, clean
from ..faults import listed
from .formulas import count, is_sparse, tensors_of
from .mixing.backbone import BackboneNetwork
from .operations import Executed, cost_of

_ELSEWHERE: Final = "what it computes outside of torch"


@dataclass(frozen=True, slots=True)
class Count:
    """Floating-point operations of a forward pass, and what of it they leave out."""

    flops: int
    operations: int
    """How many were run, of whatever cost."""
    unknown: tuple[str, ...] = ()
    """Names of operations that were not counted."""

    def __str__(self) -> str:
        """The figure, and what is not in it."""
        said = f"{self.flops:,} FLOPs a sample"
        return f"{said}; not counted: {listed(self.unknown)}" if self.unknown else said


def count_flops(model: nn.Module, batch: Tensor) -> Count:
    """Operations of one forward pass of `model` over `batch`, in eval mode, without gradients.

    Kernels that fuse what could be counted are turned off; what is left uncounted is named. Tensors
    that come from elsewhere are constants if they stay the same on another input; else they were
    computed out of sight, by NumPy or in a thread.
    """
    model.eval()
    counter = _counted(model, batch)
    unknown = list(counter.unknown)
    if counter.foreign:
        other = _counted(model, _unlike(batch))
        unknown += [_ELSEWHERE] * (not _are_same(counter.foreign, other.foreign))
    return Count(counter.flops, counter.operations, tuple(dict.fromkeys(unknown)))


def _unlike(batch: Tensor) -> Tensor:
    """Other inputs of the same kind: in another order, and of other values."""
    turned = batch.flip(tuple(range(1, batch.dim())))
    if batch.is_floating_point():
        return 0.7 * turned + 0.2137
    return batch if batch.dtype == torch.bool else batch.max() - turned


def _counted(model: nn.Module, batch: Tensor) -> CostCounter:
    counter = CostCounter((batch, *model.parameters(), *model.buffers()))
    with nothing_fused(), torch.no_grad(), counter:
        counter.look_at(tensors_of(model(batch)))
    return counter


def count_layers(model: nn.Module, problem: ProblemProjection) -> list[tuple[str, int]]:
    """Parameters of each module that owns some, in the network's order, each parameter once.

    What belongs to the harness's own network is one row, `backbone`. Of too many rows the smallest
    are put together as `others`, which comes last.
    """
    counts: dict[str, int] = {}
    for name, parameter in model.named_parameters():
        layer = name.rpartition(".")[0] or problem.entry
        if isinstance(model, BackboneNetwork) and not name.startswith("mixers."):
            layer = "backbone"
        counts[layer] = counts.get(layer, 0) + count(parameter)
    largest = sorted(counts, key=lambda layer: -counts[layer])
    if folded := largest[LAYERS_LIMIT - 1 :] if len(largest) > LAYERS_LIMIT else []:
        total = sum(counts.pop(layer) for layer in folded)
        counts["others"] = counts.get("others", 0) + total
    return [(clean(layer, LAYER_NAME_LIMIT), held) for layer, held in counts.items()]


@contextmanager
def nothing_fused() -> Iterator[None]:
    """Attention and recurrent layers run as the products that they consist of."""
    mkldnn, fast = torch._C._get_mkldnn_enabled(), torch.backends.mha.get_fastpath_enabled()
    torch._C._set_mkldnn_enabled(False)
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch._C._set_mkldnn_enabled(mkldnn)
        torch.backends.mha.set_fastpath_enabled(fast)


def _are_same(some: list[Tensor], others: list[Tensor]) -> bool:
    pairs = zip(some, others, strict=False)
    return len(some) == len(others) and all(torch.equal(a, b) for a, b in pairs)


class CostCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts floating-point operations while it is entered, as `operations` says."""

    supports_higher_order_operators = True  # they are named, too

    def __init__(self, known: tuple[Tensor, ...] = ()) -> None:
        """`known` are the tensors that are there before anything is run."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = self.operations = 0
        self.unknown: list[str] = []
        self.foreign: list[Tensor] = []
        """Copies of dense tensors that no counted operation gave, in order."""
        self._memories: dict[int, StorageWeakRef] = {}
        """By address; a weak reference keeps an address from being used again."""
        self._remember(known)

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Run one operation and add its cost."""
        kwargs = kwargs or {}
        given = tensors_of((args, kwargs))
        self.look_at(given)
        out = func(*args, **kwargs)
        results = tensors_of(out)
        cost = cost_of(Executed(func, args, kwargs, out, given, results))
        if cost is None:
            self.unknown.append(str(func))
        self.flops += cost or 0
        self.operations += 1
        self._remember(results)
        return out

    def look_at(self, tensors: Iterable[Tensor]) -> None:
        """Keep copies of those that come from elsewhere."""
        for tensor in tensors:
            if not is_sparse(tensor) and tensor.untyped_storage()._cdata not in self._memories:
                self._remember((tensor,))
                self.foreign.append(tensor.detach().clone())

    def _remember(self, tensors: tuple[Tensor, ...]) -> None:
        for tensor in tensors:
            if not is_sparse(tensor):
                memory = StorageWeakRef(tensor.untyped_storage())  # type: ignore[no-untyped-call]
                self._memories[memory.cdata] = memory
