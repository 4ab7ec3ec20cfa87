"""Claims by rule: what tables and sentences state, what they do not, and how often it is right."""

from __future__ import annotations

import pytest
from claim_papers import plan_of, read, reasons, said

from archwright.agents.claims.cells import read_cell
from archwright.agents.plans import Claim, Excerpt, Grid, PaperPlan, PaperQuestion
from archwright.agents.quoting import gate
from archwright.benchmarks.knowledge.claims import Marks, answers, mark, score

# --- twenty tables --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def marks() -> list[Marks]:
    return [mark(name, answer) for name, answer in answers().items()]


def test_claims_of_twenty_tables_are_true_and_mostly_found(marks: list[Marks]) -> None:
    assert len(marks) == 20
    precision, recall = score(marks)
    assert precision >= 0.98
    assert recall >= 0.8


def test_claims_of_tables_that_the_rules_were_not_made_with_are_true(marks: list[Marks]) -> None:
    held_out = [m for m in marks if m.held_out]
    assert len(held_out) == 6
    precision, _ = score(held_out)
    assert precision >= 0.98


# --- sentences ------------------------------------------------------------------------------------


VALUES = [
    ("It lowers the test error to 4.2 %.", "error", 4.2, "%"),
    ("The perplexity on PTB is 58.3.", "perplexity", 58.3, ""),
    ("We get 1.13 bits per character.", "bits per character", 1.13, ""),
    ("An accuracy of 28.4 BLEU is odd.", "BLEU", 28.4, ""),
    ("Our gate reaches 91.2\\% accuracy on MNIST.", "accuracy", 91.2, "%"),
    ("Our model has a top-1 accuracy of 84.3% on ImageNet.", "accuracy", 84.3, "%"),
    ("We obtain a top-5 error of 3.57% on ImageNet.", "top-5 error", 3.57, "%"),
    ("Our model achieves an F1 score of 93.2.", "F1", 93.2, ""),
    ("Our model reaches 93.1% accuracy over five seeds.", "accuracy", 93.1, "%"),
    ("In 2017, our model reached an accuracy of 81.5 %.", "accuracy", 81.5, "%"),
]


@pytest.mark.parametrize(("text", "metric", "value", "unit"), VALUES)
def test_a_sentence_states_a_value(text: str, metric: str, value: float, unit: str) -> None:
    (found,) = plan_of(text).claims
    assert (found.kind, found.metric, found.value, found.unit) == ("value", metric, value, unit)


DIFFERENCES = [
    ("This improves accuracy by 2.1 points.", "better by", 2.1),
    ("It improves over the best results by over 2 BLEU.", "better by", 2),
    ("Our gate improves over the best earlier result by over 2\\% accuracy.", "better by", 2),
    ("Single-head attention is 0.9\\% accuracy worse than the best setting.", "worse by", 0.9),
    ("Single-head attention is 0.9 BLEU worse than the best setting.", "worse by", 0.9),
    ("Accuracy is 2.1 points higher with the gate.", "better by", 2.1),
    ("The perplexity is 1.4 points higher without the gate.", "worse by", 1.4),
    ("The gate reduces error by 12%.", "better by", 12),
    ("It is 0.7 accuracy points better than the LSTM.", "better by", 0.7),
    ("The gap in accuracy is 5.5 points.", "differs by", 5.5),
    ("The gate gives a relative reduction of 12% in error.", "better by", 12),
    ("Our model outperforms linear attention by 1.5 BLEU.", "better by", 1.5),
    ("We see accuracy gains of 1.5 points over linear attention.", "better by", 1.5),
    ("We see an accuracy gain of about 1.5 points.", "better by", 1.5),
    ("Without the gate we lose 3.2 points of accuracy.", "worse by", 3.2),
    ("The gate yields a 2.1-point improvement in accuracy.", "better by", 2.1),
    ("Accuracy drops by 3.2 points without the gate.", "worse by", 3.2),
    ("Our model is 3.2% more accurate in top-1 accuracy.", "better by", 3.2),
    ("The gate adds +1.3 BLEU.", "differs by", 1.3),
    ("Our network is within 0.3% accuracy of the teacher.", "differs by", 0.3),
    ("Pruning 90% of weights costs 1.2% accuracy.", "worse by", 1.2),
    ("The loss of accuracy is 1.2%.", "worse by", 1.2),
    ("We improve the state of the art accuracy of 76.1% by 2.2 points.", "better by", 2.2),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "value"), DIFFERENCES)
def test_a_difference_is_no_value(text: str, kind: str, value: float) -> None:
    found = plan_of(text).claims
    assert [c for c in found if c.kind == "value"] == []
    assert [(c.kind, c.value) for c in found] == [(kind, value)]
    assert f"{found[0].metric} {value:g}" not in found[0].words


ENDS = [
    ("The gate improves accuracy from 71.2 to 73.4.", 73.4, 71.2),
    ("The gate improves accuracy on MNIST from 71.2% to 73.4%.", 73.4, 71.2),
    ("Our gate raises the score from 71.2 to 73.4 BLEU.", 73.4, 71.2),
    ("The gate reduces the perplexity from 20.5 to 18.3.", 18.3, 20.5),
    ("Our gate reaches 99.0 % accuracy, against 62.1 % for linear attention.", 99.0, 62.1),
    ("Our gate reaches 99.0 % accuracy, compared to 62.1 % of linear attention.", 99.0, 62.1),
]


@pytest.mark.parametrize(("text", "value", "other"), ENDS)
def test_a_change_carries_both_its_ends(text: str, value: float, other: float) -> None:
    (found,) = plan_of(text).claims
    assert (found.kind, found.value, found.baseline_value) == ("value", value, other)
    assert f"{other:g}" in found.words


NOTHING = [
    "The baseline has an accuracy of 88.1 %.",
    "Smith et al. report 75.1 % accuracy on MNIST.",
    "Smith et al. (2020) report an accuracy of 75.1 % on MNIST.",
    "The previous best model reaches 75.1 % accuracy.",
    "A model without noise would reach 99.9 % accuracy.",
    "Our goal is an accuracy of 95 %.",
    "The chance accuracy is 10 %.",
    "Random guessing has an accuracy of 10 %.",
    "Training stops at a threshold accuracy of 90 %.",
    "We use a dropout of 0.1 for higher accuracy.",
    "We report top-1 and top-5 accuracy and F1 in Table 3.",
    "Accuracy is shown in Section 3.1.",
    "In 2017 accuracy was all that counted.",
    "The accuracy of ResNet-50 and v2.5 was measured.",
    "Accuracy of 5 seeds is averaged.",
    "Accuracy ranges from 71.2 to 73.4 over the seeds.",
    "The accuracy is 120.",
    "The accuracy has a standard deviation of 0.3%.",
    "Accuracy at 50% sparsity is shown.",
    "Without the gate the accuracy is 88.1%.",
    "Training accuracy reaches 100%.",
    "Our model reaches 99.2% training accuracy.",
    "Accuracy is about 90%.",
    "Our model surpasses the previous best accuracy of 91.0%.",
    "Compared with 76.1% accuracy of ResNet-50, our model is better.",
    "We reach the same accuracy and a 40% reduction in FLOPs.",
    "We observe a 40% reduction in FLOPs at the same accuracy.",
    "Our model has 2.1%/4.3% WER on test-clean/test-other.",
    "Our model attains 91.2% and 88.4% accuracy on MNIST and CIFAR-10, respectively.",
    "A random classifier has an accuracy of 10%.",
    "Human accuracy is 94.9%.",
]


@pytest.mark.parametrize("text", NOTHING)
def test_a_sentence_states_no_claim(text: str) -> None:
    assert plan_of(text).claims == ()


def test_a_value_belongs_to_its_side_of_a_sentence() -> None:
    plan = plan_of("We obtain 29.1 BLEU, whereas Vaswani et al. obtain 28.4 BLEU.")
    assert said(plan) == {("BLEU", 29.1, "", "ours")}
    assert "28.4" in reasons(plan)
    plan = plan_of("The accuracy of ResNet-50 is 76.1%, while ours reaches 78.3% accuracy.")
    assert said(plan) == {("accuracy", 76.1, "", "ResNet-50"), ("accuracy", 78.3, "", "ours")}


def test_what_is_reported_of_others_is_missing_with_the_reason() -> None:
    said = reasons(plan_of("Smith et al. report 75.1 % accuracy on MNIST."))
    assert "reported of others" in said
    assert "75.1" in said


# --- tables ---------------------------------------------------------------------------------------


LAID_OUT = {
    "a measure over its kinds": (
        "Model | Params | Params | Accuracy | Accuracy\nModel | total | active | top-1 | top-5\n"
        "Ours | 11.5 | 22.5 | 91.2 | 99.1",
        "Comparison on MNIST.",
        {("accuracy", 91.2, "MNIST", "Ours"), ("top-5 accuracy", 99.1, "MNIST", "Ours")},
    ),
    "metric over data set": (
        "Model | BLEU | BLEU | FLOPs | FLOPs\n | EN-DE | EN-FR | EN-DE | EN-FR\n"
        "GNMT [4] | 24.6 | 39.9 | 2.3 | 1.4\nOurs | 27.3 | 38.1 | 3.3 | 3.3",
        "",
        {("BLEU", 27.3, "EN-DE", "Ours"), ("BLEU", 38.1, "EN-FR", "Ours")},
    ),
    "data set over metric": (
        "Model | CIFAR-10 | CIFAR-10 | PTB\n | acc. (%) | params | ppl\nLSTM [1] | 90 | 2M | 70.1\n"
        "Ours | 93.1 | 1M | 58.3",
        "",
        {("accuracy", 93.1, "CIFAR-10", "Ours"), ("perplexity", 58.3, "PTB", "Ours")},
    ),
    "metrics down, methods across": (
        " | LSTM [1] | Ours\nAccuracy | 90.1 | 91.2\nParams | 12 | 11\nPerplexity | 20.1 | 18.2",
        "Results on WikiText-103",
        {("accuracy", 91.2, "WikiText-103", "Ours"), ("perplexity", 18.2, "WikiText-103", "Ours")},
    ),
    "method groups over metrics": (
        "Data set | LSTM [1] | LSTM [1] | Ours | Ours\nData set | acc | F1 | acc | F1\n"
        "SST-2 | 80.1 | 79.2 | 88.3 | 87.1\nMRPC | 70.1 | 69.2 | 78.3 | 77.1",
        "",
        {
            ("accuracy", 88.3, "SST-2", "Ours"), ("F1", 87.1, "SST-2", "Ours"),
            ("accuracy", 78.3, "MRPC", "Ours"), ("F1", 77.1, "MRPC", "Ours"),
        },
    ),
    "data sets as headings between rows": (
        "Model | accuracy\nCIFAR-10 | CIFAR-10\nLSTM [1] | 80\nOurs | 93.1\nMNIST | MNIST\n"
        "LSTM [1] | 90\nOurs | 99.1",
        "",
        {("accuracy", 93.1, "CIFAR-10", "Ours"), ("accuracy", 99.1, "MNIST", "Ours")},
    ),
    "our rows under a heading": (
        "Model | accuracy\nPublished | \nLSTM | 80\nOurs | \nGate-S | 93.1",
        "MNIST",
        {("accuracy", 93.1, "MNIST", "Gate-S")},
    ),
    "a metric in the caption": (
        "Model | ListOps | Text | Params\nLSTM [1] | 36.3 | 64.2 | 1,000\nOurs | 58.3 | 76.0 | 900",
        "Test accuracy on long inputs.",
        {("accuracy", 58.3, "ListOps", "Ours"), ("accuracy", 76.0, "Text", "Ours")},
    ),
    "a column of data sets": (
        "Data set | Model | Accuracy\nMNIST | LSTM [1] | 90.1\nMNIST | Ours | 91.2\n"
        "SVHN | Ours | 88.0",
        "",
        {("accuracy", 91.2, "MNIST", "Ours"), ("accuracy", 88.0, "SVHN", "Ours")},
    ),
    "development and test": (
        "Model | dev accuracy | test accuracy | train accuracy\nLSTM [1] | 80 | 81 | 99\n"
        "Ours | 83 | 84 | 99.9",
        "MNIST",
        {("accuracy", 83, "MNIST dev", "Ours"), ("accuracy", 84, "MNIST test", "Ours")},
    ),
    "deviations, ranks and marks": (
        "Model | Accuracy ↑ | PPL ↓ | BLEU | error\nLSTM [1] | 90.1 ± 0.2 | 20.1 | 20 | 9\n"
        "Ours | 91.2 ± 0.1 (1) | 18.2† | **27.3*** (+1.2) | 8.8%",
        "MNIST",
        {
            ("accuracy", 91.2, "MNIST", "Ours"), ("perplexity", 18.2, "MNIST", "Ours"),
            ("BLEU", 27.3, "MNIST", "Ours"), ("error", 8.8, "MNIST", "Ours"),
        },
    ),
    "sizes and settings are no metrics": (
        "Model | Year | Layers | d_model | Params | FLOPs | Latency (ms) | Seeds | Accuracy | Δ\n"
        "Ours | 2024 | 12 | 64 | 12M | 3.1 | 7.5 | 5 | 91.2 | 1.1",
        "MNIST",
        {("accuracy", 91.2, "MNIST", "Ours")},
    ),
    "a head whose first row is blank over the names": (
        " | Baseline | Baseline | Ours | Ours\nSize | Acc | Time | Acc | Time\n"
        "Small | 90.1 | 1.2 | 91.2 | 1.1\nLarge | 92.1 | 2.2 | 93.2 | 2.1",
        "Results on MNIST.",
        {("accuracy", 91.2, "MNIST", "Ours (Small)"), ("accuracy", 93.2, "MNIST", "Ours (Large)")},
    ),
    "means and their deviations": (
        "Model | mean | std\nLSTM [1] | 90.1 | 0.2\nOurs | 91.2 | 0.1",
        "Accuracy on MNIST.",
        {("accuracy", 91.2, "MNIST", "Ours")},
    ),
    "shots are a condition": (
        "Model | 1-shot | 5-way 5-shot\nProto [1] | 49.4 | 68.2\nOurs | 52.3 | 70.1",
        "Accuracy on miniImageNet.",
        {
            ("accuracy", 52.3, "miniImageNet", "Ours (1-shot)"),
            ("accuracy", 70.1, "miniImageNet", "Ours (5-way 5-shot)"),
        },
    ),
    "a metric in brackets": (
        "Model | LAMBADA (ppl ↓) | LAMBADA (acc ↑)\nMamba [1] | 16.0 | 44.3\nOurs | 15.1 | 45.9",
        "",
        {("perplexity", 15.1, "LAMBADA", "Ours"), ("accuracy", 45.9, "LAMBADA", "Ours")},
    ),
    "others' work done again": (
        "Model | Accuracy\nLSTM (our impl.) | 97.1\nGRU (ours, retrained) | 97.4\nOurs | 98.2",
        "Permuted MNIST",
        {("accuracy", 98.2, "Permuted MNIST", "Ours")},
    ),
    "changes in the header": (
        "Model | Accuracy | Acc. drop | Rel. acc. | Gain in F1\nLSTM [1] | 90 | 3.1 | 98.1 | 1.2\n"
        "Ours | 93.1 | 2.1 | 99.1 | 1.4",
        "Tiny ImageNet",
        {("accuracy", 93.1, "Tiny ImageNet", "Ours")},
    ),
    "a setting tells rows apart": (
        "Model | size | accuracy\nViT [2] | 224 | 80.1\nOurs | 224 | 81.2\nOurs | 384 | 82.3",
        "MNIST",
        {("accuracy", 81.2, "MNIST", "Ours (224)"), ("accuracy", 82.3, "MNIST", "Ours (384)")},
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    "caption",
    [
        "Accuracy gain (%) over ResNet.",
        "Accuracy drop under noise.",
        "Reduction of the error.",
        "Epochs to reach 90% accuracy.",
        "Training time (h) at equal accuracy.",
        "Correlation of accuracy with proxies.",
    ],
)
def test_a_caption_about_a_change_or_a_cost_names_no_metric(caption: str) -> None:
    plan = read("Model | CIFAR-10 | SVHN\nSE [1] | 5.1 | 4.0\nOurs | 8.1 | 7.0", caption)
    assert plan.claims == ()
    assert "a change of a metric, or what it costs" in reasons(plan)


@pytest.mark.parametrize("name", LAID_OUT)
def test_cells_get_the_headings_that_are_theirs(name: str) -> None:
    rows, caption, wanted = LAID_OUT[name]
    assert said(read(rows, caption)) == wanted


DOUBTED = {
    "others' rows alone": ("Model | acc\nLSTM [1] | 90.1\nGRU [2] | 91.2", "paper's own"),
    "rows that no name tells": ("Model | acc\nA-net | 90.1\nB-net | 91.2", "paper's own"),
    "ablations": ("Model | acc\nw/o gate | 90.1\n– gate | 91.2", "ablation"),
    "a short row": ("Model | Params | acc\nLSTM [1] | 3 | 90.1\nOurs | 91.2", "other columns"),
    "a short header": ("Model | acc\nOurs | 3 | 91.2", "cannot be told apart"),
    "two numbers in a cell": ("Model | acc\nLSTM [1] | 90\nOurs | 91.2/90.1", "several numbers"),
    "a bound": ("Model | acc\nLSTM [1] | 90\nOurs | > 91", "bound"),
    "too much": ("Model | acc\nLSTM [1] | 90\nOurs | 912", "is not a value of accuracy"),
    "an unknown measure": ("Model | acc | Zorp\nL [1] | 90 | 1\nOurs | x | 7.1", "no metric that"),
    "no measure at all": ("Model | Zorp\nLSTM [1] | 90\nOurs | 91.2", "names a metric"),
    "training": ("Model | train acc\nLSTM [1] | 90\nOurs | 91.2", "training data"),
    "a name twice": ("Model | acc\nLSTM [1] | 90\nOurs | 91.2\nOurs | 91.3", "several cells"),
    "a gain": ("Model | acc\nLSTM [1] | 90\nOurs | +1.2", "difference"),
}  # fmt: skip


@pytest.mark.parametrize("name", DOUBTED)
def test_what_is_in_doubt_is_missing_with_the_reason(name: str) -> None:
    rows, reason = DOUBTED[name]
    plan = read(rows, "MNIST")
    assert plan.claims == ()
    assert reason in reasons(plan)


def test_a_claim_carries_its_cell_and_the_best_of_the_others() -> None:
    rows = "Model | Error\nLSTM [1] | 9.9\nGRU [2] | 8.9\nOurs | 7.9\nw/o gate | 8.0"
    (claim,) = read(rows, "Results on MNIST").claims
    assert (claim.baseline, claim.baseline_value, claim.direction) == ("GRU", 8.9, "lower")
    assert claim.quote == "Ours | 7.9"
    assert claim.place == "1 Results, Table 1, row 'Ours', column 'Error'"


@pytest.mark.parametrize(
    "naming",
    [
        "We propose FadeNet, a network with keys.",
        "We introduce a simple network, called FadeNet.",
        "We present a new layer which we term the FadeNet layer.",
        "We propose fading networks with keys (FadeNet).",
        "Our FadeNet is small.",
    ],
)
def test_what_the_paper_calls_itself_is_its_own(naming: str) -> None:
    rows = "Model | accuracy\nLSTM | 90\nFadeNet-S | 91.2\nXFadeNet | 92.3"
    assert said(read(rows, "MNIST", naming)) == {("accuracy", 91.2, "MNIST", "FadeNet-S")}


def test_a_title_names_what_is_proposed() -> None:
    rows = "Model | accuracy\nLSTM | 90\nFadeNet-S | 91.2"
    plan = read(rows, "MNIST", title="FadeNet: keys that fade")
    assert said(plan) == {("accuracy", 91.2, "MNIST", "FadeNet-S")}


# --- the gate, whoever read the paper -------------------------------------------------------------

ROWS = (
    "Model | Params | Accuracy | PPL\nLSTM [1] | 2.0 | 90.1 | 20.1\nOurs | 22.5 | 91.2 ± 0.3 | 18.2"
)
SENTENCE = "The gate improves on the LSTM by over 2 BLEU, and from 71.2 to 73.4 F1."
REFUSED = {
    "another column": ("accuracy", 22.5, "Ours | 22.5 | 91.2 ± 0.3 | 18.2", "ours", "'Params'"),
    "another metric": ("accuracy", 18.2, "Ours | 22.5 | 91.2 ± 0.3 | 18.2", "ours", "'PPL'"),
    "a deviation": ("accuracy", 0.3, "Ours | 22.5 | 91.2 ± 0.3 | 18.2", "ours", "deviation"),
    "another row": ("accuracy", 90.1, "LSTM [1] | 2.0 | 90.1 | 20.1", "ours", "paper's own"),
    "a difference": ("BLEU", 2, SENTENCE, "ours", "difference"),
    "the start of a change": ("F1", 71.2, SENTENCE, "ours", "starts from"),
}
KEPT = [
    ("accuracy", 91.2, "Ours | 22.5 | 91.2 ± 0.3 | 18.2", "value"),
    ("perplexity", 20.1, "LSTM [1] | 2.0 | 90.1 | 20.1", "value"),
    ("BLEU", 2, SENTENCE, "better by"),
    ("F1", 73.4, SENTENCE, "value"),
]


def judge(claim: Claim) -> PaperPlan:
    cells = tuple(tuple(cell.strip() for cell in row.split("|")) for row in ROWS.splitlines())
    section = Excerpt(name="1 Results", page=0, text=f"{SENTENCE}\n\n{ROWS}")
    table = Grid(label="Table 1", caption="MNIST", section="1 Results", rows=cells)
    question = PaperQuestion(id="x", title="t", kind="text", sections=(section,), tables=(table,))
    return gate(PaperPlan(claims=(claim,)), question)


@pytest.mark.parametrize("name", REFUSED)
def test_the_gate_refuses_a_number_that_is_something_else(name: str) -> None:
    metric, value, quote, method, reason = REFUSED[name]
    plan = judge(Claim(metric=metric, value=value, quote=quote, method=method))
    assert plan.claims == ()
    assert reason in reasons(plan)


@pytest.mark.parametrize(("metric", "value", "quote", "kind"), KEPT)
def test_the_gate_keeps_a_number_that_is_what_is_said(
    metric: str, value: float, quote: str, kind: str
) -> None:
    claim = Claim.model_validate({"metric": metric, "value": value, "quote": quote, "kind": kind})
    assert [c.value for c in judge(claim).claims] == [value]


def test_the_gate_refuses_a_value_that_is_called_a_difference() -> None:
    plan = judge(Claim(metric="F1", value=73.4, quote=SENTENCE, kind="better by"))
    assert "no difference" in reasons(plan)


# --- cells ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "value", "unit"),
    [
        ("91.2", 91.2, ""),
        ("1,234.5", 1234.5, ""),
        ("−0.3", -0.3, ""),
        ("91.2%", 91.2, "%"),
        ("$\\bf{88.55}{\\scriptstyle\\,\\pm 0.04}$", 88.55, ""),
        ("$23.29_{(1.51)}$", 23.29, ""),
        ("28.4$^{\\dagger}$", 28.4, ""),
        ("28.4*", 28.4, ""),
        ("$2.5 \\times 10^{-3}$", 0.0025, ""),
        ("1e-3", 0.001, ""),
        ("18.2 ↓", 18.2, ""),
        (".93", 0.93, ""),
        ("93.1 (1)", 93.1, ""),
        ("93.1 (± 0.2)", 93.1, ""),
    ],
)
def test_a_cell_is_a_value(cell: str, value: float, unit: str) -> None:
    reading = read_cell(cell)
    assert (reading.kind, reading.value, reading.unit) == ("value", value, unit)


@pytest.mark.parametrize("cell", ["", "-", "–", "n/a", "N.A.", "✗", "\\xmark", "—"])
def test_a_cell_is_empty(cell: str) -> None:
    assert read_cell(cell).kind == "empty"


@pytest.mark.parametrize(
    "cell", ["84.6/83.4", "+1.2", "12M", "2.5k", "28,4", "~90", "> 90", "8.4x"]
)
def test_a_cell_is_no_value_that_anybody_can_tell(cell: str) -> None:
    assert read_cell(cell).kind == "doubt"
