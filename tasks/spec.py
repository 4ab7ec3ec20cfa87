"""What a task folder says of itself: `task.toml` and `baseline.py`, read and validated.

Every field of `task.toml` is explained where it stands, in the classes below; a key that is not
there is refused.
"""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from archwright.core import (
    BY_SHAPES,
    LEAST_BATCH,
    AtPlateau,
    Backbone,
    DeviceName,
    Direction,
    EntryClass,
    InputError,
    Must,
    Precision,
    Problem,
    Recipe,
    SourceError,
    Targets,
    TaskSpec,
    Training,
)
from archwright.core.words import nearest, parse_toml
from archwright.tasks.objective import ObjectiveKeys
from archwright.tasks.parts import Inputs, ShapeKey, outputs_of
from archwright.tasks.siblings import with_siblings
from archwright.tasks.source import baseline_faults, baseline_folder, read_text

LONGEST_NAME: Final = 80
NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
PACKAGE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

ONE_WAY: Final = {"causal", "streaming"}
"""What a candidate must be that also makes the task a causal one."""
CONVERTER: Final = ("onnx", "onnxscript")
"""What the check `onnx` uses where it is installed."""

Count = Annotated[int, Field(ge=1)]
Words = Annotated[str, Field(min_length=1)]
Seconds = Annotated[float, Field(ge=0.1, le=31_536_000)]
"""Less than it takes to begin would end every training, and more than a year no clock bears."""
Megabytes = Annotated[int, Field(ge=1, le=100_000_000)]
Vocabulary = Annotated[int, Field(ge=2)]
NumberType = Annotated[str, Field(pattern="^(float(16|32)|u?int(8|16)|int(32|64)|bool)$")]


class Form(BaseModel):
    """A section of `task.toml`; what stands under a key says what it is for."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        str_strip_whitespace=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


class _BackboneForm(Form):
    width: Count
    """channels of every layer; the mixer gets and gives (length, width)"""
    layers: Count
    """how many times (mixer, MLP) is repeated"""
    mlp_ratio: float = Field(2.0, gt=0)
    """hidden width of the MLP, as a multiple of `width`"""
    positions: bool = True
    """whether it learns positions of one length; without, it and the mixer run at any length"""
    convolution: int = Field(0, ge=0, le=16)
    """width of a short causal convolution before each mixer, the same for all; 0 is none"""


class _LimitsForm(Form):
    max_params: Count
    """most parameters a candidate may have, the backbone's included"""
    max_flops: Count | None = None
    """most floating point operations for one sample"""
    trial_seconds: Seconds = 120.0
    """kill switch of one training, in CPU seconds; time that it sleeps counts as well"""
    memory_mb: Megabytes = 2048
    """most memory of one training"""


class SandboxForm(Form):
    """[sandbox]: what candidates find in it."""

    packages: list[Words] = Field(default_factory=list)
    """installed packages that candidates may import, beside torch and numpy"""
    data: list[Words] = Field(default_factory=list)
    """folders that candidates may read, from the task's folder on; never of labels"""


class _TrainingForm(Form):
    precision: Precision = "float32"
    """of the forward pass: float32, bf16 or fp16, which scales the loss"""
    accumulate: Count = 1
    """batches whose gradients make one step"""
    clip: float = Field(1.0, ge=0)
    """largest norm of the gradient; 0 is none"""
    restarts: int = Field(0, ge=0)
    """how often the schedule begins anew"""
    average: float = Field(0.0, ge=0, lt=1)
    """decay of the moving average of the weights, such as 0.999; 0 is none"""
    hold_out: float = Field(0.0, ge=0, le=0.5)
    """share of the training data held out to stop early; 0 is none"""
    patience: Count = 5
    """points of the curve (of about 20) without a lower held-out loss before it stops"""
    device: DeviceName = "auto"
    """cpu or cuda; auto is what the sandbox has"""
    compile: bool = False
    """have networks compiled (TorchInductor), in containers whose image has a compiler"""
    loaders: int = Field(0, ge=0, le=32)
    """threads that read and augment batches ahead; 0 is one for an accelerator, else none"""


class _TaskForm(Form):
    name: str
    """lower-case letters, digits and hyphens"""
    summary: Words
    """one line that says what is learned from what"""
    metric: str
    """how predictions are scored: a name of the list, or task.py for its `score(predictions, y)`"""
    direction: Direction | None = None
    """maximize or minimize; it must agree with the metric, and is asked for with task.py"""
    unit: str | None = None
    """the unit of a score; it must agree with the metric, and is asked for with task.py"""
    loss: str | None = None
    """what is trained on, where not the metric's own: a name of the list, or task.py for its
    `loss(outputs, y)`"""
    targets: Targets | None = None
    """what the labels are, where metric and loss leave a choice: classes, labels (several of 0 or
    1), values, groups, or own"""
    plateau: AtPlateau = "broaden"
    """what a search does where there is nothing to gain: broaden, cost or stop"""
    rungs: Annotated[list[Count], Field(min_length=1)]
    """training budgets in optimizer steps, rising, such as [100, 300]"""
    input_shape: ShapeKey
    """shape of one input, without the batch axis; a table of shapes, or a list of them, where an
    input is a dictionary or a tuple of arrays"""
    output_shape: ShapeKey
    """shape of one prediction, without the batch axis; classes stand on the last axis; a table or
    a list of shapes for several predictions"""
    vocabulary: Vocabulary | dict[str, Vocabulary] | None = None
    """how many different tokens there are, where inputs are integer tokens; by name of the part"""
    input_type: NumberType | dict[str, NumberType] | None = None
    """how inputs are stored, where not as float32: float16, uint8 (divided by 255), bool, integers;
    by name of the part"""
    lengths_vary: bool = False
    """whether inputs are sequences of unequal lengths: input_shape has the longest, and forward
    gets a dictionary of x, padded with 0, and mask"""
    causal: bool = False
    """whether a prediction at one position may depend on no later position"""
    must: list[Must] = Field(default_factory=list)
    """what a candidate has to be able to do where it is used: onnx, causal, streaming"""
    data_license: str = ""
    """the licence of the data, for the model cards of exports"""
    entry: EntryClass = "Model"
    """the class a candidate defines: Model, or Mixer for the part of a given backbone"""
    contract: Words
    """words for whoever writes candidates: what is given, what is asked for"""
    loss_options: dict[str, Any] = Field(default_factory=dict)
    """[loss_options]: such as class_weights, label_smoothing, pos_weight, delta, quantiles"""
    backbone: _BackboneForm | None = None
    """[backbone]: the fixed network around a mixer"""
    limits: _LimitsForm
    """[limits]: max_params, and optional max_flops, trial_seconds, memory_mb"""
    sandbox: SandboxForm = Field(default_factory=SandboxForm)
    """[sandbox]: packages and data folders that candidates may use"""
    recipe: dict[str, Any] = Field(default_factory=dict)
    """[recipe]: how a candidate is trained that brings no recipe of its own"""
    training: _TrainingForm = Field(default_factory=lambda: _TrainingForm.model_validate({}))
    """[training]: how the harness trains all alike: precision, accumulate, clip, average …"""


def read_spec(folder: Path) -> tuple[TaskSpec | None, list[str]]:
    """Read `task.toml` and `baseline.py`.

    Returns:
        The spec, None where `task.toml` cannot be used, and all faults found, one line each.
    """
    form, faults = _read_form(folder)
    entry = form.entry if form else None
    home = baseline_folder(folder)
    source, more = read_text(home / "baseline.py")
    source, apart = with_siblings(source, home)
    spec = None if form is None else _to_spec(form, source, folder)
    constructor = spec.problem.constructor if spec else BY_SHAPES
    faults += more or apart or baseline_faults(source, entry, constructor)
    return spec, faults


def _read_form(folder: Path) -> tuple[_TaskForm | None, list[str]]:
    text, faults = read_text(folder / "task.toml")
    if faults:
        return None, faults
    try:
        document = parse_toml(text)
    except InputError as error:
        return None, [f"task.toml {error}"]
    if "kind" in document:
        return None, [f'task.toml: kind must be "script" or left out, not {document["kind"]!r}']
    try:
        form = _TaskForm.model_validate(document)
    except ValidationError as error:
        return None, [f"task.toml: {explain(details, _SECTIONS)}" for details in error.errors()]
    found = (
        *_conflicts(form),
        *objective_of(form, folder).faults(),
        *sandbox_faults(form.sandbox, folder),
    )
    faults = [f"task.toml: {fault}".replace("task.toml: task.py:", "task.py:") for fault in found]
    return (None if faults else form), faults


_SECTIONS: Final[Mapping[str, type[Form]]] = {
    "": _TaskForm,
    "backbone": _BackboneForm,
    "limits": _LimitsForm,
    "sandbox": SandboxForm,
    "training": _TrainingForm,
}


def explain(details: ErrorDetails, sections: Mapping[str, type[Form]]) -> str:
    """One fault of form in one line that names the fix; `sections` by name, "" for the rest."""
    path = [str(part) for part in details["loc"]]
    section = next((part for part in reversed(path[:-1]) if part in sections), "")
    key = path[-1]
    where = f" in [{section}]" if section else ""
    fields = sections[section].model_fields
    if details["type"] == "extra_forbidden":
        return f"unknown key {key!r}{where}; {nearest(key, fields)}"
    if details["type"] == "missing":
        return f"key {key!r} is missing{where}: {fields[key].description}"
    message = details["msg"]
    message = message[max(0, message.find("should")) :]  # without "Input", "String" or "List"
    given = f"{details['input']!r:.60}"
    return f"{'.'.join(path)} {message}, not {given}"


def head_conflicts(name: str, summary: str, rungs: Sequence[float] = ()) -> Iterator[str]:
    """Faults of what a task of any kind begins with."""
    if not NAME.fullmatch(name):
        yield f"name {name!r} must be lower-case letters, digits and single hyphens"
    if len(name) > LONGEST_NAME:
        yield f"name must have at most {LONGEST_NAME} characters, not {len(name)}"
    if "\n" in summary:
        yield "summary must be one line; longer text belongs in contract"
    if any(a >= b for a, b in pairwise(rungs)):
        yield f"rungs must rise, such as [100, 300], not {list(rungs)}"


def _conflicts(form: _TaskForm) -> Iterator[str]:
    """Faults of keys that are well formed each, but do not fit together."""
    yield from head_conflicts(form.name, form.summary, form.rungs)
    yield from inputs_of(form).conflicts()
    yield from _sequence_conflicts(form)
    yield from _must_conflicts(form)
    try:
        Recipe().updated(form.recipe, LEAST_BATCH)
    except SourceError as error:
        yield str(error).replace("RECIPE", "[recipe]", 1)


def sandbox_faults(sandbox: SandboxForm, folder: Path) -> Iterator[str]:
    """Faults of what candidates are to find in their sandbox."""
    for name in sandbox.packages:
        if not PACKAGE.fullmatch(name):
            yield f"[sandbox] packages holds {name!r}, which is not a package's name"
        elif name.lower().startswith("archwright"):
            yield "[sandbox] packages must not hold archwright: candidates never see it"
        elif not _is_installed(name):
            yield f"[sandbox] package {name} is not installed; pip install {name}"
    for name in sandbox.data:
        yield from _data_faults(name, data_folder(folder, name), folder.resolve())


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def data_folder(folder: Path, name: str) -> Path:
    """A data folder of a task by the name that the task gives it."""
    return (folder / Path(name).expanduser()).resolve()


def _data_faults(name: str, data: Path, task: Path) -> Iterator[str]:
    if not data.is_dir():
        yield f"[sandbox] data folder {name} does not exist; make it, or leave it out"
    elif data == task or data in task.parents:
        yield f"[sandbox] data folder {name} holds the task itself, and with it its labels"
    elif ":" in str(data):
        yield f"[sandbox] data folder {name} must not have a colon in its path"


def objective_of(form: _TaskForm, folder: Path) -> ObjectiveKeys:
    """What a form says of the objective."""
    return ObjectiveKeys(
        metric=form.metric,
        loss=form.loss,
        options=form.loss_options,
        targets=form.targets,
        direction=form.direction,
        unit=form.unit,
        output_shape=outputs_of(form.output_shape)[1],
        packages=tuple(form.sandbox.packages),
        folder=folder,
        source=read_text(folder / "task.py")[0],
    )


def _sequence_conflicts(form: _TaskForm) -> Iterator[str]:
    if form.entry == "Mixer":
        yield from _mixer_conflicts(form)
        return
    if form.backbone is not None:
        yield '[backbone] is for entry = "Mixer"; leave it out, or set the entry'
    if (form.causal or ONE_WAY & set(form.must)) and not _is_per_position(form):
        named = "causal" if form.causal else f"must = {form.must}"
        yield f"{named} needs an output for each position: output_shape = [length, values]"


def _must_conflicts(form: _TaskForm) -> Iterator[str]:
    if "streaming" in form.must and inputs_of(form).parts:
        yield 'must = ["streaming"] is for inputs of one array; leave it out'


def _mixer_conflicts(form: _TaskForm) -> Iterator[str]:
    if inputs_of(form).parts or outputs_of(form.output_shape)[0]:
        yield 'entry = "Mixer" takes one array and gives one; leave the entry out for several'
        return
    if form.backbone is None:
        yield 'entry = "Mixer" needs a [backbone] with width and layers'
    elif not (form.backbone.positions or form.causal):
        yield "[backbone] positions = false is for mixers that are causal; add causal = true"
    if form.vocabulary is None and len(inputs_of(form).size) != 2:
        yield 'entry = "Mixer" needs a vocabulary, or input_shape = [length, features]'
    if len(outputs_of(form.output_shape)[1]) != 1 and not _is_per_position(form):
        yield 'entry = "Mixer" needs output_shape = [length, values] or [values]'


def _converter(form: _TaskForm) -> Iterator[str]:
    """The packages that the check `onnx` uses, as far as they are here."""
    if "onnx" in form.must:
        yield from filter(_is_installed, CONVERTER)


def _is_per_position(form: _TaskForm) -> bool:
    inputs, output = inputs_of(form), outputs_of(form.output_shape)[1]
    length = inputs.parts[0].shape[0] if inputs.parts else inputs.size[0]
    return len(output) == 2 and output[0] == length


def inputs_of(form: _TaskForm) -> Inputs:
    """What a form says of the inputs."""
    return Inputs(form.input_shape, form.vocabulary, form.input_type, form.lengths_vary)


def _to_spec(form: _TaskForm, baseline: str, folder: Path) -> TaskSpec:
    objective, limits = objective_of(form, folder), form.limits
    backbone = Backbone(**form.backbone.model_dump()) if form.backbone else None
    inputs, (outputs, output_shape) = inputs_of(form), outputs_of(form.output_shape)
    problem = Problem(
        entry=form.entry,
        input_shape=inputs.size,
        output_shape=output_shape,
        max_params=limits.max_params,
        max_flops=limits.max_flops,
        vocabulary=inputs.tokens,
        causal=form.causal or bool(ONE_WAY & set(form.must)),
        backbone=backbone,
        must=tuple(form.must),
        packages=(*form.sandbox.packages, *_converter(form)),
        folders=tuple(str(data_folder(folder, name)) for name in form.sandbox.data),
        inputs=inputs.parts,
        outputs=outputs,
        **objective.problem_keys(),
    )
    return TaskSpec(
        name=form.name,
        summary=form.summary,
        metric=objective.found,
        problem=problem,
        rungs=tuple(form.rungs),
        recipe=Recipe().updated(form.recipe, LEAST_BATCH),
        contract=form.contract,
        baseline=baseline,
        folder=folder,
        trial_seconds=limits.trial_seconds,
        memory_mb=limits.memory_mb,
        plateau=form.plateau,
        training=Training(**form.training.model_dump()),
        input_types=inputs.types,
        lengths_vary=form.lengths_vary,
        data_license=form.data_license,
    )
