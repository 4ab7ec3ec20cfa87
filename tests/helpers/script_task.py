"""A task that is a training script: two files that may change, one that may not, and data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

TASK_TOML: Final = """\
kind = "script"
name = "moons"
summary = "Two half moons, told apart by a script of three files"
metric = "cross_entropy"
rungs = [20, 60]
output_shape = [2]
contract = "Lower the cross entropy on points that the script has not seen."

[script]
repository = "repo"
command = "python train.py --steps {budget} --seed {seed}"
files = ["train.py", "settings.json"]
reads = ["model.py", "data"]
check = 2

[script.predictions]
validation = "out/validation.npy"
test = "out/test.npy"

[limits]
trial_seconds = 60
memory_mb = 1024
"""

TASK_PY: Final = """\
from pathlib import Path

import numpy as np


def labels(split):
    return np.load(Path(__file__).with_name(f"{split}_labels.npy"))
"""

TRAIN_PY: Final = '''\
"""Trains the network of model.py and leaves its predictions in out/."""
import argparse
import json
from pathlib import Path

import numpy as np
import torch

from model import make

LEARNING_RATE = 0.01


def main(steps, seed):
    torch.manual_seed(seed)
    data = np.load("data/points.npz")
    x, y = torch.from_numpy(data["train_x"]), torch.from_numpy(data["train_y"])
    net = make(**json.loads(Path("settings.json").read_text()))
    optimizer = torch.optim.Adam(net.parameters(), lr=LEARNING_RATE)
    for _ in range(steps):
        picked = torch.randint(len(x), (32,))
        loss = torch.nn.functional.cross_entropy(net(x[picked]), y[picked])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    Path("out").mkdir()
    with torch.no_grad():
        for split in ("validation", "test"):
            np.save(f"out/{split}.npy", net(torch.from_numpy(data[f"{split}_x"])).numpy())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seed", type=int)
    said = parser.parse_args()
    main(said.steps, said.seed)
'''

MODEL_PY: Final = """\
from torch import nn


def make(width):
    return nn.Sequential(nn.Linear(2, width), nn.ReLU(), nn.Linear(width, 2))
"""

SETTINGS: Final = '{\n  "width": 8\n}\n'

FILES: Final[Mapping[str, str]] = {
    "task.toml": TASK_TOML,
    "task.py": TASK_PY,
    "repo/train.py": TRAIN_PY,
    "repo/model.py": MODEL_PY,
    "repo/settings.json": SETTINGS,
}


def make_script_task(folder: Path, samples: int = 200) -> Path:
    """Write the whole task, data included, into a folder."""
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    rng, arrays = np.random.default_rng(0), {}
    for split in ("train", "validation", "test"):
        y = rng.integers(0, 2, samples)
        angle = np.pi * rng.random(samples) + np.pi * y
        x = np.stack([np.cos(angle) + y, np.sin(angle) + 0.3 * y], axis=1)
        x = (x + 0.2 * rng.standard_normal(x.shape)).astype(np.float32)
        arrays[f"{split}_x"] = x
        if split == "train":
            arrays["train_y"] = y
        else:
            np.save(folder / f"{split}_labels.npy", y)
    (folder / "repo" / "data").mkdir()
    np.savez(folder / "repo" / "data" / "points.npz", **arrays)
    return folder
