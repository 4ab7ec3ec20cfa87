"""Every way to write a recipe is read as Python would, or said in one line."""

# ruff: noqa: E501 - tables: one source a line

from __future__ import annotations

import pytest

from archwright.core import LEAST_BATCH, Problem, Recipe, SourceError
from archwright.search.grammar.variation import put_recipe
from archwright.source import SourceCode, read_source
from archwright.source.fingerprint import fingerprint

PROBLEM = Problem("Model", (8,), (3,), "cross_entropy", max_params=10_000)
NET = """
import math
from torch import nn

class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.net = nn.Linear(input_shape[0], output_shape[0])

    def forward(self, x):
        return self.net(x)

"""

READ = {
    "a call": "RECIPE = dict(batch_size=64)",
    "an annotation": "RECIPE: dict[str, int] = {'batch_size': 64}",
    "an item later": "RECIPE = {}\nRECIPE['batch_size'] = 64",
    "an update by names": "RECIPE = {'schedule': 'linear'}\nRECIPE.update(batch_size=64)",
    "an update by a dictionary": "RECIPE = {}\nRECIPE.update({'batch_size': 64})",
    "a union": "RECIPE = {'batch_size': 8} | {'batch_size': 64}",
    "a union in place": "RECIPE = {}\nRECIPE |= {'batch_size': 64}",
    "two names": "DEFAULTS = RECIPE = {'batch_size': 64}",
    "a change by the other name": "BASE = RECIPE = {}\nBASE['batch_size'] = 64",
    "a pair of names": "WIDTH, RECIPE = 32, {'batch_size': 64}",
    "an assignment in an expression": "(RECIPE := {'batch_size': 64})",
    "a block that is run": "if True:\n    RECIPE = {'batch_size': 64}",
    "a choice": "BIG = 2 > 1\nif BIG:\n    RECIPE = {'batch_size': 64}\nelse:\n    RECIPE = {}",
    "a loop": "RECIPE = {}\nfor key, value in [('batch_size', 64)]:\n    RECIPE[key] = value",
    "a name": "BATCH = 64\nRECIPE = {'batch_size': BATCH}",
    "arithmetic": "RECIPE = {'batch_size': 4 * 2**4}",
    "a square root": "RECIPE = {'batch_size': int(math.sqrt(4096))}",
    "an item of a list": "SIZES = [32, 64]\nRECIPE = {'batch_size': SIZES[-1]}",
    "unpacking": "BASE = {'batch_size': 8}\nRECIPE = {**BASE, 'batch_size': 64}",
    "a read-only view": "import types\nRECIPE = types.MappingProxyType({'batch_size': 64})",
    "a class of settings": "class C:\n    size = 64\nRECIPE = {'batch_size': C.size}",
    "a data class": "from dataclasses import asdict, dataclass\n@dataclass\nclass C:\n    batch_size: int = 8\nRECIPE = asdict(C(batch_size=64))",
    "from itself": "RECIPE = {'schedule': 'linear'}\nRECIPE = {**RECIPE, 'batch_size': 64}",
    "an item taken away": "RECIPE = {'batch_size': 64, 'epochs': 9}\ndel RECIPE['epochs']",
    "read by a function": "RECIPE = {'batch_size': 64}\ndef size():\n    return RECIPE['batch_size']\nN = size()",
    "only as a program": "RECIPE = {'batch_size': 64}\nif __name__ == '__main__':\n    RECIPE = {**RECIPE, 'batch_size': 8}",
}  # fmt: skip

SAID = {
    "a function's result": ("def make():\n    return {}\nRECIPE = make()", "make"),
    "given to a function": ("RECIPE = {}\ntune(RECIPE)", "tune"),
    "given by another name": ("A = RECIPE = {}\ntune(A)", "tune"),
    "a tensor": ("RECIPE = {'learning_rate': nn.Parameter(1.0)}", "nn"),
    "a block that may fail": ("try:\n    RECIPE = {}\nexcept OSError:\n    pass", "not read"),
    "a condition that is not known": ("if nn.fast:\n    RECIPE = {'batch_size': 64}", "nn"),
    "a global statement": ("def f():\n    global RECIPE\n    RECIPE = {}\nf()", "not read"),
    "changed in a function": ("RECIPE = {}\ndef f():\n    RECIPE['batch_size'] = 64\nf()", "RECIPE"),
    "in the class": ("class Settings:\n    RECIPE = {'batch_size': 64}", "stands in class Settings"),
    "on the class": ("Model.RECIPE = {'batch_size': 64}", "an attribute"),
    "by its name as a text": ("globals()['RECIPE'] = {'batch_size': 64}", "as a text"),
    "imported": ("from settings import RECIPE", "imported"),
    "in small letters": ("recipe = {'batch_size': 64}", "spelled recipe"),
    "declared alone": ("RECIPE: dict", "RECIPE"),
    "a list of pairs": ("RECIPE = [('batch_size', 64)]", "not a dictionary"),
    "a number without end": ("RECIPE = {'batch_size': 9 ** 9 ** 9}", "not read"),
    "a text without end": ("RECIPE = {'schedule': 'x' * 10**9}", "not read"),
}  # fmt: skip


def recipe(lines: str) -> Recipe:
    return read_source(f"{NET}{lines}\n", PROBLEM, Recipe(batch_size=32)).recipe


@pytest.mark.parametrize("lines", READ.values(), ids=READ)
def test_a_recipe_is_read_as_python_would(lines: str) -> None:
    assert recipe(lines).batch_size == 64


@pytest.mark.parametrize(("lines", "said"), SAID.values(), ids=SAID)
def test_what_cannot_be_read_is_said_in_one_line(lines: str, said: str) -> None:
    with pytest.raises(SourceError, match=said) as caught:
        recipe(lines)
    assert "\n" not in str(caught.value)
    assert "line " in str(caught.value)


def test_a_batch_may_be_as_small_as_the_tasks_own() -> None:
    source = f"{NET}RECIPE = {{'batch_size': 2}}\n"
    assert read_source(source, PROBLEM, Recipe(batch_size=2)).recipe.batch_size == 2
    for own, least in ((32, 8), (4, 4)):
        with pytest.raises(SourceError, match=rf"must lie in \[{least}, 256\]"):
            read_source(source, PROBLEM, Recipe(batch_size=own))
    with pytest.raises(SourceError, match=r"\[1, 256\]"):
        Recipe().updated({"batch_size": 0}, LEAST_BATCH)


@pytest.mark.parametrize("schedule", ["Warmup_Cosine", "warmup-cosine", "WARMUP_COSINE"])
def test_a_name_counts_however_it_is_written(schedule: str) -> None:
    found = recipe(f"RECIPE = {{'optimizer': 'RMSprop', 'schedule': '{schedule}'}}")
    assert (found.optimizer, found.schedule) == ("rmsprop", "warmup_cosine")
    with pytest.raises(SourceError, match=r"must be one of adamw, .*, not 'lion'"):
        recipe("RECIPE = {'optimizer': 'Lion'}")


def test_two_recipes_are_two_candidates_however_they_are_written() -> None:
    forms = [
        "RECIPE = {}\nRECIPE.update(batch_size=%d)",
        "if True:\n    RECIPE = {'batch_size': %d}",
    ]
    for form in forms:
        prints = [fingerprint(f"{NET}{form % n}\n", recipe(form % n)) for n in (16, 64)]
        assert prints[0].text != prints[1].text
        assert prints[0].tree != prints[1].tree


def test_a_recipe_in_several_statements_is_replaced_as_one() -> None:
    source = f"{NET}RECIPE = dict(schedule='linear')\nRECIPE['batch_size'] = 64\n"
    changed = put_recipe(SourceCode(source), {"batch_size": 16})
    assert changed.count("RECIPE") == 1
    assert read_source(changed, PROBLEM, Recipe()).recipe == Recipe(batch_size=16)


BASE = "import torch\nfrom torch import nn\nclass Base(nn.Module):\n    def __init__(self, i, o):\n        super().__init__()\n{body}\n"
ENTRIES = {
    "inherited": BASE.format(body="    def forward(self, x): return x") + "class Model(Base): pass\n",
    "a function as forward": "def go(self, x): return x\n" + BASE.format(body="    forward = go") + "class Model(Base): pass\n",
    "a call": BASE.format(body="    def __call__(self, x): return x").replace("Base", "Model"),
    "another name": BASE.format(body="    def forward(self, x): return x") + "Model = Base\n",
    "in a block": "from torch import nn\nif True:\n    class Model(nn.Module):\n        def forward(self, x): return x\n",
    "a byte order mark": "\ufeff" + NET,
    "a byte order mark and Windows lines": "\ufeff" + NET.replace("\n", "\r\n"),
}  # fmt: skip


@pytest.mark.parametrize("source", ENTRIES.values(), ids=ENTRIES)
def test_a_class_that_python_would_find_is_found(source: str) -> None:
    assert read_source(source, PROBLEM, Recipe()).recipe == Recipe()


def test_a_function_in_the_place_of_the_class_is_named() -> None:
    with pytest.raises(SourceError, match="line 2: Model is a function; define class Model"):
        read_source("x = 1\ndef Model(i, o): ...\n", PROBLEM, Recipe())


def test_a_byte_order_mark_is_no_difference() -> None:
    assert fingerprint("\ufeff" + NET, Recipe()) == fingerprint(NET, Recipe())
