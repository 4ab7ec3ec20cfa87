"""The patterns by which a paper is read without a model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from archwright.agents.plans import Direction

NUMBER: Final = (
    r"(?P<number>(?<![\w.])[-−]?(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)(?![\w^]))"
)

# What a metric is called, what it is then called here, and whether higher or lower is better.
_METRICS: Final[tuple[tuple[str, str, Direction], ...]] = (
    (r"(?:top-?\s?[15]|validation|test)?\s?\berror(?: rate)?s?", "error", "lower"),
    (r"(?:top-?\s?1\s)?\b(?:test |validation |recall )?accurac(?:y|ies)", "accuracy", "higher"),
    (r"\bBLEU(?:-\d)?(?: scores?)?", "BLEU", "higher"),
    (r"\bROUGE-?[\dL]*", "ROUGE", "higher"),
    (r"\bF1(?:[- ]scores?)?", "F1", "higher"),
    (r"\bmAP\b|\bmean average precision", "mAP", "higher"),
    (r"\bAU(?:RO)?C\b", "AUC", "higher"),
    (r"\b(?:test |validation )?perplexit(?:y|ies)|\bPPL\b", "perplexity", "lower"),
    (r"\bbits[- ]per[- ](?:character|byte)|\b[Bb][Pp][CcBb]\b", "bits per character", "lower"),
    (r"\b(?:test |validation |training )?(?:cross[- ]entropy )?loss(?:es)?\b", "loss", "lower"),
    (r"\bmean squared error|\bMSE\b", "mean squared error", "lower"),
    (r"\bmean absolute error|\bMAE\b", "mean absolute error", "lower"),
)  # fmt: skip
_METRIC: Final = "|".join(f"(?:{pattern})" for pattern, _, _ in reversed(_METRICS))
_UNIT: Final = r"(?P<unit>%|percent|(?:percentage )?points?|pp\b|bits|nats)?"

FORWARD: Final = re.compile(
    rf"(?P<metric>{_METRIC})(?:\s+(?!by\b)[\w()/-]+){{0,5}}?\s*(?:of|to|is|was|are|=|:|at|reaches|reached)\s+"
    rf"(?:about |only |around )?{NUMBER}\s*{_UNIT}",
    re.IGNORECASE,
)  # fmt: skip
"""`accuracy of 93.1 %`."""
BACKWARD: Final = re.compile(
    rf"{NUMBER}\s*{_UNIT}\s+(?:(?!(?:and|or|for|of|to|in|with|at|on|by|the)\b)[A-Za-z-]+\s+){{0,2}}?"
    rf"(?P<metric>{_METRIC})",
    re.IGNORECASE,
)
"""`93.1 % test accuracy`."""
CHANGE: Final = re.compile(
    rf"(?P<metric>{_METRIC})(?:\s+[\w()/-]+){{0,4}}?\s+by\s+{NUMBER}\s*{_UNIT}", re.IGNORECASE
)
"""`improves accuracy by 2.1 points`."""
OTHER: Final = re.compile(
    rf"\b(?:against|versus|vs\.?|compared (?:with|to)|than)\s+(?:only |about )?{NUMBER}"
    rf"\s*{_UNIT}\s*(?:for|of|by|with|in)\s+(?:the |a |an )?(?P<who>[A-Za-z][^,.;:()]{{1,60}})",
)  # fmt: skip
"""`against 62.1 % for linear attention`."""

METHOD_TITLES: Final = re.compile(
    r"\b(?:methods?|methodology|model|approach|architecture|algorithm|formulation)\b", re.IGNORECASE
)
RESULTS_TITLES: Final = re.compile(
    r"\b(?:data|datasets?|experiments?|experimental|results|evaluation|training|setup)\b",
    re.IGNORECASE,
)
OTHERS_WORK: Final = re.compile(r"\b(?:related|previous|prior) works?\b", re.IGNORECASE)
ARCHITECTURE: Final = re.compile(
    r"(?=.*\d)(?=.*\b(?:layers?|heads?|hidden|width|channels?|kernels?|d_\{?model|dimensions?|"
    r"embeddings?|blocks?|parameters|units)\b)",
    re.IGNORECASE | re.DOTALL,
)
_STATED: Final = r"(?:\s+(?:of|is|was|to|set to|at))?\s*[=:]?\s*(?:a |the )?"
_COUNT: Final = r"([-−]?\d[\d.,]*(?:[eE][-+]?\d+)?(?<![.,])(?:\s*(?:×|·)\s*10\^\{?[-−]?\d+\}?)?)"
RECIPE: Final[Mapping[str, re.Pattern[str]]] = {
    "optimizer": re.compile(
        r"\b(AdamW|Adam|SGD|RMSprop|RMSProp|Adagrad|Adafactor|Lion|LAMB|momentum SGD)\b"
    ),
    "learning_rate": re.compile(rf"\blearning rate{_STATED}{_COUNT}", re.IGNORECASE),
    "batch_size": re.compile(
        rf"\bbatch size{_STATED}{_COUNT}|\bbatch(?:es)? of {_COUNT}", re.IGNORECASE
    ),
    "weight_decay": re.compile(rf"\bweight decay{_STATED}{_COUNT}", re.IGNORECASE),
    "dropout": re.compile(rf"\bdropout(?: rate)?{_STATED}{_COUNT}", re.IGNORECASE),
    "warmup_steps": re.compile(
        rf"\bwarm-?up[_ ]steps{_STATED}{_COUNT}|{_COUNT} warm-?up steps", re.IGNORECASE
    ),
    "steps": re.compile(rf"{_COUNT}\s*k? (?:training |optimizer |gradient )?steps", re.IGNORECASE),
    "epochs": re.compile(rf"{_COUNT} epochs", re.IGNORECASE),
    "seeds": re.compile(rf"{_COUNT} (?:random |different )?seeds", re.IGNORECASE),
    "schedule": re.compile(r"\b(cosine|linear|constant|step|exponential|inverse square root)"
                           r"(?: learning rate)? (?:decay|schedule|annealing)", re.IGNORECASE),
}  # fmt: skip

_DATA_SET: Final = re.compile(
    r"\b(?P<known>ImageNet(?:-\w+)?|(?:Fashion-?|E)?MNIST|CIFAR-?\s?100?|SVHN|MS[- ]?COCO|COCO|"
    r"WikiText-?\d+|Penn Treebank|PTB|enwik8|text8|SQuAD|GLUE|LAMBADA|MQAR|C4|The Pile|"
    r"WMT\s?(?:20)?\d\d(?: English-to-\w+| En-\w+)?|English-to-(?:German|French))\b"
    r"|\bon (?:the |a )?(?P<named>(?!Table|Figure|Section)[A-Z][\w-]*(?: (?:[A-Z\d][\w-]*))*)"
    r"|\bon (?:the |a )?(?P<task>\w[\w-]*(?: \w[\w-]*)?) (?:task|data ?set|benchmark|corpus)\b"
)


def metric_in(words: str) -> tuple[str, Direction] | None:
    """The metric that some words name, and which way it is better; arrows in them decide."""
    for pattern, name, direction in reversed(_METRICS):
        if re.search(pattern, words, re.IGNORECASE):
            if "↓" in words or "↑" in words:
                direction = "lower" if "↓" in words else "higher"
            return name, direction
    return None


def data_set_in(text: str) -> str:
    """The data set that a text names first; empty when it names none."""
    known = next((m["known"] for m in _DATA_SET.finditer(text) if m["known"]), None)
    if known:
        return " ".join(known.split())
    found = _DATA_SET.search(text)
    return " ".join((found["named"] or found["task"] or "").split()) if found else ""


def split_sentences(text: str) -> Iterator[str]:
    """The sentences of a text, each with its line breaks; rows of tables are none."""
    for block in re.split(r"\n\s*\n", text):
        lines = [line for line in block.split("\n") if "|" not in line]
        for sentence in re.split(
            r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!al\.)(?<!vs\.)\s+(?=[A-Z(\[])", "\n".join(lines)
        ):
            if sentence.strip():
                yield sentence.strip()
