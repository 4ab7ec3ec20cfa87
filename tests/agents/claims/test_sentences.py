"""Sentences: which of their numbers are values, and whose."""

from __future__ import annotations

import pytest
from claim_papers import plan_of, reasons

TITLE = "Barnet: gates that open"


def claims(text: str) -> list[tuple[str, float, str, str]]:
    return [(c.kind, c.value, c.unit, c.method) for c in plan_of(text, title=TITLE).claims]


# --- deviations -----------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", ["±", "$\\pm$", "\\pm", "+/-", "+-", "plus or minus"])
@pytest.mark.parametrize(
    ("words", "unit"),
    [
        ("Barnet attains 88.6 {} 0.4% accuracy on SVHN.", "%"),
        ("Barnet attains 88.6% {} 0.4% accuracy on SVHN.", "%"),
        ("Barnet attains 88.6 {} 0.4 BLEU.", ""),
        ("Barnet attains 88.6% ({} 0.4%) accuracy.", "%"),
        ("Barnet attains an accuracy of 88.6 {} 0.4 on SVHN.", ""),
        ("Barnet attains an F1 score of 88.6{}0.4.", ""),
    ],
)
def test_a_deviation_is_no_value(words: str, unit: str, sign: str) -> None:
    assert claims(words.format(sign)) == [("value", 88.6, unit, "Barnet")]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Barnet gains 1.7 ± 0.3% accuracy.", "better by"),
        ("Barnet improves accuracy by 1.7 ± 0.3 points.", "better by"),
        ("Barnet is 1.7 ± 0.3 accuracy points worse.", "worse by"),
    ],
)
def test_a_difference_has_a_deviation_too(text: str, kind: str) -> None:
    assert [(k, v) for k, v, *_ in claims(text)] == [(kind, 1.7)]


# --- whose ----------------------------------------------------------------------------------------

OWNED = [
    ("Barnet's 88.6% accuracy exceeds the 85.2% accuracy of VGG.", {88.6: "Barnet"}),
    ("In contrast to the 85.2% accuracy of VGG, ours is 88.6% accuracy.", {88.6: "ours"}),
    ("Unlike VGG with its 85.2% accuracy, Barnet has 88.6% accuracy.", {88.6: "Barnet"}),
    ("Barnet has an accuracy of 88.6%, up from 85.2% accuracy.", {88.6: "Barnet"}),
    ("Barnet has 88.6% accuracy, exceeding VGG's 85.2% accuracy.", {88.6: "Barnet"}),
    ("VGG has an F1 of 85.2, and Barnet an F1 of 88.6.", {85.2: "VGG", 88.6: "Barnet"}),
    ("VGG has an F1 of 85.2 and Barnet has an F1 of 88.6.", {85.2: "VGG", 88.6: "Barnet"}),
    ("VGG scores 85.2 BLEU, and we score 88.6 BLEU.", {85.2: "VGG", 88.6: "ours"}),
    ("While VGG has 85.2% accuracy, Barnet has 88.6% accuracy.", {85.2: "VGG", 88.6: "Barnet"}),
    ("Barnet has an accuracy of 88.6%, VGG 85.2% accuracy.", {88.6: "Barnet", 85.2: "VGG"}),
    ("Barnet (88.6% accuracy) beats VGG (85.2% accuracy).", {88.6: "Barnet", 85.2: "VGG"}),
    ("VGG's accuracy of 85.2% is lower than that of Barnet.", {85.2: "VGG"}),
    ("VGG, with an accuracy of 85.2%, is worse than Barnet.", {85.2: "VGG"}),
    ("Barnet falls short of the 92.1% accuracy of VGG.", {92.1: "VGG"}),
    ("An accuracy of 85.2% by VGG comes before Barnet.", {85.2: "VGG"}),
    ("Barnet surpasses VGG, reaching 88.6% accuracy.", {88.6: "Barnet"}),
    ("Barnet surpasses VGG with 88.6% accuracy.", {88.6: "Barnet"}),
    ("We propose Barnet, which reaches 88.6% accuracy.", {88.6: "Barnet"}),
    ("We surpass all baselines and reach 88.6% accuracy.", {88.6: "ours"}),
    ("In Table 4, Barnet reaches 88.6% accuracy.", {88.6: "Barnet"}),
    ("Figure 4 shows that Barnet reaches 88.6% accuracy.", {88.6: "Barnet"}),
    ("In Section 3, we reach 88.6% accuracy.", {88.6: "ours"}),
    ("Before 40 epochs, Barnet reaches 88.6% accuracy.", {88.6: "Barnet"}),
    ("The results show that Barnet reaches 88.6% accuracy.", {88.6: "Barnet"}),
    ("Barnet has 88.6% accuracy on SVHN and MNIST an accuracy of 99.1%.",
     {88.6: "Barnet", 99.1: "Barnet"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "wanted"), OWNED)
def test_a_value_is_its_owners(text: str, wanted: dict[float, str]) -> None:
    assert {value: method for _, value, _, method in claims(text)} == wanted


OF_OTHERS = [
    "Compared with VGG's accuracy of 85.2%, Barnet reaches 88.6%.",
    "Relative to a perplexity of 21.4 for VGG, Barnet is better.",
    "Barnet improves over the 85.2% accuracy of VGG.",
    "Barnet improves on an accuracy of 85.2%.",
    "Barnet improves the 85.2% accuracy of VGG.",
    "Barnet exceeds an accuracy of 85.2%, the result of VGG.",
    "Barnet is better than VGG with 85.2% accuracy.",
    "Barnet beats VGG, which has an accuracy of 85.2%.",
    "Barnet surpasses VGG, whose accuracy is 85.2%.",
    "Barnet outperforms a network that reaches 85.2% accuracy.",
    "We use Mixup, which yields an accuracy of 85.2%.",
    "The current state of the art is 85.2% accuracy.",
    "It compares well; the former state of the art is 85.2% accuracy.",
    "The best result so far is 85.2% accuracy.",
]


@pytest.mark.parametrize("text", OF_OTHERS)
def test_what_a_result_is_compared_with_is_no_claim(text: str) -> None:
    assert claims(text) == []


ABLATED = [
    "On SVHN, accuracy falls from 88.6% to 86.3% without gating.",
    "Accuracy drops to 86.3% when the gate is removed.",
    "When the gate is disabled, Barnet reaches 86.3% accuracy.",
    "Without its gate, Barnet reaches 86.3% accuracy.",
    "Barnet reaches 86.3% accuracy w/o the gate.",
    "After removing the gate, Barnet has an accuracy of 86.3%.",
]


@pytest.mark.parametrize("text", ABLATED)
def test_an_ablation_is_not_the_methods_value(text: str) -> None:
    assert claims(text) == []
    assert "without a part" in reasons(plan_of(text, title=TITLE))


def test_only_the_part_without_is_an_ablation() -> None:
    text = "Barnet reaches 88.6% accuracy with gates and 86.3% accuracy without."
    assert claims(text) == [("value", 88.6, "%", "Barnet")]
    text = "Barnet reaches 88.6% accuracy without extra data."
    assert claims(text) == [("value", 88.6, "%", "Barnet")]


# --- differences ----------------------------------------------------------------------------------

APART = [
    ("The accuracy gap between Barnet and VGG is 2.4%.", "differs by"),
    ("The difference in F1 between the two is 2.4.", "differs by"),
    ("The BLEU margin over VGG is 2.4.", "differs by"),
    ("The accuracy of the two is 2.4% apart.", "differs by"),
    ("The accuracy cost of pruning is 2.4%.", "worse by"),
    ("Pruning sacrifices 2.4% accuracy.", "worse by"),
    ("The accuracy penalty for pruning is 2.4%.", "worse by"),
    ("The accuracy improvement of Barnet over VGG is 2.4%.", "better by"),
]


@pytest.mark.parametrize(("text", "kind"), APART)
def test_what_lies_between_two_is_a_difference(text: str, kind: str) -> None:
    assert [(k, v) for k, v, *_ in claims(text)] == [(kind, 2.4)]


@pytest.mark.parametrize(
    "text",
    [
        "The $\\Delta$ accuracy is 2.4%.",
        "The Δ BLEU is 2.4.",
        "The spread in accuracy is 2.4%.",
        "The range of the F1 score over seeds is 2.4.",
        "The variation of accuracy across seeds is 2.4%.",
        "Accuracy has a standard error of 2.4%.",
    ],
)
def test_a_change_or_a_spread_is_no_value(text: str) -> None:
    assert claims(text) == []


def test_a_loss_on_data_is_a_value() -> None:
    assert claims("The validation loss on PTB is 3.07.")[0][:2] == ("value", 3.07)


# --- training data --------------------------------------------------------------------------------

TRAINED = [
    "Barnet trains to an accuracy of 98.7% on the training set.",
    "Barnet fits the training set with 98.7% accuracy.",
    "Barnet reaches 98.7% accuracy on the training data.",
    "On our training split, Barnet reaches 98.7% accuracy.",
    "Barnet memorises the training examples with an accuracy of 98.7%.",
]


@pytest.mark.parametrize("text", TRAINED)
def test_a_result_on_training_data_is_no_claim(text: str) -> None:
    assert claims(text) == []
    assert "training data" in reasons(plan_of(text, title=TITLE))


@pytest.mark.parametrize(
    "text",
    [
        "Trained on the training set, Barnet reaches 88.6% accuracy on the test set.",
        "Barnet has 98.7% accuracy on the training set and 88.6% accuracy on the test set.",
        "Trained on all training images, Barnet has an accuracy of 88.6%.",
    ],
)
def test_a_result_on_other_data_is_one(text: str) -> None:
    assert [value for _, value, *_ in claims(text)] == [88.6]
