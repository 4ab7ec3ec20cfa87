"""From the files of a paper to the paper: recognise, read, and mark what does not belong."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from archwright.knowledge.papers.bundles import CODE, CODE_ENDINGS, Bundle, open_bundle
from archwright.knowledge.papers.instructions import find_instructions, visible
from archwright.knowledge.papers.mainfile import MainFile, choose_main, is_source
from archwright.knowledge.papers.paper import (
    CODE_BYTES,
    CODE_FILES,
    MARKUP_BYTES,
    TEXT_CHARACTERS,
    CodeFile,
    Paper,
    PaperKind,
    Section,
    UnreadableError,
)

_ORDER: Final[Mapping[PaperKind, int]] = {"latex": 0, "pdf": 1, "html": 2, "markdown": 3, "text": 4}
_NO_PAPERS: Final = (
    ".py", ".bib", ".bbl", ".sty", ".cls", ".clo", ".def", ".bst", ".dtx", ".ins", ".aux", ".log",
    ".cfg", ".fd", ".toc", ".out",
)  # fmt: skip
_MAINS: Final = (".tex", ".ltx", ".latex", ".pdf", ".html", ".md")
_NAMED_AT_MOST: Final = 8
_NO_PAPER: Final = "it is not a paper: add PDF, LaTeX, HTML, Markdown or text"


def read_paper(path: Path, main: str | None = None) -> Paper:
    """The paper at a path, which may be a file, an archive or a folder.

    Args:
        main: the file of an archive or a folder that is the paper, in place of the one that its
            files speak for.

    Raises:
        UnreadableError: it is none, or cannot be read, or has no such file; the message names the
            fix.
        RecursionError: it is nested too deep.
    """
    bundle = open_bundle(path)
    name, kind = _choose(bundle) if main is None else _named(bundle, main, path)
    paper = _read(bundle, name, kind, main is not None)
    if not any(s.text.strip() for s in paper.sections):
        raise UnreadableError("it holds no text: " + _NO_PAPER.removeprefix("it is not a paper: "))
    if sum(len(s.text) for s in paper.sections) > TEXT_CHARACTERS:
        raise UnreadableError("it holds too much text for a paper: add a part of it")
    paper = _cleaned(paper)
    pdfs = [n for n in bundle if "/" not in n and kind == "latex" and _is_made(n, bundle)]
    paper = replace(paper, notices=(*paper.notices, *map(left_aside, pdfs)))
    return replace(
        paper, title=paper.title or Path(name).stem, code=(*paper.code, *_code(bundle, name))
    )


def left_aside(pdf: str) -> str:
    """What is said of a PDF whose LaTeX source was read in its place."""
    return f"read from the LaTeX source; {pdf} was left aside"


def _choose(bundle: Bundle) -> tuple[str, PaperKind]:
    """The file that is the paper: LaTeX before what was made from it, and the nearest the top."""
    kinds = {}
    for name, data in bundle.items():
        if not name.startswith(f"{CODE}/") and not name.endswith(_NO_PAPERS):
            kind = kind_of(data)
            # A class, or a file of another language with LaTeX in it, is no source of a paper.
            if kind is not None and (kind != "latex" or is_source(name) or len(bundle) == 1):
                kinds[name] = kind
    if not kinds:
        only = next(iter(bundle.values()), b"")
        raise UnreadableError(_NO_PAPER if only.strip() else "it is empty: fetch it again")
    name = min(kinds, key=lambda n: (_ORDER[kinds[n]], n.count("/"), n.lower() == "readme.md", n))
    return name, kinds[name]


def _is_made(name: str, bundle: Bundle) -> bool:
    """Whether a file is the PDF of a document beside it."""
    return name.endswith(".pdf") and b"\\documentclass" in bundle.get(f"{name[:-4]}.tex", b"")


def _named(bundle: Bundle, main: str, path: Path) -> tuple[str, PaperKind]:
    """The file that a user named as the paper, by its place in the bundle or on the disk."""
    wanted = main.removeprefix("./")
    if path.is_dir() and Path(main).is_absolute():
        wanted = os.path.relpath(main, path)
    elif path.is_dir() and wanted not in bundle and f"{wanted}.tex" not in bundle:
        wanted = os.path.relpath(Path(main).absolute(), path.absolute())
    name = next((n for n in (wanted, f"{wanted}.tex") if n in bundle), None)
    if name is None:
        there = sorted(n for n in bundle if n.endswith(_MAINS)) or sorted(bundle)
        more = ", ..." if len(there) > _NAMED_AT_MOST else ""
        said = ", ".join(there[:_NAMED_AT_MOST]) + more
        raise UnreadableError(f"it holds no file {main!r}: --main may be one of {said}")
    kind = kind_of(bundle[name])
    if kind is None:
        raise UnreadableError(f"{name} is not a paper: name another file with --main")
    return name, kind


def _read(bundle: Bundle, name: str, kind: PaperKind, named: bool) -> Paper:
    # Each reader pulls in a library: only the one that is needed.
    if kind == "pdf":
        from archwright.knowledge.papers.pdf import read_pdf

        return read_pdf(bundle[name])
    if kind == "latex":
        from archwright.knowledge.papers.latex.reading import read_latex

        files = {n: t for n, data in bundle.items() if (t := decode(data)) is not None}
        chosen = None if named else choose_main(files)
        paper = read_latex(files, chosen.name if chosen else name)
        return replace(paper, notices=(*_notice(chosen), *paper.notices)) if chosen else paper
    text = (decode(bundle[name]) or "").replace("\r\n", "\n").replace("\r", "\n")
    if kind == "html":
        from archwright.knowledge.papers.html import read_html

        return read_html(text)
    if kind == "markdown":
        from archwright.knowledge.papers.markdown import read_markdown

        return read_markdown(text)
    from archwright.knowledge.papers.text import read_text

    return read_text(text)


def _notice(chosen: MainFile) -> tuple[str, ...]:
    """What is said where a source holds several documents."""
    if not chosen.others:
        return ()
    others = ", ".join(chosen.others[:_NAMED_AT_MOST])
    return (f"read from {chosen.name}; --main reads another: {others}",)


def _cleaned(paper: Paper) -> Paper:
    """The paper without invisible characters, with what addresses its reader marked."""
    title, hidden = visible(paper.title)
    sections: list[Section] = []
    for section in paper.sections:
        text, more = visible(section.text)
        hidden += more
        sections.append(replace(section, text=text, title=visible(section.title)[0]))
    notices = paper.notices
    if hidden:
        notices = (*notices, f"{hidden} invisible letters were left out of the text")
    said = "\n".join((title, *paper.notices, *(f"{s.title}\n{s.text}" for s in sections)))
    return replace(
        paper,
        title=" ".join(title.split()),
        sections=tuple(sections),
        notices=notices,
        instructions=find_instructions(said),
    )


def _code(bundle: Bundle, paper: str) -> tuple[CodeFile, ...]:
    """The code that came along: all of `code/`, and Python wherever it lies in the bundle."""
    found = []
    for name, data in bundle.items():
        inside = name.startswith(f"{CODE}/") and name.endswith(CODE_ENDINGS)
        if name == paper or not (inside or name.endswith(".py")) or len(data) > CODE_BYTES:
            continue
        text = decode(data)
        if text is not None:
            found.append(CodeFile(name.removeprefix(f"{CODE}/"), text, "folder"))
    return tuple(sorted(found[:CODE_FILES], key=lambda c: c.path))


# --- what a file is -------------------------------------------------------------------------------


_LOOKED_AT: Final = 200_000
_STATED = re.compile(rb"\\usepackage\s*\[(?:utf8,\s*)?([\w-]+)\]\s*\{inputenc\}")
_ENCODINGS: Final = {
    "latin2": "iso8859-2", "latin9": "iso8859-15", "cp1250": "cp1250", "cp1251": "cp1251",
    "koi8-r": "koi8-r", "applemac": "mac-roman", "latin5": "iso8859-9",
}  # fmt: skip
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
        return _decode_wide(data)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = _decode_old(data)
        if sum(c in "\x7f" or "\x80" <= c < "\xa0" for c in text) > len(text) // 200:
            return None
    control = sum(c < " " and c not in "\t\n\r\f" for c in text)
    return None if control > max(4, len(text) // 200) else text


def _decode_wide(data: bytes) -> str | None:
    """UTF-16 without its mark, told by the zeros of its Latin letters; None for what is none."""
    head = data[: 4000 & ~1]
    for first, encoding in ((0, "utf-16-be"), (1, "utf-16-le")):
        if head[first::2].count(0) > 0.8 * len(head) / 2 and not head[1 - first :: 2].count(0):
            return data.decode(encoding, errors="replace")
    return None


def _decode_old(data: bytes) -> str:
    """Old LaTeX: in the encoding that it states, else in that of Windows, else in Latin-1, in
    which every byte means something."""
    stated = _STATED.search(data)
    name = stated[1].decode().lower() if stated else ""
    for encoding in (_ENCODINGS.get(name, "cp1252"), "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def kind_of(data: bytes) -> PaperKind | None:
    """What a file is; None for what cannot be a paper.

    Raises:
        UnreadableError: text beyond the limit.
    """
    if is_pdf(data):
        return "pdf"
    text = decode(data)
    if text is None or not text.strip():
        return None
    if len(data) > MARKUP_BYTES:
        size = MARKUP_BYTES >> 20
        raise UnreadableError(f"its text is larger than {size} MB: split it")
    return _kind_of_text(text[:_LOOKED_AT])


def _kind_of_text(text: str) -> PaperKind:
    begins = text.lstrip()
    if re.match(r"# \S|---\n", begins):
        return "markdown"
    html, latex = _HTML.search(begins[:4000]), _LATEX.search(begins)
    # Each may show some of the other: what a file is comes first in it.
    tagged = html and not (latex and latex.start() < html.start())
    if tagged or begins.startswith(("<?xml", "<!DOCTYPE", "<article")):
        return "html"
    if latex:
        return "latex"
    return "markdown" if _MARKDOWN.search(text) else "text"
