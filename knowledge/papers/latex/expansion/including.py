"""Files that a source takes in: parts of the text, code, and definitions of a style."""

from __future__ import annotations

import posixpath
import re
from typing import Final

from archwright.knowledge.papers.latex.expansion.expanding import Expander, Primitive, Reel
from archwright.knowledge.papers.latex.scanning import Scanner
from archwright.knowledge.papers.paper import UnreadableError

_PLAIN = re.compile(r"\s*([\w./+-]+)")
_LANGUAGE = re.compile(r"language\s*=\s*\{?(\w+)")
_DRAWN: Final = (".pgf", ".tikz", ".pdf_tex", ".eps_tex", ".pstex_t")
_DEFINITION = re.compile(
    r"^[ \t]*\\(?P<name>(?:re)?newcommand|providecommand|DeclareRobustCommand|"
    r"DeclareMathOperator|newtheorem|def|let|(?:re)?newenvironment|NewDocumentCommand)\*?"
    r"(?=\s*\{?\\?[A-Za-z])",
    re.MULTILINE,
)
_NESTED_AT_MOST: Final = 10


def find_file(expander: Expander, wanted: str, folder: str = "") -> str | None:
    """The file of the bundle that is meant; None for what is not there."""
    wanted = wanted.strip().strip('"')
    inside = next((r.file for r in reversed(expander.reels) if r.file), "")
    near = (folder, expander.reels[-1].folder, expander.root, posixpath.dirname(inside), "")
    for base in near:
        path = posixpath.normpath(posixpath.join(base, wanted))
        for name in (f"{path}.tex", path, f"{path}.ltx"):
            if name in expander.files:
                return name
    return None


def _include(expander: Expander, wanted: str, folder: str = "") -> None:
    name = find_file(expander, wanted, folder)
    if name is None or name.endswith(_DRAWN):
        return
    opened = [reel.file for reel in expander.reels if reel.file is not None]
    if len(opened) > _NESTED_AT_MOST or opened.count(name) > 1:
        raise UnreadableError(f"{name} includes itself: fix its \\input")
    text = expander.verbatim.clean(expander.files[name])
    if "\\begin{document}" in text:
        text = text.partition("\\begin{document}")[2].partition("\\end{document}")[0]
    text = text if text.endswith("\n") else f"{text}\n"  # as TeX reads every file
    expander.open(Reel(Scanner(text), name, folder or expander.reels[-1].folder))


def _input(expander: Expander, words: str) -> None:
    scanner = expander.scanner
    wanted = scanner.group()
    if wanted is None:
        found = _PLAIN.match(scanner.text, scanner.place)
        if found is None:
            return
        scanner.place, wanted = found.end(), found[1]
    if words == "\\InputIfFileExists":
        yes, no = scanner.group() or "", scanner.group() or ""
        expander.push(words, yes if find_file(expander, wanted) else no)
    _include(expander, wanted)


def _import(expander: Expander, words: str) -> None:
    scanner = expander.scanner
    scanner.star()
    folder, wanted = scanner.group(), scanner.group()
    if folder is not None and wanted is not None:
        base = expander.reels[-1].folder if words.startswith("\\sub") else ""
        _include(expander, wanted, posixpath.join(base, folder))


def _end_input(expander: Expander, _: str) -> None:
    """Leave the file that is being read."""
    while expander.reels and expander.reels.pop().file is None:
        pass
    expander.say("\n")


def _listing(expander: Expander, words: str) -> None:
    scanner = expander.scanner
    options = scanner.option() or ""
    stated = _LANGUAGE.search(options)
    language = (scanner.group() or "") if "minted" in words else stated[1] if stated else ""
    name = find_file(expander, scanner.group() or "")
    if name is not None:
        expander.say(expander.verbatim.listing(expander.files[name], language))


def _package(expander: Expander, _: str) -> None:
    """Learn what the style files that came along define at the beginning of a line."""
    scanner = expander.scanner
    scanner.option()
    for wanted in (scanner.group() or "").split(","):
        name = find_file(expander, f"{wanted.strip()}.sty")
        if name is None:
            continue
        style = Scanner(expander.verbatim.clean(expander.files[name]))
        expander.open(Reel(style))
        while found := _DEFINITION.search(style.text, style.place):
            style.place = found.end()
            expander.primitives[found["name"]](expander, found[0])
        expander.reels.pop()


FILES: Final[dict[str, Primitive]] = {
    **dict.fromkeys(("input", "include", "subfile", "subfileinclude", "InputIfFileExists"), _input),
    **dict.fromkeys(
        ("import", "subimport", "inputfrom", "subinputfrom", "includefrom", "subincludefrom"),
        _import,
    ),
    **dict.fromkeys(("lstinputlisting", "inputminted", "verbatiminput"), _listing),
    "endinput": _end_input,
    **dict.fromkeys(("usepackage", "RequirePackage"), _package),
}
