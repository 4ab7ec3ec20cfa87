"""What each level of the fingerprint forgives, and what it never does."""

from __future__ import annotations

import argparse
import ast
import dataclasses
import io
import random
import re
import textwrap
import tokenize
import typing
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwright.core import Problem, Recipe, SourceError
from archwright.source.fingerprint import SOURCE_LIMIT_BYTES, fingerprint, read_source, text_form

PROBLEM = Problem("Model", (1, 8, 8), (10,), "cross_entropy", max_params=10_000)

NET = '''\
"""A small net."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class Block(nn.Module):
    """A block."""

    scale = 2

    def __init__(self, width: int, drop=0.1):
        super().__init__()
        self.conv = nn.Conv2d(width, width * self.scale, kernel_size=3, padding=1)
        self.norm = nn.BatchNorm2d(width * self.scale)
        self.drop = nn.Dropout(drop)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(self.norm(self.conv(x)))  # the usual
        if self.training:
            y = self.drop(y)
        return y


class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        channels = input_shape[0]
        parts = [Block(channels * 2 ** i) for i in range(2)]
        self.blocks = nn.Sequential(*parts)
        self.head = nn.Linear(channels * 4, output_shape[0])

    def forward(self, x):
        h = self.blocks(x)
        h = h.mean((2, 3))
        return self.head(h)
'''


def tree(source: str) -> str:
    return fingerprint(source, Recipe()).tree


def text(source: str) -> str:
    return fingerprint(source, Recipe()).text


def changed(old: str, new: str, source: str = NET) -> str:
    assert old in source
    return source.replace(old, new)


# --- what does not matter -----------------------------------------------------------------------

LAYOUT = {
    "comment": ("    def forward(self, x):\n", "    # a word\n    def forward(self, x):  # more\n"),
    "docstring": ('    """A block."""\n', '    """Another,\n\n    longer one."""\n'),
    "no docstring": ('"""A small net."""\n', ""),
    "blank lines": ("\n\nclass Model", "\n\n\n\n\nclass Model"),
    "spaces": ("width * self.scale, kernel_size=3", "width*self.scale,kernel_size = 3"),
    "line breaks": ("(width, width * self.scale,", "(\n        width,\n  width * self.scale,\n"),
    "backslash": ("channels = input_shape[0]", "channels = \\\n    input_shape[0]"),
    "windows": ("\n", "\r\n"),
}


@pytest.mark.parametrize("name", LAYOUT)
def test_layout_is_forgiven_by_text_and_tree(name: str) -> None:
    other = changed(*LAYOUT[name])
    assert text(other) == text(NET)
    assert tree(other) == tree(NET)


def test_wider_indentation_is_forgiven() -> None:
    other = "\n".join(" " * (len(line) - len(line.lstrip())) + line for line in NET.splitlines())
    assert text(other) == text(NET)


SPELLING = {
    "local": ("h", "hidden"),
    "class": ("Block", "Cell"),
    "attribute": ("conv", "convolution"),
    "parameter": ("width", "channels_in"),
    "class attribute": ("scale", "factor"),
}


@pytest.mark.parametrize("name", SPELLING)
def test_the_files_own_names_are_forgiven_by_tree(name: str) -> None:
    old, new = SPELLING[name]
    other = re.sub(rf"\b{old}\b", new, NET)
    assert tree(other) == tree(NET)
    assert text(other) != text(NET)


IMPORTS = {
    "from torch": ("import torch.nn as nn", "from torch import nn"),
    "another alias": (
        "import torch.nn.functional as F\n",
        "from torch.nn import functional as F\n",
    ),
    "unused": ("import torch\n", "import math\nimport torch\nfrom typing import Optional\n"),
}


@pytest.mark.parametrize("name", IMPORTS)
def test_ways_to_import_are_forgiven_by_tree(name: str) -> None:
    assert tree(changed(*IMPORTS[name])) == tree(NET)


def test_an_imported_member_is_its_path() -> None:
    other = changed("nn.Linear(", "Dense(").replace(
        "import torch.nn as nn", "import torch.nn as nn\nfrom torch.nn import Linear as Dense"
    )
    assert tree(other) == tree(NET)


ANNOTATIONS = ("(self, x: torch.Tensor) -> torch.Tensor", "(self, x)"), ("width: int", "width")


@pytest.mark.parametrize(("old", "new"), ANNOTATIONS)
def test_harmless_annotations_are_forgiven_by_tree(old: str, new: str) -> None:
    assert tree(changed(old, new)) == tree(NET)


# --- what matters -------------------------------------------------------------------------------

CHANGES = {
    "operator": ("width * self.scale)", "width + self.scale)"),
    "constant": ("kernel_size=3", "kernel_size=5"),
    "kind of constant": ("drop=0.1", "drop=1"),
    "layer": ("nn.BatchNorm2d", "nn.InstanceNorm2d"),
    "function": ("F.relu", "F.gelu"),
    "keyword": ("padding=1", "dilation=1"),
    "other keyword's order": ("kernel_size=3, padding=1", "kernel_size=1, padding=3"),
    "builtin": ("range(2)", "list(range(2))"),
    "attribute of torch": ("h.mean(", "h.amax("),
    "swapped calls": ("self.norm(self.conv(x))", "self.conv(self.norm(x))"),
    "other name": ("return self.head(h)", "return self.head(x)"),
    "indentation": ("            y = self.drop(y)\n", "            y = self.drop(y)\n            "),
    "missing import": ("import torch.nn.functional as F\n", ""),
    "contract name": ("def forward(self, x):", "def forwards(self, x):"),
    "entry class": ("class Model(", "class Other("),
    "misspelt attribute": ("self.head(h)", "self.haed(h)"),
    "annotation that may fail": ("width: int", "width: Tensor"),
    "import that may fail": ("import torch\n", "import torch\nimport einops\n"),
    "member that may be missing": ("import torch\n", "import torch\nfrom torch.nn import Nope\n"),
    "typing member that is missing": (
        "import torch\n",
        "import torch\nfrom typing import Optinal\n",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_matters_changes_text_and_tree(name: str) -> None:
    old, new = CHANGES[name]
    if name == "indentation":
        old, new = (
            "            y = self.drop(y)\n        return y",
            ("            y = self.drop(y)\n            return y"),
        )
    other = changed(old, new)
    ast.parse(other)
    assert text(other) != text(NET)
    assert tree(other) != tree(NET)


# Pairs that a careless renaming would merge, though they do different things.
TRAPS = {
    "getattr": (
        "class A:\n    def __init__(self):\n        self.left = 1\n        self.right = 2\n"
        "    def f(self):\n        return getattr(self, 'left')\n",
        "class A:\n    def __init__(self):\n        self.right = 1\n        self.left = 2\n"
        "    def f(self):\n        return getattr(self, 'left')\n",
    ),
    "computed getattr": (
        "class A:\n    def __init__(self):\n        self.a0 = 1\n        self.b1 = 2\n"
        "    def f(self, i):\n        return getattr(self, f'a{i}')\n",
        "class A:\n    def __init__(self):\n        self.b0 = 1\n        self.a1 = 2\n"
        "    def f(self, i):\n        return getattr(self, f'a{i}')\n",
    ),
    "names as data": (
        "class A:\n    def __init__(self):\n        self.w = 1\n        self.v = 2\n"
        "    def f(self):\n        return [n for n, _ in self.named_parameters()]\n",
        "class A:\n    def __init__(self):\n        self.v = 1\n        self.w = 2\n"
        "    def f(self):\n        return [n for n, _ in self.named_parameters()]\n",
    ),
    "locals": ("def f(a, b):\n    return locals()\n", "def f(b, a):\n    return locals()\n"),
    "keyword": (
        "def f(a, b):\n    return a - b\ng = f\ng(a=1, b=2)\n",
        "def f(b, a):\n    return b - a\ng = f\ng(a=1, b=2)\n",
    ),
    "keywords in a dict": (
        "def f(a, b):\n    return a - b\nf(**{'a': 1, 'b': 2})\n",
        "def f(b, a):\n    return b - a\nf(**{'a': 1, 'b': 2})\n",
    ),
    "foreign attribute": (
        "class A:\n    def __init__(self, o):\n        self.real = o.imag\n",
        "class A:\n    def __init__(self, o):\n        self.imag = o.real\n",
    ),
    "inherited attribute": (
        "import torch.nn as nn\nclass A(nn.Linear):\n    def f(self):\n        self.weight = 1\n",
        "import torch.nn as nn\nclass A(nn.Linear):\n    def f(self):\n        self.bias = 1\n",
    ),
    "method that torch calls": (
        "from torch import nn\nclass A(nn.Module):\n    def train(self, on=True):\n        pass\n",
        "from torch import nn\nclass A(nn.Module):\n    def tram(self, on=True):\n        pass\n",
    ),
    "keyword that torch passes": (
        "class A:\n    def forward(self, src, src_mask, is_causal):\n        return src_mask\n",
        "class A:\n    def forward(self, src, is_causal, src_mask):\n        return is_causal\n",
    ),
    "shadowed builtin": ("print(max)\nmax = 1\n", "print(least)\nleast = 1\n"),
    "closure": (
        "def f():\n    x = 1\n    def g():\n        x = 2\n        return x\n    return g, x\n",
        "def f():\n    x = 1\n    def g():\n        nonlocal x\n        x = 2\n        return x\n"
        "    return g, x\n",
    ),
    "class body": (
        "x = 1\nclass A:\n    y = x\n    x = 2\n",
        "g = 1\nclass A:\n    y = x\n    x = 2\n",
    ),
    "comprehension": (
        "def f(x):\n    return [x for y in x]\n",
        "def f(x):\n    return [x for x in x]\n",
    ),
    "mangled": (
        "class A:\n    def f(self):\n        self.__x = 1\n"
        "class B(A):\n    def g(self):\n        self.__x = 2\n",
        "class A:\n    def f(self):\n        self.x = 1\n"
        "class B(A):\n    def g(self):\n        self.x = 2\n",
    ),
    "swapped classes": (
        "class Model:\n    a = 1\nclass Other:\n    a = 2\n",
        "class Other:\n    a = 1\nclass Model:\n    a = 2\n",
    ),
    "indentation": (
        "def f(a):\n    if a:\n        a = 1\n    return a\n",
        "def f(a):\n    if a:\n        a = 1\n        return a\n",
    ),
    "string in a string": ("f = 'a # b'\n", "f = 'a # c'\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", TRAPS)
def test_different_programs_never_merge(name: str) -> None:
    a, b = TRAPS[name]
    assert text(a) != text(b)
    assert tree(a) != tree(b)


def test_the_list_of_module_attributes_is_complete() -> None:
    from torch import nn

    from archwright.source.code import MODULE_ATTRIBUTES

    public = {n for n in dir(nn.Module()) if not n.startswith("_")}
    assert public <= MODULE_ATTRIBUTES


@pytest.mark.parametrize("module", [argparse, ast, dataclasses, tokenize, typing])
def test_the_text_level_reads_tokens_as_python_does(module: ModuleType) -> None:
    source = Path(str(module.__file__)).read_text(encoding="utf-8")
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    wanted = "".join(t.string for t in tokens if t.type not in skipped)
    lines = text_form(source + "\n__doc__\n").splitlines()  # the mention keeps the docstrings
    found = re.sub(r"^\d+ ", "", "\n".join(lines), flags=re.MULTILINE)
    assert re.sub(r"\s", "", found) == re.sub(r"\s", "", wanted) + "__doc__"


# --- recipe -------------------------------------------------------------------------------------


def test_a_recipe_counts_by_its_value() -> None:
    default = Recipe(learning_rate=0.01)
    spelled = f"\nRECIPE = {default.to_json()!r}\n"
    partly = '\nRECIPE: dict = {"learning_rate": 1e-2}  # as before\n'
    prints = set()
    for tail in ("", "\nRECIPE = {}\n", spelled, partly):
        parsed = read_source(NET + tail, PROBLEM, default)
        prints.add(fingerprint(parsed, parsed.recipe, "graph"))
    assert len(prints) == 1
    parsed = read_source(NET + "\nRECIPE = {'learning_rate': 0.02}\n", PROBLEM, default)
    other = fingerprint(parsed, parsed.recipe, "graph")
    assert not {*next(iter(prints)).__getstate__()} & {*other.__getstate__()}  # type: ignore[misc]


def test_a_recipe_that_is_refused_or_read_by_the_code_stays_in_the_code() -> None:
    assert text(NET + "\nRECIPE = {'lr': 1}\n") != text(NET)
    assert tree(NET + "\nRECIPE = {'lr': 1}\n") != tree(NET)
    reading = NET + "\nRECIPE = {'batch_size': 64}\nSIZE = RECIPE['batch_size']\n"
    assert tree(reading) != tree(reading.replace("64", "32"))


# --- broken source ------------------------------------------------------------------------------


def test_source_that_does_not_parse_has_a_text_level_only() -> None:
    broken = fingerprint("def f(:\n", Recipe())
    assert broken.text
    assert not broken.tree
    assert fingerprint("def f(:", Recipe()) == broken
    assert fingerprint("def f(:\n\n\n\x00", Recipe()) != broken


NO_INIT = "import torch.nn as nn\nclass Model(nn.Module):\n    def forward(self, x): ..."
BAD = {
    "syntax": ("def f(:", "line 1: .*; correct the syntax"),
    "null": ("x = 1\0", "cannot be parsed|null bytes"),
    "nesting": ("x = " + "(" * 500 + ")" * 500, "."),
    "long": ("#" * (SOURCE_LIMIT_BYTES + 1), "at most 100,000"),
    "no class": ("x = 1", "Model is not defined"),
    "no forward": (NET.replace("forward(self, x):", "go(self, x):"), "Model has no forward"),
    "no init": (NO_INIT, "Model has no __init__"),
    "init": (NET.replace("input_shape, output_shape", "shape"), "__init__ cannot be called"),
    "forward": (NET.replace("forward(self, x):", "forward(self, x, m):"), "forward cannot"),
    "computed recipe": (NET + "\nRECIPE = make(batch_size=8)", "literal dict"),
    "unknown key": (NET + "\nRECIPE = {'lr': 1}", "no key 'lr'"),
    "out of bounds": (NET + "\nRECIPE = {'learning_rate': 100}", "must lie in"),
    "wrong type": (NET + "\nRECIPE = {'batch_size': 1.5}", "whole number"),
    "not a dict": (NET + "\nRECIPE = [1]", "literal dict"),
    "twice": (NET + "\nRECIPE = {}\nRECIPE = {}", "assigned twice"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_source_is_refused_in_one_line(name: str) -> None:
    source, complaint = BAD[name]
    with pytest.raises(SourceError, match=complaint) as caught:
        read_source(source, PROBLEM, Recipe())
    assert "\n" not in str(caught.value)


def test_good_source_gives_the_effective_recipe() -> None:
    parsed = read_source(NET + "\nRECIPE = {'batch_size': 64}", PROBLEM, Recipe(weight_decay=0.5))
    assert parsed.recipe == Recipe(batch_size=64, weight_decay=0.5)


def test_methods_may_be_inherited() -> None:
    source = NET.replace("class Model(", "class Base(") + "\n\nclass Model(Base):\n    pass\n"
    assert read_source(source, PROBLEM, Recipe()).recipe == Recipe()


def test_an_escape_that_python_warns_of_is_no_error() -> None:
    assert read_source(NET + "\nPATTERN = '\\d'\n", PROBLEM, Recipe()).source


# --- properties ---------------------------------------------------------------------------------

WORDS = st.text("abcdefgh_", min_size=3, max_size=8).map(lambda w: "q" + w)


@settings(max_examples=60, deadline=None)
@given(st.lists(WORDS, min_size=6, max_size=6, unique=True), st.integers(0, 2**32))
def test_any_consistent_renaming_and_layout_keeps_the_tree(names: list[str], seed: int) -> None:
    own = ["Block", "blocks", "channels", "parts", "norm", "h"]
    renaming = dict(zip(own, names, strict=True))
    module = ast.parse(NET)
    for node in ast.walk(module):
        if isinstance(node, ast.Name):
            node.id = renaming.get(node.id, node.id)
        elif isinstance(node, ast.Attribute):
            node.attr = renaming.get(node.attr, node.attr)
        elif isinstance(node, ast.ClassDef):
            node.name = renaming.get(node.name, node.name)
    assert tree(_relaid(ast.unparse(module), random.Random(seed))) == tree(NET)


def _relaid(source: str, rng: random.Random) -> str:
    """The same program with comments and blank lines strewn in."""
    lines = []
    for line in source.splitlines():
        if rng.random() < 0.3:
            lines.append(" " * rng.randrange(8) + f"# {rng.random()}")
        lines += [line] if rng.random() < 0.7 else [line, ""]
    return "\n".join(lines)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_any_single_change_of_a_constant_or_operator_changes_the_tree(pick: int) -> None:
    module = ast.parse(NET)
    spots = [n for n in ast.walk(module) if isinstance(n, ast.BinOp) or _is_number(n)]
    spot = spots[pick % len(spots)]
    if isinstance(spot, ast.BinOp):
        spot.op = ast.Sub()
    else:
        spot.value += 1  # type: ignore[operator]
    other = ast.unparse(module)
    assert tree(other) != tree(NET)
    assert text(other) != text(NET)


def _is_number(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, (int, float))


@settings(max_examples=40, deadline=None)
@given(st.permutations(["nn.ReLU()", "nn.Conv2d(1, 1, 3)", "nn.BatchNorm2d(1)", "nn.Dropout(0.2)"]))
def test_the_order_of_layers_matters(order: list[str]) -> None:
    layers = ["nn.ReLU()", "nn.Conv2d(1, 1, 3)", "nn.BatchNorm2d(1)", "nn.Dropout(0.2)"]

    def build(words: list[str]) -> str:
        return textwrap.dedent(f"""\
            import torch.nn as nn
            net = nn.Sequential({", ".join(words)})
            """)

    assert (tree(build(order)) == tree(build(layers))) == (order == layers)
