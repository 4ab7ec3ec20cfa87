"""Tables: scales, parts of data sets, and rows that are no methods."""

from __future__ import annotations

import pytest
from claim_papers import plan_of, read, reasons, said

SCALED = [
    ("MAE ($\\times 10^{-2}$)", "Exchange"),
    ("MAE (×10⁻²)", "Exchange"),
    ("MAE (10^{-2})", "Exchange"),
    ("MAE (1e-2)", "Exchange"),
    ("MAE ×1000", "Exchange"),
    ("MAE (x 100)", "Exchange"),
    ("MAE (/100)", "Exchange"),
    ("$10^2 \\cdot$ MAE", "Exchange"),
    ("MAE", "Exchange. All values × 10^{-2}."),
    ("MAE", "Errors on Exchange (multiplied by 100)."),
    ("MAE", "Exchange, in units of 10^{-2}."),
    ("MAE", "Exchange. MAE is scaled by 100."),
]
UNSCALED = [
    ("MAE", "Exchange, trained with a learning rate of 10^{-2}."),
    ("MAE", "Exchange, after 3 × 10^{4} steps."),
    ("MAE", "Exchange. MSE is scaled by 100."),
    ("MAE (L1)", "Exchange"),
]


@pytest.mark.parametrize(("heading", "caption"), SCALED)
def test_what_is_multiplied_is_in_doubt(heading: str, caption: str) -> None:
    plan = read(f"Method | {heading}\nGRU [3] | 4.1\nOurs | 3.2", caption)
    assert plan.claims == ()
    assert "multiplies it" in reasons(plan)


@pytest.mark.parametrize(("heading", "caption"), UNSCALED)
def test_other_factors_multiply_nothing(heading: str, caption: str) -> None:
    (claim,) = read(f"Method | {heading}\nGRU [3] | 4.1\nOurs | 3.2", caption).claims
    assert (claim.metric, claim.value) == ("mean absolute error", 3.2)


@pytest.mark.parametrize("number", ["3.2 × 10^{-2}", "3.2 · 10^{-2}", "$3.2 \\times 10^{-2}$"])
def test_the_first_part_of_a_power_is_no_value(number: str) -> None:
    assert plan_of(f"Our model has an MAE of {number} on Exchange.").claims == ()


PARTS = [
    ("test-clean | test-other", "WER on LibriSpeech.",
     ["LibriSpeech test-clean", "LibriSpeech test-other"]),
    ("dev other | test other", "WER on LibriSpeech.",
     ["LibriSpeech dev-other", "LibriSpeech test-other"]),
    ("clean | other", "WER on LibriSpeech.", ["LibriSpeech clean", "LibriSpeech other"]),
    ("WER clean | WER other", "LibriSpeech", ["LibriSpeech clean", "LibriSpeech other"]),
    ("matched | mismatched", "Accuracy on MNLI.", ["MNLI matched", "MNLI mismatched"]),
    ("val seen | val unseen", "Success rate on R2R.", ["R2R dev-seen", "R2R dev-unseen"]),
    ("test easy | test hard", "Accuracy on SVHN.", ["SVHN test-easy", "SVHN test-hard"]),
]  # fmt: skip


@pytest.mark.parametrize(("heads", "caption", "data_sets"), PARTS)
def test_parts_of_a_data_set_are_told_apart(heads: str, caption: str, data_sets: list[str]) -> None:
    plan = read(f"Method | {heads}\nGRU [3] | 7.1 | 9.2\nOurs | 6.3 | 8.4", caption)
    assert [(c.data_set, c.value) for c in plan.claims] == list(
        zip(data_sets, (6.3, 8.4), strict=True)
    )
    assert [c.baseline_value for c in plan.claims] == [7.1, 9.2]


def test_parts_may_stand_under_their_splits() -> None:
    heads = "Method | dev | dev | test | test\n | clean | other | clean | other"
    rows = "GRU [3] | 1 | 2.2 | 3 | 4.1\nOurs | 0.9 | 2.1 | 2.3 | 3.9"
    plan = read(f"{heads}\n{rows}", "WER on LibriSpeech.")
    assert {data for _, _, data, _ in said(plan)} == {
        f"LibriSpeech {split}-{part}" for split in ("dev", "test") for part in ("clean", "other")
    }


@pytest.mark.parametrize(
    "name",
    ["Random", "Random guessing", "Chance", "Chance level", "Human", "Human performance", "Oracle",
     "Oracle routing", "Upper bound", "GRU (upper bound)", "Lower bound", "Majority class",
     "Uniform", "Ceiling", "Ground truth"],
)  # fmt: skip
def test_nothing_is_compared_with_what_is_no_method(name: str) -> None:
    (claim,) = read(f"Method | Accuracy\n{name} | 99.1\nOurs | 84.2", "SVHN").claims
    assert (claim.baseline, claim.baseline_value) == ("", None)
    (claim,) = read(f"Method | Accuracy\n{name} | 99.1\nGRU [3] | 80\nOurs | 84", "SVHN").claims
    assert (claim.baseline, claim.baseline_value) == ("GRU", 80)


@pytest.mark.parametrize("name", ["Random Forest", "Random search", "HumanNet", "Uniform soups"])
def test_methods_may_be_called_like_it(name: str) -> None:
    (claim,) = read(f"Method | Accuracy\n{name} [3] | 81.1\nOurs | 84.2", "SVHN").claims
    assert claim.baseline == name
