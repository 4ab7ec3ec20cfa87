"""A task from a text: a language model."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from archwright.core import TaskError
from archwright.tasks.loading import SPLITS
from archwright.tasks.readers.texts import TextWindows
from archwright.tasks.scaffold.shaping import template
from archwright.tasks.scaffold.writing import Draft, Reading

LENGTH: Final = 64


def draft_of_text(file: Path, tokenizer: Path | None, length: int | None) -> Draft:
    """The next byte, or the next token of a tokenizer.

    Raises:
        TaskError: the text is too short, or the tokenizer is none.
    """
    if file.is_dir():
        raise TaskError(f"{file} is a folder: --text takes one file")
    length = length or LENGTH
    files = {"TEXT": file}
    if tokenizer is not None:
        files["TOKENIZER"] = tokenizer.expanduser().resolve()
        if not files["TOKENIZER"].is_file():
            raise TaskError(f"{tokenizer} does not exist: give a file of the package tokenizers")
    reader = TextWindows(*files.values(), length=length)
    counts = {split: len(reader.load(split)[1]) for split in SPLITS}
    stored = str(reader.load("test")[0].dtype)
    unit = "byte" if tokenizer is None else "token"
    vocabulary = reader.vocabulary
    return Draft(
        summary=f"the next {unit} of {file.name}",
        contract=(
            f"Predict each next {unit} of a text. An input is {length} tokens below "
            f"{vocabulary:,}; the output is {length} x {vocabulary:,} logits, at each position of "
            "the token that follows it. A prediction may depend on no later position. There are "
            f"{counts['train']:,} windows to learn from."
        ),
        reading=Reading("TextWindows", files, {"length": length}),
        metric="bits_per_byte" if tokenizer is None else "perplexity",
        keys={
            "input_shape": [length],
            "output_shape": [length, vocabulary],
            "vocabulary": vocabulary,
            "input_type": stored,
            "causal": True,
        },
        baseline=template("language"),
        train=counts["train"],
        assumed=[
            f"windows of {length} {unit}s that do not overlap (--length N takes others)",
            "split by position, 70/15/15: "
            + ", ".join(f"{count} {split}" for split, count in counts.items())
            + " windows",
            f"{vocabulary:,} tokens: "
            + ("bytes" if tokenizer is None else f"those of {tokenizer.name}"),
            *(
                ["perplexity is that of a token, and compares within one tokenizer"]
                * bool(tokenizer)
            ),
        ],
        recipe={"learning_rate": 3e-3, "schedule": "warmup_cosine", "batch_size": 32},
    )
