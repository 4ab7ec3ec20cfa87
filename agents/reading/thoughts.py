"""What a model thought aloud before its answer, and the answer without it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from archwright.agents.reading.blocks import blocks, error_in
from archwright.agents.reading.objects import objects

_NAMES: Final = (
    r"(?:\w+:)?(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflections?|analysis|scratchpad"
    r"|(?:inner_)?monologue|cot_budget_reflect)"
)
_ANSWERS: Final = r"answer|final_answer|final|response|output|solution"
_TAG: Final = re.compile(
    rf"(?P<open><\s*{_NAMES}(?:\s[^<>]*)?(?<!/)>|\[THINK(?:ING)?\]|◁think▷"
    r"|<\|(?:begin_of_|start_)?(?:thought|thinking|reasoning|think)\|>"
    r"|<\|channel\|>\s*(?!final\b)\w+[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>"
    r"|<\|channel>thought\b)"
    rf"|(?P<close><\s*/\s*{_NAMES}\s*>|\[/THINK(?:ING)?\]|◁/think▷"
    r"|<\|(?:/|end_of_|end_)(?:thought|thinking|reasoning|think)\|>|<channel\|>)"
    r"|(?P<final><\|channel\|>\s*final\b[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>)"
    # These end a thought where one goes on, and else mean nothing.
    rf"|(?P<end><\|(?:end|return|call|begin_of_solution|start_response)\|>|<(?:{_ANSWERS})>)"
    r"|(?P<noise><\|start\|>(?:assistant)?|<\|(?:im_end|end_of_solution|end_response)\|>)",
    re.IGNORECASE,
)
# Harmony's channels where the server took the marks out and left their names.
_BARE_CHANNELS: Final = re.compile(r"\Aanalysis(?=[A-Z\s]).*assistantfinal", re.DOTALL)
_FENCE: Final = re.compile(r"`{3,}\w*")
_QUOTES: Final = "\"'`“‘”’«»"


def answer_in(words: str) -> str:
    """`words` without the thoughts, stripped; empty where all is thought.

    A closing tag without an opening one ends a thought that began before the reply: the template
    had opened it. An opening one without a closing one begins a thought that never ends. A tag
    in quotes, in a string of JSON or of Python is no tag.
    """
    words = _BARE_CHANNELS.sub("", words)
    kept: list[str] = []
    start, depth, closed = 0, 0, None
    for tag in _tags(words):
        kind = tag.lastgroup
        if kind == "open":
            if depth == 0:
                kept.append(words[start : tag.start()])
                closed = None
            depth += 1
        elif kind in ("close", "final") or (kind == "end" and depth):
            if depth == 0:
                kept.clear()  # all before it was thought
            depth = max(0, depth - 1) if kind == "close" else 0
            start = closed = tag.end()
        elif depth == 0:
            kept.append(words[start : tag.start()])
            start = tag.end()
    if depth == 0:
        kept.append(words[start:])
    elif closed is not None:
        kept.append(words[closed:])  # more opened than closed: the last closing tag ends it
    return "\n".join(part.strip() for part in kept if part.strip())


def _tags(words: str) -> list[re.Match[str]]:
    found = list(_TAG.finditer(words))
    if not found:
        return []
    is_literal = _literals(words)
    return [tag for tag in found if not (is_literal(tag.start()) or _is_quoted(words, tag))]


def _literals(words: str) -> Callable[[int], bool]:
    """Tells whether a place is inside a JSON object or inside Python, where a tag is part of a
    string."""
    if "class " in words and error_in(words) is None:
        return lambda _place: True
    spans = [(o.start, o.end) for o in objects(words) if o.value is not None]
    spans += [(b.start, b.end) for b in blocks(words) if b.is_code and error_in(b.text) is None]
    return lambda place: any(start < place < end for start, end in spans)


def _is_quoted(words: str, tag: re.Match[str]) -> bool:
    """Whether a tag stands in quotes on its line."""
    before = _FENCE.sub("", words[words.rfind("\n", 0, tag.start()) + 1 : tag.start()])
    after = _FENCE.sub("", words[tag.end() :].partition("\n")[0])
    if before[-1:] and before[-1] in _QUOTES and after[:1] and after[0] in _QUOTES:
        return True
    return any(
        re.sub(r"\\.", "", before).count(quote) % 2 == 1 and quote in after for quote in '"`'
    )
