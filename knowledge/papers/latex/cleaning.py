"""The text of a LaTeX file without comments; what is verbatim in it is set aside under a mark."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from archwright.knowledge.papers.latex.scanning import Scanner
from archwright.knowledge.papers.paper import CodeFile

_OPEN, _CLOSE = "\ue000", "\ue001"
MARK = re.compile(f"{_OPEN}(\\d+){_CLOSE}")

_LISTINGS: Final = (
    "lstlisting", "verbatim", "verbatim*", "Verbatim", "Verbatim*", "BVerbatim", "LVerbatim",
    "minted", "minted*", "alltt", "pythoncode", "python", "filecontents", "filecontents*",
    "tcblisting", "spverbatim",
)  # fmt: skip
_FILES: Final = ("filecontents", "filecontents*")
_DECLARED = re.compile(
    r"\\(?:lstnewenvironment|DefineVerbatimEnvironment|newtcblisting|newminted)\s*"
    r"(?:\[(?P<own>\w+)\])?\s*\{(?P<name>\w+)\}"
)
_EXCLUDED = re.compile(r"\\excludecomment\s*\{(\w+)\}")
_RAW = re.compile(
    r"(?P<escaped>\\[\\%{}])"
    r"|(?m:^)[ \t]*%(?P<line>[^\n]*)(?:\n|\Z)"
    r"|%[^\n]*(?:\n[ \t]*(?=\S))?"
    r"|\\begin\s*\{(?P<name>[A-Za-z]+\*?)\}"
    r"|\\(?P<inline>lstinline|mintinline|verb|Verb|path|url|nolinkurl|href)(?![A-Za-z])\*?"
)


@dataclass(slots=True)
class Verbatim:
    """What was set aside, and the listings among it as files of code."""

    kept: list[str] = field(default_factory=list)
    code: list[CodeFile] = field(default_factory=list)
    listings: set[str] = field(default_factory=lambda: set(_LISTINGS))
    comments: set[str] = field(default_factory=lambda: {"comment"})

    def declare(self, texts: Iterable[str]) -> None:
        """Learn the environments for listings that the files define."""
        for text in texts:
            for found in _DECLARED.finditer(text):
                name = found["own"] or found["name"]
                self.listings |= {name, f"{found['name']}code"}
            self.comments |= set(_EXCLUDED.findall(text))

    def clean(self, text: str) -> str:
        """A file's text without comments, with marks for what is verbatim."""
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        scanner = Scanner(re.sub("[\ue000-\ue00f]", "", text))
        parts: list[str] = []
        while found := _RAW.search(scanner.text, scanner.place):
            parts.append(scanner.text[scanner.place : found.start()])
            scanner.place = found.end()
            parts.append(self._clean_one(scanner, found))
        return "".join((*parts, scanner.text[scanner.place :]))

    def restore(self, text: str) -> str:
        """The text with what was set aside in its places."""
        return MARK.sub(lambda m: self.kept[int(m[1])], text) if _OPEN in text else text

    def listing(self, code: str, language: str) -> str:
        """The mark of a listing, which becomes a file of code."""
        language = language.strip("{}").lower()
        python = language.startswith(("python", "py")) or (not language and _parses(code))
        path = f"listing_{len(self.code) + 1}.{'py' if python else 'txt'}"
        self.code.append(CodeFile(path, code, "listing"))
        return f"\n\n{self._keep(f'[code: {path}]')}\n\n"

    def _clean_one(self, scanner: Scanner, found: re.Match[str]) -> str:
        if found["escaped"]:
            return found["escaped"]
        if found["inline"]:
            return self._inline(scanner, found["inline"]) or found[0]
        name = found["name"]
        if name in self.comments or name in self.listings:
            return self._environment(scanner, name) or found[0]
        return found[0] if name else ""

    def _environment(self, scanner: Scanner, name: str) -> str:
        """A comment or a listing up to its end; nothing where it has none."""
        ending = f"\\end{{{name}}}"
        end = scanner.text.find(ending, scanner.place)
        if end < 0:
            return ""
        if name in self.comments or name in _FILES:
            scanner.place = end + len(ending)
            return "\n"
        options = scanner.option() or ""
        stated = re.search(r"language\s*=\s*\{?\s*(?:\[[^\]]*\]\s*)?(\w+)", options)
        language = stated[1] if stated else ""
        if name.startswith("minted"):
            language = scanner.group() or ""
        elif "code" in name:
            language = name
        head, newline, code = scanner.text[scanner.place : end].partition("\n")
        scanner.place = end + len(ending)
        return self.listing(code if newline and not head.strip(" \t{}") else head + newline + code,
                            language)  # fmt: skip

    def _inline(self, scanner: Scanner, name: str) -> str:
        """Code or an address in a line; nothing where it is a parameter or has no end."""
        start = scanner.place
        if name in ("lstinline", "mintinline", "Verb"):
            scanner.option()
        if name == "mintinline":
            scanner.group()
        said = None if name == "verb" else scanner.group()
        if said is None and name in ("verb", "Verb", "lstinline", "mintinline"):
            said = _delimited(scanner)
        # A parameter of a definition, where it does not show a command with its own.
        if said is None or re.search(r"#\d", re.sub(r"\\\w+\{#\d\}", "", said)):
            scanner.place = start
            return ""
        if name == "href":
            return "\\href{}"
        return self._keep(re.sub(r"\\([_%#&~$])", r"\1", said))

    def _keep(self, words: str) -> str:
        self.kept.append(words)
        return f"{_OPEN}{len(self.kept) - 1}{_CLOSE}"


def _delimited(scanner: Scanner) -> str | None:
    """What stands between two of the same character, on one line."""
    mark = scanner.after
    end = scanner.text.find(mark, scanner.place + 1) if mark else -1
    if not mark or mark.isalnum() or mark in " \n\t\\{}*" or end < 0:
        return None
    said = scanner.text[scanner.place + 1 : end]
    if "\n" in said:
        return None
    scanner.place = end + 1
    return said


def _parses(code: str) -> bool:
    """Whether code of no stated language is Python."""
    try:
        ast.parse(textwrap.dedent(code))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
