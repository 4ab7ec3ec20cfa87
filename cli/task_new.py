"""`archwright task new`: a task from what is there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from archwright.cli.options import AsJson
from archwright.cli.output import emit, say
from archwright.core import TaskError

DATA = Group("Data: one of these, or a generated task", sort_key=1)
CSV = Group("Of a CSV file", sort_key=2)
REST = Group("Of the others", sort_key=3)
LADDER = Group("Ladder, alone or beside --text or --hf", sort_key=4)
MODULE = Group("Baseline", sort_key=5)

_Path = Path | None


def make_task(
    folder: Annotated[Path, Parameter(name="DIR")],
    /,
    *,
    images: Annotated[_Path, Parameter("--images", group=DATA)] = None,
    csv: Annotated[_Path, Parameter("--csv", group=DATA)] = None,
    npz: Annotated[_Path, Parameter("--npz", group=DATA)] = None,
    text: Annotated[_Path, Parameter("--text", group=DATA)] = None,
    hf: Annotated[str | None, Parameter("--hf", group=DATA)] = None,
    script: Annotated[_Path, Parameter("--script", group=DATA)] = None,
    ladder: Annotated[str | None, Parameter("--ladder", group=LADDER)] = None,
    target: Annotated[str | None, Parameter("--target", group=CSV)] = None,
    kind: Annotated[
        Literal["classes", "labels", "values"] | None, Parameter("--kind", group=CSV)
    ] = None,
    forecast: Annotated[int | None, Parameter("--forecast", group=CSV)] = None,
    window: Annotated[int | None, Parameter("--window", group=CSV)] = None,
    time: Annotated[str | None, Parameter("--time", group=CSV)] = None,
    group: Annotated[str | None, Parameter("--group", group=CSV)] = None,
    masks: Annotated[_Path, Parameter("--masks", group=REST)] = None,
    size: Annotated[int | None, Parameter("--size", group=REST)] = None,
    tokenizer: Annotated[_Path, Parameter("--tokenizer", group=REST)] = None,
    length: Annotated[int | None, Parameter("--length", group=REST)] = None,
    module: Annotated[str | None, Parameter("--module", group=MODULE)] = None,
    arguments: Annotated[list[str] | None, Parameter("--map", group=MODULE)] = None,
    json: AsJson = False,
) -> None:
    """Write a complete task, from data of your own or generated.

    Args:
        folder: A new folder.
        images: A folder of images, with one sub-folder for each class.
        csv: A CSV file, with the names of its columns in the first line.
        npz: Arrays: x and y, or x_train and so on, or edges, features and labels of a graph.
        text: A text, for a language model; with --ladder also a folder of texts.
        hf: A data set of the library `datasets`, by name or by folder.
        script: A folder with a training script, which is then what changes.
        ladder: A rung of the ladder of language models: bytes-64, bytes-128, 2m, 20m, 340m,
            340m-15b; without a text, on what this machine has.
        target: The column to predict; several with commas.
        kind: What the target holds, where the guess is wrong.
        forecast: How many next values of the target to predict.
        window: Lines that a forecast is made from (default: four times as many).
        time: The column to sort lines by.
        group: Rank the lines that share a value of this column by the target.
        masks: Masks with the names of the images: a class for each pixel.
        size: Longer side to resize images to.
        tokenizer: A file of the library `tokenizers`, in place of bytes.
        length: Tokens of one sample of a text (default: 64, or the rung's).
        module: An architecture of your own to begin with, as PACKAGE.MODULE:CLASS.
        arguments: An argument of it that the shapes do not give, as NAME=VALUE; may be repeated.
    """
    from archwright.source.counting import count_parameters
    from archwright.tasks.scaffold import Sources, new_task_from

    sources = Sources(
        images=images,
        masks=masks,
        size=_positive("--size", size),
        csv=csv,
        target=None if target is None else [name.strip() for name in target.split(",")],
        kind=kind,
        forecast=_positive("--forecast", forecast),
        window=_positive("--window", window),
        time=time,
        group=group,
        npz=npz,
        text=text,
        tokenizer=tokenizer,
        length=_positive("--length", length),
        hf=hf,
        ladder=ladder,
        script=script,
        module=module,
        map=None if arguments is None else dict(map(_pair, arguments)),
    )
    folder, assumed = new_task_from(folder, sources, count_parameters)
    files = sorted(path.name for path in folder.iterdir())

    def render() -> None:
        print(f"wrote {folder}: {', '.join(files)}")
        for line in assumed:
            print(f"  {line}")
        say(f"check it with: archwright task check {folder}")
        say(f"run it with:   archwright run {folder}")

    emit(json, {"folder": str(folder), "files": files, "assumed": assumed}, render)


def _positive(name: str, value: int | None) -> int | None:
    if value is not None and value < 1:
        raise TaskError(f"{name} must be 1 or more, not {value}")
    return value


def _pair(words: str) -> tuple[str, str]:
    name, equals, value = words.partition("=")
    if not equals:
        raise TaskError(f"--map takes NAME=VALUE, not {words!r}")
    return name.strip(), value.strip()
