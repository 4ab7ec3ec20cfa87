"""From the files of a paper to the paper: recognise, read, and mark what does not belong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from archwright.knowledge.papers import limits
from archwright.knowledge.papers.bundles import CODE, CODE_ENDINGS, Bundle, open_bundle
from archwright.knowledge.papers.instructions import find_instructions, visible
from archwright.knowledge.papers.paper import CodeFile, Kind, Paper, Section, UnreadableError
from archwright.knowledge.papers.recognising import decode, kind_of

_ORDER: Final[Mapping[Kind, int]] = {"latex": 0, "pdf": 1, "html": 2, "markdown": 3, "text": 4}
_NO_PAPER: Final = "it is no paper: add PDF, LaTeX, HTML, Markdown or text"


def read_paper(path: Path) -> Paper:
    """The paper at a path, which may be a file, an archive or a folder.

    Raises:
        UnreadableError: it is none, or cannot be read; the message names the fix.
        RecursionError: it is nested too deep.
    """
    bundle = open_bundle(path)
    name, kind = _choose(bundle)
    paper = _read(bundle, name, kind)
    if not any(s.text.strip() for s in paper.sections):
        raise UnreadableError("it holds no text: " + _NO_PAPER.removeprefix("it is no paper: "))
    if sum(len(s.text) for s in paper.sections) > limits.TEXT_CHARACTERS:
        raise UnreadableError("it holds too much text for a paper: add a part of it")
    paper = _cleaned(paper)
    return replace(
        paper, title=paper.title or Path(name).stem, code=(*paper.code, *_code(bundle, name))
    )


def _choose(bundle: Bundle) -> tuple[str, Kind]:
    """The file that is the paper: LaTeX before what was made from it, and the nearest the top."""
    kinds = {}
    for name, data in bundle.items():
        if not name.startswith(f"{CODE}/") and not name.endswith((".py", ".bib", ".bbl", ".sty")):
            kind = kind_of(data)
            if kind is not None:
                kinds[name] = kind
    if not kinds:
        only = next(iter(bundle.values()), b"")
        raise UnreadableError(_NO_PAPER if only.strip() else "it is empty: fetch it again")
    name = min(kinds, key=lambda n: (_ORDER[kinds[n]], n.count("/"), n.lower() == "readme.md", n))
    return name, kinds[name]


def _read(bundle: Bundle, name: str, kind: Kind) -> Paper:
    # Each reader pulls in a library: only the one that is needed.
    if kind == "pdf":
        from archwright.knowledge.papers.pdf import read_pdf

        return read_pdf(bundle[name])
    if kind == "latex":
        from archwright.knowledge.papers.latex import main_file, read_latex

        files = {n: t for n, data in bundle.items() if (t := decode(data)) is not None}
        return read_latex(files, main_file(files) or name)
    text = (decode(bundle[name]) or "").replace("\r\n", "\n").replace("\r", "\n")
    if kind == "html":
        from archwright.knowledge.papers.html import read_html

        return read_html(text)
    if kind == "markdown":
        from archwright.knowledge.papers.markdown import read_markdown

        return read_markdown(text)
    from archwright.knowledge.papers.text import read_text

    return read_text(text)


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
        if name == paper or not (inside or name.endswith(".py")) or len(data) > limits.CODE_BYTES:
            continue
        text = decode(data)
        if text is not None:
            found.append(CodeFile(name.removeprefix(f"{CODE}/"), text, "folder"))
    return tuple(sorted(found[: limits.CODE_FILES], key=lambda c: c.path))
