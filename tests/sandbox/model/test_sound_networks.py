"""Sound networks that are written in unusual ways pass; those that only look so are refused."""

# ruff: noqa: E501 - tables: one source a line

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from sandbox_candidates import GOOD

from archwright.core import CheckReport, Problem, Status, TrialJob
from archwright.sandbox import Sandbox

Jobs = Callable[..., TrialJob]

HEAD = """
import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.outputs = output_shape[0]
"""


def net(init: str, forward: str) -> str:
    """A candidate of two bodies."""
    lines = [f"        {line}" for line in init.strip().splitlines()]
    lines += ["", "    def forward(self, x):"]
    lines += [f"        {line}" for line in forward.strip().splitlines()]
    return HEAD + "\n".join(lines) + "\n"


LATE = {
    "all of it": net("self.net = None", "if self.net is None: self.net = nn.Linear(x.shape[1], self.outputs)\nreturn self.net(x)"),
    "a head": net("self.body, self.head = nn.Linear(8, 16), None", "h = self.body(x).relu()\nif self.head is None: self.head = nn.Linear(16, self.outputs)\nreturn self.head(h)"),
    "a parameter": net("self.body = nn.Linear(8, self.outputs)", "if not hasattr(self, 'scale'): self.scale = nn.Parameter(torch.ones(8))\nreturn self.body(x * self.scale)"),
    "one for each width": net("self.heads = nn.ModuleDict()", "key = str(x.shape[1])\nif key not in self.heads: self.heads[key] = nn.Linear(x.shape[1], self.outputs)\nreturn self.heads[key](x)"),
    "lazy layers": net("self.net = nn.Sequential(nn.LazyLinear(16), nn.LazyBatchNorm1d(affine=False), nn.ReLU(), nn.LazyLinear(self.outputs))", "return self.net(x)"),
    "a lazy buffer alone": net("self.net = nn.Sequential(nn.LazyBatchNorm1d(affine=False), nn.Linear(8, self.outputs))", "return self.net(x)"),
}  # fmt: skip

TOO_LATE = {
    "one for each batch size": (net("self.heads = nn.ModuleDict()", "key = str(len(x))\nif key not in self.heads: self.heads[key] = nn.Linear(8, self.outputs)\nreturn self.heads[key](x)"), "appear in forward: heads."),
    "a new one each time": (net("self.body = nn.Linear(8, self.outputs)", "self.scale = nn.Parameter(torch.ones(8))\nreturn self.body(x * self.scale)"), "appear in forward: scale"),
    "in a plain dictionary": (net("self.body, self.heads = nn.Linear(8, 16), {}", "h = self.body(x)\nif h.shape[1] not in self.heads: self.heads[h.shape[1]] = nn.Linear(16, self.outputs)\nreturn self.heads[h.shape[1]](h)"), "not registered"),
    "only in training": (net("self.body = nn.Linear(8, self.outputs)", "if self.training and not hasattr(self, 'more'): self.more = nn.Linear(8, self.outputs)\nreturn self.body(x) + (self.more(x) if self.training else 0)"), "appear in forward: more"),
}  # fmt: skip

BY_CHANCE = {
    "stochastic depth": net("self.blocks = nn.ModuleList(nn.Linear(8, 8) for _ in range(12))\nself.head = nn.Linear(8, self.outputs)", "for n, block in enumerate(self.blocks):\n    if not self.training or torch.rand(()) > 0.6 * (n + 1) / 12: x = x + block(x).tanh()\nreturn self.head(x)"),
    "one block of many": net("self.blocks = nn.ModuleList(nn.Linear(8, 8) for _ in range(10))\nself.head = nn.Linear(8, self.outputs)", "n = int(torch.randint(10, ())) if self.training else 0\nreturn self.head(self.blocks[n](x).relu())"),
    "hard routing": net("self.route, self.experts = nn.Linear(8, 16), nn.ModuleList(nn.Linear(8, self.outputs) for _ in range(16))", "w = self.route(x).softmax(1)\ntop, which = w.max(1)\nout = x.new_zeros(len(x), self.outputs)\nfor n, expert in enumerate(self.experts):\n    rows = (which == n).nonzero().flatten()\n    if len(rows): out = out.index_add(0, rows, expert(x[rows]) * top[rows, None])\nreturn out"),
    "drop path by samples": net("self.a, self.b = nn.Linear(8, 16), nn.Linear(16, 16)\nself.head = nn.Linear(16, self.outputs)", "h = self.a(x)\nkeep = (torch.rand(len(x), 1) < 0.05).float() / 0.05 if self.training else 1\nreturn self.head(h + keep * self.b(h).relu())"),
    "dropped weights in checkpoints": net("self.a, self.b = nn.Linear(8, 16), nn.Linear(16, self.outputs)", "h = checkpoint(lambda z: F.dropout(self.a(z), 0.5, self.training).relu(), x, use_reentrant=False)\nreturn self.b(h)"),
}  # fmt: skip

UNREACHED = {
    "an expert that no input reaches": net("self.a, self.b = nn.Linear(8, self.outputs), nn.Linear(8, self.outputs)", "return torch.where((x.abs().sum(1) > 1e9)[:, None], self.b(x.detach()), self.a(x)) if bool((x > 1e9).any()) else self.a(x)"),
    "a block that is never drawn": net("self.blocks = nn.ModuleList(nn.Linear(8, self.outputs) for _ in range(3))", "return self.blocks[int(torch.randint(2, ())) if self.training else 0](x)"),
}  # fmt: skip

NOT_FINITE = {
    "a closed position times a scale": net("self.body, self.scale = nn.Linear(8, self.outputs), nn.Parameter(torch.ones(()))", "y = self.body(x)\nclosed = torch.zeros_like(y).masked_fill(torch.arange(y.shape[1]) > 0, -torch.inf)\nreturn y + (closed * self.scale).softmax(1)"),
    "a root of nothing": net("self.body, self.shift = nn.Linear(8, self.outputs), nn.Parameter(torch.zeros(()))", "return self.body(x) + self.shift.abs().sqrt()"),
}  # fmt: skip

COMPILED = {
    "a method": GOOD.replace("    def forward", "    @torch.compile\n    def forward"),
    "a method with options": GOOD.replace("    def forward", "    @torch.compile(mode='max-autotune', fullgraph=True)\n    def forward"),
    "a layer": GOOD.replace("\n    def forward", "        self.net = torch.compile(self.net, dynamic=True)\n\n    def forward"),
    "in place": GOOD.replace("\n    def forward", "        self.net.compile(backend='eager')\n        self.compile()\n\n    def forward"),
    "a function": GOOD.replace("class Model", "@torch.compile\ndef double(x):\n    return 2 * x\n\nclass Model").replace("self.net(x)", "self.net(double(x))"),
    "by dynamo": "import torch._dynamo\n" + GOOD.replace("self.net(x)", "torch._dynamo.optimize('inductor')(self.net)(x)"),
    "imported by name": "from torch import compile\n" + GOOD.replace("    def forward", "    @compile\n    def forward"),
    "a script": GOOD.replace("class Model", "@torch.jit.script\ndef double(x: torch.Tensor) -> torch.Tensor:\n    return 2 * x\n\nclass Model").replace("self.net(x)", "self.net(double(x))"),
}  # fmt: skip


SOUND = {
    "steps along a gradient of its own": net("self.a, self.b = nn.Linear(8, 16), nn.Linear(16, self.outputs)", "with torch.enable_grad():\n    z = x.detach().requires_grad_()\n    slope, = torch.autograd.grad(self.a(z).pow(2).sum(), z, create_graph=self.training)\nreturn self.b(self.a(z - 0.01 * slope).relu())"),
    "a derivative along a direction": net("self.body, self.head = nn.Linear(8, 16), nn.Linear(16, self.outputs)", "h, slope = torch.func.jvp(lambda v: self.body(v).tanh(), (x,), (torch.ones_like(x),))\nreturn self.head(h + slope)"),
    "noise that takes a gradient": net("self.body = nn.Linear(8, self.outputs)", "noise = torch.zeros(8, requires_grad=True)\nreturn self.body(x + noise)"),
    "what a process may say once": "import multiprocessing, torch\ntorch.set_num_interop_threads(2)\nmultiprocessing.set_start_method('spawn')\n" + GOOD,
    "a package that is not there": "try:\n    import flash_attn\nexcept ImportError:\n    flash_attn = None\n" + GOOD,
    "a package that is hidden": "try:\n    import pytest\nexcept ImportError:\n    pytest = None\n" + GOOD,
    "parameters that are left as they are": GOOD + "\n    def parameters(self, recurse=True):\n        return [p for n, p in self.named_parameters() if 'bias' not in n]\n",
}  # fmt: skip

ADVICE = {
    "a layer in each pass": (net("self.body = nn.Linear(8, 16)", "return nn.Linear(16, self.outputs)(self.body(x))"), "keep them as nn.Parameter, and layers in nn.ModuleList"),
    "layers in a list": (net("self.layers = [nn.Linear(8, 16), nn.Linear(16, self.outputs)]", "return self.layers[1](self.layers[0](x))"), "keep them as nn.Parameter, and layers in nn.ModuleList"),
    "a sparse embedding": (net("self.table, self.head = nn.Embedding(9, 4, sparse=True), nn.Linear(32, self.outputs)", "return self.head(self.table((x * 2 + 4).long().clamp(0, 8)).flatten(1))"), "the gradient of table.weight is sparse, which no optimizer here takes: leave out sparse=True"),
    "a sparse weight": (net("self.w, self.head = nn.Parameter(torch.eye(8).to_sparse()), nn.Linear(8, self.outputs)", "return self.head(torch.sparse.mm(self.w, x.T).T)"), "the gradient of w is sparse"),
    "another default type": ("import torch\ntorch.set_default_dtype(torch.float64)\n" + GOOD, "must have the same dtype"),
    "complex outputs": (net("self.body = nn.Linear(8, self.outputs)", "return torch.complex(self.body(x), self.body(x))"), "it returned a complex tensor of shape (3, 3)"),
    "a package that is hidden": ("import pytest\n" + GOOD, "No module named 'pytest'; a candidate is one file and may import"),
    "a package in the forward pass": (net("self.body = nn.Linear(8, self.outputs)", "import einops_of_nobody\nreturn self.body(x)"), "a candidate is one file and may import the standard library, torch"),
    "a file beside it": ("from .layers import Block\n" + GOOD, "a candidate is one file: put"),
    "a file to read": ("open('config.yaml')\n" + GOOD, "a candidate has no network, no other processes and no files"),
    "the network": ("import urllib.request\nurllib.request.urlopen('http://localhost:9')\n" + GOOD, "a candidate has no network"),
    "another program": ("import subprocess\nsubprocess.run(['pip', 'install', 'einops'])\n" + GOOD, "no other processes"),
    "a device": (net("self.body = nn.Linear(8, self.outputs)", "return self.body(x.to('mps'))"), "leave out .cuda() and .to(device)"),
}  # fmt: skip

REFUSED = {**TOO_LATE, **ADVICE}
TRAINED = {**COMPILED, **SOUND}


def check(sandbox: Sandbox, source: str, problem: Problem, seed: int = 0) -> CheckReport:
    return sandbox.check(source, problem, seed)


@pytest.mark.parametrize("name", LATE)
def test_what_is_made_in_the_first_forward_is_trained(
    process_sandbox: Sandbox, problem: Problem, make_job: Jobs, name: str
) -> None:
    report = check(process_sandbox, LATE[name], problem)
    assert report.status is Status.OK, report.error
    assert report.graph
    outcome = process_sandbox.train(make_job(LATE[name], steps=60))
    assert outcome.status is Status.OK, outcome.error
    assert outcome.curve[-1][1] < outcome.curve[0][1]


@pytest.mark.parametrize(("source", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_trained_is_refused_with_the_reason(
    process_sandbox: Sandbox, problem: Problem, source: str, said: str
) -> None:
    report = check(process_sandbox, source, problem)
    assert report.status is Status.INVALID
    assert said in report.error


def test_what_appears_in_the_middle_of_a_training_ends_it(
    process_sandbox: Sandbox, make_job: Jobs
) -> None:
    source = net(
        "self.body, self.calls = nn.Linear(8, self.outputs), 0",
        "self.calls += 1\nif self.calls == 17: self.more = nn.Linear(8, self.outputs)\n"
        "return self.body(x) + (self.more(x) if self.calls > 16 else 0)",
    )
    outcome = process_sandbox.train(make_job(source))
    assert outcome.status is Status.INVALID
    assert "parameters appear in forward: more.weight, more.bias" in outcome.error


@pytest.mark.parametrize("name", BY_CHANCE)
def test_parts_that_chance_or_routing_leaves_out_are_waited_for(
    process_sandbox: Sandbox, problem: Problem, name: str
) -> None:
    for seed in range(3):
        report = check(process_sandbox, BY_CHANCE[name], problem, seed)
        assert report.status is Status.OK, report.error


@pytest.mark.parametrize("name", UNREACHED)
def test_what_no_draw_reaches_is_refused(
    process_sandbox: Sandbox, problem: Problem, name: str
) -> None:
    assert "no gradient reaches" in check(process_sandbox, UNREACHED[name], problem).error


@pytest.mark.parametrize("name", NOT_FINITE)
def test_a_gradient_that_is_not_finite_is_refused_before_it_is_trained(
    process_sandbox: Sandbox, problem: Problem, name: str
) -> None:
    report = check(process_sandbox, NOT_FINITE[name], problem)
    assert report.status is Status.INVALID
    assert re.search(r"the gradient of (scale|shift) is not finite", report.error)


@pytest.mark.parametrize("source", TRAINED.values(), ids=TRAINED)
def test_sound_ways_of_writing_are_trained(
    process_sandbox: Sandbox, problem: Problem, make_job: Jobs, source: str
) -> None:
    report = check(process_sandbox, source, problem)
    assert report.status is Status.OK, report.error
    assert process_sandbox.train(make_job(source)).status is Status.OK


def test_a_graph_that_is_kept_is_said_with_what_to_change(
    process_sandbox: Sandbox, make_job: Jobs
) -> None:
    source = net(
        "self.body, self.mean = nn.Linear(8, self.outputs), torch.zeros(3)",
        "y = self.body(x).tanh()\nif self.training: self.mean = 0.9 * self.mean + 0.1 * y.mean(0)\n"
        "return y - self.mean",
    )
    outcome = process_sandbox.train(make_job(source))
    assert "detach what is kept from one call to the next" in outcome.error


@pytest.mark.parametrize("mark", ["\ufeff", "\ufeff# -*- coding: utf-8 -*-\r\n"])
def test_a_byte_order_mark_is_passed_over(
    process_sandbox: Sandbox, problem: Problem, make_job: Jobs, mark: str
) -> None:
    assert check(process_sandbox, mark + GOOD, problem).status is Status.OK
    assert process_sandbox.train(make_job(mark + GOOD)).status is Status.OK


def test_a_file_that_is_not_there_is_named_with_what_to_do(
    process_sandbox: Sandbox, problem: Problem
) -> None:
    report = check(process_sandbox, "import layers_of_mine\n" + GOOD, problem)
    assert "No module named 'layers_of_mine'" in report.error
    assert "a candidate is one file" in report.error
