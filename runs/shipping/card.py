"""The model card of an export: a README.md with the head that model hubs read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from archwright.runs.results.wording import printable
from archwright.runs.shipping.folder import TrainingRecord

_PIPELINES: Final = {
    "AutoModelForImageClassification": "image-classification",
    "AutoModelForSequenceClassification": "text-classification",
    "AutoModelForTokenClassification": "token-classification",
    "AutoModelForCausalLM": "text-generation",
}
_LIBRARIES: Final = {"transformers": "transformers", "onnx": "onnx", "pt2": "pytorch"}


def model_card(record: TrainingRecord, export: Mapping[str, Any], auto: str, command: str) -> str:
    """The card of an export.

    Args:
        export: what was exported and how far it differs, as its JSON has it.
        auto: the class of transformers that loads it.
        command: what makes it again.
    """
    asked = record.asked
    parts = [
        _head(record, export["format"], auto),
        f"# {_line(record.title) or asked.candidate}",
        f"{_line(record.summary)} (task `{_line(asked.task)}`).",
        "## Use",
        _use(export, auto, asked.problem.vocabulary is not None),
        "## Scores",
        "\n".join(f"- {line}" for line in _scores(record)),
        "## Training",
        "\n".join(f"- {line}" for line in _training(record)),
        "## How it was made",
        f"Found by Archwright: run `{asked.run}`, candidate `{asked.candidate}`"
        + (f", branch `{record.branch}`" if record.branch else "")
        + (", changed by hand since: the run measured nothing of it" if record.changed else "")
        + f".\n\n```sh\n{command}\n```\n\n"
        "Loaded again in a fresh process, it answered to 64 samples as the network does, to "
        f"{export['difference']:.1g} of the largest output.",
        "## Licence of the data",
        _line(record.data_license) or "The task does not say (`data_license` in its `task.toml`).",
    ]
    return "\n\n".join(parts) + "\n"


def _head(record: TrainingRecord, format_: str, auto: str) -> str:
    """YAML; JSON strings are strings of it."""
    tags = ["archwright", record.asked.task]
    lines = [f"library_name: {_LIBRARIES[format_]}", f"tags: {json.dumps(tags)}"]
    if format_ == "transformers" and auto in _PIPELINES:
        lines.append(f"pipeline_tag: {_PIPELINES[auto]}")
    if record.data_license:
        lines.append(f"data_license: {json.dumps(_line(record.data_license))}")
    return "\n".join(["---", *lines, "---"])


def _use(export: Mapping[str, Any], auto: str, tokens: bool) -> str:
    length = ", and to any length" if export["length_varies"] else ""
    match export["format"]:
        case "transformers":
            lines = f'from transformers import {auto}\n\nmodel = {auto}.from_pretrained("DIR", '
            lines += "trust_remote_code=True)"
            said = "`trust_remote_code` runs the files of this folder: read `architecture.py`."
        case "onnx":
            kind = "int64 tokens" if tokens else "float32"
            lines = "import onnxruntime\n\n"
            lines += 'session = onnxruntime.InferenceSession("DIR/model.onnx")\n'
            lines += 'outputs = session.run(None, {"inputs": x})[0]'
            said = f"`x` is {kind}, of any batch size{length}."
        case _:
            lines = 'import torch\n\nmodel = torch.export.load("DIR/model.pt2").module()'
            said = f"It takes any batch size{length}."
    return f"```python\n{lines}\n```\n\n{said}"


def _scores(record: TrainingRecord) -> Iterator[str]:
    metric, unit = record.metric, record.unit
    points = "points" if unit == "%" else unit
    if record.scores:
        step, score = record.scores[-1]
        value = f"{metric} {score:.4g} {unit}".rstrip()
        yield f"these weights: {value} on validation, after {step} steps"
    elif record.asked.all_data:
        yield "these weights have no score: they were trained on all data, the test split included"
    verified = record.evidence.get("verification") or {}
    if verified.get("mean") is not None:
        yield f"in the run: {verified['mean']:.4g} {unit}, mean of {verified['seeds']} fresh seeds"
    if verified.get("effect") is not None and verified.get("interval"):
        low, high = verified["interval"]
        yield (
            f"gain over the baseline {verified['effect']:+.3g} {points} "
            f"(95 % interval {low:+.3g} to {high:+.3g}, p {verified['p']:.2g})"
        )
    elif record.evidence.get("score") is not None:
        yield f"in the search: {record.evidence['score']:.4g} {unit}, optimistic and not verified"
    if again := (record.evidence.get("reproduce") or {}).get("interval"):
        yield f"a training on any seed must land in {again[0]:.4g} to {again[1]:.4g} {unit}".strip()


def _training(record: TrainingRecord) -> Iterator[str]:
    asked = record.asked
    data = "train, validation and test" if asked.all_data else "the training split"
    yield f"{record.step} of {asked.total} steps on {data}, seed {asked.seed}"
    yield ", ".join(f"{key} {value}" for key, value in asked.recipe.items())


def _line(text: str) -> str:
    return " ".join(printable(text).split())
