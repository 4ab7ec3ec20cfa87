"""A folder that `AutoModel*.from_pretrained(DIR, trust_remote_code=True)` loads, offline."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np

from archwright.runs.shipping.network import network_source
from archwright.sandbox.contract import PartProjection, ProblemProjection, ShippingReply

CODE: Final = ("configuration_archwright.py", "modeling_archwright.py")
PREFIX: Final = "net."
"""Where the network's own weights stand in the model's."""


def auto_class_of(problem: ProblemProjection, is_language_model: bool) -> str:
    """The class of transformers whose inputs and outputs are those of the problem."""
    classes = problem.targets == "classes"
    if problem.inputs or problem.outputs:
        return "AutoModel"
    if problem.vocabulary is None:
        image = len(problem.input_shape) == 3 and len(problem.output_shape) == 1
        return "AutoModelForImageClassification" if image and classes else "AutoModel"
    if len(problem.output_shape) == 1:
        return "AutoModelForSequenceClassification"
    if is_language_model:
        return "AutoModelForCausalLM"
    return "AutoModelForTokenClassification" if classes else "AutoModel"


def is_language_model(problem: ProblemProjection, x: Any, y: Any) -> bool:
    """Whether what is predicted at each position is the next token of the sequence itself.

    Args:
        x: tokens `(N, length)`.
        y: classes `(N, length)`, -1 where nothing is scored.
    """
    if problem.vocabulary is None or not problem.causal or np.shape(x) != np.shape(y):
        return False
    if problem.output_shape[-1] != problem.vocabulary:
        return False
    scored = y[:, :-1] >= 0
    return bool(scored.any()) and bool(np.all((y[:, :-1] == x[:, 1:])[scored]))


def write_hub_folder(
    folder: Path,
    source: str,
    problem: ProblemProjection,
    auto: str,
    converted: ShippingReply,
    state: Path,
) -> None:
    """Write configuration, code and weights; `state` is the network's whole state, and `converted`
    says what it can do.

    Raises:
        OSError: the folder cannot be written.
    """
    from safetensors.numpy import load_file, save_file

    config = _config(problem, auto, converted)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    if auto == "AutoModelForCausalLM":
        # A token to pad with would be one that is read.
        generation = {"use_cache": converted.streams}
        (folder / "generation_config.json").write_text(json.dumps(generation, indent=2) + "\n")
    for name in CODE:
        (folder / name).write_bytes((files("archwright.runs.shipping") / "hub" / name).read_bytes())
    (folder / "architecture.py").write_text(source, encoding="utf-8")
    (folder / "network.py").write_text(network_source(problem), encoding="utf-8")
    weights = {f"{PREFIX}{name}": array for name, array in load_file(state).items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def _config(problem: ProblemProjection, auto: str, converted: ShippingReply) -> dict[str, Any]:
    own = "ArchwrightModel" if auto == "AutoModel" else auto.replace("AutoModel", "Archwright")
    place = f"modeling_archwright.{own}"
    autos = {"AutoConfig": "configuration_archwright.ArchwrightConfig", "AutoModel": place}
    return {
        "model_type": "archwright",
        "architectures": [own],
        "auto_map": {**autos, auto: place},
        "dtype": "float32",
        "input_shape": list(problem.input_shape),
        "output_shape": list(problem.output_shape),
        "vocabulary": problem.vocabulary,
        "causal": problem.causal,
        "backbone": asdict(problem)["backbone"],
        "input_parts": [[p.name, list(p.shape), _kind(p)] for p in problem.inputs] or None,
        "output_parts": [[p.name, list(p.shape)] for p in problem.outputs] or None,
        "training_loss": f"{problem.loss} with options" if problem.loss_options else problem.loss,
        "length_varies": converted.length,
        **({"num_labels": problem.output_shape[-1]} if problem.targets == "classes" else {}),
        **(
            {"use_cache": converted.streams, "tie_word_embeddings": False}
            if problem.vocabulary
            else {}
        ),
    }


def _kind(part: PartProjection) -> str:
    """What an array of an input holds."""
    return "mask" if part.mask else "float" if part.vocabulary is None else "tokens"
