"""The grammar: what it draws is valid, readable, varied, and the same for the same seed."""

from __future__ import annotations

import ast
from dataclasses import replace
from random import Random

import pytest
from search_problems import PROBLEMS, check

from archwright.core import Recipe, Status
from archwright.search.grammar import draw
from archwright.search.grammar.library import library, members
from archwright.search.grammar.variation import draw_recipe, find_recipe
from archwright.source.code import SourceCode, classes
from archwright.source.fingerprint import FAMILIES, family


@pytest.mark.parametrize("name", PROBLEMS)
def test_draws_pass_the_checks(name: str) -> None:
    problem = PROBLEMS[name]
    for seed in range(3):
        source = draw(problem, Random(seed)).source
        report = check(source, problem)
        assert report.status is Status.OK, f"seed {seed}: {report.error}\n{source}"


def test_every_block_of_the_library_passes_in_a_network() -> None:
    """Each block once, whatever the weights of the grammar are."""
    for domain, name in (("image", "digits"), ("sequence", "steps"), ("vector", "vector")):
        problem, wanted = PROBLEMS[name], {b.name for b in members(domain)}  # type: ignore[arg-type]
        for seed in range(400):
            source = draw(problem, Random(seed)).source
            fresh = wanted & set(classes(ast.parse(source)))
            if fresh:
                wanted -= fresh
                report = check(source, problem)
                assert report.status is Status.OK, f"{fresh}: {report.error}"
            if not wanted:
                break
        assert not wanted


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_same_seed_gives_the_same_bytes(name: str) -> None:
    first, second = (draw(PROBLEMS[name], Random(7)) for _ in range(2))
    assert first == second


def test_draws_differ_and_cover_the_families() -> None:
    drafts = [draw(PROBLEMS["digits"], Random(seed)) for seed in range(50)]
    assert len({d.source for d in drafts}) >= 49
    assert {d.family for d in drafts} >= {"conv", "attention", "hybrid", "mlp"}
    mixers = [draw(PROBLEMS["recall"], Random(seed)) for seed in range(60)]
    assert {d.family for d in mixers} == set(FAMILIES) - {"mlp"}


@pytest.mark.parametrize("name", ["digits", "recall", "vector", "tokens"])
def test_a_draft_reads_well(name: str) -> None:
    for seed in range(10):
        draft = draw(PROBLEMS[name], Random(seed))
        tree = ast.parse(draft.source)
        assert len(ast.get_docstring(tree) or "") > 60
        assert max(map(len, draft.source.splitlines())) <= 100
        assert draft.source.endswith(")\n")
        assert "\n\n\n\n" not in draft.source
        assert draft.title
        assert draft.rationale.endswith(".")
        used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
        entry = PROBLEMS[name].entry
        assert set(classes(tree)) - used <= {entry}, "a class that nothing uses"


def test_a_drawn_recipe_is_within_bounds() -> None:
    found = 0
    for seed in range(60):
        recipe = find_recipe(SourceCode(draw(PROBLEMS["recall"], Random(seed)).source))
        if recipe is not None:
            found += 1
            Recipe().updated(recipe[1])
    assert found > 5


def test_the_batch_stays_the_tasks_where_memory_decides_it() -> None:
    problem = replace(PROBLEMS["vector"], output_shape=(1024, 50_257))
    drawn = "".join(draw_recipe(problem, Random(seed)) for seed in range(60))
    assert "learning_rate" in drawn
    assert "batch_size" not in drawn
    assert "batch_size" in "".join(draw_recipe(PROBLEMS["vector"], Random(s)) for s in range(60))


def test_the_limit_is_kept() -> None:
    problem = PROBLEMS["tiny"]
    for seed in range(10):
        report = check(draw(problem, Random(seed)).source, problem)
        assert 0 < report.parameters <= problem.max_params


def test_blocks_say_what_they_are() -> None:
    for block in library().values():
        assert block.source.startswith(("class ", "def "))
        if block.takes_width:
            assert block.words
            assert block.idea


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("nn.Conv2d(1, 8, 3)", "conv"),
        ("nn.GRU(8, 8)", "recurrent"),
        ("nn.MultiheadAttention(8, 2)", "attention"),
        ("nn.Linear(8, 8)", "mlp"),
    ],
)
def test_family_of_code_by_others(body: str, expected: str) -> None:
    source = (
        f"from torch import nn\nclass Model(nn.Module):\n    def __init__(self):\n        {body}"
    )
    assert family(source) == expected
