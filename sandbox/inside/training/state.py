"""The state of a training as raw arrays: to go on with it in another job, and to use its weights.

`model.NAME` are the weights and buffers that predict. What else is there is for going on alone:
`optimizer.PLACE.NAME`, `average.PLACE`, `raw.NAME` (the weights beside their average), `random`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import torch
from torch import Tensor

from ..frames import Sender
from .data import Array
from .fitting import Fit

_READ_RANDOM: Final = torch.get_rng_state
_PUT_RANDOM: Final = torch.set_rng_state
"""Taken before any candidate's code runs: the harness's own generator is not a candidate's seed."""


def send_state(fit: Fit, sender: Sender) -> None:
    """Send the state of a training that has ended."""
    for name, tensor in fit.model.state_dict().items():
        sender.state(f"model.{name.removeprefix('inner.')}", _array(tensor))
    for place, parameter in enumerate(fit.parameters):
        for name, value in fit.optimizer.state.get(parameter, {}).items():
            if isinstance(value, Tensor):
                sender.state(f"optimizer.{place}.{name}", _array(value))
    if fit.average is not None:
        sender.state("average.steps", np.array(fit.average.steps))
        for place, value in enumerate(fit.average.values):  # swapped: these are the raw weights
            sender.state(f"average.{place}", _array(value))
    if fit.scaler.is_enabled():
        sender.state("scale", np.array(fit.scaler.get_scale()))
    sender.state("random", _array(_READ_RANDOM()))


def take_state(fit: Fit, state: Mapping[str, Array]) -> None:
    """Go on from a state.

    Raises:
        KeyError, ValueError: it is not the state of such a network.
    """
    arrays = {name: torch.from_numpy(np.array(array)) for name, array in state.items()}
    with torch.no_grad():
        for name, tensor in fit.model.state_dict().items():
            tensor.copy_(arrays[f"model.{name.removeprefix('inner.')}"])
        if fit.average is not None:
            fit.average.steps = int(arrays["average.steps"])
            for place, value in enumerate(fit.average.values):
                value.copy_(arrays[f"average.{place}"])
            fit.average.swap()
    for place, parameter in enumerate(fit.parameters):
        prefix = f"optimizer.{place}."
        found = {n.removeprefix(prefix): v for n, v in arrays.items() if n.startswith(prefix)}
        for name, value in found.items():
            where = "cpu" if name == "step" else parameter.device
            fit.optimizer.state[parameter][name] = value.to(where)
    if "scale" in arrays:
        fit.scaler.update(float(arrays["scale"]))
    fit.feeder.skip(fit.step * fit.job.training.accumulate)
    _PUT_RANDOM(arrays["random"])


def _array(tensor: Tensor) -> Array:
    tensor = tensor.detach().cpu()
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.float()
    array: Array = tensor.numpy()
    return array
