"""What was exported, loaded again by those who would load it elsewhere."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np
import torch

from ...contract import ShippingReply, ShippingRequest
from .converting import batches
from .files import GRAPHS, INPUTS, answers_file

Answer = Callable[[Any], Any]
"""Inputs `(batch, …)` as an array to outputs as an array."""


def reload(request: ShippingRequest) -> ShippingReply:
    """Load the export in this folder and write down what it answers to the inputs."""
    answer = LOADERS[request.format](request)
    inputs = np.load(INPUTS, allow_pickle=False)
    np.save(answers_file(False), _answers(answer, inputs))
    if request.length:
        half = request.problem.input_shape[0] // 2
        np.save(answers_file(True), _answers(answer, inputs[:, :half]))
    return ShippingReply()


def _answers(answer: Answer, inputs: Any) -> Any:
    def parts() -> Iterator[Any]:
        for part in batches(inputs):
            out = answer(np.ascontiguousarray(part))
            yield np.asarray(out, dtype=np.float32)

    return np.concatenate(list(parts()))


def _onnx(request: ShippingRequest) -> Answer:
    runtime = importlib.import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = runtime.InferenceSession(
        GRAPHS[request.format], options, providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name
    return lambda inputs: session.run(None, {name: inputs})[0]


def _pt2(request: ShippingRequest) -> Answer:
    module = torch.export.load(GRAPHS[request.format]).module()

    def answer(inputs: Any) -> Any:
        with torch.no_grad():
            return module(torch.from_numpy(inputs)).numpy()

    return answer


def _transformers(request: ShippingRequest) -> Answer:
    auto = getattr(importlib.import_module("transformers"), request.auto)
    model = auto.from_pretrained("export", trust_remote_code=True).eval()

    def answer(inputs: Any) -> Any:
        with torch.no_grad():
            return model(torch.from_numpy(inputs)).logits.numpy()

    return answer


LOADERS: Final[Mapping[str, Callable[[ShippingRequest], Answer]]] = {
    "transformers": _transformers,
    "onnx": _onnx,
    "pt2": _pt2,
}
