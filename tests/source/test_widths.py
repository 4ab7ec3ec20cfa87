"""Counting and scaling: what is counted is what torch builds, and any size can be reached."""

from __future__ import annotations

from random import Random

import pytest
from search_problems import PROBLEMS, build

from archwright.core import Problem, SourceError
from archwright.search.grammar import draw
from archwright.source.code import SourceCode
from archwright.source.counting import count_parameters, own_limit
from archwright.source.scaling import fit_parameters, scale_width
from archwright.source.widths import find_widths
from archwright.tasks.loading import built_in_names, load_task


def closest(source: str, problem: Problem, target: int) -> int:
    """Parameters of the scaled source nearest to `target`: by bisection, as a caller would."""
    low, high, best = 0.3, 3.0, 0
    for _ in range(12):
        middle = (low * high) ** 0.5
        size = count_parameters(scale_width(source, middle), problem)
        assert size is not None
        best = min(best, size, key=lambda s: abs(s - target))
        low, high = (middle, high) if size < target else (low, middle)
    return best


def between(source: str, problem: Problem, low: float, high: float) -> int:
    """A size half way between those of two factors: the backbone's own share cannot be scaled."""
    ends = [count_parameters(scale_width(source, f), problem) for f in (low, high)]
    assert None not in ends
    return sum(s or 0 for s in ends) // 2


@pytest.mark.parametrize("name", built_in_names())
@pytest.mark.parametrize("ends", [(0.6, 1.0), (1.0, 1.9)])
def test_baselines_reach_any_size_within_five_per_cent(
    name: str, ends: tuple[float, float]
) -> None:
    spec = load_task(name).spec
    target = between(spec.baseline, spec.problem, *ends)
    assert abs(closest(spec.baseline, spec.problem, target) - target) <= 0.05 * target


@pytest.mark.parametrize("name", ["digits", "recall", "series"])
def test_drawn_sources_reach_a_target_within_five_per_cent(name: str) -> None:
    problem = PROBLEMS[name]
    for seed in range(4):
        source = draw(problem, Random(seed)).source
        target = between(source, problem, 1.0, 1.37)
        assert abs(closest(source, problem, target) - target) <= 0.05 * target


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_count_is_what_torch_counts(name: str) -> None:
    for seed in range(4):
        source = draw(PROBLEMS[name], Random(seed)).source
        for factor in (1.0, 0.6):
            scaled = scale_width(source, factor)
            model = build(scaled, PROBLEMS[name])
            expected = sum(p.numel() for p in model.parameters())
            assert count_parameters(scaled, PROBLEMS[name]) == expected


def test_a_scaled_baseline_builds() -> None:
    for name in built_in_names():
        spec = load_task(name).spec
        for factor in (0.5, 1.21, 1.7):
            source = scale_width(spec.baseline, factor)
            model = build(source, spec.problem)
            expected = sum(p.numel() for p in model.parameters())
            assert count_parameters(source, spec.problem) == expected
            assert (expected > count_parameters(spec.baseline, spec.problem)) == (factor > 1)  # type: ignore[operator]


BARE_MIXER = """
from torch import nn

class Mixer(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.cell = nn.GRU(input_shape[1], output_shape[1], batch_first=True)

    def forward(self, x):
        return self.cell(x)[0]
"""


def test_a_mixer_without_widths_is_put_between_projections() -> None:
    problem = PROBLEMS["recall"]
    sizes = []
    source = BARE_MIXER
    for factor in (1.5, 1.5, 0.5):
        source = scale_width(source, factor)
        build(source, problem)
        sizes.append(count_parameters(source, problem))
    assert sizes[0] < sizes[1]  # type: ignore[operator]
    assert sizes[2] < sizes[1]  # type: ignore[operator]
    assert source.count("class ") == 2


HARD_CODED = """
from torch import nn

class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(256, 64),
            nn.ReLU(),
            nn.Linear(64, 10),
        )

    def forward(self, x):
        return self.layers(x)
"""


def test_classes_and_image_channels_are_no_widths_and_flattened_inputs_follow() -> None:
    scaled = scale_width(HARD_CODED, 1.5)
    assert "nn.Conv2d(1, 24, 3" in scaled
    assert "nn.Linear(384, 96)" in scaled
    assert "nn.Linear(96, 10)" in scaled
    build(scaled, PROBLEMS["digits"])


def test_an_input_size_that_equals_a_width_stays() -> None:
    source = HARD_CODED.replace("nn.Conv2d(1, 16, 3, padding=1),", "nn.Flatten(),").replace(
        "            nn.MaxPool2d(2),\n            nn.Flatten(),\n", ""
    )
    source = source.replace("nn.Linear(256, 64)", "nn.Linear(64, 64), nn.Linear(64, 64)")
    build(scale_width(source, 0.7), PROBLEMS["digits"])


def test_widths_stay_multiples_of_heads_and_groups() -> None:
    source = """
from torch import nn

class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        width = 32
        self.enter = nn.Linear(input_shape[0], width)
        self.attend = nn.MultiheadAttention(width, 4)
        self.leave = nn.Linear(width, output_shape[0])
"""
    for factor in (0.3, 0.77, 1.1, 1.9):
        (width,) = find_widths(SourceCode(scale_width(source, factor))).values()
        assert width % 4 == 0


def test_scaling_by_one_changes_nothing_and_bad_python_is_named() -> None:
    assert scale_width(HARD_CODED, 1.0) == HARD_CODED
    with pytest.raises(SourceError, match="line 1"):
        scale_width("class (", 2.0)


def test_fitting_obeys_the_limit() -> None:
    problem = PROBLEMS["digits"]
    source = draw(problem, Random(3)).source
    fitted = count_parameters(fit_parameters(source, problem, 9_000), problem)
    assert fitted is not None
    assert fitted <= 9_000


@pytest.mark.parametrize(
    "body",
    [
        "n = 10 ** 10 ** 10",
        "x = [0] * 10 ** 9",
        "for i in range(10 ** 12):\n            self.a = nn.Linear(2, 2)",
        "x = 'a' * 10 ** 9",
        "self.a = nn.Linear(unknown(), 3)",
        "self.a = Model(input_shape, output_shape)",
    ],
)
def test_counting_hostile_source_ends(body: str) -> None:
    source = f"""
from torch import nn

class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        {body}
"""
    count = count_parameters(source, PROBLEMS["digits"])
    assert count is None or count <= 6_000


def _lines(width: int, problem: Problem) -> str:
    """A class of the contract with so many parameters, more or less."""
    return (
        "import torch\nimport torch.nn as nn\n\n\n"
        f"class {problem.entry}(nn.Module):\n"
        "    def __init__(self, input_shape, output_shape):\n"
        "        super().__init__()\n"
        f"        self.table = nn.Embedding({width}, 1)\n\n"
        "    def forward(self, x):\n"
        "        return x * self.table.weight.sum()\n"
    )


@pytest.mark.parametrize("name", ["recall", "pydoc-lm"])
def test_what_a_mixer_may_use_is_what_the_backbone_leaves(name: str) -> None:
    problem = load_task(name).spec.problem
    assert problem.backbone is not None
    limit = own_limit(problem)
    counted = [count_parameters(_lines(limit + more, problem), problem) for more in (0, 1)]
    assert counted[0] is not None
    assert counted[1] is not None
    assert counted[0] <= problem.max_params < counted[1]


def test_a_model_may_use_all_of_the_limit() -> None:
    problem = load_task("digits").spec.problem
    assert own_limit(problem) == problem.max_params
