"""An exported program as an ONNX model."""

from __future__ import annotations

from typing import Any

import torch
from torch.export import ExportedProgram


def to_onnx(program: ExportedProgram, **names: Any) -> Any:
    """The ONNX model of a program; `names` are those of its inputs and outputs.

    What the converter does not know as a whole, such as attention over three axes, it may know in
    its parts: the program is taken apart, where it does not convert as it is.

    Raises:
        Exception: whatever the converter raises.
    """
    try:
        return torch.onnx.export(program, verbose=False, **names)
    except Exception:  # noqa: BLE001 - the converter's own errors have no base of their own
        return torch.onnx.export(program.run_decompositions(), verbose=False, **names)
