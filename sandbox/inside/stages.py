"""A training in two stages: another network first, then the candidate from its weights.

What the candidate makes of them is its own business: a class that defines `inherit(self, weights)`
is given them by name; for any other, what fits by name and shape is copied. Both stages run in one
job, so that no weights ever leave the jail.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from .building import Backbone
from .faults import ContractError, describe, is_out_of_memory

Weights = Mapping[str, Tensor]


def weights_of(model: nn.Module) -> Weights:
    """A copy of all parameters and buffers, by name."""
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def take_over(model: nn.Module, weights: Weights) -> None:
    """Start `model` from the weights of a network that was trained for the same problem.

    A backbone is copied by name and shape; each of its mixers is given those of its counterpart.

    Raises:
        ContractError: the candidate's `inherit` raised.
    """
    if not isinstance(model, Backbone):
        _inherit(model, weights)
        return
    _copy_fitting(model, {n: w for n, w in weights.items() if not n.startswith("mixers.")})
    for place, mixer in enumerate(model.mixers):
        prefix = f"mixers.{place}."
        own = {n.removeprefix(prefix): w for n, w in weights.items() if n.startswith(prefix)}
        _inherit(mixer, own)


def _inherit(module: nn.Module, weights: Weights) -> None:
    inherit = getattr(module, "inherit", None)
    if inherit is None:
        _copy_fitting(module, weights)
        return
    try:
        with torch.no_grad():
            inherit(dict(weights))
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise ContractError(f"inherit fails\n{describe(error)}") from error


def _copy_fitting(module: nn.Module, weights: Weights) -> None:
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if name in weights and weights[name].shape == tensor.shape:
                tensor.copy_(weights[name])
