"""What a file is, by its content: a name's ending says nothing."""

from __future__ import annotations

import codecs
import re
from typing import Final

from archwright.knowledge.papers import limits
from archwright.knowledge.papers.paper import Kind, UnreadableError

_LOOKED_AT: Final = 200_000
_HTML = re.compile(r"<!doctype\s+html|<html[\s>]|<(?:head|body)[\s>]", re.IGNORECASE)
_LATEX = re.compile(
    r"^[^%\n]*\\(?:documentclass|documentstyle|begin\{document\})|"
    r"^\s*\\(?:section|chapter|title)\*?\{",
    re.MULTILINE,
)
_MARKDOWN = re.compile(
    r"^#{1,6} \S|^(?:```|~~~)|^\|.+\|\s*$|^[^\n]+\n(?:=|-){3,}\s*$|"
    r"\[[^\]\n]+\]\([^)\n]+\)|^[-*] \S",
    re.MULTILINE,
)


def is_pdf(data: bytes) -> bool:
    """Whether the bytes are a PDF, as readers of PDF decide it."""
    return b"%PDF-" in data[:1024]


def decode(data: bytes) -> str | None:
    """The bytes as text; None when they are none."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    if b"\0" in data:
        return None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        # Old LaTeX is written in Latin-1, in which every byte means something: some mean no text.
        text = data.decode("latin-1")
        if sum(c in "\x7f" or "\x80" <= c < "\xa0" for c in text) > len(text) // 200:
            return None
    control = sum(c < " " and c not in "\t\n\r\f" for c in text)
    return None if control > max(4, len(text) // 200) else text


def kind_of(data: bytes) -> Kind | None:
    """What a file is; None for what cannot be a paper.

    Raises:
        UnreadableError: text beyond the limit.
    """
    if is_pdf(data):
        return "pdf"
    text = decode(data)
    if text is None or not text.strip():
        return None
    if len(data) > limits.MARKUP_BYTES:
        size = limits.MARKUP_BYTES >> 20
        raise UnreadableError(f"its text is larger than {size} MB: split it")
    return _kind_of_text(text[:_LOOKED_AT])


def _kind_of_text(text: str) -> Kind:
    begins = text.lstrip()
    if re.match(r"# \S|---\n", begins):
        return "markdown"
    if _HTML.search(begins[:4000]) or begins.startswith(("<?xml", "<!DOCTYPE", "<article")):
        return "html"
    if _LATEX.search(text):
        return "latex"
    return "markdown" if _MARKDOWN.search(text) else "text"
