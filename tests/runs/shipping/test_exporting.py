"""What is exported loads elsewhere and answers as the network does; what does not is refused."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from archwright.core import Array, Backbone, InputError, Part, Problem
from archwright.runs.shipping.card import model_card
from archwright.runs.shipping.exporting import Export, check_packages, difference, export
from archwright.runs.shipping.folder import TrainedFolder, TrainingAsked, TrainingRecord
from archwright.runs.shipping.hub_folder import auto_class_of, is_language_model
from archwright.runs.shipping.loading import load_network
from archwright.runs.shipping.network import network_source
from archwright.sandbox.contract import ProblemProjection, project
from archwright.sandbox.inside.chance.seeding import owned, seed_everything
from archwright.sandbox.inside.model.building import build

HEAD = "import torch\nfrom torch import nn\n\n\n"

NUMBERS = Problem("Model", (4,), (2,), "mse", 10_000, targets="values")
DENSE = (
    HEAD
    + """class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.net = nn.Linear(input_shape[0], output_shape[0])

    def forward(self, x):
        return self.net(x)
"""
)

TOKENS = Problem(
    "Mixer", (12,), (12, 5), "cross_entropy", 10_000,
    vocabulary=5, causal=True, backbone=Backbone(width=8, layers=2),
)  # fmt: skip
SUMS = (
    HEAD
    + """class Mixer(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.mix = nn.Linear(input_shape[1], output_shape[1])
        self.register_buffer("rate", torch.rand(1), persistent=False)

    def forward(self, x):
        return self.rate * self.mix(x.cumsum(1))
"""
)

SEVERAL = Problem(
    "Model", (15,), (3,), "cross_entropy", 10_000,
    inputs=(Part("words", (6,), 9), Part("mask", (6,), mask=True), Part("size", (3,))),
)  # fmt: skip
POOLED = (
    HEAD
    + """class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.embed = nn.Embedding(9, 8)
        self.head = nn.Linear(8 + input_shape["size"][0], output_shape[0])

    def forward(self, x):
        there = x["mask"][..., None].float()
        words = (self.embed(x["words"]) * there).sum(1)
        return self.head(torch.cat([words, x["size"]], 1))
"""
)


def trained(
    folder: Path, problem: Problem, source: str, inputs: Array, language_model: bool = False
) -> TrainedFolder:
    """A folder as `archwright train` leaves it, with the weights that the network begins with."""
    projected = project(ProblemProjection, problem)
    asked = TrainingAsked("run", "7", "toy", {"optimizer": "adamw"}, projected, 1, 0, False)
    record = TrainingRecord(asked, title="Toy", summary="A toy", language_model=language_model)
    begun = TrainedFolder.begin(folder, record, source, inputs)
    with owned(0):
        seed_everything(0)
        model = build(source, projected)
    state = {f"model.{name}": t.numpy() for name, t in model.state_dict().items()}
    return begun.reached(1, state, ((1, 0.5),), ())


def numbers(*shape: int) -> Array:
    drawn: Array = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    return drawn


def test_a_graph_answers_as_the_network(tmp_path: Path) -> None:
    network = trained(tmp_path / "out", NUMBERS, DENSE, numbers(64, 4))
    made = export(network, tmp_path / "pt2", "pt2", "archwright export out")
    assert made.difference <= 1e-5
    assert sorted(p.name for p in made.folder.iterdir()) == ["README.md", "model.pt2"]
    assert set(made.to_json()) >= {"folder", "format", "difference", "files"}
    with pytest.raises(InputError, match="is not empty"):
        export(network, tmp_path / "pt2", "pt2", "")


def test_onnx_takes_any_batch_or_says_what_to_install(tmp_path: Path) -> None:
    network = trained(tmp_path / "out", NUMBERS, DENSE, numbers(64, 4))
    if importlib.util.find_spec("onnxscript") is None:
        with pytest.raises(InputError, match=r"pip install 'archwright\[export\]'"):
            check_packages("onnx")
        return
    made = export(network, tmp_path / "onnx", "onnx", "archwright export out")
    assert made.difference <= 1e-5
    assert made.files == ("model.onnx", "README.md")


GENERATE = """\
import sys, torch
from transformers import AutoModelForCausalLM

model = AutoModelForCausalLM.from_pretrained(sys.argv[1], trust_remote_code=True).eval()
prompt = torch.tensor([[1, 2, 3], [4, 0, 1]])
given = model.generate(prompt, max_new_tokens=14, do_sample=False)
seen = prompt
with torch.no_grad():
    for _ in range(14):
        window = seen[:, -12:]
        padded = torch.nn.functional.pad(window, (0, 12 - window.shape[1]))
        best = model.net(padded)[:, window.shape[1] - 1].argmax(-1, keepdim=True)
        seen = torch.cat([seen, best], 1)
assert torch.equal(given, seen), (given, seen)
assert model(input_ids=prompt, labels=prompt).loss.isfinite()
"""


@pytest.mark.slow
def test_a_language_model_is_loaded_by_transformers_and_generates(tmp_path: Path) -> None:
    tokens = np.random.default_rng(0).integers(5, size=(64, 12))
    network = trained(tmp_path / "out", TOKENS, SUMS, tokens, language_model=True)
    made = export(network, tmp_path / "hub", "transformers", "archwright export out")
    assert made.difference <= 1e-5, "the buffer that is not saved by itself included"
    run_alone(GENERATE, made.folder, tmp_path)


ANY_LENGTH = replace(TOKENS, backbone=Backbone(8, 2, positions=False, convolution=4))
STREAMS = (
    HEAD
    + """class Mixer(nn.Module):
    def __init__(self, width, layer=0):
        super().__init__()
        self.mix, self.size = nn.GRU(width, width, batch_first=True), width

    def forward(self, x):
        return self.mix(x)[0]

    def start(self, batch):
        return {"hidden": torch.zeros(batch, self.size)}

    def step(self, x, state):
        out, hidden = self.mix(x[:, None], state["hidden"][None])
        return out[:, 0], {"hidden": hidden[0]}
"""
)

RECURRENT = """\
import sys, torch
from transformers import AutoModelForCausalLM

model = AutoModelForCausalLM.from_pretrained(sys.argv[1], trust_remote_code=True).eval()
assert model.generation_config.use_cache
prompt = torch.tensor([[1, 2, 3], [4, 0, 1]])
asked = {"do_sample": False, "return_dict_in_generate": True}
for more in ({}, {"num_beams": 3}):
    cached = model.generate(prompt, max_new_tokens=40, **asked, **more)
    plain = model.generate(prompt, max_new_tokens=40, use_cache=False, **asked, **more)
    assert torch.equal(cached.sequences, plain.sequences), more
with torch.no_grad():
    first = model(prompt, use_cache=True)
    numbers, tokens = first.cache.numel(), first.logits[:, -1:].argmax(-1)
    for _ in range(1024):
        out = model(tokens, cache=first.cache)
        tokens = out.logits.argmax(-1)
    assert torch.allclose(first.logits, model(prompt).logits, atol=1e-5)
assert out.cache.numel() == numbers == 2 * 2 * (8 + 3 * 8), "layers x sequences x numbers"
assert out.cache.get_seq_length() == 3 + 1024
assert model(input_ids=prompt, labels=prompt).loss.isfinite()
"""


@pytest.mark.slow
def test_a_mixer_with_steps_generates_from_a_cache_that_does_not_grow(tmp_path: Path) -> None:
    tokens = np.random.default_rng(0).integers(5, size=(64, 12))
    network = trained(tmp_path / "out", ANY_LENGTH, STREAMS, tokens, language_model=True)
    made = export(network, tmp_path / "hub", "transformers", "archwright export out")
    assert made.length_varies
    run_alone(RECURRENT, made.folder, tmp_path)


@pytest.mark.slow
def test_a_mixer_without_steps_generates_at_any_length_without_a_cache(tmp_path: Path) -> None:
    tokens = np.random.default_rng(0).integers(5, size=(64, 12))
    source = STREAMS.replace("def start", "def begin").replace("def step", "def walk")
    network = trained(tmp_path / "out", ANY_LENGTH, source, tokens, language_model=True)
    made = export(network, tmp_path / "hub", "transformers", "archwright export out")
    run_alone(
        RECURRENT[: RECURRENT.index("assert")]
        + "assert not model.generation_config.use_cache\n"
        + "assert model.generate(torch.tensor([[1, 2]]), max_new_tokens=30).shape == (1, 32)\n",
        made.folder,
        tmp_path,
    )


def run_alone(program: str, folder: Path, place: Path) -> None:
    """A program that loads the export, in an interpreter of its own, offline."""
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        env={"HF_HUB_OFFLINE": "1", "HF_HOME": str(place), "PATH": "", "OMP_NUM_THREADS": "1"},
        cwd=place, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
def test_what_a_network_keeps_outside_of_its_state_is_refused(tmp_path: Path) -> None:
    source = DENSE.replace("(x)", "(x + self.noise)").replace(
        "        self.net", "        self.noise = torch.randn(4)\n        self.net"
    )
    network = trained(tmp_path / "out", NUMBERS, source, numbers(64, 4))
    with pytest.raises(InputError, match=r"answers otherwise than the network \(by .*was removed"):
        export(network, tmp_path / "hub", "transformers", "")
    assert not (tmp_path / "hub").exists()


@pytest.mark.slow
@pytest.mark.parametrize("format_", ["pt2", "transformers"])
def test_several_inputs_are_an_argument_each(tmp_path: Path, format_: str) -> None:
    draw = np.random.default_rng(0)
    words, there = draw.integers(9, size=(64, 6)), draw.integers(2, size=(64, 6))
    packed = np.concatenate([words, there, draw.normal(size=(64, 3))], 1).astype(np.float32)
    network = trained(tmp_path / "out", SEVERAL, POOLED, packed)
    made = export(network, tmp_path / "made", format_, "")  # type: ignore[arg-type]
    assert made.difference <= 1e-5


def test_what_cannot_be_exported_names_the_operation(tmp_path: Path) -> None:
    source = DENSE.replace("self.net(x)", "self.net(x) if x.sum() > 0 else self.net(-x)")
    network = trained(tmp_path / "out", NUMBERS, source, numbers(64, 4))
    with pytest.raises(InputError, match="pt2 export: it cannot be exported: "):
        export(network, tmp_path / "pt2", "pt2", "")
    assert not (tmp_path / "pt2").exists()


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    network = trained(tmp_path / "out", NUMBERS, DENSE, numbers(64, 4))
    (network.path / "architecture.py").write_text(DENSE.replace("self.net", "self.other"))
    with pytest.raises(InputError, match="the weights are of another network"):
        load_network(network)


@pytest.mark.parametrize(
    ("problem", "language", "auto"),
    [
        (Problem("Model", (1, 8, 8), (10,), "cross_entropy", 1), False, "ImageClassification"),
        (NUMBERS, False, ""),
        (TOKENS, True, "CausalLM"),
        (TOKENS, False, "TokenClassification"),
        (Problem("Model", (9,), (2,), "cross_entropy", 1, vocabulary=5), False,
         "SequenceClassification"),
        (SEVERAL, False, ""),
    ],
)  # fmt: skip
def test_the_class_that_loads_it_is_that_of_its_shapes(
    problem: Problem, language: bool, auto: str
) -> None:
    found = auto_class_of(project(ProblemProjection, problem), language)
    assert found == ("AutoModel" if not auto else f"AutoModelFor{auto}")


def test_a_language_model_predicts_its_own_input() -> None:
    problem = project(ProblemProjection, TOKENS)
    x = np.arange(24).reshape(2, 12) % 5
    assert is_language_model(problem, x, (x + 1) % 5)
    assert not is_language_model(problem, x, x)


def test_the_backbone_in_the_folder_is_the_one_of_the_sandbox() -> None:
    problem = project(ProblemProjection, TOKENS)
    place: dict[str, object] = {}
    source = network_source(problem).replace("from .architecture import Mixer", SUMS)
    exec(compile(source, "network.py", "exec"), place)
    with owned(0):
        seed_everything(0)
        own = place["make_network"](problem_as_config())  # type: ignore[operator]
        seed_everything(0)
        theirs = build(SUMS, problem)
    tokens = torch.randint(5, (3, 12))
    assert torch.equal(own(tokens), theirs(tokens))


def problem_as_config() -> object:
    """The fields of a configuration that a network is made from."""
    from types import SimpleNamespace

    fields = {name: getattr(TOKENS, name) for name in ("input_shape", "output_shape")}
    backbone = TOKENS.to_json()["backbone"]
    return SimpleNamespace(**fields, vocabulary=5, causal=True, backbone=backbone)


def test_a_difference_is_relative_to_the_largest_output_and_none_is_small_enough() -> None:
    one = np.array([[0.5, 200.0]], dtype=np.float32)
    assert difference(one, one + np.float32(0.001)) == pytest.approx(5e-6, rel=0.1)
    assert difference(one / 1000, one / 1000 + np.float32(1e-4)) == pytest.approx(1e-4, rel=0.1)
    assert difference(one, one * np.nan) == np.inf
    assert difference(one, one[:, :1]) == np.inf


def test_the_card_says_what_is_known(tmp_path: Path) -> None:
    evidence = {
        "verification": {
            "mean": 96.1, "seeds": 7, "effect": 3.1, "interval": [1.9, 4.2], "p": 1e-5,
        },
        "reproduce": {"interval": [94.0, 98.0]},
    }  # fmt: skip
    problem = project(ProblemProjection, NUMBERS)
    asked = TrainingAsked("run-1", "7", "toy", {"optimizer": "adamw"}, problem, 9, 3, False)
    record = TrainingRecord(
        asked, title='A "title"\nof two lines', metric="accuracy", unit="%", step=9,
        data_license="CC BY 4.0", branch="archwright/run-1/wide", evidence=evidence,
        scores=((9, 95.5),), summary="Toys",
    )  # fmt: skip
    made = Export(tmp_path, "onnx", 2e-7, ("model.onnx",), True).to_json()
    card = model_card(record, made, "AutoModel", "archwright export x")
    head = card.split("---")[1]
    assert json.loads(head.split("data_license: ")[1]) == "CC BY 4.0"
    for said in (
        '# A "title" of two lines', "accuracy 95.5 % on validation, after 9 steps", "seed 3",
        "96.1 %, mean of 7 fresh seeds", "+3.1 points (95 % interval +1.9 to +4.2",
        "94 to 98 %", "archwright export x", "any batch size, and to any length", "CC BY 4.0",
    ):  # fmt: skip
        assert said in card, said
