"""The patterns by which a paper is read without a model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

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


def split_sentences(text: str) -> Iterator[str]:
    """The sentences of a text, each with its line breaks; rows of tables are none."""
    for block in re.split(r"\n\s*\n", text):
        lines = [line for line in block.split("\n") if "|" not in line]
        for sentence in re.split(
            r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!al\.)(?<!vs\.)\s+(?=[A-Z(\[])", "\n".join(lines)
        ):
            if sentence.strip():
                yield sentence.strip()
