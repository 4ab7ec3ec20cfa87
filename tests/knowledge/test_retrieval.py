"""Similarity, diversity and fusion, apart from any store."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwright.knowledge.retrieval import (
    DIMENSIONS,
    choose_diverse,
    embed,
    fuse,
    pack,
    query_words,
    quoted_query,
    unpack,
)

NET = "self.conv = nn.Conv2d(1, 16, 3)\nself.norm = nn.BatchNorm2d(16)\nreturn self.norm(x)"


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=200))
def test_a_vector_has_length_one_or_none(text: str) -> None:
    vector = embed(text)
    assert vector.shape == (DIMENSIONS,)
    assert float(np.linalg.norm(vector)) == pytest.approx(1.0, abs=1e-5) or not vector.any()


def test_like_code_is_near_and_other_code_is_not() -> None:
    near = NET.replace("16", "24").replace("norm", "bn") + "  # a comment"
    far = "self.cell = nn.GRU(8, 8)\nreturn self.cell(tokens)[0]"
    assert embed(NET) @ embed(near) > embed(NET) @ embed(far) + 0.2


def test_comments_and_boilerplate_tell_nothing() -> None:
    assert np.array_equal(embed(NET), embed(f"import torch\n{NET}  # as before"))


def test_vectors_survive_storage() -> None:
    vectors = [embed(NET), embed("other words"), embed("")]
    assert np.allclose(unpack([pack(v) for v in vectors]), vectors, atol=1e-3)


def test_a_copy_of_the_best_gives_way_to_something_else() -> None:
    vectors = np.eye(3, DIMENSIONS, dtype=np.float32)[[0, 0, 1]]
    assert choose_diverse([1.0, 0.95, 0.7], vectors, 2) == [0, 2]
    assert choose_diverse([1.0, 0.95, 0.7], vectors, 2, weight=1.0) == [0, 1]
    assert choose_diverse([1.0, 0.95, 0.7], vectors, 1, shown=vectors[:1]) == [2]
    assert choose_diverse([], vectors[:0], 2) == []


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=12), st.integers(0, 15))
def test_each_is_chosen_once(quality: list[int], count: int) -> None:
    vectors = np.eye(len(quality), DIMENSIONS, dtype=np.float32)
    chosen = choose_diverse(quality, vectors, count)
    assert len(chosen) == len(set(chosen)) == min(count, len(quality))
    assert [quality[i] for i in chosen] == sorted(quality, reverse=True)[:count]


def test_fusion_prefers_what_both_rank_high() -> None:
    assert [item for item, _ in fuse([[1, 2, 3], [2, 3, 4]])] == [2, 3, 1, 4]


@pytest.mark.parametrize("text", ["", "  \0 ", '"*"', "-- ; ()"])
def test_text_without_words_asks_for_nothing(text: str) -> None:
    assert quoted_query(query_words(text)) == ""


def test_words_are_quoted() -> None:
    assert quoted_query(query_words('NEAR "stem" wide*')) == '"near" OR "stem" OR "wide"'


def test_common_words_are_left_out_unless_there_are_no_others() -> None:
    assert query_words("which of the stems is wide") == ["stems", "wide"]
    assert query_words("NOT or the") == ["not", "or", "the"]


def test_names_count_by_their_parts() -> None:
    assert query_words("nn.AdaptiveAvgPool2d(key_size)") == [
        *("nn", "adaptive", "avg", "pool", "2", "d", "key", "size"),
    ]
    assert embed("adaptive avg pool") @ embed("nn.AdaptiveAvgPool2d") > 0.5


def test_words_of_one_kin_are_near() -> None:
    kin = float(embed("convolutions") @ embed("convolutional"))
    assert kin > 0.3 + float(embed("convolutions") @ embed("warmup"))
