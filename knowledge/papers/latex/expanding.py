"""The files of a paper as one text, with the paper's own commands filled in.

Reads as TeX does: from the front, with a stack of what is still to be read, so that a definition
holds from where it stands on and may open an environment that another one closes.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from archwright.knowledge.papers.latex.cleaning import Verbatim
from archwright.knowledge.papers.latex.definitions import NOTHING, YES, Macro
from archwright.knowledge.papers.latex.scanning import Scanner
from archwright.knowledge.papers.paper import TEXT_CHARACTERS, UnreadableError

LETTERS = re.compile(r"\\([A-Za-z]+|.)", re.DOTALL)
LETTERS_AT = re.compile(r"\\([A-Za-z@]+|.)", re.DOTALL)
_CHAIN_AT_MOST: Final = 200
_AGAIN_AT_MOST: Final = 6
_FILLED_AT_MOST: Final = 300_000

_Chain = tuple[str, "_Chain | None"]
Primitive = Callable[["Expander", str], None]
"""What one of TeX's own commands does when it is met: its words, such as `\\newcommand`."""


@dataclass(slots=True)
class Reel:
    """A text that is being read: a file, or the body of a command."""

    scanner: Scanner
    file: str | None = None
    folder: str = ""
    chain: _Chain | None = None
    depth: int = 0


@dataclass(slots=True)
class Expander:
    """Fills in what the files of one paper define.

    `files` are their texts by path, `primitives` what TeX's own commands do.
    """

    files: Mapping[str, str]
    verbatim: Verbatim
    primitives: Mapping[str, Primitive]
    macros: dict[str, Macro] = field(default_factory=dict)
    environments: dict[str, tuple[Macro, str]] = field(default_factory=dict)
    theorems: dict[str, str] = field(default_factory=dict)
    flags: dict[str, bool] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    acronyms: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Their short and their long form by key."""
    reels: list[Reel] = field(default_factory=list)
    _parts: list[str] = field(default_factory=list)
    _length: int = 0
    _filled: int = 0
    letters: re.Pattern[str] = LETTERS
    root: str = ""
    missing: list[str] = field(default_factory=list)
    """Files that the text is to take in and that did not come along."""
    documents: int = 0
    """How many have begun and not ended."""

    def expand_file(self, name: str) -> str:
        """A file with all that it includes.

        Raises:
            UnreadableError: it includes itself, or comes to too much text.
        """
        self.root = posixpath.dirname(name)
        self.open(Reel(Scanner(self.verbatim.clean(self.files[name])), name, self.root))
        return self._run()

    def expand(self, text: str) -> str:
        """A text of its own, such as a bibliography, with the definitions known so far."""
        self.reels.append(Reel(Scanner(self.verbatim.clean(text))))
        return self._run()

    # --- the loop ---------------------------------------------------------------------------------

    def _run(self) -> str:
        self._parts, self._length = [], 0
        while self.reels:
            scanner = self.reels[-1].scanner
            found = self.letters.search(scanner.text, scanner.place)
            if found is None:
                self.say(scanner.text[scanner.place :])
                self.reels.pop()
                continue
            self.say(scanner.text[scanner.place : found.start()])
            scanner.place = found.end()
            self._command(found[1], found[0])
        return "".join(self._parts)

    def say(self, words: str) -> None:
        """Add to the result what is not read again."""
        self._parts.append(words)
        self._length += len(words)
        if self._length > TEXT_CHARACTERS:
            raise UnreadableError("its commands expand to too much text: add a smaller part of it")

    def _command(self, name: str, words: str) -> None:
        macro = self.macros.get(name)
        if macro is not None and self.may_fill(name):
            self.push(name, macro.filled(self.values(macro)))
        elif name in self.primitives:
            self.primitives[name](self, words)
        elif not self._set_flag(name):
            self.say(self.aliases.get(name, words))
            self._part_from_next(name)

    def _set_flag(self, name: str) -> bool:
        """Whether a command is `\\xtrue` or `\\xfalse` of a `\\newif\\ifx`, which it sets."""
        for word, value in (("true", True), ("false", False)):
            if name.endswith(word) and name.removesuffix(word) in self.flags:
                self.flags[name.removesuffix(word)] = value
                return True
        return False

    def _part_from_next(self, name: str) -> None:
        """Keep a command that ends a body apart from the letters behind its use."""
        top = self.reels[-1].scanner
        if name[-1:].isalpha() and not top.after:
            behind = next((r.scanner.after for r in self.reels[-2::-1] if r.scanner.after), "")
            if behind.isalpha():
                self.say(" ")

    def may_fill(self, name: str) -> bool:
        """Whether a command is not its own meaning again and again."""
        link, times = self.reels[-1].chain, 0
        while link is not None:
            times += link[0] == name
            link = link[1]
        deep = self.reels[-1].depth >= _CHAIN_AT_MOST
        return times < _AGAIN_AT_MOST and not deep and self._filled < _FILLED_AT_MOST

    @property
    def scanner(self) -> Scanner:
        """What is being read."""
        return self.reels[-1].scanner

    def find_file(self, wanted: str, folder: str = "") -> str | None:
        """The file of the bundle that is meant; None for what is not there."""
        wanted = wanted.strip().strip('"')
        inside = next((r.file for r in reversed(self.reels) if r.file), "")
        near = (folder, self.reels[-1].folder, self.root, posixpath.dirname(inside), "")
        for base in near:
            path = posixpath.normpath(posixpath.join(base, wanted))
            for name in (f"{path}.tex", path, f"{path}.ltx"):
                if name in self.files:
                    return name
        return None

    def open(self, reel: Reel) -> None:
        """Read another text next, and then go on with this one."""
        self.reels.append(reel)

    def push(self, name: str, text: str) -> None:
        """Read the body of a command next."""
        self._filled += 1
        top = self.reels[-1]
        self.reels.append(Reel(Scanner(text), None, top.folder, (name, top.chain), top.depth + 1))

    def values(self, macro: Macro) -> list[str]:
        """The arguments of a command, read from what comes next."""
        if macro.before:
            self.skip_done()
            self.reels[-1].scanner.take(macro.before)
        values: list[str] = []
        for place, kind in enumerate(macro.arguments):
            scanner = self.skip_done()
            default = macro.defaults[place] if place < len(macro.defaults) else ""
            if kind == "m":
                values.append(scanner.argument() or "")
            elif kind == "o":
                given = scanner.option()
                values.append(default if given is None else given)
            elif kind == "s":
                values.append(YES if scanner.star() else NOTHING)
            else:
                end = scanner.text.find(kind[1:], scanner.place)
                values.append(scanner.text[scanner.place : end] if end >= 0 else "")
                scanner.place = end + len(kind) - 1 if end >= 0 else scanner.place
        return values

    def skip_done(self) -> Scanner:
        """What the next argument is read from: bodies that are read to their end are left."""
        while len(self.reels) > 1 and self.reels[-1].file is None:
            scanner = self.reels[-1].scanner
            if scanner.text[scanner.place : scanner.place + 200].strip():
                break
            self.reels.pop()
        return self.reels[-1].scanner
