"""The network of a candidate as source that needs nothing of Archwright."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from importlib.resources import files
from typing import Final

from archwright.sandbox.contract import ProblemProjection

_MODEL: Final = '''"""The network: the architecture on the task's own shapes."""

from .architecture import Model


def make_network(config):
    """The network that a configuration describes."""
    given = shapes(config.input_parts) or tuple(config.input_shape)
    asked = shapes(config.output_parts) or tuple(config.output_shape)
    return Model(given, asked)


def shapes(parts):
    """The shapes of several arrays: by name, or as a tuple."""
    if not parts:
        return None
    if parts[0][0] == "0":
        return tuple(tuple(shape) for _, shape, *_ in parts)
    return {name: tuple(shape) for name, shape, *_ in parts}
'''

_MIXER: Final = '''"""The network: the architecture as the mixer of the task's backbone."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from torch import Tensor, nn
import torch

from .architecture import Mixer


class ContractError(Exception):
    """The architecture does not do what the backbone asks for."""


{backbone}


def make_network(config):
    """The network that a configuration describes."""
    return BackboneNetwork(Mixer, config, SimpleNamespace(**config.backbone))
'''


def network_source(problem: ProblemProjection) -> str:
    """`network.py`: how the network is made of the file `architecture.py` beside it."""
    if problem.backbone is None:
        return _MODEL
    folder = files("archwright.sandbox.inside.model.mixing")
    whole = (folder / "backbone.py").read_text(encoding="utf-8")
    return _MIXER.format(backbone=definitions(whole, ["BackboneNetwork"]))


def definitions(source: str, names: Iterable[str]) -> str:
    """The top-level classes and functions called `names`, and those of the same file that they use,
    in the file's order."""
    found = {
        node.name: node
        for node in ast.parse(source).body
        if isinstance(node, (ast.ClassDef, ast.FunctionDef))
    }
    wanted, waiting = set[str](), list(names)
    while waiting:
        name = waiting.pop()
        if name in found and name not in wanted:
            wanted.add(name)
            used = (node for node in ast.walk(found[name]) if isinstance(node, ast.Name))
            waiting += [node.id for node in used]
    texts = (ast.get_source_segment(source, node) for name, node in found.items() if name in wanted)
    return "\n\n\n".join(filter(None, texts))
