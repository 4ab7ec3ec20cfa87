"""What a candidate does to its input, told apart from its architecture."""

from __future__ import annotations

import textwrap
from typing import Final

import numpy as np
import pytest
import torch

from archwright.core import Problem, Recipe, Status, TrialJob
from archwright.sandbox import Sandbox
from archwright.sandbox.contract import ProblemProjection, project
from archwright.sandbox.in_process import InProcessSandbox
from archwright.sandbox.inside.model.examination import Examination
from archwright.sandbox.inside.model.wrapper import find_wrapper
from archwright.tasks.export import write_inputs, write_train
from archwright.tasks.loading import load_task

IMAGE: Final = Problem("Model", (1, 8, 8), (10,), "cross_entropy", 60_000)

SOURCE: Final = """\
import torch
import torch.nn.functional as F
from torch import nn

class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(),
            nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(54, classes),
        )

    def forward(self, x):
        return self.layers(x)

class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        classes = output_shape[0]
{parts}

    def forward(self, x):
{forward}
"""


def written(forward: str, parts: str = "self.net = Net(classes)") -> str:
    """A candidate with this `forward`, whose layers are made in `parts`."""
    deep = textwrap.indent
    body = deep(textwrap.dedent(forward), " " * 8)
    return SOURCE.format(parts=deep(textwrap.dedent(parts), " " * 8), forward=body)


def found(source: str, problem: Problem = IMAGE) -> str:
    """The wrapper of a candidate, in a sentence."""
    with torch.random.fork_rng(devices=[]):
        return str(find_wrapper(Examination(source, project(ProblemProjection, problem), 0)))


PLAIN: Final = written("return self.net(x)")
SHIFTED: Final = written(
    """\
    if self.training:
        right, down = torch.randint(-1, 2, (2,)).tolist()
        return self.net(torch.roll(x, (right, down), (2, 3)))
    return (self.net(x) + self.net(torch.roll(x, 1, 3)) + self.net(torch.roll(x, -1, 3))) / 3
    """
)

CHANGED: Final = {
    "shifts": "x = torch.roll(x, int(torch.randint(1, 4, (1,))), 3)",
    "pad and crop": (
        "k = int(torch.randint(0, 3, (1,))); x = F.pad(x, (1, 1, 1, 1))[:, :, k:k+8, 1:9]"
    ),
    "a grid": (
        "turn = torch.eye(2, 3) + 0.1 * torch.randn(len(x), 2, 3); "
        "grid = F.affine_grid(turn, x.shape, align_corners=False); "
        "x = F.grid_sample(x, grid, align_corners=False)"
    ),
    "noise": "x = x + 0.1 * torch.randn_like(x)",
    "noise in place": "x.add_(0.1 * torch.randn(x.shape))",
    "dropout": "x = F.dropout(x, 0.1)",
    "flips of some": "x = torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, x.flip(3), x)",
    "turns": "x = torch.rot90(x, int(torch.randint(4, (1,))), (2, 3))",
    "one by one": "x = torch.stack([torch.roll(a, int(torch.randint(3, (1,))), 1) for a in x])",
    "written anew": (
        "old, x = x, torch.zeros(x.shape); k = int(torch.randint(1, 4, (1,))); "
        "x[..., k:] = old[..., :-k]"
    ),
    "a hole": "k = int(torch.randint(0, 6, (1,))); x[:, :, k:k+3] = 0",
    "mixed samples": "x = 0.7 * x + 0.3 * x[torch.randperm(len(x))]",
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGED)
def test_an_input_that_is_changed_in_training_is_found(name: str) -> None:
    source = written(f"if self.training:\n    {CHANGED[name]}\nreturn self.net(x)")
    assert found(source) == "in training its input is changed at random"


@pytest.mark.parametrize(
    "rearranged",
    ["x.flatten(1)", "x.permute(0, 2, 3, 1).contiguous().flatten(1)",
     "F.unfold(x, 2, stride=2).mT.flatten(1)"],
)  # fmt: skip
def test_so_it_is_where_the_input_was_rearranged_first(rearranged: str) -> None:
    source = written(
        f"x = {rearranged}\nif self.training:\n    x = x + 0.1 * torch.randn_like(x)\n"
        "return self.net(x)",
        "self.net = nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, classes))",
    )
    assert found(source) == "in training its input is changed at random"


def test_so_it_is_where_evaluation_takes_a_fused_kernel() -> None:
    problem = Problem("Model", (12, 8), (3,), "cross_entropy", 5_000)
    layer = "nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True)"
    parts = f"self.mix = {layer}; self.out = nn.Linear(8, classes)"
    noise = "if self.training:\n    x = x + 0.1 * torch.randn_like(x)\n"
    assert not found(written("return self.out(self.mix(x).mean(1))", parts), problem)
    noisy = written(f"{noise}return self.out(self.mix(x).mean(1))", parts)
    assert found(noisy, problem) == "in training its input is changed at random"


VIEWS: Final = {
    "a loop": (3, "out = sum(self.net(torch.roll(x, k, 3)) for k in (-1, 0, 1))"),
    "one batch": (
        2, "out = self.net(torch.cat([x, x.flip(3)])).reshape(2, len(x), -1).mean(0)",
    ),
    "side by side": (
        2,
        "out = self.net(torch.stack([x, x.flip(3)], 1).flatten(0, 1))"
        ".reshape(len(x), 2, -1).mean(1)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("always", [True, False])
@pytest.mark.parametrize("name", VIEWS)
def test_several_views_at_evaluation_are_found(name: str, always: bool) -> None:
    count, line = VIEWS[name]
    first = "" if always else "if self.training:\n    return self.net(x)\n"
    source = written(f"{first}{line}\nreturn out")
    assert found(source) == f"at evaluation it takes {count} views of each sample"


ORDINARY: Final = {
    "plain": ("return self.net(x)", "self.net = Net(classes)"),
    "standardised": (
        "return self.net((x - x.mean((1, 2, 3), True)) / (x.std((1, 2, 3), keepdim=True) + 1e-3))",
        "self.net = Net(classes)",
    ),
    "batch norm first": (
        "return self.net(self.norm(x))",
        "self.net = Net(classes); self.norm = nn.BatchNorm2d(1, affine=False)",
    ),
    "spectrum": (
        "return self.net(torch.fft.fft2(x, norm='ortho').abs())", "self.net = Net(classes)",
    ),
    "spectrum beside it": (
        "return self.net(x) + self.other(torch.fft.fft2(x).abs().flatten(1))",
        "self.net = Net(classes); self.other = nn.Linear(64, classes)",
    ),
    "coordinates": (
        "along = torch.linspace(-1, 1, 8).expand(len(x), 1, 8, 8)\n"
        "return self.out(self.conv(torch.cat([x, along, x.flip(3)], 1)).flatten(1))",
        "self.conv = nn.Conv2d(3, 4, 3); self.out = nn.Linear(144, classes)",
    ),
    "residual from the input": (
        "return self.out((self.conv(torch.fft.fft2(x).real) + x).flatten(1))",
        "self.conv = nn.Conv2d(1, 1, 3, padding=1); self.out = nn.Linear(64, classes)",
    ),
    "patches and positions": (
        "h = self.lift(F.unfold(x, 2, stride=2).mT) + self.at\n"
        "return self.out(self.mix(self.drop(h)).mean(1))",
        "self.lift = nn.Linear(4, 16); self.at = nn.Parameter(torch.zeros(16, 16))\n"
        "self.drop = nn.Dropout(0.2); self.out = nn.Linear(16, classes)\n"
        "self.mix = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)",
    ),
    "row by row": (
        "h = torch.zeros(len(x), 16)\nfor row in range(8):\n    h = self.cell(x[:, 0, row], h)\n"
        "return self.out(h)",
        "self.cell = nn.GRUCell(8, 16); self.out = nn.Linear(16, classes)",
    ),
    "again and again": (
        "h = torch.zeros(len(x), 16)\nfor _ in range(3):\n"
        "    h = self.step(torch.cat([x.flatten(1), h], 1)).relu()\nreturn self.out(h)",
        "self.step = nn.Linear(80, 16); self.out = nn.Linear(16, classes)",
    ),
    "two scales, one net": (
        "return self.net(x) + self.net(F.avg_pool2d(x, 2))", "self.net = Net(classes)",
    ),
    "members that are repeated": (
        "return self.net(x.repeat(3, 1, 1, 1)).reshape(3, len(x), -1).mean(0)",
        "self.net = Net(classes)",
    ),
    "experts": (
        "x = x.flatten(1)\nscores = self.gate(x)\n"
        "noisy = scores + torch.randn_like(scores) * self.training\nbest = noisy.argmax(-1)\n"
        "out = torch.zeros(len(x), self.experts[0].out_features)\n"
        "for k, expert in enumerate(self.experts):\n    rows = (best == k).nonzero()[:, 0]\n"
        "    out = out.index_put((rows,), expert(x[rows]) * scores.softmax(-1)[rows, k, None])\n"
        "return out",
        "self.gate = nn.Linear(64, 3)\n"
        "self.experts = nn.ModuleList(nn.Linear(64, classes) for _ in range(3))",
    ),
    "noise inside": (
        "h = self.conv(x)\nh = h + torch.randn_like(x) * self.scale * self.training\n"
        "return self.out(F.dropout(h, 0.2, self.training).flatten(1))",
        "self.conv = nn.Conv2d(1, 2, 3, padding=1); self.out = nn.Linear(128, classes)\n"
        "self.scale = nn.Parameter(torch.ones(1))",
    ),
    "depth by chance": (
        "h = self.conv(x)\nif not self.training or torch.rand(()) < 0.5:\n"
        "    h = h + self.more(h)\nreturn self.out(h.flatten(1))",
        "self.conv = nn.Conv2d(1, 2, 3, padding=1); self.more = nn.Conv2d(2, 2, 3, padding=1)\n"
        "self.out = nn.Linear(128, classes)",
    ),
    "turned weights": (
        "h = sum(F.conv2d(x, torch.rot90(self.kernel, k, (2, 3))).relu() for k in range(4))\n"
        "return self.out(h.flatten(1))",
        "self.kernel = nn.Parameter(torch.randn(2, 1, 3, 3)); self.out = nn.Linear(72, classes)",
    ),
    "shifts behind a learned scale": (
        "x = x * self.scale\n"
        "return self.net(torch.roll(x, int(torch.randint(2, (1,))) * self.training, 3))",
        "self.net = Net(classes); self.scale = nn.Parameter(torch.ones(1))",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ORDINARY)
def test_an_architecture_is_no_wrapper(name: str) -> None:
    assert not found(written(*ORDINARY[name]))


def test_tokens_that_are_left_out_in_training_are_found() -> None:
    problem = Problem("Model", (12,), (3,), "cross_entropy", 5_000, vocabulary=20)
    line = "if self.training:\n    x = x * (torch.rand(x.shape) < 0.8)\n"
    parts = "self.embed = nn.EmbeddingBag(20, 8); self.out = nn.Linear(8, classes)"
    plain = written("return self.out(self.embed(x))", parts)
    assert not found(plain, problem)
    masked = written(f"{line}return self.out(self.embed(x))", parts)
    assert found(masked, problem) == "in training its input is changed at random"


# --- a network in the wrapper of another --------------------------------------------------------


def digits(source: str, folder: object, **fields: object) -> TrialJob:
    """A short training on digits."""
    spec = load_task("digits").spec
    given = {"problem": spec.problem, "recipe": Recipe(batch_size=32), "steps": 25, "seed": 3}
    return TrialJob(source, data=folder, **{**given, **fields})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def digits_data(tmp_path_factory: pytest.TempPathFactory) -> object:
    """The training set and the inputs of the validation split."""
    folder, task = tmp_path_factory.mktemp("digits"), load_task("digits")
    write_train(task, 0, folder)
    write_inputs(task, "validation", folder)
    return folder


def test_in_the_wrapper_a_network_sees_what_the_candidate_would(
    process_sandbox: Sandbox, digits_data: object
) -> None:
    own = process_sandbox.train(digits(SHIFTED, digits_data))
    lent = process_sandbox.train(digits(PLAIN, digits_data, wrapper=SHIFTED))
    bare = process_sandbox.train(digits(PLAIN, digits_data))
    assert {own.status, lent.status, bare.status} == {Status.OK}
    assert lent.resources.parameters == bare.resources.parameters
    # The same layers, weights and draws: whether a candidate wraps them or is wrapped around them.
    expected = own.predictions["validation"]
    np.testing.assert_allclose(lent.predictions["validation"], expected, rtol=1e-3, atol=1e-4)
    assert not np.allclose(bare.predictions["validation"], expected, rtol=0.0, atol=1e-2)


@pytest.mark.parametrize("name", VIEWS)
def test_outputs_on_the_views_of_a_sample_are_averaged(name: str, digits_data: object) -> None:
    count, line = VIEWS[name]
    divided = "return out / 3" if name == "a loop" else "return out"
    source = written(f"if self.training:\n    return self.net(x)\n{line}\n{divided}")
    with InProcessSandbox() as sandbox:
        own = sandbox.train(digits(source, digits_data, steps=5))
        lent = sandbox.train(digits(PLAIN, digits_data, steps=5, wrapper=source))
    assert count > 1
    np.testing.assert_allclose(
        lent.predictions["validation"], own.predictions["validation"], rtol=1e-3, atol=1e-4
    )


def test_without_a_wrapper_nothing_changes(digits_data: object) -> None:
    with InProcessSandbox() as sandbox:
        bare = sandbox.train(digits(PLAIN, digits_data, steps=5))
        lent = sandbox.train(digits(PLAIN, digits_data, steps=5, wrapper=PLAIN))
    np.testing.assert_array_equal(lent.predictions["validation"], bare.predictions["validation"])


def test_the_checks_say_it(process_sandbox: Sandbox) -> None:
    report = process_sandbox.check(SHIFTED, IMAGE)
    said = (
        "in training its input is changed at random; at evaluation it takes 3 views of each sample"
    )
    assert report.status is Status.OK
    assert report.wrapper == said
    assert [c.detail for c in report.checks if c.name == "wrapper"] == [said]
    assert process_sandbox.check(PLAIN, IMAGE).wrapper == ""
