"""The operators: on drawn sources, on the baselines, and on code in other styles."""

from __future__ import annotations

import ast
from dataclasses import replace
from random import Random

import pytest
from search_problems import PROBLEMS, check

from archwright.core import Problem, SourceError, Status
from archwright.search.grammar import draw
from archwright.search.operators import OPERATORS, NotApplicable, applicable, edit, edit_of
from archwright.source.counting import count_parameters
from archwright.tasks.loading import load_task

SINGLE = [name for name, info in OPERATORS.items() if info.parents == 1]

OTHER_STYLE = '''\
# A comment that must stay.
import torch
import torch.nn as nn
import torch.nn.functional as F


class ResBlock(nn.Module):
    """Keeps its width."""

    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return x + self.conv2(F.relu(self.bn1(self.conv1(x))))


class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.stem = nn.Conv2d(input_shape[0], 24, kernel_size=3, padding=1)
        self.layers = nn.Sequential(ResBlock(24), ResBlock(24), nn.Dropout(0.1))
        self.side = nn.Conv2d(24, 24, 1)
        self.fc = nn.Linear(24, output_shape[0])

    def forward(self, x):
        x = F.relu(self.stem(x))  # the stem
        x = self.layers(x) + self.side(x)
        return self.fc(x.mean(dim=(2, 3)))
'''


def edited(operator: str, parents: list[str], problem: Problem, seed: int) -> str:
    made = edit(operator, parents, problem, Random(seed))
    assert made == edit(operator, parents, problem, Random(seed)), "not deterministic"
    report = check(made.source, problem)
    assert report.status is Status.OK, f"{made.title}: {report.error}\n{made.source}"
    assert all(ast.dump(ast.parse(made.source)) != ast.dump(ast.parse(p)) for p in parents)
    assert made.title
    assert made.rationale
    assert made.title in made.source
    return made.source


@pytest.mark.parametrize("operator", SINGLE)
def test_edits_of_drawn_sources_pass_the_checks(operator: str) -> None:
    done = 0
    for name in ("digits", "recall", "vector"):
        for seed in range(4):
            parent = draw(PROBLEMS[name], Random(seed)).source
            if operator in applicable(parent, PROBLEMS[name]):
                edited(operator, [parent], PROBLEMS[name], seed)
                done += 1
                break
    assert done


@pytest.mark.parametrize("operator", SINGLE)
def test_edits_of_code_in_another_style(operator: str) -> None:
    source = edited(operator, [OTHER_STYLE], PROBLEMS["digits"], 1)
    assert "# A comment that must stay." in source
    if operator != "drop_branch":
        assert "# the stem" in source


@pytest.mark.parametrize("name", ["digits", "recall", "pydoc-lm"])
def test_baselines_can_be_edited(name: str) -> None:
    spec = load_task(name).spec
    names = applicable(spec.baseline, spec.problem)
    assert {"draft", "deepen", "widen", "change_recipe", "recombine"} <= set(names)
    for operator in names:
        if OPERATORS[operator].parents == 1:
            edited(operator, [spec.baseline], spec.problem, 2)


@pytest.mark.parametrize("name", ["digits", "recall", "series"])
def test_recombination_takes_blocks_of_both(name: str) -> None:
    problem = PROBLEMS[name]
    for seed in range(3):
        parents = [draw(problem, Random(seed)).source, draw(problem, Random(seed + 50)).source]
        edited("recombine", parents, problem, seed)


def test_recombination_of_code_by_others_keeps_both_definitions_of_a_name() -> None:
    other = OTHER_STYLE.replace("channels", "planes").replace("F.relu(self.bn1", "F.silu(self.bn1")
    source = edited("recombine", [OTHER_STYLE, other], PROBLEMS["digits"], 0)
    assert "ResBlock2" in source


def test_recombination_without_common_blocks_puts_both_side_by_side() -> None:
    spec = load_task("digits").spec
    source = edited("recombine", [spec.baseline, OTHER_STYLE], spec.problem, 0)
    assert "class ModelA" in source
    assert "class ModelB" in source
    with pytest.raises(NotApplicable):
        edit("recombine", [source, spec.baseline], spec.problem, Random(0))


def test_a_long_lineage_stays_valid_and_tidy() -> None:
    problem = PROBLEMS["digits"]
    source, steps = draw(problem, Random(11)).source, 0
    for seed in range(40):
        operator = Random(seed).choice(SINGLE)
        try:
            source = edit(operator, [source], problem, Random(seed)).source
        except NotApplicable:
            continue
        steps += 1
    report = check(source, problem)
    assert report.status is Status.OK, report.error
    assert steps > 20
    assert (ast.get_docstring(ast.parse(source)) or "").count("Then: ") == steps
    assert "\n\n\n\n" not in source


def test_a_swapped_block_takes_its_definition_along_and_leaves_none_behind() -> None:
    problem = PROBLEMS["vector"]
    parent = draw(problem, Random(2)).source
    source = edited("swap_block", [parent], problem, 5)
    defined = {n.name for n in ast.parse(source).body if isinstance(n, ast.ClassDef)}
    used = {n.id for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Name)}
    assert defined - used == {"Model"}


OWN_NAMES = '''\
import torch
from torch import nn


class Attention(nn.Module):
    """Not the library's: it mixes channels."""

    def __init__(self, dim, kernel_size):
        super().__init__()
        self.conv = nn.Conv1d(dim, dim, kernel_size)

    def forward(self, x):
        return self.conv(nn.functional.pad(x, (self.conv.kernel_size[0] - 1, 0)))


class PreNorm(nn.Module):
    def __init__(self, function, dim):
        super().__init__()
        self.function = function
        self.norm = nn.LayerNorm(dim)

    def forward(self, x):
        return self.function(self.norm(x).transpose(1, 2)).transpose(1, 2) + x


class Mixer(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.layers = PreNorm(Attention(input_shape[1], 3), input_shape[1])

    def forward(self, x):
        return self.layers(x)
'''


@pytest.mark.parametrize("operator", ["deepen", "add_branch"])
def test_names_that_the_file_uses_for_something_else_stay_apart(operator: str) -> None:
    for seed in range(8):
        edited(operator, [OWN_NAMES], PROBLEMS["recall"], seed)


def test_draft_needs_no_parent_and_others_do() -> None:
    problem = PROBLEMS["digits"]
    assert edit("draft", [], problem, Random(0)).source == draw(problem, Random(0)).source
    with pytest.raises(NotApplicable, match="needs 1"):
        edit("widen", [], problem, Random(0))
    with pytest.raises(NotApplicable, match="no operator"):
        edit("teleport", [OTHER_STYLE], problem, Random(0))


def test_source_that_is_no_python_or_no_model() -> None:
    problem = PROBLEMS["digits"]
    assert applicable("class (", problem) == ["draft"]
    with pytest.raises(SourceError, match="line 1"):
        edit("widen", ["class ("], problem, Random(0))
    with pytest.raises(NotApplicable):
        edit("deepen", ["import torch\n"], problem, Random(0))


def test_an_edit_that_would_pass_the_limit_is_scaled_down() -> None:
    problem = PROBLEMS["digits"]
    small = Problem("Model", problem.input_shape, problem.output_shape, problem.loss, 12_000)
    for seed in range(6):
        made = edit("deepen", [OTHER_STYLE], small, Random(seed))
        report = check(made.source, small)
        assert report.status is Status.OK, report.error


def test_an_edit_from_a_seed_is_made_once() -> None:
    problem = PROBLEMS["digits"]
    made = edit_of("widen", (OTHER_STYLE,), problem, 7)
    assert made == edit("widen", [OTHER_STYLE], problem, Random(7))
    assert edit_of("widen", (OTHER_STYLE,), problem, 7) is made
    assert edit_of("widen", (OTHER_STYLE,), problem, 8) is not made
    with pytest.raises(NotApplicable):
        edit_of("deepen", ("import torch\n",), problem, 0)


def test_an_edit_that_no_width_makes_small_enough_is_not_made() -> None:
    problem = replace(load_task("digits").spec.problem, max_params=20)
    baseline = load_task("digits").spec.baseline
    for operator in SINGLE:
        try:
            made = edit(operator, [baseline], problem, Random(1))
        except NotApplicable:
            continue
        assert (count_parameters(made.source, problem) or 0) <= 20
