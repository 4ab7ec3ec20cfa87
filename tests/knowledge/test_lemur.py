"""LEMUR: read as files, adapted by syntax tree, each network once, nothing of it executed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from archwright.core import InputError, SourceError
from archwright.knowledge.lemur.adapting import adapt
from archwright.knowledge.lemur.dataset import Lemur
from archwright.knowledge.lemur.importing import Import, problem_of, read_networks

NET = '''\
"""A net."""
import os
import torch
import torch.nn as nn
from torchvision import transforms


def supported_hyperparameters():
    return {"lr", "momentum", "dropout"}


def unused(x):
    return transforms.ToTensor()(x)


class Block(nn.Module):
    def __init__(self, a, b):
        super(Block, self).__init__()
        self.conv = nn.Conv2d(a, b, 3, padding=1)  # WIDTH

    def forward(self, x):
        return torch.relu(self.conv(x))


class Net(nn.Module):
    def train_setup(self, prm):
        self.to(self.device)
        self.optimizer = torch.optim.SGD(self.parameters(), lr=prm["lr"])

    def learn(self, train_data):
        for inputs, labels in train_data:
            self(inputs.to(self.device))

    def __init__(self, in_shape: tuple, out_shape: tuple, prm: dict, device: torch.device) -> None:
        super(Net, self).__init__()
        self.device = device
        self.block = Block(in_shape[1], 8)
        self.drop = nn.Dropout(prm["dropout"])
        self.head = nn.Linear(8, out_shape[0])

    def forward(self, x):
        return self.head(self.drop(self.block(x).mean((2, 3))))


if __name__ == "__main__":
    Net((1, 3, 32, 32), (10,), {}, "cpu")
'''
ADAPTED = """\
import torch
import torch.nn as nn

class Block(nn.Module):

    def __init__(self, a, b):
        super(Block, self).__init__()
        self.conv = nn.Conv2d(a, b, 3, padding=1)

    def forward(self, x):
        return torch.relu(self.conv(x))

class Model(nn.Module):

    def __init__(self, input_shape, output_shape):
        prm = {'dropout': 0.5}
        super(Model, self).__init__()
        self.block = Block(input_shape[0], 8)
        self.drop = nn.Dropout(prm['dropout'])
        self.head = nn.Linear(8, output_shape[0])

    def forward(self, x):
        return self.head(self.drop(self.block(x).mean((2, 3))))
"""


def test_a_network_is_brought_to_the_contract() -> None:
    assert adapt(NET, {"dropout": 0.5, "lr": 0.1}) == ADAPTED


def test_the_adapted_network_runs() -> None:
    torch = pytest.importorskip("torch")
    names: dict[str, Any] = {}
    exec(adapt(NET, {}), names)
    assert names["Model"]((3, 8, 8), (10,))(torch.zeros(2, 3, 8, 8)).shape == (2, 10)


def body(lines: str, extra: str = "") -> str:
    text = "\n".join(f"        {line}" for line in lines.splitlines())
    return (
        f"import torch.nn as nn\n{extra}\n"
        "class Net(nn.Module):\n"
        f"    def __init__(self, in_shape, out_shape, prm, device):\n{text}\n"
        "    def forward(self, x):\n        return self.go(x)\n"
        "    def go(self, x):\n        return x\n    def lost(self):\n        return 1\n"
    )


def test_what_the_body_still_needs_is_computed_first() -> None:
    said = adapt(body("self.a = nn.Linear(*in_shape[1:])\nself.to(device)"), {})
    assert "in_shape = (1, *input_shape)\n" in said
    assert "device = torch.device('cpu')\n" in said
    assert said.startswith("import torch\n")
    assert "lost" not in said
    assert "def go" in said


def test_a_reassigned_argument_is_not_replaced() -> None:
    said = adapt(body("out_shape = [out_shape[0]]\nself.n = out_shape"), {})
    assert "out_shape = output_shape\n" in said


def test_a_default_of_its_own_holds_unless_a_value_is_known() -> None:
    source = body('self.p = prm.get("p", 0.7)\nself.q = prm["q"]')
    assert "prm = {'q': 0.2}" in adapt(source, {})
    assert "prm = {'p': 0.1, 'q': 0.3}" in adapt(source, {"p": 0.1, "q": 0.3})


REFUSED = {
    "no python": ("class Net(:", "not valid Python"),
    "null": ("x\0", "not valid Python"),
    "no net": ("import torch\nclass Nets: pass", "no class Net"),
    "no constructor": ("class Net:\n    def forward(self, x): return x", "no __init__"),
    "other arguments": ("class Net:\n    def __init__(self, size=1): pass", "other arguments"),
    "more arguments": (
        "class Net:\n    def __init__(self, a, b, c, d, e): pass\n    def forward(self, x): pass",
        "other arguments",
    ),
    "a package": (body("self.a = timm.create()", "import timm"), "imports timm"),
    "a door": (body("os.remove('x')", "import os"), "imports os"),
    "a door inside": (body("import subprocess\nsubprocess.run('x')"), "imports subprocess"),
    "a neighbour": (body("self.a = f()", "from .ResNet import f"), "imports ."),
    "deep": ("x = " + "(" * 5000 + ")" * 5000, "not valid Python"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused_with_the_reason(name: str) -> None:
    source, reason = REFUSED[name]
    with pytest.raises(SourceError, match=reason):
        adapt(source, {})


# --- a package ----------------------------------------------------------------------------------


def put(root: Path, name: str, source: str | bytes) -> None:
    path = root / "ab/nn/nn" / f"{name}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(source.encode() if isinstance(source, str) else source)


def measure(root: Path, folder: str, epoch: str, records: Any) -> None:
    path = root / "ab/nn/stat" / folder / f"{epoch}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(records if isinstance(records, str) else json.dumps(records))


def trial(accuracy: float, transform: str = "norm_64_flip", **more: float) -> dict[str, Any]:
    return {"accuracy": accuracy, "transform": transform, "batch": 16, **more}


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """An unpacked wheel with good, copied, foreign and broken networks."""
    root = tmp_path / "site"
    put(root, "__init__", "raise SystemExit('executed')")
    put(root, "Good", NET)
    put(root, "Good-copy", NET.replace("# WIDTH", "# another remark").replace("lr", "rate"))
    put(root, "Wide", NET.replace("8", "16"))
    put(root, "Captions", NET.replace("8", "24"))
    put(root, "Broken", "class Net(:")
    put(root, "Bytes", b"\xff\xfe class Net")
    put(root, "Bomb", f"{NET}\nopen({str(tmp_path / 'pwned')!r}, 'w').write('x')\n")
    measure(root, "img-classification_cifar-10_acc_Good", "2", [trial(0.5), trial(0.61)])
    measure(root, "img-classification_cifar-10_acc_Good", "7", [trial(0.55, "echo")])
    measure(root, "img-classification_mnist_acc_Good", "1", [trial(0.99, dropout=0.4)])
    measure(root, "img-classification_cifar-10_acc_Good-copy", "3", [trial(0.7, dropout=0.1)])
    measure(root, "img-captioning_coco_bleu_Captions", "1", [trial(0.2)])
    return root


def read(root: Path) -> Import:
    return read_networks(root, processes=1)


def test_the_best_trial_keeps_its_epoch_and_its_transform(wheel: Path) -> None:
    cifar, mnist = Lemur.find(wheel).trials("Good")
    assert (cifar.dataset, cifar.accuracy, cifar.epoch) == ("cifar-10", 61.0, 2)
    assert (cifar.transform, cifar.trials, cifar.batch) == ("norm_64_flip", 3, 16)
    assert (mnist.dataset, mnist.hyperparameters["dropout"]) == ("mnist", 0.4)


def test_networks_become_examples_each_once(wheel: Path, tmp_path: Path) -> None:
    found = read(wheel)
    assert found.networks == 7
    assert {e.candidate for e in found.entries} == {"Good-copy", "Wide"}
    best = next(e for e in found.entries if e.candidate == "Good-copy")
    assert best.title == "Good-copy: 70.00 % on cifar-10 after 3 epochs, transform norm_64_flip"
    assert (best.task, best.score, best.kind) == ("lemur:cifar-10", 70.0, "example")
    assert best.reason.endswith("2 more networks are the same")
    assert "'dropout': 0.1" in best.source
    assert found.duplicates == 2
    assert found.left_out["made for img-captioning"] == 1
    assert sum(found.left_out.values()) == 3
    assert found.networks == len(found.entries) + found.duplicates + 3
    assert not (tmp_path / "pwned").exists()


def test_a_network_is_checked_at_the_size_it_was_measured_at(wheel: Path) -> None:
    entries = {e.candidate: e for e in read(wheel).entries}
    assert problem_of(entries["Good-copy"]).input_shape == (3, 64, 64)
    assert problem_of(entries["Wide"]).input_shape == (3, 32, 32)


BAD_STATISTICS = {
    "no json": "{",
    "deep": "[" * 100_000,
    "no list": "3",
    "no records": "[1, null, []]",
    "no accuracy": [{"accuracy": "high"}, {"accuracy": True}, {}],
    "beyond": [trial(1.5), trial(-1.0)],
    "huge": '[{"accuracy": 1e400}, {"accuracy": NaN}, {"accuracy": 1' + "0" * 400 + "}]",
}


@pytest.mark.parametrize("name", BAD_STATISTICS)
def test_bad_statistics_are_left_out(name: str, wheel: Path) -> None:
    measure(wheel, "img-classification_cifar-10_acc_Wide", "1", BAD_STATISTICS[name])
    measure(wheel, "img-classification_cifar-10_acc_Wide", "x", [trial(0.9)])
    assert Lemur.find(wheel).trials("Wide") == ()


def test_links_are_not_followed(wheel: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_text(NET)
    (wheel / "ab/nn/nn/Linked.py").symlink_to(tmp_path / "outside.py")
    assert "Linked" not in Lemur.find(wheel).names()


def test_a_later_release_keeps_its_statistics_one_folder_down(tmp_path: Path) -> None:
    put(tmp_path, "Good", NET)
    measure(tmp_path, "train/img-classification_svhn_acc_Good", "4", [trial(0.8)])
    assert Lemur.find(tmp_path).trials("Good")[0].epoch == 4


def test_no_package_is_one_line_with_the_fix(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"pip install --no-deps nn-dataset"):
        Lemur.find(tmp_path)
