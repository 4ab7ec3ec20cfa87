"""Which file of a paper's code most likely holds its model, told by reading alone."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Final

from archwright.knowledge.papers.paper import CodeFile, Paper

_CLASS = re.compile(r"^class\s+(?P<name>\w+)\s*\((?P<bases>[^)]*)\)\s*:", re.MULTILINE)
_LAYER = re.compile(r"\b(?:Module|Layer|Model|PreTrainedModel|LightningModule)\b|Module$")
_FUNCTIONAL = re.compile(r"^\s*(?:def forward|def __call__|def call|@nn\.compact)\b", re.MULTILINE)
_NAMED: Final = ("model", "models", "network", "networks", "net", "arch", "architecture", "modules")
_ASIDE = re.compile(
    r"(?:^|[/_])(?:tests?|examples?|utils?|datasets?|data|scripts?|docs|configs?|benchmarks?|"
    r"baselines?|third_party|setup|train|eval\w*|loss\w*)(?=[/_.]|$)",
    re.IGNORECASE,
)
_LAYERS_AT_MOST: Final = 6


def model_file(paper: Paper) -> CodeFile | None:
    """The Python file with the most for it: classes that are layers, the words of the title in
    their names, a file or a folder called model. None where no file defines a layer."""
    best = max(
        ((_score(file, paper.title), -place) for place, file in enumerate(paper.code)),
        default=(0.0, 0),
    )
    return paper.code[-best[1]] if best[0] > 0 else None


def _score(file: CodeFile, title: str) -> float:
    if not file.path.endswith(".py"):
        return 0.0
    names = [found["name"] for found in _CLASS.finditer(file.text) if _LAYER.search(found["bases"])]
    if not names or not _FUNCTIONAL.search(file.text):
        return 0.0
    path = PurePosixPath(file.path.lower())
    words = {w.lower() for w in re.findall(r"[A-Za-z][A-Za-z0-9]{3,}", title)}
    said = " ".join((path.stem, *names)).lower()
    score = float(min(len(names), _LAYERS_AT_MOST))
    score += 3.0 * sum(word in said for word in words)
    score += 3.0 if path.stem in _NAMED or any(p in _NAMED for p in path.parts[:-1]) else 0.0
    return score * (0.25 if _ASIDE.search("/".join(path.parts[1:]) or path.name) else 1.0)
