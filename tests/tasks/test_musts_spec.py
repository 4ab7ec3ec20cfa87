"""What a task says that its architectures must be able to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from archwright.tasks.checking import check_folder
from archwright.tasks.loading import load_task
from archwright.tasks.spec import read_spec

Change = Callable[[str, str, str], Path]


def said(change: Change, line: str) -> list[str]:
    return read_spec(change("task.toml", "input_shape = [2]", f"{line}\ninput_shape = [2]"))[1]


def test_onnx_is_part_of_the_problem(change: Change) -> None:
    folder = change(
        "task.toml", "input_shape", 'must = ["onnx"]\ndata_license = "CC0"\ninput_shape'
    )
    assert check_folder(folder) == []
    spec = load_task(folder).spec
    assert (spec.problem.must, spec.problem.causal) == (("onnx",), False)
    assert spec.data_license == "CC0"


def test_what_must_stream_is_causal_and_has_an_output_at_each_position(change: Change) -> None:
    (fault,) = said(change, 'must = ["streaming"]')
    assert "needs an output for each position" in fault


def test_an_unknown_must_names_those_there_are(change: Change) -> None:
    (fault,) = said(change, 'must = ["fast"]')
    assert "onnx" in fault
    assert "streaming" in fault
