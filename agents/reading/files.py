"""A Python file out of a model's words: the whole of it, or a diff against a parent."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

from archwright.agents.patching import DiffError, apply_diff
from archwright.agents.questions import CodeQuestion, RepairQuestion, Typed
from archwright.agents.reading.answers import FormatError, data_in
from archwright.agents.reading.blocks import FencedBlock, blocks, error_in
from archwright.agents.reading.bundles import bundle_of, completed
from archwright.core import is_bundle
from archwright.source.code import BUILTINS, symbols
from archwright.source.recipe import NAME as RECIPE_NAME

SCRIPT: Final = "Script"
"""What the files of a script define in place of a class."""
NO_FIX: Final = "NO FIX"
"""What the debugger says when it knows no fix."""

_CLASS: Final = re.compile(r"^class\s+\w+\s*[(:\[]", re.MULTILINE)
_DIFF: Final = re.compile(r"(?:diff --git |--- |\*\*\* Begin Patch|@@)")
_ELISION: Final = re.compile(r"^[ \t]*(?:#[ \t]*)?(?:\.\.\.|…)", re.MULTILINE)
_FIRST_LINE: Final = re.compile(
    r"^(?:import |from [\w.]+ import |class \w|def \w|@\w|[A-Z_]+ = )", re.M
)
_FENCE: Final = re.compile(r"^[ \t]*(?:`{3,}|~{3,})", re.MULTILINE)
_DIFF_ALONE: Final = re.compile(
    r"^(?:--- .*\n\+\+\+ .*\n)?@@.*(?:\n(?:[-+ @\\].*|$))+", re.MULTILINE
)
_UNSEEN: Final = {0xA0: " ", 0x200B: None, 0xFEFF: None, 0x2060: None}
_ENTITIES: Final = frozenset({"lt", "gt", "amp", "quot"})
_ENTITY: Final = re.compile(r"&(?:lt|gt|amp|quot|#39|#x27);")
_ENDS_TRIED: Final = 40
_ENDS_NEAR: Final = 10
"""Lines at the end that are each tried as the last of the code; before them, empty ones are."""


@dataclass(frozen=True, slots=True)
class Written:
    """Code where it stands in the words, as a file or as a diff."""

    start: int
    end: int
    text: str
    is_diff: bool = False
    whole: bool = True
    """False where the words end before the block does, at the model's limit."""
    notes: str = ""
    last: str = ""
    """Of a diff in several blocks the last one, which may stand in place of those before it."""

    def defines(self, name: str) -> bool:
        """Whether it is meant to define a class, or to change a file that does."""
        return (
            self.is_diff
            or name == SCRIPT
            or bool(re.search(rf"^class\s+{name}\b", self.text, re.MULTILINE))
        )

    @property
    def leaves_out(self) -> bool:
        """Whether it shows a file in part, with dots for the rest."""
        return not self.is_diff and _ELISION.search(self.text) is not None

    def as_file(self, parent: str | None) -> str:
        """The whole file that is meant.

        Args:
            parent: the source that a diff is against.

        Raises:
            FormatError: it was cut off, is no Python, or is a diff that fits nowhere.
        """
        if not self.whole:
            raise FormatError("the block with the code is never closed")
        if not self.is_diff:
            return _parsed(self.text)
        if parent is None:
            raise FormatError("a diff needs a parent, and there is none: write the whole file")
        if self.last:
            with suppress(DiffError, FormatError):
                return _parsed(apply_diff(parent, self.text))
        try:
            return _parsed(apply_diff(parent, self.last or self.text))
        except DiffError as error:
            raise FormatError(f"{error}; write the whole file") from None


def entry_of(question: Typed) -> str:
    """The name of the class that a candidate of the question's task defines."""
    brief = getattr(question, "brief", None)
    return str(brief.problem.get("entry", "Model")) if brief else "Model"


def code_in(words: str, entry: str, cut: bool) -> list[Written]:
    """All code of a reply in its order: in fences, else without any from its first line on."""
    fenced = [_fenced(block, cut) for block in blocks(words) if block.is_code]
    if fenced or cut:
        return fenced
    return [w for w in _unfenced(words) if w.defines(entry)]


def _fenced(block: FencedBlock, cut: bool) -> Written:
    """The code of a block. One that is never closed ends where prose follows, unless it was cut."""
    written = as_written(
        block.text, block.start, block.end, block.language, block.closed or not cut
    )
    if block.closed or cut or written.is_diff or error_in(block.text) is None:
        return written
    return next((replace(written, text=w.text) for w in _unfenced(block.text)), written)


def as_written(
    text: str, start: int, end: int, language: str = "", closed: bool = True, notes: str = ""
) -> Written:
    """Code of a place, told apart by its language and its first line."""
    is_diff = language in ("diff", "patch") or _DIFF.match(text.lstrip()) is not None
    return Written(start, end, text, is_diff, closed, notes)


def last_meant(
    found: Sequence[Written], entry: str, shared: Sequence[Written] = ()
) -> Written | None:
    """The last code that defines the class; a whole file before one with dots in it, and before a
    diff that only says what the file changes. Where none does, the last that defines any class.
    Files of a script may stand in several blocks, so may the parts of a diff, and what the class
    uses.

    Args:
        shared: code that stands elsewhere, of which only that is taken which the class uses.
    """
    named = [w for w in found if not w.is_diff and is_bundle(w.text)]
    if entry == SCRIPT and len(named) > 1 and named[-1] is found[-1]:
        return replace(named[-1], text="\n".join(w.text for w in named))
    meant = [w for w in found if w.defines(entry)] or [w for w in found if "class " in w.text]
    last = next((w for w in reversed(meant) if not w.leaves_out), meant[-1] if meant else None)
    if last is None or entry == SCRIPT:
        return last
    if last.is_diff:
        files = [w for w in meant if not w.is_diff and not w.leaves_out]
        last = next((w for w in reversed(files) if _holds(w.text, last.text)), last)
    if last.is_diff:
        diffs = [w.text for w in meant if w.is_diff]
        return replace(last, text="\n".join(diffs), last=diffs[-1]) if len(diffs) > 1 else last
    own = [w for w in found if w not in meant and not w.is_diff]
    others = [w for w in shared if w not in own and not w.is_diff]
    return _with_its_recipe(_with_what_it_uses(last, [*others, *own]), own)


def _holds(file: str, diff: str) -> bool:
    """Whether a file has the lines that a diff adds."""
    lines = {line.strip() for line in file.splitlines()}
    added = [line[1:].strip() for line in diff.splitlines() if re.match(r"\+(?!\+\+ )", line)]
    return bool(added) and lines.issuperset(added)


def _with_what_it_uses(written: Written, others: list[Written]) -> Written:
    """A file with those of the other blocks, the last ones first, that define what it uses and does
    not define; in the order of the reply."""
    parts, joined = [written], written
    while (names := _names(joined.text)).missing:
        helper = next((o for o in reversed(others) if names.missing & _names(o.text).own), None)
        if helper is None:
            break
        others.remove(helper)
        parts = sorted([*parts, helper], key=lambda part: part.start)
        joined = replace(written, text="\n\n".join(part.text for part in parts))
    return joined


def _with_its_recipe(written: Written, others: Sequence[Written]) -> Written:
    """A file with the recipe that stands in a block of its own, where it sets none itself."""
    if RECIPE_NAME in _names(written.text).own:
        return written
    recipe = next((o for o in reversed(others) if RECIPE_NAME in _names(o.text).own), None)
    return written if recipe is None else replace(written, text=f"{written.text}\n\n{recipe.text}")


def with_recipe(source: str, recipe: Mapping[str, Any]) -> str:
    """A file with a recipe that was given beside it, where it sets none itself."""
    if RECIPE_NAME in _names(source).own or not recipe:
        return source
    return f"{source.rstrip()}\n\n{RECIPE_NAME} = {dict(recipe)!r}\n"


@dataclass(frozen=True, slots=True)
class _Names:
    """What a file makes at its top, and what it uses that nobody makes."""

    own: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()


def _names(source: str) -> _Names:
    """The names of a file; none where it is no Python."""
    try:
        top = symbols(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _Names()
    tables = [top]
    for table in tables:
        tables += table.get_children()
    own = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported()}
    used = {
        s.get_name()
        for table in tables
        for s in table.get_symbols()
        if s.is_referenced() and (table is top or s.is_global())
    }
    return _Names(frozenset(own), frozenset(used - own - BUILTINS))


def source_in(said: Mapping[str, Any], start: int, end: int) -> Written | None:
    """The code that an object of JSON holds, fenced once more or not, by the keys that were asked
    for or by any other."""
    keys = [*("source", "code", "diff"), *said]
    held = ((key, _text_of(said.get(key))) for key in keys)
    key, text = next(
        ((k, t) for k, t in held if t.strip() and (k in keys[:3] or _CLASS.search(t))), ("", "")
    )
    if not text:
        return None
    inner = next((b for b in blocks(text) if b.is_code), None)
    language = "diff" if key == "diff" else ""
    notes = str(said.get("notes", ""))
    if inner is None:
        return as_written(text, start, end, language, notes=notes)
    return as_written(inner.text, start, end, inner.language or language, notes=notes)


def _text_of(said: object) -> str:
    """A text, also where it is a list of lines, or the only file of several that may be named."""
    if isinstance(said, dict) and len(said) == 1:
        return _text_of(next(iter(said.values())))
    if isinstance(said, list) and said and all(isinstance(line, str) for line in said):
        return "\n".join(line.rstrip("\n") for line in said)
    return said if isinstance(said, str) else ""


def _unfenced(words: str) -> Iterator[Written]:
    """Code that begins on the first line that looks like it, and ends where prose follows."""
    if error_in(words) is None:
        yield Written(0, len(words), words)
        return
    if diff := _DIFF_ALONE.search(words):
        yield as_written(diff[0], diff.start(), diff.end())
        return
    data = [(found.start, found.end) for found in data_in(words)]
    firsts = (
        first
        for first in _FIRST_LINE.finditer(words)
        if not any(start < first.start() < end for start, end in data)
    )
    for first in islice(firsts, _ENDS_TRIED):
        lines = words[first.start() :].split("\n")
        near = len(lines) - _ENDS_NEAR
        ends = [n for n in range(len(lines), 0, -1) if n > near or not lines[n].strip()]
        for number in ends[:_ENDS_TRIED]:
            text = "\n".join(lines[:number])
            if error_in(text) is None:
                yield Written(first.start(), first.start() + len(text), text)
                return


def _parsed(source: str) -> str:
    source = source.removeprefix("\ufeff")
    error = error_in(source)
    if error is not None or _names(source).missing & _ENTITIES:
        # What a chat window makes of spaces cannot be seen, and breaks a file; so do the entities
        # that a web page makes of signs, of which some are Python: `1 &lt; 2`.
        plain = html.unescape(source) if _ENTITY.search(source) else source
        plain = plain.translate(_UNSEEN)
        if error_in(plain) is None:
            source = plain
        elif error is not None:
            raise FormatError(error)
    return source.rstrip() + "\n"


# --- one file ---------------------------------------------------------------------------------


def parse_file(words: str, question: Typed, cut: bool) -> Sequence[Mapping[str, Any]]:
    """A whole file, or a diff against the parent."""
    found = _meant(words, question, cut)
    if found is None:
        raise FormatError("the reply holds no Python file in a fenced block")
    notes = found.notes or _prose(words, found)
    parent = _parent(question)
    base = bundle_of(question)
    if base is not None and not found.is_diff and found.whole:
        return [{"source": completed(found.text, parent or base), "notes": notes}]
    return [{"source": found.as_file(parent), "notes": notes}]


def parse_fix(words: str, question: Typed, cut: bool) -> Sequence[Mapping[str, Any]]:
    """A whole file, a diff against the file that failed, or no fix."""
    found = _meant(words, question, cut)
    none = [o for o in data_in(words) if o.value and o.value.get("source", "") is None]
    if none and none[-1].value and (found is None or none[-1].start > found.start):
        return [{"source": None, "notes": str(none[-1].value.get("notes", ""))}]
    if found is None and NO_FIX in words:
        return [{"source": None, "notes": _first_line(words)}]
    return parse_file(words, question, cut)


def _meant(words: str, question: Typed, cut: bool) -> Written | None:
    entry = entry_of(question)
    found = code_in(words, entry, cut)
    inside = [source_in(o.value, o.start, o.end) for o in data_in(words) if o.value]
    found += [w for w in inside if w]
    return last_meant(sorted(found, key=lambda w: w.start), entry)


def _parent(question: Typed) -> str | None:
    if isinstance(question, RepairQuestion):
        return question.source
    return (
        question.works[0].source if isinstance(question, CodeQuestion) and question.works else None
    )


def _prose(words: str, found: Written) -> str:
    """What the model says of its answer: the first line outside of any fence and of the code."""
    return _first_line(words[: found.start])


def _first_line(words: str) -> str:
    outside = _FENCE.split(words, maxsplit=1)[0]
    lines = [line.strip() for line in outside.splitlines() if line.strip()]
    return lines[0][:300] if lines else ""
