"""Operators on scripts: constants are varied and layers exchanged, and nothing else moves."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from archwright.core import Problem, Script, read_bundle, write_bundle
from archwright.search.operators import OPERATORS, Edit, NotApplicable, edit
from archwright.search.operators.script_edits import settings_of
from archwright.source.code import parse

TRAIN = """\
import torch
from torch import nn

WIDTH = 64
LEARNING_RATE: float = 3e-4
SEED = 7
MAX_STEPS = 100


def make(depth=2, *, decay=0.99, flag=True):
    return nn.Sequential(nn.Linear(2, WIDTH), nn.ReLU(), nn.Dropout(p=0.1))
"""
BUNDLE = write_bundle({"train.py": TRAIN, "conf.yaml": "rate: 0.1\n"})
SCRIPT = Script(("train.py",), ("train.py", "conf.yaml"), (("validation", "v.npy"),), (), BUNDLE)
PROBLEM = Problem("Script", (), (2,), "cross_entropy", 2**53, script=SCRIPT)


def made(operator: str, *parents: str, seed: int = 0) -> Edit:
    return edit(operator, parents, PROBLEM, Random(seed))


def test_numbers_with_names_are_found_but_for_what_the_harness_gives() -> None:
    found = {(s.name, s.value) for s in settings_of(BUNDLE)}
    named = {("WIDTH", 64), ("LEARNING_RATE", 3e-4), ("depth", 2), ("decay", 0.99), ("p", 0.1)}
    assert found == named


@pytest.mark.parametrize("seed", range(20))
def test_a_draft_varies_several_numbers_of_the_repository(seed: int) -> None:
    drafted = made("draft", seed=seed)
    new = {s.name: s.value for s in settings_of(drafted.source)}
    old = {s.name: s.value for s in settings_of(BUNDLE)}
    changed = [name for name in old if new[name] != old[name]]
    assert 2 <= len(changed) <= 4
    assert all(f"{name} {old[name]} -> " in drafted.title for name in changed)
    assert all(0.2 < new[name] / old[name] < 5 for name in changed)
    assert new["WIDTH"] % 8 == 0
    assert new["decay"] < 1
    assert read_bundle(drafted.source)["conf.yaml"] == "rate: 0.1\n"
    parse(drafted.source)


def test_whole_numbers_and_others_have_an_operator_each() -> None:
    assert {made("widen", BUNDLE, seed=s).title.split()[1] for s in range(9)} == {"WIDTH", "depth"}
    assert "WIDTH" not in {made("change_recipe", BUNDLE, seed=s).title.split()[1] for s in range(9)}


def test_layers_are_exchanged_where_they_are_told_by_their_calls() -> None:
    assert "nn.ReLU" not in made("change_activation", BUNDLE).source
    with pytest.raises(NotApplicable, match="finds nothing in"):
        made("change_norm", BUNDLE)
    with pytest.raises(NotApplicable, match="is for architectures"):
        made("swap_block", BUNDLE)


def test_two_scripts_are_joined_file_by_file() -> None:
    one = BUNDLE.replace("WIDTH = 64", "WIDTH = 32")
    other = BUNDLE.replace("rate: 0.1", "rate: 0.2").replace("p=0.1", "p=0.2")
    joined = made("recombine", one, other).source
    assert joined not in (one, other)
    with pytest.raises(NotApplicable, match="fewer than two files differ"):
        made("recombine", BUNDLE, one)


def test_the_same_state_gives_the_same_edit() -> None:
    for operator, info in OPERATORS.items():
        parents = (BUNDLE, BUNDLE)[: info.parents]
        try:
            assert made(operator, *parents) == made(operator, *parents)
        except NotApplicable:
            continue


def test_a_script_without_numbers_has_nothing_to_vary() -> None:
    bare = write_bundle({"train.py": "print('x')\n"})
    problem = replace(PROBLEM, script=replace(SCRIPT, baseline=bare))
    with pytest.raises(NotApplicable, match="no number"):
        edit("draft", (), problem, Random(0))
