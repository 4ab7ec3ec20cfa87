"""Reads LaTeX: its files joined, its own commands filled in, then cut and turned into text.

Text is turned by pylatexenc; what it has no idea of (inclusion, sections, tables, listings,
bibliographies) is done here. Nothing is ever typeset, and nothing outside the bundle is opened.
"""

from __future__ import annotations

import ast
import posixpath
import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from pylatexenc.latex2text import LatexNodes2Text

from archwright.knowledge.papers.paper import (
    TEXT_CHARACTERS,
    CodeFile,
    Paper,
    Section,
    Table,
    UnreadableError,
)

_INCLUSION = re.compile(r"\\(?:input|include|subfile)\s*\{([^}]+)\}")
_COMMENT = re.compile(r"(?<!\\)%[^\n]*\n?")
_LISTING = re.compile(
    r"\\begin\{(?P<name>lstlisting|verbatim\*?|minted|Verbatim)\}(?P<options>\[[^\]]*\])?"
    r"(?P<language>\{\w+\})?[^\S\n]*\n(?P<code>.*?)\\end\{(?P=name)\}",
    re.DOTALL,
)
_COMMAND = re.compile(
    r"\\(?:newcommand|renewcommand|def|providecommand)\*?\s*\{?\\(?P<name>[A-Za-z]+)\}?\s*(?=\{)"
)
_EQUATION = re.compile(
    r"\\begin\{(?P<name>(?:equation|align|gather|multline|eqnarray)\*?)\}(?P<tex>.*?)"
    r"\\end\{(?P=name)\}|\\\[(?P<display>.*?)\\\]|\$\$(?P<dollars>.*?)\$\$",
    re.DOTALL,
)
_TABULAR = re.compile(r"\\begin\{(tabular[xy*]?)\}(.*?)\\end\{\1\}", re.DOTALL)
_FLOAT = re.compile(r"\\begin\{(table\*?|wraptable)\}(.*?)\\end\{\1\}", re.DOTALL)
_SECTION = re.compile(
    r"\\(?P<kind>part|chapter|(?:sub){0,2}section|paragraph)\*?\s*(?:\[[^\]]*\])?"
)
_CITATION = re.compile(r"~?\\[cC]ite[a-zA-Z]*\*?\s*(?:\[[^\]]*\]\s*)*\{([^}]*)\}")
_REFERENCE = re.compile(r"\\(?:eq|auto|c|C)?ref\s*\{([^}]*)\}")
_LABEL = re.compile(r"\\label\s*\{[^}]*\}")
_BIB_ITEM = re.compile(r"\\bibitem\s*(?:\[(?:[^\]{}]|\{[^}]*\})*\])?\s*\{([^}]*)\}")
_BIB_ENTRY = re.compile(
    r"^@(?!string|comment|preamble)\w+\s*\{\s*([^,\s]+)\s*,(.*?)^\}", re.M | re.S
)
_LEVELS: Final = {
    "part": 1, "chapter": 1, "section": 1, "subsection": 2, "subsubsection": 3, "paragraph": 4,
}  # fmt: skip
_NESTED_AT_MOST: Final = 10


@dataclass(slots=True)
class _Counter:
    """Numbers as LaTeX would give them."""

    sections: list[int] = field(default_factory=lambda: [0, 0, 0])
    tables: int = 0

    def section(self, kind: str, starred: bool) -> str:
        level = _LEVELS[kind]
        if starred or level > 3 or kind in ("part", "chapter"):
            return ""
        self.sections[level - 1] += 1
        self.sections[level:] = [0] * (3 - level)
        return ".".join(map(str, self.sections[:level]))


def read_latex(files: Mapping[str, str], main: str) -> Paper:
    """The paper whose main file is `files[main]`.

    Args:
        files: the texts of the bundle by path.

    Raises:
        UnreadableError: it includes itself, or its commands expand without end.
    """
    code: list[CodeFile] = []
    source = _include(files, main, 0)
    source = _LISTING.sub(lambda m: _take_listing(m, code), source)
    source = _expand(_COMMENT.sub("", source))
    title = _argument(source, r"\\title\s*(?:\[[^\]]*\])?")
    references = _references(source, files)
    body = source.partition("\\begin{document}")[2].partition("\\end{document}")[0] or source
    body = re.sub(r"\\begin\{thebibliography\}.*?\\end\{thebibliography\}", "", body, flags=re.S)
    sections = _sections(body)
    heading = _plain(title) or next((s.title for s in sections if s.title), "")
    return Paper(heading, "latex", 0, sections, references, tuple(code))


def main_file(files: Mapping[str, str]) -> str | None:
    """The file that a LaTeX paper begins with: it says the document's class."""
    mains = [
        n for n, t in files.items() if re.search(r"^[^%\n]*\\document(?:class|style)", t, re.M)
    ]
    full = [n for n in mains if "\\begin{document}" in files[n]]
    return min(full or mains, key=lambda n: (n.count("/"), -len(files[n]), n), default=None)


# --- source ---------------------------------------------------------------------------------------


def _include(files: Mapping[str, str], name: str, depth: int) -> str:
    """A file with what it includes from the bundle; what is not there is left out."""
    if depth > _NESTED_AT_MOST:
        raise UnreadableError(f"{name} includes itself: fix its \\input")
    folder = posixpath.dirname(name)

    def fill(match: re.Match[str]) -> str:
        wanted = match[1].strip()
        for path in (wanted, posixpath.join(folder, wanted)):
            for found in (posixpath.normpath(path), f"{posixpath.normpath(path)}.tex"):
                if found in files:
                    return _include(files, found, depth + 1)
        return ""

    # A commented-out inclusion includes nothing; other comments must wait for the listings.
    text = re.sub(r"(?m)^\s*%.*\\(?:input|include).*$", "", files[name])
    return _checked(_INCLUSION.sub(fill, text))


def _checked(text: str) -> str:
    if len(text) > TEXT_CHARACTERS:
        raise UnreadableError("its commands expand to too much text: add a smaller part of it")
    return text


def _take_listing(match: re.Match[str], code: list[CodeFile]) -> str:
    stated = re.search(r"language\s*=\s*\{?(\w+)", match["options"] or "")
    language = (match["language"] or (stated[1] if stated else "")).strip("{}").lower()
    ending = "py" if language == "python" or (not language and _parses(match["code"])) else "txt"
    path = f"listing_{len(code) + 1}.{ending}"
    code.append(CodeFile(path, match["code"], "listing"))
    return f"[code: {path.replace('_', '-')}]\n"


def _parses(code: str) -> bool:
    """Whether code of no stated language is Python."""
    try:
        ast.parse(textwrap.dedent(code))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _expand(source: str) -> str:
    """The source with its own commands that take no argument filled in."""
    meanings: dict[str, str] = {}
    for match in _COMMAND.finditer(source):
        meaning = _braced(source, match.end())
        if "#" not in meaning and len(meaning) < 500:
            meanings[match["name"]] = meaning
    if not meanings:
        return source
    names = "|".join(sorted(map(re.escape, meanings), key=len, reverse=True))
    begin = max(source.find("\\begin{document}"), 0)
    head, body = source[:begin], source[begin:]
    used = re.compile(rf"\\(?P<name>{names})(?![A-Za-z])(?:\{{\}})?(?P<space>\s?)")
    for _ in range(3):
        body = _checked(used.sub(lambda m: meanings[m["name"]] + m["space"], body))
    title = _argument(head, r"\\title\s*(?:\[[^\]]*\])?")
    return head.replace(title, used.sub(lambda m: meanings[m["name"]] + m["space"], title)) + body


def _braced(source: str, start: int) -> str:
    """What stands in the braces that open at `start`; nothing when they never close."""
    depth = 0
    for place in range(start, min(len(source), start + 20_000)):
        if source[place] in "{}" and source[place - 1 : place] != "\\":
            depth += 1 if source[place] == "{" else -1
            if depth == 0:
                return source[start + 1 : place]
    return ""


def _argument(source: str, command: str) -> str:
    found = re.search(command + r"\s*(?=\{)", source)
    return _braced(source, found.end()) if found else ""


# --- sections -------------------------------------------------------------------------------------


def _sections(body: str) -> tuple[Section, ...]:
    counter = _Counter()
    body = re.sub(
        r"\\begin\{abstract\}(.*?)\\end\{abstract\}",
        r"\\section*{Abstract}\1\n\\abstractends\n",
        body,
        flags=re.S,
    )
    found: list[Section] = []
    start, heading = 0, ("", "", 1)
    for match in _SECTION.finditer(body):
        _add(found, heading, body[start : match.start()], counter)
        title = _braced(body, match.end()) if body[match.end() : match.end() + 1] == "{" else ""
        number = counter.section(match["kind"], "*" in match[0])
        heading = (number, _plain(title), _LEVELS[match["kind"]])
        start = match.end() + len(title) + 2 if title else match.end()
    _add(found, heading, body[start:], counter)
    return tuple(found)


def _add(
    found: list[Section], heading: tuple[str, str, int], source: str, counter: _Counter
) -> None:
    """Turn the source of one section into text, and keep it when it says anything."""
    number, title, level = heading
    source, _, rest = source.partition("\\abstractends\n")
    equations = tuple(
        " ".join((m["tex"] or m["display"] or m["dollars"] or "").split())
        for m in _EQUATION.finditer(_LABEL.sub("", source))
    )
    tables: list[Table] = []
    source = _FLOAT.sub(lambda m: _take_table(m, tables, counter), source)
    source = _TABULAR.sub(lambda m: _take_table(m, tables, counter), source)
    text = _plain(source)
    for place, table in enumerate(tables):
        text = text.replace(f"TABLEMARK{place}.", _table_text(table))
    if text or title:
        found.append(Section(number, title, level, text, 0, equations, tuple(tables)))
    if rest.strip():
        _add(found, ("", "", 1), rest, counter)


def _plain(source: str) -> str:
    source = _REFERENCE.sub(r"\1", _CITATION.sub(r" [\1]", _LABEL.sub("", source)))
    source = re.sub(
        r"\\(?:maketitle|centering|noindent|bibliography(?:style)?\{[^}]*\})", "", source
    )
    converter = LatexNodes2Text(math_mode="verbatim", keep_comments=False)
    text = converter.latex_to_text(source)
    lines = "\n".join(line.strip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip()


def _take_table(match: re.Match[str], tables: list[Table], counter: _Counter) -> str:
    inner = match[2]
    tabular = _TABULAR.search(inner)
    rows = _rows(tabular[2]) if tabular else () if "\\caption" in inner else _rows(inner)
    caption = _plain(_argument(inner, r"\\caption\s*(?:\[[^\]]*\])?"))
    if caption:
        counter.tables += 1
    label = f"Table {counter.tables}" if caption else ""
    tables.append(Table(label, " ".join(caption.split()), rows))
    return f"\n\nTABLEMARK{len(tables) - 1}.\n\n"


def _rows(source: str) -> tuple[tuple[str, ...], ...]:
    source = re.sub(r"^\s*(?:\[[^\]]*\])?(?:\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\})+", "", source, count=1)
    source = re.sub(
        r"\\(?:hline|toprule|midrule|bottomrule|c(?:mid|)(?:rule|line)(?:\([^)]*\))?\{[^}]*\})",
        "",
        source,
    )
    source = re.sub(r"\\multi(?:column|row)\s*\{[^}]*\}\s*\{[^}]*\}\s*(?=\{)", "", source)
    lines = (line for line in re.split(r"\\\\(?:\[[^\]]*\])?", source) if line.strip())
    return tuple(tuple(_cell(cell) for cell in re.split(r"(?<!\\)&", line)) for line in lines)


def _cell(source: str) -> str:
    return " ".join(_plain(source).split())


def _table_text(table: Table) -> str:
    caption = [f"{table.label}: {table.caption}"] if table.label else []
    return "\n".join([*caption, *(" | ".join(row) for row in table.rows)])


def _references(source: str, files: Mapping[str, str]) -> tuple[str, ...]:
    """The bibliography: of the document, else of its .bbl file, else the entries of .bib files."""
    lists: list[Callable[[], list[str]]] = [
        lambda: _items(source),
        lambda: [item for n, t in files.items() if n.endswith(".bbl") for item in _items(t)],
        lambda: [entry for n, t in files.items() if n.endswith(".bib") for entry in _entries(t)],
    ]
    return next((tuple(found) for read in lists if (found := read())), ())


def _items(source: str) -> list[str]:
    marks = list(_BIB_ITEM.finditer(source))
    ends = [m.start() for m in marks[1:]] + [len(source)]
    found = []
    for mark, end in zip(marks, ends, strict=False):
        text = source[mark.end() : end].partition("\\end{thebibliography}")[0]
        said = _cell(text.replace("\\newblock", " "))
        found.append(f"[{mark[1]}] {said}")
    return found


def _entries(text: str) -> list[str]:
    wanted = ("author", "title", "year")
    found = []
    for match in _BIB_ENTRY.finditer(text):
        fields = {
            k.lower(): v for k, v in re.findall(r"(\w+)\s*=\s*[{\"](.*?)[}\"]\s*,?\s*\n", match[2])
        }
        said = ". ".join(_cell(fields[k]) for k in wanted if k in fields)
        found.append(f"[{match[1]}] {said}")
    return found
