"""Mixers drawn from parts: valid, the same for the same seed, read back, changed and crossed."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest
import torch
from search_problems import PROBLEMS, check

from archwright.core import InputError, Status
from archwright.search.grammar import draw
from archwright.search.mixers import Design, compose, draw_design, names, read_design, source
from archwright.search.mixers.design import CHOICES
from archwright.search.mixers.drawing import WEIGHTS, change_part, cross, write_design
from archwright.search.operators import edit
from archwright.source.counting import count_parameters
from archwright.source.fingerprint import family

PROBLEM = PROBLEMS["any length"]


def mixer_of(text: str, layer: int = 0) -> Any:
    space: dict[str, Any] = {}
    exec(compile(text, "mixer", "exec"), space)
    torch.manual_seed(0)
    return space["Mixer"](32, layer)


def test_drawn_designs_step_as_they_read_the_whole_and_see_no_future() -> None:
    x = torch.randn(2, 41, 32, generator=torch.Generator().manual_seed(0))
    seen: dict[str, set[Any]] = {name: set() for name in CHOICES}
    for seed in range(40):
        design = draw_design(Random(seed))
        for name, values in seen.items():
            values.add(getattr(design, name))
        mixer = mixer_of(write_design(design), layer=seed % 2)
        with torch.no_grad():
            whole, state, steps = mixer(x), mixer.start(2), []
            for now in x.unbind(1):
                y, state = mixer.step(now, state)
                steps.append(y)
            error = (torch.stack(steps, 1) - whole).abs().max() / whole.abs().max()
            changed = torch.cat([x[:, :20], -3 * x[:, 20:]], dim=1)
            leak = (mixer(changed)[:, :20] - whole[:, :20]).abs().max() / whole.abs().max()
        assert error < 1e-4, f"{design}: {error}"
        assert leak < 1e-5, f"{design}: {leak}"
    assert all(seen[name] == set(CHOICES[name]) for name in WEIGHTS), "a choice is never drawn"


def test_a_drawn_design_passes_the_checks() -> None:
    for seed in (0,):
        report = check(write_design(draw_design(Random(seed))), PROBLEM)
        assert report.status is Status.OK, report.error


def test_the_parameters_of_a_design_are_counted_without_building_it() -> None:
    for seed in range(20):
        text = write_design(draw_design(Random(seed)))
        own = sum(p.numel() for layer in (0, 0) for p in mixer_of(text, layer).parameters())
        empty = count_parameters(EMPTY, PROBLEM)
        assert empty is not None
        assert count_parameters(text, PROBLEM) == empty + own


EMPTY = """
from torch import nn


class Mixer(nn.Module):
    def __init__(self, width, layer=0):
        super().__init__()

    def forward(self, x):
        return x
"""


def test_the_same_design_gives_the_same_bytes_and_is_read_back() -> None:
    for seed in range(30):
        one, other = (draw_design(Random(seed)) for _ in range(2))
        assert write_design(one) == write_design(other)
        assert read_design(write_design(one)) == one


def test_the_grammar_draws_designs_within_the_limit() -> None:
    drafts = [draw(PROBLEM, Random(seed)) for seed in range(40)]
    assert drafts[:9] == [draw(PROBLEM, Random(seed)) for seed in range(9)]
    designs = [d for d in drafts if d.source.startswith('"""A sequence mixer: ')]
    published = {source(name) for name in names()}
    assert sum("Parts: " in d.source for d in designs) > 15
    assert any(d.source in published for d in drafts)
    assert {d.family for d in drafts} >= {"linear attention", "hybrid"}
    for draft in drafts:
        count = count_parameters(draft.source, PROBLEM)
        assert count is not None
        assert count <= PROBLEM.max_params
        assert max(map(len, draft.source.splitlines())) <= 100


def test_a_change_is_of_one_part_and_of_what_has_to_follow() -> None:
    design = Design(rule="correct", decay="head", features="unit")
    for seed in range(20):
        child = change_part(design, ["decay"], Random(seed))
        assert child is not None
        assert not child.flaw()
        assert replace(child, decay="head", chunk=design.chunk) == design
    assert change_part(design, ["rule"], Random(0)) != design
    assert change_part(replace(design, short=4), [], Random(0)) is None


def test_a_cross_has_parts_of_both() -> None:
    one = Design(rule="correct", decay="head", features="unit", gate="none", short=0)
    other = Design(decay="slow", gate="sigmoid", short=8, heads=4, chunk=32)
    for seed in range(20):
        child = cross(one, other, Random(seed))
        assert not child.flaw()
        assert {child.rule, child.decay} <= {"add", "correct", "head", "slow"}
        assert child.short in {0, 8}


def test_operators_change_and_cross_designs_and_keep_the_recipe() -> None:
    parent = write_design(draw_design(Random(3)), 'RECIPE = {"learning_rate": 0.002}')
    other = source("gated-deltanet")
    for seed in range(3):
        for operator, parents in (
            ("swap_block", [parent]),
            ("tune_block", [parent]),
            ("recombine", [parent, other]),
        ):
            made = edit(operator, parents, PROBLEM, Random(seed))
            assert made == edit(operator, parents, PROBLEM, Random(seed))
            assert "parts: " in made.title
            assert 'RECIPE = {"learning_rate": 0.002}' in made.source
            assert mixer_of(made.source)(torch.randn(1, 9, 32)).shape == (1, 9, 32)


def test_a_design_that_was_edited_is_none_any_more() -> None:
    text = source("gated-deltanet")
    assert read_design(text) is not None
    assert read_design(text.replace("F.silu(self.gate", "F.gelu(self.gate")) is None
    assert read_design(source("mamba-2")) is None
    assert read_design('"""Parts: many."""') is None


def test_the_zoo_is_of_families_that_are_told_apart() -> None:
    families = {name: family(source(name)) for name in names()}
    assert families["softmax"] == "attention"
    assert families["gru"] == "recurrent"
    assert families["long-convolution"] == "conv"
    memories = set(names()) - {"softmax", "gru", "long-convolution"}
    assert {families[name] for name in memories} == {"linear attention"}


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: source("gla", chunk=64), "at most 32, not 64"),
        (lambda: source("rwkv-7", chunk=64), "at most 32, not 64"),
        (lambda: source("log-linear", chunk=48), "power of 2, not 48"),
        (lambda: source("softmax", chunk=16), "softmax has no chunk"),
        (lambda: source("linear", states=4), "no states"),
        (lambda: source("linear", heads=0), "heads is at least 1, not 0"),
        (lambda: source("hyena"), "there is no mixer 'hyena'; there are softmax, linear"),
        (lambda: compose(Design(rule="correct")), "features unit"),
        (lambda: compose(Design(read="share")), "rule add, features elu or relu"),
        (lambda: compose(Design(rule="forget")), "rule is one of add, correct, erase"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(call: Any, said: str) -> None:
    with pytest.raises(InputError, match=said) as raised:
        call()
    assert "\n" not in str(raised.value)
