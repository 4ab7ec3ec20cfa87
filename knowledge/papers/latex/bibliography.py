"""References: of the document itself, of a .bbl file, or the entries of .bib files."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from pathlib import PurePosixPath
from typing import Final

from archwright.knowledge.papers.latex.expanding import Expander
from archwright.knowledge.papers.latex.scanning import Scanner

_ITEM = re.compile(r"\\bibitem(?![A-Za-z])")
_ENTRY = re.compile(r"@(?!string|comment|preamble)\w+\s*\{\s*([^,\s{}]+)\s*,", re.IGNORECASE)
_FIELD = re.compile(r"(\w+)\s*=\s*(?=[{\"\d])")
_MADE = re.compile(r"\\entry\{([^{}]*)\}(.*?)\\endentry", re.DOTALL)
_CITED = re.compile(r"\\[A-Za-z]*[cC]ite[A-Za-z]*\*?\s*(?:\[[^\]]*\]\s*)*\{([^{}]*)\}")
_WANTED: Final = ("author", "title", "year")
_ENTRIES_AT_MOST: Final = 2_000

Tell = Callable[[str], str]


def read_references(
    source: str, files: Mapping[str, str], main: str, expander: Expander, tell: Tell
) -> tuple[str, ...]:
    """The list of references, each `[key] words`.

    Args:
        source: the document, with its commands filled in.
        main: the main file: the .bbl that is called as it is, is its own.
    """
    if found := _items(source, tell):
        return tuple(found)
    lists = [name for name in files if name.endswith(".bbl")]
    own = [n for n in lists if PurePosixPath(n).stem == PurePosixPath(main).stem]
    for name in own or lists:
        text = expander.expand(files[name])
        if found := _items(text, tell) or _made_entries(text, tell):
            return tuple(found)
    cited = {key.strip() for keys in _CITED.findall(source) for key in keys.split(",")}
    return tuple(
        e for n, t in files.items() if n.endswith(".bib") for e in _entries(t, cited, tell)
    )


def _items(source: str, tell: Tell) -> list[str]:
    marks = list(_ITEM.finditer(source))
    found = []
    for mark, end in zip(marks, _ends(marks, source), strict=True):
        scanner = Scanner(source[mark.end() : end].partition("\\end{thebibliography}")[0])
        scanner.option()
        key = scanner.group()
        if key is not None:
            found.append(f"[{' '.join(key.split())}] {tell(scanner.text[scanner.place :])}")
    return found


def _ends(marks: list[re.Match[str]], text: str) -> list[int]:
    """Where what each mark begins ends: at the next."""
    return [*(m.start() for m in marks[1:]), *([len(text)] if marks else [])]


def _made_entries(source: str, tell: Tell) -> list[str]:
    """The entries of a .bbl that biblatex made."""
    found = []
    for key, text in _MADE.findall(source):
        people = [
            f"{given} {family}".strip()
            for family, given in re.findall(r"family=\{+(.*?)\}+,.*?given=\{+(.*?)\}+,", text, re.S)
        ]
        fields = dict(re.findall(r"\\field\{(title|year)\}\{(.*?)\}\s*\n", text, re.DOTALL))
        words = (", ".join(people), *(fields.get(k, "") for k in ("title", "year")))
        found.append(f"[{key}] " + ". ".join(tell(w) for w in words if w))
    return found


def _entries(text: str, cited: Collection[str], tell: Tell) -> list[str]:
    """The entries of a .bib file: those that are cited, or all where none is."""
    marks = list(_ENTRY.finditer(text))
    entries = list(zip(marks, _ends(marks, text), strict=True))
    chosen = [(mark, end) for mark, end in entries if mark[1] in cited] or entries
    found = []
    for mark, end in chosen[:_ENTRIES_AT_MOST]:
        fields = _fields(text[mark.end() : end])
        said = ". ".join(tell(fields[k]) for k in _WANTED if k in fields)
        found.append(f"[{mark[1]}] {said}")
    return found


def _fields(text: str) -> dict[str, str]:
    scanner, found = Scanner(text), dict[str, str]()
    while mark := _FIELD.search(text, scanner.place):
        scanner.place = mark.end()
        if scanner.after == "{":
            value = scanner.group()
        elif scanner.after == '"':
            end = text.find('"', scanner.place + 1)
            value = text[scanner.place + 1 : end] if end >= 0 else None
            scanner.place = end + 1 if end >= 0 else scanner.place
        else:
            value = (re.compile(r"\d+").match(text, scanner.place) or [""])[0]
        if value is not None:
            found.setdefault(mark[1].lower(), value)
    return found
