"""The ladder: one language model at growing size, each rung an ordinary task for mixers.

What is better on the lowest rungs is tried again on the next, up to what only a GPU can train. All
rungs have the same network around the mixer (no positions, a causal convolution over four steps)
and hold out the same documents.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from archwright.core import Backbone, Problem, Recipe, TaskError, Training
from archwright.tasks.readers.corpora import Corpus, HubCorpus, MachineCorpus, TextCorpus
from archwright.tasks.scaffold.writing import Draft, Reading, StartingPoint

SCORED: Final = (1 << 15, 1 << 20)
"""Tokens in validation, and in test: a share of those in training within these bounds."""
SHARE: Final = 400
ROOM: Final = 1.4
"""How many times the baseline's parameters a candidate may have."""
BASELINE: Final = Path(__file__).resolve().parents[1] / "sequence-mixers" / "baseline.py"
_USUAL: Final = "self.heads, each = 2, 32"


@dataclass(frozen=True, slots=True)
class LadderRung:
    """One size of the language model, and how it is trained."""

    name: str
    width: int
    layers: int
    heads: int
    """Of the baseline, and of published mixers on this rung: they split the state."""
    length: int
    recipe: Recipe
    steps: int
    mlp_ratio: float = 2.0
    training: Training = field(default_factory=Training)
    trial_seconds: float = 3_600.0
    memory_mb: int = 4_096

    @property
    def tokens_a_step(self) -> int:
        """Tokens that one step of the optimizer sees."""
        return self.recipe.batch_size * self.training.accumulate * self.length

    @property
    def tokens(self) -> int:
        """Tokens that a whole training sees."""
        return self.steps * self.tokens_a_step

    @property
    def budgets(self) -> tuple[int, int]:
        """Steps of the two rungs of its task: a quarter, and all."""
        return self.steps // 4, self.steps

    @property
    def scored(self) -> int:
        """The most tokens in validation, and in test."""
        return min(max(SCORED[0], self.tokens // SHARE), SCORED[1])

    def backbone(self) -> Backbone:
        """The network around the mixer."""
        return Backbone(self.width, self.layers, self.mlp_ratio, positions=False, convolution=4)

    def problem(self, vocabulary: int, max_params: int) -> Problem:
        """What a candidate is built against."""
        return Problem(
            entry="Mixer",
            input_shape=(self.length,),
            output_shape=(self.length, vocabulary),
            loss="cross_entropy",
            max_params=max_params,
            vocabulary=vocabulary,
            causal=True,
            backbone=self.backbone(),
        )


def _recipe(rate: float, batch: int, decay: float = 0.01) -> Recipe:
    return Recipe("adamw", rate, decay, batch, "warmup_cosine")


_ON_GPU: Final = Training(precision="bf16", device="cuda")
_LARGE: Final = LadderRung(
    name="340m",
    width=1024,
    layers=24,
    heads=8,
    length=2048,
    recipe=_recipe(4e-4, batch=4, decay=0.1),
    steps=1_907,
    mlp_ratio=4.25,
    training=replace(_ON_GPU, accumulate=64),
    trial_seconds=1e6,
    memory_mb=65_536,
)
RUNGS: Final = (
    LadderRung("bytes-64", 64, 2, 2, 128, _recipe(3e-3, batch=8), steps=600),
    LadderRung("bytes-128", 128, 2, 4, 256, _recipe(3e-3, batch=8), steps=400),
    LadderRung("2m", 256, 4, 4, 256, _recipe(2e-3, batch=16), steps=4_880, trial_seconds=1e5),
    LadderRung(
        name="20m",
        width=512,
        layers=8,
        heads=8,
        length=1024,
        recipe=_recipe(1e-3, batch=16, decay=0.1),
        steps=12_200,
        training=replace(_ON_GPU, accumulate=2),
        trial_seconds=1e5,
        memory_mb=32_768,
    ),
    _LARGE,
    replace(_LARGE, name="340m-15b", steps=28_610),
)
"""From the lowest."""


def rung_of(name: str) -> LadderRung:
    """The rung of a name.

    Raises:
        TaskError: there is none.
    """
    found = next((rung for rung in RUNGS if rung.name == name), None)
    if found is None:
        raise TaskError(f"--ladder {name}: the rungs are {', '.join(r.name for r in RUNGS)}")
    return found


def draft_of_rung(
    rung: LadderRung,
    text: Path | None = None,
    hub: str | None = None,
    tokenizer: Path | None = None,
    length: int | None = None,
) -> Draft:
    """A rung on a text or a folder of texts, a data set of the library `datasets`, or what this
    machine has.

    Raises:
        TaskError: the documents are too few.
    """
    rung = replace(rung, length=length or rung.length)
    files: dict[str, Any] = {}
    reader: type[Corpus] = MachineCorpus
    if text is not None:
        reader, files["TEXT"] = TextCorpus, text
    elif hub is not None:
        local = Path(hub).expanduser()
        reader, files["NAME"] = HubCorpus, local.resolve() if local.is_dir() else hub
    choices: dict[str, Any] = {
        "length": rung.length, "tokens": rung.tokens, "scored": rung.scored,
    }  # fmt: skip
    if tokenizer is not None:
        choices["tokenizer"] = str(tokenizer.expanduser().resolve())
    corpus = reader(*files.values(), **choices)
    counts = {split: corpus.count(split) for split in ("train", "validation", "test")}
    return _draft(rung, corpus, counts, Reading(reader.__name__, files, choices, lazy=True))


def _draft(rung: LadderRung, corpus: Corpus, counts: dict[str, int], reading: Reading) -> Draft:
    vocabulary, unit = corpus.vocabulary, "token" if "tokenizer" in reading.options else "byte"
    training = rung.training
    what = next((Path(file).name for file in reading.files.values()), "what this machine has")
    passes = rung.tokens / (counts["train"] * rung.length)
    return Draft(
        summary=f"{unit} language model on {what}: rung {rung.name} of the ladder",
        contract=(
            f"Predict each next {unit} of a text. Inputs are windows of {rung.length:,} {unit}s. "
            "Write only the sequence mixer: class Mixer with __init__(self, width, layer=0) and "
            "forward(x) from (batch, length, width) to the same shape, causal and at any length. "
            f"There are {rung.layers} layers of width {rung.width:,}, no positions, and a short "
            "causal convolution before each mixer."
        ),
        reading=reading,
        metric="bits_per_byte" if unit == "byte" else "perplexity",
        keys={
            "rungs": list(rung.budgets),
            "input_shape": [rung.length],
            "output_shape": [rung.length, vocabulary],
            "vocabulary": vocabulary,
            "input_type": corpus.stored.name,
            "causal": True,
            "entry": "Mixer",
        },
        baseline=baseline_of_rung(rung),
        train=counts["train"],
        assumed=[
            f"rung {rung.name}: width {rung.width:,}, {rung.layers} layers, length "
            f"{rung.length:,}, {rung.tokens:,} tokens in {rung.steps:,} steps",
            f"{vocabulary:,} tokens: "
            + (
                "bytes" if unit == "byte" else f"those of {Path(reading.options['tokenizer']).name}"
            ),
            "documents by the hash of their content, 80/10/10, the same at every rung; a single "
            "text by position, 70/15/15",
            ", ".join(f"{count:,} {split}" for split, count in counts.items())
            + f" windows: a training is {passes:.1f} passes over them",
        ],
        recipe=rung.recipe.to_json(),
        sections={
            "backbone": asdict(rung.backbone()),
            "training": {
                "precision": training.precision,
                "accumulate": training.accumulate,
                "device": training.device,
            },
        },
        trial_seconds=rung.trial_seconds,
        memory_mb=rung.memory_mb,
        room=ROOM,
    )


def baseline_of_rung(rung: LadderRung) -> StartingPoint:
    """Gated DeltaNet, with the rung's heads."""
    text = BASELINE.read_text(encoding="utf-8")
    assert _USUAL in text, "the suite's baseline has its heads in one line"
    own = f"self.heads, each = {rung.heads}, {rung.width // rung.heads}"
    return StartingPoint(text.replace(_USUAL, own))
