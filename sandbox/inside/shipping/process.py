"""A fresh process for one job of shipping: it closes its own jail, then runs candidate code."""

from __future__ import annotations

import importlib
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Final

from ...contract import ShippingReply, ShippingRequest, read
from ..faults import ContractError, describe, is_out_of_memory
from ..jail import confinement
from ..jail.libraries import readable_paths

REQUEST: Final = "request.json"
REPLY: Final = "reply.json"
CONVERTERS: Final = {"onnx": ("onnx", "onnxscript")}
LOADERS: Final = {
    "onnx": ("onnxruntime",),
    "transformers": (
        "transformers",
        "transformers.generation.utils",
        "transformers.modeling_outputs",
        "transformers.modeling_utils",
        "transformers.models.auto.modeling_auto",
    ),
}
"""What a format needs, imported before any candidate's code runs and before the jail closes: some
libraries look for others where they are installed."""


def main() -> None:
    """Do the job that `request.json` of this folder asks for; the answer is `reply.json`."""
    confinement.die_with(int(sys.argv[1]))
    confinement.leave_network()
    import torch
    import torch._dynamo
    import torch.export

    torch.set_num_threads(1)
    request = read(ShippingRequest, json.loads(Path(REQUEST).read_text()))
    needed = CONVERTERS if request.action == "convert" else LOADERS
    for name in ("safetensors.torch", *needed.get(request.format, ())):
        importlib.import_module(name)
    from .converting import convert
    from .reloading import reload

    here = str(Path.cwd())
    confinement.confine(
        confinement.Cell(
            (*readable_paths(), *request.readable), here, request.memory_mb, request.seconds_limit,
            request.file_bytes,
        )
    )  # fmt: skip
    try:
        reply = convert(request) if request.action == "convert" else reload(request)
    except ContractError as error:
        reply = ShippingReply(error=describe(error))
    except Exception as error:  # noqa: BLE001 - candidate code may raise anything
        full = "it does not fit into memory: " if is_out_of_memory(error) else ""
        reply = ShippingReply(error=full + describe(error))
    Path(REPLY).write_text(json.dumps(asdict(reply)))
    sys.stdout.flush()
    os._exit(0)
