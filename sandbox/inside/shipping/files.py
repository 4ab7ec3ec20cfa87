"""The files of a job of shipping: what it is given and what it leaves in its folder."""

from __future__ import annotations

from typing import Final

INPUTS: Final = "inputs.npy"
WEIGHTS: Final = "weights.safetensors"
STATE: Final = "state.safetensors"
GRAPHS: Final = {"onnx": "model.onnx", "pt2": "model.pt2"}
"""The file that each format is, of those that are a graph."""


def answers_file(short: bool) -> str:
    """Where outputs are written: on the whole inputs, or on their first halves."""
    return "answers-short.npy" if short else "answers.npy"
