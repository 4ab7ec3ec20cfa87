"""A suite of two problems whose trainings take moments."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

SUITE_TOML = """\
name = "two-spirals"
summary = "Tell spirals apart, on a plane and in space."
contract = "Define class Model(nn.Module) with __init__(self, input_shape, output_shape)."

[suite]
problems = ["plane", "space"]

[suite.scale.plane]
reference = [68.5, 68.2]
sd = [2.0, 3.0]

[suite.scale.space]
reference = [0.62, 0.54]
sd = [0.025, 0.022]
"""


def make_suite(folder: Path, make_task: Callable[[Path], Path]) -> Path:
    """Two problems: one is scored by accuracy, the other, of other shapes, by its entropy."""
    folder.mkdir()
    plane, space = make_task(folder / "plane"), make_task(folder / "space")
    (plane / "baseline.py").replace(folder / "baseline.py")
    (space / "baseline.py").unlink()
    toml, code = space / "task.toml", space / "task.py"
    text = toml.read_text().replace("input_shape = [2]", "input_shape = [3]")
    for old, new in (("accuracy", "cross_entropy"), ("maximize", "minimize"), ("%", "nats")):
        text = text.replace(old, new)
    toml.write_text(text.replace("rungs = [15, 45]", "rungs = [10, 40]"))
    turned = "x = np.concatenate([x, -x[:, :1]], axis=1)\n    return"
    code.write_text(code.read_text().replace("return", turned).replace("7001", "8001"))
    (folder / "task.toml").write_text(SUITE_TOML)
    return folder
