"""A text as a language model reads it: windows of bytes, or of a tokenizer's tokens."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from archwright.core import Array, TaskError
from archwright.tasks.readers.splitting import span

BYTES = 256


class TextWindows:
    """Windows that do not overlap, each with the token that follows each of its tokens.

    The first 70 % of the text are train, then come validation and test.

    Args:
        file: the text.
        tokenizer: a file of the package `tokenizers` (JSON); bytes where it is None.
        length: tokens of a window.
    """

    def __init__(
        self, file: str | Path, tokenizer: str | Path | None = None, *, length: int
    ) -> None:
        self._file, self._length = Path(file), length
        self._tokenizer = None if tokenizer is None else Path(tokenizer)

    @cached_property
    def _encoded(self) -> tuple[Array, int]:
        try:
            content = self._file.read_bytes()
            if self._tokenizer is None:
                return np.frombuffer(content, dtype=np.uint8), BYTES
            text = content.decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise TaskError(f"{self._file} cannot be read as UTF-8 text: {error}") from error
        tokenizer = open_tokenizer(self._tokenizer)
        return encode(text, tokenizer), tokenizer.get_vocab_size()

    @property
    def vocabulary(self) -> int:
        """How many different tokens there are."""
        return self._encoded[1]

    def load(self, split: str) -> tuple[Array, Array]:
        """Tokens `(N, length)`, uint8 or uint16 or int32, and int64 the next ones.

        Raises:
            TaskError: the text is too short.
        """
        tokens, _ = self._encoded
        part = tokens[span(len(tokens), split)]
        count = (len(part) - 1) // self._length
        if count < 1:
            need = round((self._length + 1) / 0.15) + 1
            raise TaskError(
                f"{self._file} has {len(tokens)} tokens, and windows of {self._length} need "
                f"{need}: take a longer text, or a smaller --length"
            )
        end = count * self._length
        x = part[:end].reshape(count, self._length)
        return x, part[1 : end + 1].reshape(count, self._length).astype(np.int64)


def open_tokenizer(file: Path) -> Any:
    """A tokenizer of the package `tokenizers`, from its JSON.

    Raises:
        TaskError: the file is none.
    """
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:
        raise TaskError(f"{file} is not a file of the package tokenizers: {error}") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def encode(text: str, tokenizer: Any) -> Array:
    """The tokens of a text, uint16 or int32.

    Raises:
        TaskError: a token is not below the size of the vocabulary.
    """
    vocabulary: int = tokenizer.get_vocab_size()
    lines = tokenizer.encode_batch(text.splitlines(keepends=True), add_special_tokens=False)
    tokens = np.array([token for line in lines for token in line.ids], dtype=np.int64)
    if len(tokens) and tokens.max() >= vocabulary:
        raise TaskError(
            f"the tokenizer gives the token {tokens.max()}, and says that it has {vocabulary}: "
            "its numbers must run from 0 without a gap"
        )
    return tokens.astype(np.uint16 if vocabulary <= 1 << 16 else np.int32)
