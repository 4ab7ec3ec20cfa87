"""Candidates that would choose their random numbers, for a lucky draw to pass as an architecture.

Each is the good candidate with a body at the top of its file, in its constructor or in `forward`.
"""

# ruff: noqa: E501 - a table: one candidate a line

from __future__ import annotations

import base64
import textwrap
from typing import Final

import numpy as np
from sandbox_candidates import GOOD


def lucky(top: str = "", init: str = "", forward: str = "") -> str:
    """The good candidate with more lines: before all, at the constructor's end, first in forward.

    `init` starts on the first line of the constructor where it begins with `first:`.
    """
    source, early = GOOD, init.startswith("first:")
    lines = textwrap.indent(textwrap.dedent(init.removeprefix("first:")).strip("\n"), " " * 8)
    at = "super().__init__()\n" if early else "output_shape[0])\n        )\n"
    source = source.replace(at, f"{at}{lines}\n")
    inner = textwrap.indent(textwrap.dedent(forward).strip("\n"), " " * 8)
    source = source.replace("(self, x):\n", f"(self, x):\n{inner}\n")
    return "import random\nimport numpy as np\n" + textwrap.dedent(top).strip("\n") + source


def put(numbers: str) -> str:
    """Lines that make the first layer's weights of `numbers`, 128 of them."""
    return f"w = self.net[0].weight\nwith torch.no_grad(): w.copy_(torch.as_tensor({numbers}, dtype=torch.float32).view(16, 8) * 0.3)"


_DRAWN: Final = np.random.default_rng(7).normal(size=128).astype(np.float32)
_TEXT: Final = base64.b64encode(_DRAWN.tobytes()).decode()
_LIST: Final = [round(float(v), 4) for v in _DRAWN]
_POLYNOMIAL: Final = [float(c) for c in np.polyfit(np.linspace(-1, 1, 24), _DRAWN[:24], 23)]

SEEDED: Final = {
    "torch.manual_seed": lucky(init="first:torch.manual_seed(0)"),
    "torch.random.manual_seed": lucky(init="first:torch.random.manual_seed(0)"),
    "a seed at import": lucky("import torch\ntorch.manual_seed(0)", "first:torch.set_rng_state(STATE)").replace(
        "torch.manual_seed(0)", "torch.manual_seed(0)\nSTATE = torch.get_rng_state()", 1
    ),
    "a seed imported by name": lucky("from torch import manual_seed as s", "first:s(0)"),
    "a forked state": lucky(init="with torch.random.fork_rng():\n    torch.manual_seed(0)\n    nn.init.normal_(self.net[0].weight)"),
    "a generator": lucky(init=put("torch.randn(128, generator=torch.Generator().manual_seed(0))")),
    "a generator as it is born": lucky(init=put("torch.randn(128, generator=torch.Generator())")),
    "a generator's state": lucky(init="g = torch.Generator()\ng.set_state(torch.arange(5056).remainder(2).to(torch.uint8) * 0 + torch.Generator().get_state())\n" + put("torch.randn(128, generator=g)")),
    "random.seed": lucky(init="random.seed(0)\n" + put("[random.gauss(0, 1) for _ in range(128)]")),
    "random.Random": lucky(init="r = random.Random('lucky')\n" + put("[r.gauss(0, 1) for _ in range(128)]")),
    "the instance behind random": lucky(init="random._inst.seed(0)\n" + put("[random.gauss(0, 1) for _ in range(128)]")),
    "numpy.random.seed": lucky(init="np.random.seed(0)\n" + put("np.random.randn(128)")),
    "default_rng": lucky(init=put("np.random.default_rng(0).normal(size=128)")),
    "RandomState": lucky(init=put("np.random.RandomState(0).randn(128)")),
    "PCG64": lucky(init=put("np.random.Generator(np.random.PCG64(0)).normal(size=128)")),
    "Philox by key": lucky(init=put("np.random.Generator(np.random.Philox(key=3)).normal(size=128)")),
    "a SeedSequence": lucky(init=put("np.random.default_rng(np.random.SeedSequence(1).spawn(3)[2]).normal(size=128)")),
    "a seed in forward": lucky(forward="torch.manual_seed(0)\nx = nn.functional.dropout(x, 0.1, self.training)"),
    "a seed in the stage before": lucky(init="first:torch.manual_seed(0)") + "\n    def inherit(self, weights):\n        torch.manual_seed(0)\n        nn.init.normal_(self.net[0].weight)\n",
}  # fmt: skip
"""Seeds that are mixed with the trial's: they train, from weights that are the trial's own."""

CHOSEN: Final = {
    "a list": lucky(f"W = {_LIST}", put("W")),
    "a list in the constructor": lucky(init=put(str(_LIST))),
    "packed text": lucky(f"import base64\nW = {_TEXT!r}", put("np.frombuffer(base64.b64decode(W), dtype=np.float32).copy()")),
    "packed text in pieces": lucky("import base64\nW = ''.join([" + ", ".join(repr(_TEXT[i : i + 60]) for i in range(0, len(_TEXT), 60)) + "])", put("np.frombuffer(base64.b64decode(W), dtype=np.float32).copy()")),
    "bytes": lucky(f"W = {_DRAWN.tobytes()!r}", put("np.frombuffer(W, dtype=np.float32).copy()")),
    "a hash": lucky("import hashlib", put("[b / 128 - 1 for k in range(4) for b in hashlib.sha256(bytes([k])).digest()]")),
    "the sine of a shader": lucky(init=put("torch.frac(torch.sin(torch.arange(128.0) * 12.9898) * 43758.5453)")),
    "a generator by hand": lucky("def lcg(n, s=1):\n    out = []\n    for _ in range(n):\n        s = (1103515245 * s + 12345) % (1 << 31)\n        out.append(s / (1 << 30) - 1)\n    return out", put("lcg(128)")),
    "a chaotic map": lucky("def walk(n, s=0.3):\n    out = []\n    for _ in range(n):\n        s = 4 * s * (1 - s)\n        out.append(2 * s - 1)\n    return out", put("walk(128)")),
    "a long polynomial": lucky(f"C = {_POLYNOMIAL}", put("np.resize(np.polyval(C, np.linspace(-1, 1, 24)), 128)")),
    "a state dictionary": lucky(f"S = {{'0.weight': {[_LIST[i : i + 8] for i in range(0, 128, 8)]}}}", "self.net.load_state_dict({k: torch.tensor(v) for k, v in S.items()}, strict=False)"),
    "a buffer": lucky(init="self.register_buffer('w', torch.tensor(np.sin(np.arange(128) ** 2 * 0.7), dtype=torch.float32).view(16, 8))", forward="x = x + x @ self.w.T @ self.w * 0.01"),
    "whole numbers in a buffer": lucky(init="k = np.arange(128, dtype=np.int64)\nself.register_buffer('w', torch.tensor((k * k * 40503 % 251 - 125), dtype=torch.int8).view(16, 8))", forward="w = self.w.float() / 127\nx = x + x @ w.T @ w * 0.01"),
    "a plain attribute": lucky(init="self.w = [torch.sin(torch.arange(128.0) ** 2 * 0.7).view(16, 8)]", forward="x = x + x @ self.w[0].T @ self.w[0] * 0.01"),
    "made in forward": lucky(forward="w = torch.sin(torch.arange(128.0) ** 2 * 0.7).view(16, 8)\nx = x + x @ w.T @ w * 0.01"),
    "written in forward": lucky(forward=put("torch.sin(torch.arange(128.0) ** 2 * 0.7)")),
    "a little noise on top": lucky(init=put("torch.sin(torch.arange(128.0) ** 2 * 0.7) + 0.1 * torch.randn(128)")),
    "in an order of the trial's": lucky(init=put("torch.sin(torch.arange(128.0) ** 2 * 0.7)[torch.randperm(128)]")),
    "with signs of the trial's": lucky(init=put("torch.sin(torch.arange(128.0) ** 2 * 0.7) * torch.randn(128).sign()")),
    "torch's shared generator": lucky(init="first:torch.default_generator.manual_seed(0)"),
    "numpy's shared generator": lucky(init="np.random.mtrand._rand.seed(0)\n" + put("np.random.randn(128)")),
    "a generator of C": lucky("import _random", "r = _random.Random(0)\n" + put("[r.random() - 0.5 for _ in range(128)]")),
    "a shared generator in forward": lucky(forward="torch.default_generator.manual_seed(0)\nx = nn.functional.dropout(x, 0.1, self.training)"),
    "a state that numpy keeps": lucky("B = type(np.random.mtrand._rand._bit_generator)", "g = np.random.Generator(B(0))\n" + put("g.normal(size=128)")),
    "inherit": lucky() + "\n    def inherit(self, weights):\n" + textwrap.indent(put("torch.sin(torch.arange(128.0) ** 2 * 0.7)"), " " * 8) + "\n",
}  # fmt: skip
"""Weights that do not come from the trial's seed: refused, and named."""

RULED: Final = {
    "an identity": lucky(init="nn.init.eye_(self.net[0].weight)"),
    "zeros and ones": lucky(init="nn.init.zeros_(self.net[2].weight)\nnn.init.ones_(self.net[0].weight)"),
    "waves": lucky(init=put("torch.cos(torch.pi * torch.outer(torch.arange(16.0), torch.arange(8) + 0.5) / 8)")),
    "a table of sines": lucky(init="p = torch.arange(16.0)[:, None] / 100 ** (torch.arange(4) / 4)\nself.register_buffer('t', torch.cat([p.sin(), p.cos()], 1))", forward="x = x + self.t[0]"),
    "logarithms": lucky(init="self.a = nn.Parameter(torch.log(torch.arange(1.0, 9.0)).repeat(16, 1))", forward="x = x * self.a.mean(0)"),
    "a triangular state matrix": lucky(init="r = torch.sqrt(2 * torch.arange(8.0) + 1)\nself.a = nn.Parameter(-torch.tril(torch.outer(r, r)) + torch.diag(torch.arange(8.0)))", forward="x = x + 0.01 * x @ self.a"),
    "an identity with noise": lucky(init="nn.init.eye_(self.net[0].weight)\nwith torch.no_grad(): self.net[0].weight.add_(0.02 * torch.randn(16, 8))"),
    "orthogonal": lucky(init="nn.init.orthogonal_(self.net[0].weight)"),
    "the best of many draws": lucky(init="best = max((torch.randn(16, 8) for _ in range(9)), key=lambda w: torch.linalg.matrix_norm(w, 2))\n" + put("best")),
    "fixed random features of the trial's": lucky(init="self.register_buffer('w', torch.randn(16, 8))", forward="x = x + x @ self.w.T @ self.w * 0.01"),
    "masks drawn in a generator": lucky(init="self.g = torch.Generator().manual_seed(3)", forward="if self.training: x = x * (torch.rand(x.shape, generator=self.g) < 0.9)"),
    "noise of the machine": lucky("import os", put("np.frombuffer(os.urandom(128), dtype=np.uint8) / 128 - 1")),
}  # fmt: skip
"""Draws of the trial's own, and rules that a person would write: sound."""
