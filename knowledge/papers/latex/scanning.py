"""Arguments in LaTeX: braces, brackets, stars and blanks, read from a place on."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_BRACKET = re.compile(r"\\.|[{}\[\]]|\n\s*\n", re.DOTALL)
_BLANK = re.compile(r"[^\S\n]*\n?[^\S\n]*")
_TOKEN = re.compile(r"\\(?:[A-Za-z@]+|.)|\S", re.DOTALL)
_OPTION_AT_MOST: Final = 1_000


@dataclass(slots=True)
class Scanner:
    """A text and a place in it. Reading an argument moves the place behind it."""

    text: str
    place: int = 0
    _ends: dict[int, int] | None = field(default=None, repr=False)

    def skip_blank(self) -> None:
        """Over blanks and at most one end of a line: an empty line ends a paragraph."""
        found = _BLANK.match(self.text, self.place)
        self.place = found.end() if found else self.place

    def star(self) -> bool:
        """Whether a star comes next."""
        return self.take("*")

    def take(self, words: str) -> bool:
        """Whether just these words come next."""
        if self.text.startswith(words, self.place):
            self.place += len(words)
            return True
        return False

    def option(self) -> str | None:
        """What stands in brackets, where they come next."""
        start = self.place
        self.skip_blank()
        if self.text.startswith("[", self.place):
            end = self._bracket(self.place)
            if end is not None:
                inside = self.text[self.place + 1 : end]
                self.place = end + 1
                return inside
        self.place = start
        return None

    def parentheses(self) -> None:
        """Over what stands in round brackets, where they come next: the trim of a rule."""
        if self.after == "(":
            end = self.text.find(")", self.place)
            self.place = end + 1 if end >= 0 else self.place

    def group(self) -> str | None:
        """What stands in braces, where they come next and close."""
        start = self.place
        self.skip_blank()
        if self.text.startswith("{", self.place):
            end = self._closing().get(self.place)
            if end is not None:
                inside = self.text[self.place + 1 : end]
                self.place = end + 1
                return inside
        self.place = start
        return None

    def argument(self) -> str | None:
        """A group, or the one token that TeX takes where there is none."""
        inside = self.group()
        if inside is not None:
            return inside
        self.skip_blank()
        found = _TOKEN.match(self.text, self.place)
        if found is None or found[0] in "{}":
            return None
        self.place = found.end()
        return found[0]

    @property
    def after(self) -> str:
        """The next character; nothing at the end."""
        return self.text[self.place : self.place + 1]

    def _bracket(self, start: int) -> int | None:
        """The bracket that closes the one at `start`, outside of groups."""
        depth, place = 0, start + 1
        while found := _BRACKET.search(self.text, place, start + _OPTION_AT_MOST):
            place = found.end()
            match found[0]:
                case "{":
                    inner = self._closing().get(found.start())
                    if inner is None:
                        return None
                    place = inner + 1
                case "[":
                    depth += 1
                case "]":
                    if depth == 0:
                        return found.start()
                    depth -= 1
                case "}":
                    return None
                case words if words.isspace():
                    return None
        return None

    def _closing(self) -> dict[int, int]:
        """Where each group that closes ends, found once for the text."""
        if self._ends is None:
            self._ends, opened = {}, list[int]()
            for found in _BRACE.finditer(self.text):
                if found[0] == "{":
                    opened.append(found.start())
                elif found[0] == "}" and opened:
                    self._ends[opened.pop()] = found.start()
        return self._ends
