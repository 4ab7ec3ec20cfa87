"""Builds, traces and compares networks, one fork and one time limit for each job.

`python -m archwright.benchmarks.dedup.net_worker`: a JSON job a line in, a JSON answer a line out.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any, Final, cast

import torch
import torch._dynamo  # loaded here, so that no fork has to
import torch.optim
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from archwright.sandbox.inside.model.tracing import trace_graph

JOB_SECONDS: Final = 30
_MEMORY_BYTES: Final = 8 * 2**30
_TOLERANCE: Final = 1e-5


def _serve() -> None:
    torch.set_num_threads(1)
    for line in sys.stdin:
        with tempfile.TemporaryFile("w+") as answer:
            child = os.fork()
            if child == 0:
                _answer(json.loads(line), answer.fileno())
            _, status = os.waitpid(child, 0)
            answer.seek(0)
            text = answer.read()
            broken = {"error": f"ended with status {status} within {JOB_SECONDS} s"}
            print(text if status == 0 and text else json.dumps(broken), flush=True)


def _answer(job: dict[str, Any], target: int) -> None:
    """Do one job in this forked process, and end it."""
    signal.alarm(JOB_SECONDS)
    resource.setrlimit(resource.RLIMIT_CPU, (JOB_SECONDS, JOB_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    sys.stdout = sys.stderr
    try:
        result = _compare(job)
    except Exception as error:  # noqa: BLE001 - whatever the network raises is the result
        result = {"error": f"{type(error).__name__}: {error}"[:300]}
    os.write(target, json.dumps(result).encode())
    os._exit(0)


def _compare(job: dict[str, Any]) -> dict[str, Any]:
    shape = (2, *job["input_shape"])
    batch = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    graphs, seconds = [], []
    for source in job["sources"]:
        model = _construct(source, job)
        started = time.process_time()
        graphs.append(hashlib.sha256(trace_graph(model, batch).encode()).hexdigest())
        seconds.append(time.process_time() - started)
    result: dict[str, Any] = {"graphs": graphs, "seconds": seconds}
    if len(job["sources"]) == 2:
        seeded = [_construct(source, job) for source in job["sources"]]
        result["seeded"] = _same_weights(*seeded) and _same_outputs(seeded, batch)
        result["copied"] = result["seeded"] or _same_when_copied(job, batch)
    return result


def _same_when_copied(job: dict[str, Any], batch: Tensor) -> bool:
    orders = [_order_of_use(_construct(source, job), batch) for source in job["sources"]]
    models = [_construct(source, job) for source in job["sources"]]
    ours, theirs = (_fill(model, order) for model, order in zip(models, orders, strict=True))
    return ours == theirs and _same_outputs(models, batch)


def _construct(source: str, job: dict[str, Any]) -> nn.Module:
    names: dict[str, Any] = {"__name__": "network"}
    exec(compile(source, "network", "exec"), names)
    torch.manual_seed(0)
    shape, classes = tuple(job["input_shape"]), job["classes"]
    if "Net" not in names:
        return cast("nn.Module", names["Model"](shape, (classes,)))
    wanted = {"lr": 0.01, "momentum": 0.9, "batch": 2, "epoch_max": 1}
    prm = {name: wanted.get(name, 0.2) for name in names["supported_hyperparameters"]()}
    return cast("nn.Module", names["Net"]((2, *shape), (classes,), prm, torch.device("cpu")))


def _same_weights(a: nn.Module, b: nn.Module) -> bool:
    ours, theirs = list(a.state_dict().values()), list(b.state_dict().values())
    return len(ours) == len(theirs) and all(
        torch.equal(x, y) for x, y in zip(ours, theirs, strict=True)
    )


def _same_outputs(models: Sequence[nn.Module], batch: Tensor) -> bool:
    """Whether two networks give the same outputs, in train and then in eval mode."""
    for training in (True, False):
        outputs = []
        for model in models:
            torch.manual_seed(1)
            outputs.append(model.train(training)(batch))
        ours, theirs = (o if isinstance(o, torch.Tensor) else o[0] for o in outputs)
        if ours.shape != theirs.shape:
            return False
        if not torch.allclose(ours, theirs, _TOLERANCE, _TOLERANCE, equal_nan=True):
            return False
    return True


def _order_of_use(model: nn.Module, batch: Tensor) -> list[int]:
    """Which of `model.parameters()` the forward pass uses, by first use."""
    with _Watch(model) as watch:
        model(batch)
    return list(watch.order)


class _Watch(TorchDispatchMode):
    """Notes the parameters that operations take, by first use."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._places = {p.data_ptr(): index for index, p in enumerate(model.parameters())}
        self.order: dict[int, None] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        for leaf in tree_leaves((args, kwargs)):
            if isinstance(leaf, Tensor) and leaf.data_ptr() in self._places:
                self.order.setdefault(self._places[leaf.data_ptr()])
        return func(*args, **(kwargs or {}))


def _fill(model: nn.Module, order: Sequence[int]) -> list[tuple[int, ...]]:
    """Give the parameters values that depend on nothing but the order; return their shapes."""
    parameters = list(model.parameters())
    with torch.no_grad():
        for place, index in enumerate(order):
            generator = torch.Generator().manual_seed(place)
            fresh = torch.randn(parameters[index].shape, generator=generator)
            parameters[index].copy_(0.1 * fresh)
    return [tuple(parameters[index].shape) for index in order]


if __name__ == "__main__":
    _serve()
