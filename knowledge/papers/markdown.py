"""Reads Markdown: headings, fenced code, pipe tables, `$$` equations, a list of references."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from archwright.knowledge.papers.paper import CodeFile, Paper, Section, Table
from archwright.knowledge.papers.text import split_references

_ATX = re.compile(r" {0,3}(?P<marks>#{1,6})\s+(?P<title>.*?)\s*#*\s*")
_NUMBER = re.compile(r"(?P<number>(?:\d{1,2}|[A-Z])(?:\.\d{1,2})*)\.?\s+(?P<title>\S.*)")
_FENCE = re.compile(r" {0,3}(?P<fence>`{3,}|~{3,})\s*(?P<language>[\w+#.-]*)(?P<rest>.*)")
_NAMED = re.compile(r"""(?:title|file|filename|path)=["']?(?P<name>[\w./-]+)["']?""")
_RULE = re.compile(r"\s*(?=[^|]*\||.*--)\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*")
_CODE_OR_COMMENT = re.compile(
    r"^ {0,3}(?P<fence>`{3,}|~{3,})[^`\n]*\n.*?^ {0,3}(?P=fence)[`~]*[ \t]*$|"
    r"`[^`\n]+`|(?P<comment><!--.*?-->)",
    re.DOTALL | re.MULTILINE,
)
_SET_OFF = re.compile(r"<(?P<tag>sup|sub)>(?P<said>[^<>]*)</(?P=tag)>", re.IGNORECASE)
_FOOTNOTE = re.compile(r"(?<=\S)\[\^[^\]\s]+\]")
_CAPTION = re.compile(r"[*_>\s]*(?P<label>Table\s+\w+)[*_]*\s*[:.]\s*[*_]*(?P<caption>.*?)[*_]*\s*")
_FRONT = re.compile(r"\A---\n(?P<lines>.*?)\n---\n", re.DOTALL)
_ENDINGS: Final = {
    "": "txt",
    "text": "txt",
    "python": "py",
    "py": "py",
    "bash": "sh",
    "sh": "sh",
    "shell": "sh",
}

_POWER = re.compile(r"(?<![\d.,])(?:10|2)\s*\Z")
_SIDE = re.compile(r"(?<![\d.,])[1-9]\d{2,3}\s*\Z")
"""Of images: 224² is no 224 with a note, for a value is seldom so large and whole."""
_OF_NUMBER = re.compile(r"\d\s*[%°]?\)?\s*\Z")
_SIGN: Final = "[†‡§¶*∗⋆★✝#]+"
_NOTE: Final = rf"(?:{_SIGN}|\d{{1,2}}|[a-z])"
_MARK = re.compile(rf"[\[(]?{_NOTE}(?:[\s,;]+{_NOTE})*[\])]?")
_ORNAMENT = re.compile(rf"(?:{_SIGN}|[\s,])*")
_DEVIATION = re.compile(r"[±+(−-]|\\pm")


@dataclass(slots=True)
class _Draft:
    """A section while it is read."""

    level: int = 1
    number: str = ""
    title: str = ""
    lines: list[str] = field(default_factory=list)


def read_markdown(text: str) -> Paper:
    """The paper in a Markdown text. The first heading of the top level is its title."""
    front = _FRONT.match(text)
    title = _front_title(front["lines"]) if front else ""
    text, hidden = _without_comments(text[front.end() if front else 0 :])
    lines = text.splitlines()
    drafts, code = _split(lines)
    first = next((d for d in drafts if d.title), None)
    top = min((d.level for d in drafts if d.title), default=1)
    if not title and first is not None and first.level == top:
        alone = sum(d.level == top and bool(d.title) for d in drafts) == 1
        title = f"{first.number} {first.title}".strip()
        if alone:
            first.number = first.title = ""  # what stands under the title precedes the sections
            top += 1
    sections = tuple(_finish(d, top) for d in drafts if d.title or "\n".join(d.lines).strip())
    if not title:
        title = next((line.strip() for line in lines if line.strip()), "")[:200]
    notices = (f"comments were left out: {hidden[:80]!r}",) if hidden else ()
    references = split_references(sections)
    return Paper(title, "markdown", 0, sections, references, tuple(code), notices=notices)


def _front_title(lines: str) -> str:
    found = re.search(r"^title:\s*[\"']?(.*?)[\"']?\s*$", lines, re.MULTILINE)
    return found[1] if found else ""


def _without_comments(text: str) -> tuple[str, str]:
    """The text without its comments, save those in code, and what they say."""
    if "<!--" not in text:
        return text, ""
    kept, hidden, place = list[str](), list[str](), 0
    while found := _CODE_OR_COMMENT.search(text, place):
        comment = found["comment"]
        kept.append(text[place : found.start() if comment else found.end()])
        hidden.append((comment or "").removeprefix("<!--").removesuffix("-->"))
        place = found.end()
    return "".join((*kept, text[place:])), " ".join(" ".join(hidden).split())


def _in_line(text: str) -> str:
    """A line without its footnotes' marks, with what HTML sets higher or lower as text."""
    while found := _SET_OFF.search(text):
        put = raised if found["tag"].lower() == "sup" else lowered
        before = text[: found.start()]
        text = f"{before}{put(found['said'].strip(), before)}{text[found.end() :]}"
    return _FOOTNOTE.sub("", text)


def _split(lines: Sequence[str]) -> tuple[list[_Draft], list[CodeFile]]:
    drafts, code = [_Draft()], list[CodeFile]()
    place = 0
    while place < len(lines):
        line = lines[place]
        if fence := _FENCE.fullmatch(line):
            end = _fence_end(lines, place + 1, fence["fence"])
            _take_block(lines[place + 1 : end], fence, drafts[-1], code)
            place = end + 1
            continue
        if atx := _ATX.fullmatch(line):
            drafts.append(_headed(len(atx["marks"]), atx["title"]))
        elif _is_setext(lines, place):
            drafts.append(_headed(1 if lines[place + 1].startswith("=") else 2, line))
            place += 1
        else:
            drafts[-1].lines.append(_in_line(line))
        place += 1
    return drafts, code


def _headed(level: int, words: str) -> _Draft:
    words = re.sub(r"[*`]|\{#[^}]*\}", "", words).strip()
    numbered = _NUMBER.fullmatch(words)
    if numbered and (numbered["number"][0].isdigit() or "." in numbered["number"]):
        return _Draft(level, numbered["number"], numbered["title"])
    return _Draft(level, "", words)


def _is_setext(lines: Sequence[str], place: int) -> bool:
    if place + 1 >= len(lines) or not lines[place].strip() or "|" in lines[place]:
        return False
    above = place == 0 or not lines[place - 1].strip()
    return above and re.fullmatch(r"={3,}\s*|-{3,}\s*", lines[place + 1]) is not None


def _fence_end(lines: Sequence[str], start: int, fence: str) -> int:
    for place in range(start, len(lines)):
        stripped = lines[place].strip()
        if stripped.startswith(fence) and not stripped.strip(fence[0]):
            return place
    return len(lines)


def _take_block(
    block: Sequence[str], fence: re.Match[str], draft: _Draft, code: list[CodeFile]
) -> None:
    """Put a fenced block where it belongs: mathematics into the text, all else to the code."""
    language = fence["language"].lower()
    if language == "math":
        draft.lines += ["$$", *block, "$$"]
    else:
        named = _NAMED.search(fence["rest"])
        path = (
            named["name"] if named else f"block_{len(code) + 1}.{_ENDINGS.get(language, language)}"
        )
        code.append(CodeFile(path, "\n".join(block) + "\n", "fenced"))
        draft.lines.append(f"[code: {path}]")


def _finish(draft: _Draft, top: int) -> Section:
    text = "\n".join(draft.lines).strip()
    level = max(1, draft.level - top + 1)
    equations = tuple(" ".join(e.split()) for e in re.findall(r"\$\$(.+?)\$\$", text, re.DOTALL))
    return Section(draft.number, draft.title, level, text, 0, equations, _tables(draft.lines))


def _tables(lines: Sequence[str]) -> tuple[Table, ...]:
    """Pipe tables; the caption is the nearest line `Table N: ...` above or under one."""
    found, place = [], 1
    while place < len(lines):
        if not (_RULE.fullmatch(lines[place]) and "|" in lines[place - 1]):
            place += 1
            continue
        end = place + 1
        while end < len(lines) and "|" in lines[end]:
            end += 1
        rows = tuple(_cells(line) for line in (lines[place - 1], *lines[place + 1 : end]))
        label, caption = (
            _caption(lines[max(0, place - 4) : place - 1][::-1])
            or _caption(lines[end : end + 3])
            or ("", "")
        )
        found.append(Table(label, caption, rows))
        place = end
    return tuple(found)


def _caption(lines: Sequence[str]) -> tuple[str, str] | None:
    for line in lines:
        if match := _CAPTION.fullmatch(line):
            return match["label"], match["caption"]
    return None


def _cells(line: str) -> tuple[str, ...]:
    inner = line.strip().removeprefix("|").removesuffix("|")
    return tuple(cell.strip().strip("*_`") for cell in re.split(r"(?<!\\)\|", inner))


def raised(said: str, before: str) -> str:
    """A superscript in a line of text: a footnote's mark is no digit of the number before it, and
    the exponent of a power is no more digits of it."""
    number = _OF_NUMBER.search(before)
    if number and re.match(r"[±+]|\\pm", said):
        return f" {said}"
    if _POWER.search(before) and re.fullmatch(r"[-−–+]?\s*\d+", said):
        return f"^{{{said}}}"
    if _SIDE.search(before) and said in ("2", "3"):
        return f"^{{{said}}}"
    if _ORNAMENT.fullmatch(said) or (number and _MARK.fullmatch(said)):
        return ""
    return said if said.isalpha() or not before.strip() else f"^{{{said}}}"


def lowered(said: str, before: str) -> str:
    """A subscript in a line of text: `AP50` and `H2O` are names, a number's index is no digit."""
    if not _OF_NUMBER.search(before):
        return said
    return f" {said}" if _DEVIATION.match(said) else f"_{{{said}}}"
