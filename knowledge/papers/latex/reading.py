"""A LaTeX source as a paper."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from archwright.knowledge.papers.latex.bibliography import read_references
from archwright.knowledge.papers.latex.cleaning import Verbatim
from archwright.knowledge.papers.latex.expanding import Expander
from archwright.knowledge.papers.latex.primitives import PRIMITIVES
from archwright.knowledge.papers.latex.scanning import Scanner
from archwright.knowledge.papers.latex.sections import BodyReader
from archwright.knowledge.papers.latex.words import Converter
from archwright.knowledge.papers.paper import Paper

_TITLE = re.compile(r"\\(?:icmltitle|title|Title|papertitle|mytitle)(?![A-Za-z])\*?")
_ABSTRACT = re.compile(r"\\abstract(?![A-Za-z])|\\begin\{abstract\}")
_LARGE = re.compile(r"\\(?:LARGE|Huge|huge|Large)(?![A-Za-z])")
_LINE_END = re.compile(r"\\(?:\\|par(?![A-Za-z])|end(?![A-Za-z]))|\n[^\S\n]*\n|\}")
_INSIDE_LINE = re.compile(r"\\[A-Za-z]+|\\.|\{", re.S)
_NAMED_AT_MOST: Final = 5
_LARGE_AT_MOST: Final = 300
_SET = re.compile(r"pdftitle\s*=\s*(?P<plain>[^{,\s][^,{}\n]*)?")


def read_latex(files: Mapping[str, str], main: str) -> Paper:
    """The paper whose main file is `files[main]`.

    Args:
        files: the texts of the bundle by path.

    Raises:
        UnreadableError: it includes itself, or its commands expand without end.
    """
    verbatim = Verbatim()
    verbatim.declare(files.values())
    expander = Expander(files, verbatim, PRIMITIVES)
    source = expander.expand_file(main)
    converter = Converter(verbatim, expander.theorems)
    head, begun, body = source.partition("\\begin{document}")
    if not begun:
        head, body = "", source
    reader = BodyReader(verbatim, expander.theorems)
    before = _ABSTRACT.search(head)
    if before:
        reader.read(head[before.start() :])
        reader.finish()
    reader.read(body)
    reader.finish()
    sections = tuple(reader.sections)
    title = _title(head, body, converter) or next((s.title for s in sections if s.title), "")
    references = read_references(source, files, main, expander, converter.line)
    code = tuple(verbatim.code)
    return Paper(title, "latex", 0, sections, references, code, notices=_notices(expander.missing))


def _notices(missing: Sequence[str]) -> tuple[str, ...]:
    """That files are missing, by their names."""
    names = list(dict.fromkeys(missing))
    if not names:
        return ()
    more = f" and {len(names) - _NAMED_AT_MOST} more" if len(names) > _NAMED_AT_MOST else ""
    return (
        f"files that it takes in did not come along: {', '.join(names[:_NAMED_AT_MOST])}{more}",
    )


def _title(head: str, body: str, converter: Converter) -> str:
    """The title: of its command, of the PDF's settings, or what is set large at the beginning."""
    source = f"{head}\n{body}"
    scanner = Scanner(source)
    while found := _TITLE.search(source, scanner.place):
        scanner.place = found.end()
        scanner.option()
        if said := converter.line(scanner.group() or ""):
            return said
    if found := _SET.search(source):
        scanner.place = found.end()
        if said := converter.line(found["plain"] or scanner.group() or ""):
            return said
    return converter.line(_set_large(body[:3000].partition("\\section")[0]))


def _set_large(source: str) -> str:
    """The first line that is set large, from the command that does so to where it ends."""
    for found in _LARGE.finditer(source):
        scanner = Scanner(source, found.end())
        while scanner.after and not _LINE_END.match(source, scanner.place):
            if scanner.group() is None:
                inside = _INSIDE_LINE.match(source, scanner.place)
                scanner.place = inside.end() if inside else scanner.place + 1
        said = source[found.end() : scanner.place].strip()
        if 4 <= len(said) <= _LARGE_AT_MOST:
            return said
    return ""
