"""What was exported, loaded again by those who would load it elsewhere."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from ...contract import ShippingReply, ShippingRequest
from .arguments import argument_names, arguments, joined
from .converting import batches
from .files import GRAPHS, INPUTS, answers_file

Answer = Callable[[tuple[Tensor, ...]], Any]
"""The arguments of a batch to its results."""


def reload(request: ShippingRequest) -> ShippingReply:
    """Load the export in this folder and write down what it answers to the inputs."""
    answer = LOADERS[request.format](request)
    inputs = torch.from_numpy(np.load(INPUTS, allow_pickle=False))
    _write(answers_file(False), answer, inputs, request)
    if request.length:
        half = request.problem.input_shape[0] // 2
        _write(answers_file(True), answer, inputs[:, :half], request)
    return ShippingReply()


def _write(name: str, answer: Answer, inputs: Tensor, request: ShippingRequest) -> None:
    problem = request.problem
    with torch.no_grad():
        outs = [joined(answer(arguments(part, problem)), problem) for part in batches(inputs)]
    np.save(name, torch.cat(outs).numpy())


def _onnx(request: ShippingRequest) -> Answer:
    runtime = importlib.import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = runtime.InferenceSession(
        GRAPHS[request.format], options, providers=["CPUExecutionProvider"]
    )
    names = argument_names(request.problem)
    return lambda given: session.run(
        None, {name: t.contiguous().numpy() for name, t in zip(names, given, strict=True)}
    )


def _pt2(request: ShippingRequest) -> Answer:
    module = torch.export.load(GRAPHS[request.format]).module()
    return lambda given: module(*given)


def _transformers(request: ShippingRequest) -> Answer:
    auto = getattr(importlib.import_module("transformers"), request.auto)
    model = auto.from_pretrained("export", trust_remote_code=True).eval()
    problem = request.problem
    if not problem.inputs:
        return lambda given: model(*given).logits
    names = argument_names(problem)
    return lambda given: model(**dict(zip(names, given, strict=True))).logits


LOADERS: Final[Mapping[str, Callable[[ShippingRequest], Answer]]] = {
    "transformers": _transformers,
    "onnx": _onnx,
    "pt2": _pt2,
}
