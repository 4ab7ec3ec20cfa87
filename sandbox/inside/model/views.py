"""What of its input a network reads: the tensors that its parameters meet first."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode

from .counting import nothing_fused
from .formulas import is_sparse, tensors_of

Views = tuple[Tensor, ...]


@dataclass(frozen=True, slots=True)
class Meeting:
    """A parameter, and what it meets of the input before any other parameter does.

    `views` have the shape `(k * batch, *input_shape)`: the last of that shape that were made of the
    input by operations without parameters; usually the input itself.
    """

    parameter: str
    views: Views


def look(model: nn.Module, x: Tensor) -> list[Meeting]:
    """Run `model` on a copy of `x`, in the mode that it is in, and tell what its parameters meet.

    Args:
        model: any network.
        x: `(batch, *input_shape)`.

    Raises:
        Exception: whatever the network raises.
    """
    copy = x.clone()
    recorder = _Recorder(model, copy)
    with nothing_fused(), recorder:  # fused kernels take other parameters, in eval mode alone
        model(copy)
    return recorder.meetings


@dataclass(frozen=True, slots=True)
class _Weight:
    """A parameter, or what was made of parameters alone."""

    name: str


@dataclass(frozen=True, slots=True)
class _Activation:
    """Made of the input and of parameters."""


@dataclass(frozen=True, slots=True)
class _Derived:
    """Made of the input by operations without parameters.

    `places` says of each element in memory where it lies in a view that this is a rearrangement
    of; without them it is none, and `views` are those that it was made of.
    """

    places: Tensor | None
    views: Views = ()


_Known = list[tuple[Tensor, _Derived]]
_State = _Weight | _Activation | _Derived
_ACTIVATION: Final = _Activation()


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Follows the input from operation to operation, below autograd. What is known of a tensor is
    kept by its memory, so that views and changes in place need no rules."""

    def __init__(self, model: nn.Module, x: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.meetings: list[Meeting] = []
        self._shape, self._dtype, self._batch = x.shape[1:], x.dtype, len(x)
        self._states: dict[int, _State] = {}
        self._alive: list[StorageWeakRef] = []
        self._met: set[tuple[str, int, int]] = set()
        for name, parameter in model.named_parameters():
            self._set(parameter, _Weight(name))
        self._set(x, _Derived(_in_order(x)))

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Run one operation, and note what it makes of the input."""
        kwargs = kwargs or {}
        given = tensors_of((args, kwargs))
        known = [(t, s) for t in given if (s := self._state(t)) is not None]
        derived = [(t, s) for t, s in known if isinstance(s, _Derived)]
        names = [s.name for _, s in known if isinstance(s, _Weight)]
        if derived and _normalises(func, args):
            names.append("running statistics")
        active = any(isinstance(s, _Activation) for _, s in known)
        if derived and names and not active:
            self._meet(names[0], derived)
        out = func(*args, **kwargs)
        for result in () if func.is_view else tensors_of(out):
            if active or (derived and names):
                self._set(result, _ACTIVATION)
            elif names:
                self._set(result, _Weight(names[0]))
            elif derived and not _takes_shape_alone(func):
                self._set(result, self._made(func, args, result, derived))
        return out

    # --- states ---------------------------------------------------------------------------------

    def _state(self, tensor: Tensor) -> _State | None:
        return None if is_sparse(tensor) else self._states.get(tensor.untyped_storage()._cdata)

    def _set(self, tensor: Tensor, state: _State) -> None:
        if not is_sparse(tensor):
            memory = StorageWeakRef(tensor.untyped_storage())  # type: ignore[no-untyped-call]
            self._alive.append(memory)  # its address is not used again
            self._states[memory.cdata] = state

    # --- views ----------------------------------------------------------------------------------

    def _is_view(self, tensor: Tensor) -> bool:
        """Whether it has the shape of the input, once or several times."""
        whole = tensor.dim() > 0 and len(tensor) > 0 and len(tensor) % self._batch == 0
        return whole and tensor.shape[1:] == self._shape and tensor.dtype == self._dtype

    def _made(self, func: Any, args: tuple[Any, ...], result: Tensor, derived: _Known) -> _Derived:
        """What an operation without parameters made of the input, or of a part of it."""
        mine = [s for t, s in derived if _shares(result, t)]
        if mine:  # changed in place: where its elements lie stays
            return mine[0]
        room = _room(result)
        written = any(
            _shares(result, t) for t in tensors_of(args)
        )  # a part of the input was copied there
        size = self._batch * prod(self._shape)
        if written and result.dtype == self._dtype and room % size == 0:
            return _Derived(torch.arange(room))
        moved = [_rearranged(func, args, t, s, result) for t, s in derived]
        places = next((p for p in moved if p is not None), None)
        if self._is_view(result) and (places is None or self._keeps_samples(places)):
            return _Derived(_in_order(result))
        if places is not None and result.dtype == self._dtype:
            own = torch.zeros(room, dtype=torch.long)
            own.as_strided(result.size(), result.stride(), result.storage_offset()).copy_(places)
            return _Derived(own)
        views = [v for t, s in derived for v in self._views(t, s)]
        return _Derived(None, tuple({id(v): v for v in views}.values()))

    def _views(self, tensor: Tensor, state: _Derived) -> Views:
        """The views that a derived tensor shows."""
        if state.places is None:
            return (tensor,) if self._is_view(tensor) else state.views
        places = _moved(tensor, state)
        if self._is_view(tensor) and places is not None and self._keeps_samples(places):
            return (tensor,)
        whole = tensor.new_empty(0).set_(tensor.untyped_storage())[: state.places.numel()]
        view = torch.zeros_like(whole)
        view[state.places] = whole
        return (view.reshape(-1, *self._shape),)

    def _keeps_samples(self, places: Tensor) -> bool:
        """Whether every sample's elements lie in its own place of the first axis."""
        samples = places.reshape(len(places), -1) // prod(self._shape)
        return bool((samples == torch.arange(len(places))[:, None]).all())

    def _meet(self, name: str, derived: _Known) -> None:
        first = derived[0][0]
        key = (name, first.untyped_storage()._cdata, first._version)
        if key not in self._met:
            self._met.add(key)
            views = [v for t, s in derived for v in self._views(t, s)]
            self.meetings.append(Meeting(name, tuple(v.detach().clone() for v in views)))


def _normalises(func: Any, args: tuple[Any, ...]) -> bool:
    """Whether it is a batch norm with running statistics, which are learned like parameters."""
    return "batch_norm" in str(func) and any(isinstance(a, Tensor) for a in args[3:5])


def _takes_shape_alone(func: Any) -> bool:
    """Whether it makes something new of the size of what it is given."""
    name = str(func.overloadpacket) if hasattr(func, "overloadpacket") else ""
    return name.endswith("_like") or ".new_" in name


def _shares(a: Tensor, b: Tensor) -> bool:
    if is_sparse(a) or is_sparse(b):
        return False
    return bool(a.untyped_storage()._cdata == b.untyped_storage()._cdata)


def _room(tensor: Tensor) -> int:
    """How many elements its memory holds."""
    return tensor.untyped_storage().nbytes() // tensor.element_size()


def _in_order(tensor: Tensor) -> Tensor:
    """The places of a tensor's own elements."""
    places = torch.zeros(_room(tensor), dtype=torch.long)
    own = places.as_strided(tensor.size(), tensor.stride(), tensor.storage_offset())
    own.copy_(torch.arange(tensor.numel()).reshape(tensor.shape))
    return places


def _moved(tensor: Tensor, state: _Derived) -> Tensor | None:
    """The places of a tensor's elements, if it shows all of its memory once."""
    if state.places is None or tensor.numel() != state.places.numel():
        return None
    return state.places.as_strided(tensor.size(), tensor.stride(), tensor.storage_offset())


_REARRANGE: Final = ("im2col", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle")


def _rearranged(
    func: Any, args: tuple[Any, ...], tensor: Tensor, state: _Derived, result: Tensor
) -> Tensor | None:
    """The places of the elements of `result`, each of which was made of one of `tensor`'s."""
    places = _moved(tensor, state)
    if places is None or tensor.numel() != result.numel():
        return None
    if any(name in str(func) for name in _REARRANGE):
        return torch.as_tensor(func(places.double(), *args[1:])).long()
    return places if tensor.shape == result.shape else None
