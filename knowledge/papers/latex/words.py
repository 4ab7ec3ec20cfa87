"""LaTeX without its own commands, as text, tables and sections: one pass from front to end.

What is unknown loses its name and keeps its words, so that no command stops a paper.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from archwright.knowledge.papers.latex.cleaning import Verbatim
from archwright.knowledge.papers.latex.commands import (
    ACCENTS,
    ALGORITHMS,
    DROPPED_ENVIRONMENTS,
    ENVIRONMENTS,
    MATHEMATICS,
    SILENT,
    SMALL,
    TABULARS,
    symbol,
)
from archwright.knowledge.papers.latex.formulas import told, written
from archwright.knowledge.papers.latex.scanning import Scanner
from archwright.knowledge.papers.latex.special import SPECIAL
from archwright.knowledge.papers.latex.tables import read_rows

_TOKEN = re.compile(
    r"\\(?:[A-Za-z@]+|.)|\$\$?|[{}~&]|---?|``|''|`|[\ue002\ue003]|\^\^[0-9a-f]{2}", re.DOTALL
)
_DOLLAR = re.compile(r"\\.|[${}]|\n[^\S\n]*\n", re.DOTALL)
_LENGTH = re.compile(
    r"\s*=?\s*[-+]?(?:\d+\.?\d*|\.\d+)?\s*(?:pt|em|ex|cm|mm|in|bp|pc|dd|sp|fil+|\\[A-Za-z]+)"
    r"(?:\s*(?:plus|minus)\s*[-\d.]+\s*[a-z]+)*(?![A-Za-z])"
)
_SKIP = re.compile(r"\s*\[\s*[-+]?[\d.]*\s*(?:pt|em|ex|cm|mm|in|bp|pc|\\[A-Za-z]+)\s*\]")
_LENGTHS: Final = frozenset((
    "vskip", "hskip", "kern", "mkern", "parskip", "parindent", "tabcolsep", "baselineskip",
    "lineskip", "columnsep", "topsep", "itemsep", "parsep", "leftmargin", "textwidth",
    "textheight", "abovecaptionskip", "advance", "belowcaptionskip", "aboverulesep",
    "belowrulesep", "floatsep", "textfloatsep", "intextsep", "hsize", "vsize",
    "arraycolsep", "fboxsep", "fboxrule", "oddsidemargin", "evensidemargin", "topmargin",
    "lower", "raise",
))  # fmt: skip
_TYPED: Final = {"~": " ", "&": " ", "--": "–", "---": "—", "``": "“", "''": "”", "`": "‘"}
_CITATION = re.compile(r"(?:[A-Za-z]*[cC]ite(?!xt)[a-zA-Z]*)$")
_REFERENCE = re.compile(r"(?:eq|auto|c|C|page|name|v|V|labelc|s|f|t|fig|tab|sec|full|Auto)?ref\*?$")
_NAMES = re.compile(r"\\(?:[A-Za-z@]+\*?|.)|[{}$]", re.DOTALL)
_WIDTH = re.compile(r"\s*(?:to|spread)\s*[^{\[]*")
_NESTED_AT_MOST: Final = 40


@dataclass(slots=True)
class Converter:
    """Turns fragments of LaTeX into a line of text: titles, captions, cells, references."""

    verbatim: Verbatim
    theorems: Mapping[str, str] = field(default_factory=dict)
    cell: bool = False
    depth: int = 0
    parts: list[str] = field(default_factory=list)

    def line(self, source: str, cell: bool = True) -> str:
        """A fragment as one line. One that is nested too deep is told by its bare words."""
        if self.depth >= _NESTED_AT_MOST:
            return " ".join(self.verbatim.restore(_NAMES.sub(" ", source)).split())
        inner = Converter(self.verbatim, self.theorems, cell, self.depth + 1)
        inner.read(source)
        return " ".join(self.verbatim.restore("".join(inner.parts)).split())

    def read(self, source: str) -> None:
        """Read a source to its end; what it says is in `parts`."""
        scanner = Scanner(source)
        while found := _TOKEN.search(scanner.text, scanner.place):
            self.say(scanner.text[scanner.place : found.start()])
            scanner.place = found.end()
            token = found[0]
            if token[0] == "\\":
                self.command(scanner, token[1:])
            elif token[0] == "$":
                self._dollar(scanner, token)
            elif token[0] not in "{}":
                self.say(_TYPED.get(token, ""))
        self.say(scanner.text[scanner.place :])

    def say(self, words: str) -> None:
        if words:
            self.parts.append(words)

    @property
    def before(self) -> str:
        """The last character that was said."""
        return next((part[-1] for part in reversed(self.parts) if part), "")

    # --- commands ---------------------------------------------------------------------------------

    def command(self, scanner: Scanner, name: str) -> None:
        """One command, read with its arguments."""
        if name == "begin":
            self.begin(scanner, (scanner.group() or "").strip())
        elif name == "end":
            self.end((scanner.group() or "").strip())
        elif name in SPECIAL:
            SPECIAL[name](self, scanner)
        elif name in ACCENTS:
            self._accent(scanner, name)
        elif not name[0].isalpha():
            self._sign(scanner, name)
        elif name in SILENT:
            skip(scanner, SILENT[name])
        elif _CITATION.match(name):
            self._cite(scanner)
        elif _REFERENCE.match(name):
            scanner.star()
            self.say(scanner.group() or "")
        elif name in _LENGTHS:
            found = _LENGTH.match(scanner.text, scanner.place)
            scanner.place = found.end() if found else scanner.place
        elif name in SMALL:
            scanner.skip_blank()
            self.say(" " if self.before.isdigit() or self.before == "%" else "")
        elif name[0].isupper() and name.lower() in ALGORITHMS:
            scanner.option()
            self.say(ALGORITHMS[name.lower()])
        else:
            self._unknown(scanner, name)

    def _unknown(self, scanner: Scanner, name: str) -> None:
        said = symbol(name)
        if said is not None:
            self.say(said)
            if said.isalpha() and not said.isascii():
                scanner.skip_blank()  # A letter of a word goes on with what follows.
            return
        if scanner.after == "*":
            scanner.place += 1
        if scanner.after == "[":
            scanner.option()
        elif name in ("bf", "it", "em", "tt", "rm", "sc", "sf", "sl", "bfseries", "itshape"):
            scanner.skip_blank()
        first = scanner.group() if scanner.after == "{" else None
        if first is not None and scanner.after == "{":
            # Several arguments of a command that nobody knows are several words.
            groups = [first]
            while scanner.after == "{" and (more := scanner.group()) is not None:
                groups.append(more)
            self.say(" ".join(self.line(group, self.cell) for group in groups))
        elif first is not None:
            scanner.place -= len(first) + 1

    def _sign(self, scanner: Scanner, name: str) -> None:
        if name == "\\":
            scanner.star()
            if scanner.after == "[" or _SKIP.match(scanner.text, scanner.place):
                scanner.option()
            self.say("\n")
        elif name in "([":
            self._formula(scanner, "\\)" if name == "(" else "\\]")
        elif name == ",":
            thousands = self.before.isdigit() and re.match(
                r"\d{3}(?!\d)", scanner.text[scanner.place :][:4]
            )
            self.say("" if thousands else " ")
        else:
            self.say(
                {" ": " ", "\n": " ", ";": " ", ":": " "}.get(
                    name, name if name in "%&#$_{}" else ""
                )
            )

    def _accent(self, scanner: Scanner, name: str) -> None:
        letter = scanner.argument() or ""
        letter = {"\\i": "i", "\\j": "j"}.get(letter.strip(), letter)
        letter = self.line(letter) if "\\" in letter else letter
        if letter:
            self.say(unicodedata.normalize("NFC", letter[0] + ACCENTS[name]) + letter[1:])

    def _cite(self, scanner: Scanner) -> None:
        scanner.star()
        while scanner.option() is not None:
            pass
        keys = scanner.group() or ""
        while self.parts and self.parts[-1] == " ":
            self.parts.pop()
        self.say(f" [{keys}]")

    # --- mathematics ------------------------------------------------------------------------------

    def _dollar(self, scanner: Scanner, mark: str) -> None:
        """A formula between dollars; a dollar that closes nowhere in its paragraph is dropped."""
        place, depth = scanner.place, 0
        while found := _DOLLAR.search(scanner.text, place):
            place = found.end()
            depth += {"{": 1, "}": -1}.get(found[0], 0)
            # In a group it belongs to words inside the formula.
            if found[0] == "$" and depth <= 0:
                inside = scanner.text[scanner.place : found.start()]
                if mark == "$$":
                    scanner.place = place + scanner.text.startswith("$", place)
                    self.display(inside, f"$${written(inside)}$$")
                else:
                    scanner.place = place
                    self.say(told(inside, self.cell, self.before))
                return
            if found[0][0] == "\n" and mark == "$":
                return

    def _formula(self, scanner: Scanner, end: str) -> None:
        place = scanner.text.find(end, scanner.place)
        if place < 0:
            return
        inside = scanner.text[scanner.place : place]
        scanner.place = place + 2
        if end == "\\)":
            self.say(told(inside, self.cell, self.before))
        else:
            self.display(inside, f"\\[{written(inside)}\\]")

    def display(self, _tex: str, words: str) -> None:
        """A formula that stands alone, as it is written and as it is said."""
        self.say(f" {words} " if self.cell else f"\n{words}\n")

    # --- environments -----------------------------------------------------------------------------

    def begin(self, scanner: Scanner, name: str) -> None:
        """The beginning of an environment, or the whole of one that is no text."""
        if name in DROPPED_ENVIRONMENTS:
            body(scanner, name)
        elif name in TABULARS:
            # A table in a cell, or in a title, is its words.
            rows = read_rows(tabular(scanner, name), self.line)
            self.say(" ".join(cell for row in rows for cell in row if cell))
        elif name in MATHEMATICS:
            tex = body(scanner, name)
            self.display(tex, f"\\begin{{{name}}}{written(tex)}\\end{{{name}}}")
        else:
            skip(scanner, ENVIRONMENTS.get(name, "o" if scanner.after == "[" else ""))
            self.say(f"\n\n{self.theorems[name]}. " if name in self.theorems else "\n")

    def end(self, _name: str) -> None:
        """The end of an environment."""
        self.say("\n")


def skip(scanner: Scanner, wanted: str) -> None:
    """Over arguments, by their specification in `commands`."""
    for kind in wanted:
        if kind == "s":
            scanner.star()
        elif kind == "o":
            scanner.option()
        elif kind == "p":
            scanner.parentheses()
        elif kind == "a":
            scanner.argument()
        else:
            scanner.group()


def tabular(scanner: Scanner, name: str) -> str:
    """The rows of a tabular whose beginning was read, as they are written."""
    found = _WIDTH.match(scanner.text, scanner.place)
    if found and "tabu" in name:
        scanner.place = found.end()
    skip(scanner, TABULARS[name])
    return body(scanner, name)


def body(scanner: Scanner, name: str) -> str:
    """The inside of an environment whose beginning was read; of one without an end, nothing more
    than its paragraph."""
    mark = re.compile(rf"\\(begin|end)\s*\{{{re.escape(name)}\}}")
    depth, start = 1, scanner.place
    for found in mark.finditer(scanner.text, start):
        depth += 1 if found[1] == "begin" else -1
        if depth == 0:
            scanner.place = found.end()
            return scanner.text[start : found.start()]
    end = scanner.text.find("\n\n", start)
    scanner.place = end if end >= 0 else len(scanner.text)
    return scanner.text[start : scanner.place]
