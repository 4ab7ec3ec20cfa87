"""What mixers cost beside their quality: size, state, throughput and memory, on one core.

Each mixer stands in the same network. Times are of a processor and taken in turns, so that what
else the machine does meets all alike; of each the median. Memory is what tensors hold at most at
one time, counted as they are made and freed.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Final

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from archwright.core import TaskSpec
from archwright.sandbox.contract import ProblemProjection, project
from archwright.sandbox.inside.model.building import construct, load
from archwright.sandbox.inside.model.formulas import tensors_of
from archwright.sandbox.inside.model.mixing.backbone import BackboneNetwork
from archwright.sandbox.inside.model.mixing.stepping import numbers_in

REFERENCE: Final = "gated-deltanet"
CLOSE: Final = 0.05
"""The share that sizes may differ by and count as equal."""
MEMORIES: Final = frozenset({"memory", "memories", "held", "keys", "values"})
"""What the parts of a published mixer's state are called that hold more than its last inputs."""
NUMBER_BYTES: Final = 4
TIMED: Final = 32
"""Last positions of a sequence, whose decoding is timed."""


@dataclass(slots=True)
class MixerCosts:
    """Of the whole network around one mixer, but for `memory`."""

    parameters: int
    memory: int
    """Numbers that one mixer keeps of a whole sequence, without the last inputs of short
    convolutions and the like."""
    state_bytes: int
    """What the network keeps of a whole sequence."""
    tokens_a_second: float = 0.0
    """In training."""
    step_microseconds: float = 0.0
    """Of decoding one position, at the end of a sequence."""
    training_mb: float = 0.0
    """At most, in a step: weights, gradients, moments, and what is kept for gradients."""
    decoding_mb: float = 0.0
    """At most, in a step: weights, state, and what is computed from them."""


class LiveMemory(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of all tensors that are made while it is entered and still alive."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Run one operation and look at what it gives."""
        out = func(*args, **(kwargs or {}))
        for tensor in tensors_of(out):
            storage = tensor.untyped_storage()
            if storage._cdata not in self._known:
                self._known.add(storage._cdata)
                self.now += storage.nbytes()
                weakref.finalize(storage, self._forget, storage._cdata, storage.nbytes())
        self.peak = max(self.peak, self.now)
        return out

    def _forget(self, known: int, size: int) -> None:
        self._known.discard(known)
        self.now -= size


class _Bench:
    """One network that is measured on a problem."""

    def __init__(self, network: BackboneNetwork, spec: TaskSpec) -> None:
        problem, draw = spec.problem, torch.Generator().manual_seed(0)
        assert problem.vocabulary is not None, "problems of mixers are of tokens"
        shape = (spec.recipe.batch_size, *problem.input_shape)
        self.network = network
        self.step_seconds: list[float] = []
        self.decode_seconds: list[float] = []
        self._x = torch.randint(problem.vocabulary, shape, generator=draw)
        self._classes = problem.output_shape[-1]
        self._optimizer = torch.optim.AdamW(network.parameters(), 1e-4, fused=True)

    def train(self) -> None:
        """One step of the optimizer."""
        start = time.process_time()
        self._optimizer.zero_grad(set_to_none=True)
        out = self.network.train()(self._x)
        target = self._x % self._classes
        torch.nn.functional.cross_entropy(out.flatten(0, 1), target.flatten()).backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self.step_seconds.append(time.process_time() - start)

    def decode(self) -> list[Any]:
        """Read a sequence position by position; the state after it."""
        with torch.no_grad():
            state = self.network.eval().start(1)
            for place in range(self._x.shape[1]):
                start = time.process_time()
                _, state = self.network.step(self._x[:1, place], state)
                if place >= self._x.shape[1] - TIMED:
                    self.decode_seconds.append(time.process_time() - start)
        return state

    @property
    def tokens(self) -> int:
        """Of a training step."""
        return self._x.numel()


def measure_costs(
    sources: Mapping[str, str], spec: TaskSpec, repeats: int
) -> dict[str, dict[str, Any]]:
    """The costs of mixers by name, in the network of a problem.

    Args:
        sources: of the mixers, by name; each has `start` and `step`.
        spec: the problem.
        repeats: how often times are taken; with 0 sizes alone are counted.
    """
    problem = project(ProblemProjection, spec.problem)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        benches = {n: _Bench(_network(text, problem), spec) for n, text in sources.items()}
        costs = {name: _sizes(bench) for name, bench in benches.items()}
        if repeats:
            for name, bench in benches.items():
                _add_memory(costs[name], bench)
                bench.step_seconds.clear()
                bench.decode_seconds.clear()
            for _ in range(repeats):
                for bench in benches.values():
                    bench.train()
                    bench.decode()
            for name, bench in benches.items():
                costs[name].tokens_a_second = bench.tokens / median(bench.step_seconds)
                costs[name].step_microseconds = 1e6 * median(bench.decode_seconds)
    finally:
        torch.set_num_threads(threads)
    return {name: asdict(found) for name, found in costs.items()}


def _network(source: str, problem: ProblemProjection) -> BackboneNetwork:
    network = construct(load(source), problem, settle=False)
    assert isinstance(network, BackboneNetwork)
    return network


def _sizes(bench: _Bench) -> MixerCosts:
    state = bench.decode()
    return MixerCosts(
        parameters=sum(p.numel() for p in bench.network.parameters()),
        memory=_memory_of(state[0][1]),
        state_bytes=NUMBER_BYTES * numbers_in(state),
    )


def _memory_of(kept: Any) -> int:
    """Numbers of a mixer's state without its last inputs."""
    if not isinstance(kept, dict):
        return numbers_in(kept)
    return sum(numbers_in(part) for name, part in kept.items() if name in MEMORIES)


def _add_memory(costs: MixerCosts, bench: _Bench) -> None:
    weights = NUMBER_BYTES * costs.parameters
    with LiveMemory() as training:
        bench.train()
    with LiveMemory() as decoding:
        bench.decode()
    costs.training_mb = (weights + training.peak) / 1e6
    costs.decoding_mb = (weights + decoding.peak) / 1e6


def differences(
    costs: Mapping[str, Mapping[str, Any]], reference: Mapping[str, Any]
) -> dict[str, dict[str, float]]:
    """By what share the parameters of the network, and the memory of the mixer, differ from a
    reference's, for each mixer where that is more than counts as equal."""
    found: dict[str, dict[str, float]] = {"parameters": {}, "memory": {}}
    for kind, name in ((kind, name) for kind in found for name in costs):
        share = costs[name][kind] / reference[kind] - 1
        if abs(share) > CLOSE:
            found[kind][name] = share
    return found
