"""What of a network is the same noise whatever the seed: weights that were chosen, not drawn.

The network is built from its source under two seeds and run in both modes. Noise that both have in
common is named: in parameters and buffers, exactly, in part, or in another order; in what modules
and the file keep beside them; in what a forward pass makes; in literals of the source. A rule, such
as an identity or a table of sines, is architecture and may be the same.
"""

from __future__ import annotations

import hashlib
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from types import CodeType, ModuleType
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from ..faults import FILE, ContractError, describe, is_out_of_memory, listed
from ..model.building import construct, load, run, take_over, weights_of
from ..model.examination import Examination
from ..model.formulas import tensors_of
from .noise import SMALLEST, looks_drawn
from .seeding import random_states, seed_everything, seeds_set

_OTHER: Final = 1_000_003  # from one seed to the other
_SAMPLES: Final = 2
_DEPTH: Final = 4
_ITEMS: Final = 10_000
_FEWEST_LITERALS: Final = 64
_FEWEST_LETTERS: Final = 256
_FULL: Final = 0.45  # of a text's size that is left when it is packed: prose has less
_JUDGED: Final = 200

Array = NDArray[Any]

_FIX: Final = "draw them with torch's own generator (torch.randn, nn.init), or write them by a rule"


def check_randomness(exam: Examination) -> str:
    """Under two seeds no two networks have noise in common.

    Raises:
        ContractError: the names of what they have in common, and what to do.
    """
    _refuse("the source holds", list(_literals(exam.source)), "as literals")
    before = sys.modules.get("candidate")
    try:
        first = _Build(exam, exam.seed, {})
        second = _Build(exam, exam.seed + _OTHER, first.seen)
    finally:
        if before is not None:
            sys.modules["candidate"] = before
    for one, two in ((first.numbers, second.numbers), (first.inherited, second.inherited)):
        same = [n for n, a in one.items() if n in two and _is_shared(a, two[n])]
        _refuse("the same noise whatever the seed:", same)
    _refuse("forward makes the same noise whatever the seed:", second.repeated)
    fixed = [name for name, state in first.states.items() if second.states[name] == state]
    if fixed:
        raise ContractError(
            f"the generator of {', '.join(fixed)} ends in the same state whatever the seed: "
            "leave the seed to the harness"
        )
    seeds = ", ".join(seeds_set())
    return f"seeds that it sets are mixed with the trial's seed ({seeds})" if seeds else ""


def _refuse(said: str, names: list[str], how: str = "") -> None:
    if names:
        raise ContractError(f"{' '.join(filter(None, (said, listed(names), how)))}; {_FIX}")


def _is_shared(one: Array, two: Array) -> bool:
    return one.shape == two.shape and looks_drawn(one, two)


class _Build:
    """The numbers of a network that is built under one seed and run once in each mode."""

    def __init__(self, exam: Examination, seed: int, known: Mapping[bytes, str]) -> None:
        seed_everything(seed)
        module = load(exam.source)
        model = construct(module, exam.problem)
        batches = [exam.inputs(_SAMPLES) for _ in range(2)]
        recorder = _ConstantSeeker(known, [*batches, *model.parameters(), *model.buffers()])
        for x, training in zip(batches, (True, False), strict=True):
            model.train(training)
            with torch.no_grad(), recorder:
                run(model, x, exam.problem)
        self.seen, self.repeated = recorder.seen, recorder.repeated
        self.states = random_states()
        self.numbers = {**dict(_weights(model)), **dict(kept(module, model))}
        self.inherited = dict(_weights(model)) if _inherits(model, exam) else {}


def _inherits(model: nn.Module, exam: Examination) -> bool:
    """Whether the candidate took over made-up weights by an `inherit` of its own."""
    if not any(hasattr(module, "inherit") for module in model.modules()):
        return False
    made_up = {
        name: torch.randn(value.shape, generator=exam.generator).to(value.dtype)
        for name, value in weights_of(model).items()
    }
    with suppress(ContractError):  # they are not those of the network that it is written for
        take_over(model, made_up)
    return True


class _ConstantSeeker(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Digests of the floating-point tensors that come neither from the input nor from weights;
    `repeated` names the operations with noise whose digest is `known` from a run on other inputs
    under another seed.
    """

    def __init__(self, known: Mapping[bytes, str], sources: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.known, self.judged = known, 0
        self.derived = {_place(tensor) for tensor in sources}
        self.seen: dict[bytes, str] = {}
        self.repeated: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run one operation and look at the constants that it takes or makes."""
        given = list(_with_numbers((args, kwargs)))
        fixed = [t for t in given if _place(t) not in self.derived]
        out = func(*args, **(kwargs or {}))
        made = list(_with_numbers(out))
        if len(fixed) < len(given):
            self.derived.update(map(_place, made))
        else:
            self.derived.difference_update(map(_place, made))  # memory that is used again
            fixed += made
        for tensor in fixed:
            if tensor.is_floating_point() and tensor.numel() >= SMALLEST:
                self._look(str(func.overloadpacket).rpartition(".")[2], tensor)
        return out

    def _look(self, name: str, tensor: Tensor) -> None:
        numbers = _array(tensor)
        digest = hashlib.blake2b(numbers.tobytes()).digest()
        if digest in self.known and digest not in self.seen and self.judged < _JUDGED:
            self.judged += 1
            if looks_drawn(numbers):
                self.repeated.append(f"what {name} takes or gives, of shape {numbers.shape}")
        self.seen[digest] = name


def _with_numbers(held: Any) -> Iterator[Tensor]:
    """The dense tensors in something that have a memory: zeros of forward-mode differentiation have
    none."""
    dense = (t for t in tensors_of(held) if t.layout == torch.strided)
    return (t for t in dense if not (t.is_meta or t._is_zerotensor()))


def _place(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _array(tensor: Tensor) -> Array:
    tensor = tensor.detach()
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor)
    return tensor.to("cpu", torch.float32, copy=True).numpy()


def _weights(model: nn.Module) -> Iterator[tuple[str, Array]]:
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if _is_weight_like(tensor):
            yield name, _array(tensor)


def _is_weight_like(tensor: Tensor) -> bool:
    """Whether its numbers are no indices, counts or marks."""
    if tensor.is_floating_point() or tensor.is_complex():
        return True
    return tensor.numel() > 0 and tensor.dtype != torch.bool and bool((tensor < 0).any())


def kept(module: ModuleType, model: nn.Module) -> Iterator[tuple[str, Array]]:
    """Numbers that the file and the network's modules keep outside parameters and buffers."""
    for name, value in vars(module).items():
        if not name.startswith("__"):
            yield from _found(name, value, _DEPTH)
    for path, part in model.named_modules():
        for name, value in vars(part).items():
            if name not in ("_parameters", "_buffers", "_modules"):
                yield from _found(f"{path}.{name}".lstrip("."), value, _DEPTH)


def _found(name: str, value: Any, depth: int) -> Iterator[tuple[str, Array]]:
    """Arrays in a value, in lists and dictionaries as well, by a name."""
    if isinstance(value, Tensor):
        if value.layout == torch.strided and _is_weight_like(value):
            yield name, _array(value)
    elif isinstance(value, np.ndarray):
        if value.dtype.kind == "f":
            yield name, value
    elif isinstance(value, (list, tuple)) and value and depth > 0:
        if all(type(item) is float for item in value):
            yield name, np.array(value)
        else:
            for place, item in enumerate(value[:_ITEMS]):
                yield from _found(f"{name}[{place}]", item, depth - 1)
    elif isinstance(value, dict) and depth > 0:
        for key, item in list(value.items())[:_ITEMS]:
            yield from _found(f"{name}[{key!r}]", item, depth - 1)


def _literals(source: str) -> Iterator[str]:
    """Where the source holds many numbers, or a long text, that look drawn."""
    try:
        waiting = [compile(source, FILE, "exec", dont_inherit=True)]
    except (SyntaxError, ValueError, RecursionError) as error:
        if is_out_of_memory(error):
            raise
        raise ContractError(describe(error)) from None
    while waiting:
        code = waiting.pop()
        waiting += [item for item in code.co_consts if isinstance(item, CodeType)]
        numbers = np.array(list(_numbers(code.co_consts)))
        place = f"line {code.co_firstlineno}" if code.co_name == "<module>" else code.co_name
        if len(numbers) >= _FEWEST_LITERALS and looks_drawn(numbers):
            yield f"{len(numbers)} numbers without a rule ({place})"
        if any(_is_blob(item) for item in code.co_consts):
            yield f"packed data ({place})"


def _numbers(constants: tuple[Any, ...]) -> Iterator[float]:
    for item in constants:
        if isinstance(item, (float, int)) and abs(item) < 1 << 31:
            yield float(item)
        elif isinstance(item, tuple):
            yield from _numbers(item)


def _is_blob(item: object) -> bool:
    """Whether it is a long text that no person wrote: it has no blanks and cannot be packed."""
    data = item.encode(errors="replace") if isinstance(item, str) else item
    if not isinstance(data, bytes) or len(data) < _FEWEST_LETTERS:
        return False
    words = data.split()
    written = isinstance(item, str) and len(data) / len(words) < 20 if words else False
    return not written and len(zlib.compress(data, 9)) > _FULL * len(data)
