"""The shelf of notes: each one's code runs and passes the checks, and questions find them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from search_problems import check

from archwright.core import Backbone, Problem, Status
from archwright.knowledge.notes.shelf import (
    POOL,
    ShelfNote,
    domain_of,
    find_notes,
    parse_note,
    read_notes,
    seed_notes,
)
from archwright.knowledge.retrieval import find_passages
from archwright.knowledge.store import Knowledge
from archwright.search.grammar.library import library

NOTES = {note.name: note for note in read_notes()}
SIZES = {"B": 3, "T": 24, "D": 32, "C": 16, "H": 8, "W": 8, "H/2": 4, "W/2": 4, "N": 16, "M": 5}

MIXER = Problem("Mixer", (24,), (24, 32), "cross_entropy", 60_000, None, 32, True, Backbone(32, 1))
IMAGE = Problem("Model", (3, 8, 8), (10,), "cross_entropy", 60_000)
VECTOR = Problem("Model", (16,), (3,), "cross_entropy", 60_000)


def entry(note: ShelfNote) -> str:
    """The class that a note is about: the last one."""
    return re.findall(r"^class (\w+)\(nn\.Module\)", note.code, re.MULTILINE)[-1]


def sizes(shape: str) -> tuple[int, ...]:
    """The numbers that a note's shape stands for here."""
    return tuple(SIZES[name] for name in shape.strip("()").split(", "))


def width(note: ShelfNote) -> int:
    """Channels of an image, else features."""
    return SIZES["C" if "C" in note.input else "D"]


def candidate(note: ShelfNote) -> tuple[str, Problem]:
    """The note's module as a candidate would use it, and a problem that it fits."""
    block = f"{entry(note)}({width(note)})"
    if note.input == note.output == "(B, T, D)":
        return f"{note.code}\n{HEAD.format('Mixer')}{block})\n", MIXER
    given, out = sizes(note.input)[1:], math.prod(sizes(note.output)[1:])
    stem, problem = f"nn.Conv2d(3, {width(note)}, 1)", IMAGE
    if "C" not in note.input:
        linear = f"nn.Linear(16, {math.prod(given)})"
        stem, problem = f"{linear}, nn.Unflatten(1, {given})", VECTOR
    end = f"nn.Flatten(), nn.Linear({out}, {problem.output_shape[0]})"
    return f"{note.code}\n{HEAD.format('Model')}{stem}, {block}, {end})\n", problem


HEAD = """
class {}(nn.Sequential):
    def __init__(self, input_shape, output_shape):
        super().__init__("""


@pytest.mark.parametrize("name", NOTES)
def test_the_code_keeps_to_the_shapes_that_the_note_names(name: str) -> None:
    note = NOTES[name]
    space: dict[str, Any] = {}
    exec(note.code, space)
    torch.manual_seed(0)
    module = space[entry(note)](width(note)).eval()
    assert module(torch.randn(sizes(note.input))).shape == sizes(note.output)


@pytest.mark.parametrize("name", NOTES)
def test_the_code_passes_the_checks_of_candidates(name: str) -> None:
    report = check(*candidate(NOTES[name]))
    assert report.status is Status.OK, report.error


@pytest.mark.parametrize("name", NOTES)
def test_a_note_says_what_when_at_what_cost_and_from_where(name: str) -> None:
    note = NOTES[name]
    what, when, cost = note.text.split("\n\n")
    assert when.startswith("When: ")
    assert cost.startswith("Cost: ")
    assert len(what) > 120
    assert len(note.text) <= 1_000
    assert len(note.code.splitlines()) <= 40
    assert re.fullmatch(r"[^()]{5,} \((19|20)\d\d\): [^|]{5,}", note.source)
    assert set(note.blocks) <= set(library())


def test_no_topic_comes_twice() -> None:
    notes = read_notes()
    assert len(notes) >= 60
    for said in ("name", "title", "code", "text"):
        assert len({getattr(note, said) for note in notes}) == len(notes), said
    assert len({entry(note) for note in notes}) == len(notes)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Knowledge]:
    """A knowledge base that holds the notes."""
    with Knowledge(tmp_path_factory.mktemp("shelf") / "knowledge.db") as knowledge:
        assert seed_notes(knowledge) == (len(NOTES), 0)
        yield knowledge


@pytest.mark.parametrize(
    ("question", "right"),
    [
        ("share the same keys between several queries for a smaller cache", "grouped-query"),
        ("a penalty on far tokens in place of position embeddings", "alibi"),
        ("cancel the noise in attention by subtracting one map from another", "differential"),
        ("replace the old value in memory when its key is seen again", "delta-rule"),
        ("approximate softmax by random projections", "performer"),
        ("an exponential gate and a matrix memory", "mlstm"),
        ("a recurrent net whose gates ignore the hidden state, for a parallel scan", "min-gru"),
        ("skip computation for easy tokens", "mixture-of-depths"),
        ("route each token to a few specialist sub-networks", "mixture-of-experts"),
        ("start deep residual networks as the identity with a zero scalar", "rezero"),
        ("drop whole blocks at random during training", "stochastic-depth"),
        ("make the classifier robust to small translations when downsampling", "blur-pooling"),
        ("turn channels up or down from a global average", "squeeze-excitation"),
        ("several kernel sizes side by side in a module", "inception"),
        ("sines and cosines of numerical inputs for a table", "periodic-embedding"),
        ("explicit feature interactions for click-through prediction", "cross-network"),
        ("average several predictors that share most weights", "parameter-sharing-ensemble"),
    ],
)
def test_a_question_in_other_words_finds_the_note(
    shelf: Knowledge, question: str, right: str
) -> None:
    assert right in [e.candidate for e in find_notes(shelf, question, "any", 3)]


def test_notes_fit_the_task_and_another_question_reads_on(shelf: Knowledge) -> None:
    asked = "the baseline Conv2d MaxPool2d Linear digits from few images"
    told = [e for turn in range(6) for e in find_notes(shelf, asked, "image", 2, turn)]
    assert len({e.candidate for e in told}) == POOL
    assert {e.family for e in told} <= {"image", "any"}
    assert find_notes(shelf, asked, "image", 2, 6) == told[:2]
    assert find_notes(shelf, asked, "image", 2, until=0) == []


def test_an_image_is_better_than_nothing(tmp_path: Path) -> None:
    with Knowledge(tmp_path / "k.db") as knowledge:
        knowledge.record(NOTES["blur-pooling"].to_entry())
        found = find_notes(knowledge, "blur before pooling", "sequence", 2)
        assert [e.candidate for e in found] == ["blur-pooling"]


def test_seeding_again_adds_nothing_and_notes_are_no_lessons(shelf: Knowledge) -> None:
    assert seed_notes(shelf) == (0, len(NOTES))
    assert shelf.lessons("digits", "blur pooling", 5) == []
    assert shelf.examples("digits", 5) == []
    assert find_passages(shelf, "blur before pooling in convolutional networks", 3) == []


@pytest.mark.parametrize(
    ("problem", "domain"),
    [(MIXER, "sequence"), (IMAGE, "image"), (VECTOR, "vector")],
)
def test_a_task_asks_for_notes_of_its_own_domain(problem: Problem, domain: str) -> None:
    assert domain_of(problem) == domain


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("no front matter", "blocks|domain"),
        ("---\ntitle: A\n---\ntext", "domain"),
        (
            "---\ntitle: A\ndomain: sound\ninput: x\noutput: x\nsource: A (2000): B\n---\ntext",
            "sound is not a domain",
        ),
        (
            "---\ntitle: A\ndomain: any\ninput: x\noutput: x\nsource: A (2000): B\n---\ntext",
            "end it with",
        ),
    ],
)
def test_a_note_without_its_form_is_refused(text: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        parse_note("a-note", text)
