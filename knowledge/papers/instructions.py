"""Finds text that tries to tell the reader of a paper what to do.

Finding is no defence: such text is data wherever it goes, found or not. It is found so that a
person is told.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

_PATTERNS: Final = (
    r"\b(?:ignore|disregard|forget|override)\b[^.\n]{0,30}\b(?:previous|prior|above|earlier|all|"
    r"any|your)\b[^.\n]{0,30}\b(?:instructions?|prompts?|rules|guidelines|context|directions)\b",
    r"\bsystem (?:prompt|message|override)\s*[:=]",
    r"\byou are (?:now )?(?:an? |the )?(?:helpful |large )?(?:assistant|AI\b|language model|LLM|"
    r"reviewer|coder|agent|chatbot)",
    r"\b(?:AI|LLM|language model)s? (?:reviewer|reader|assistant|agent)s?\b[^.\n]{0,40}\b(?:must|"
    r"should|please|shall)\b",
    r"\b(?:give|write|provide|output)\b[^.\n]{0,20}\b(?:only )?(?:a )?positive (?:review|score|"
    r"rating)",
    r"\bdo not (?:mention|reveal|highlight|report) (?:any |the |this |these )?(?:negative|weakness|"
    r"instruction|prompt)",
    r"\b(?:respond|reply|answer|output) (?:only )?with (?:the )?(?:following|exactly|only)\b",
    r"<\|(?:im_start|im_end|system|user|assistant|endoftext)\|>|\[/?INST\]|<<SYS>>",
    r"\b(?:run|execute) (?:the following|this) (?:shell |bash )?(?:command|code)\b[^.\n]{0,40}"
    r"(?:rm |curl |wget |os\.system|subprocess)",
    r"(?:rm -rf|curl) +[^\n]{0,60}\b(?:now|immediately|before)\b",
)
_INSTRUCTION = re.compile("|".join(_PATTERNS), re.IGNORECASE)
_MOST: Final = 20
_AROUND_CHARACTERS: Final = 60


def find_instructions(text: str) -> tuple[str, ...]:
    """Excerpts of a text that address whoever reads it by machine, each on one line."""
    return tuple(dict.fromkeys(_excerpts(text)))


def _excerpts(text: str) -> Iterator[str]:
    flat = " ".join(text.split())
    for count, match in enumerate(_INSTRUCTION.finditer(flat)):
        if count == _MOST:
            return
        yield flat[max(0, match.start() - _AROUND_CHARACTERS) : match.end() + _AROUND_CHARACTERS]


def visible(text: str) -> tuple[str, int]:
    """The text without characters that nobody sees, and how many letters were hidden in it.

    Zero-width and direction marks go; tag characters (U+E0000 to U+E007F), which can spell whole
    sentences that only a machine reads, are counted.
    """
    hidden = sum("\U000e0000" <= c <= "\U000e007f" for c in text)
    kept = "".join(
        c for c in text if c in "\n\t\f" or unicodedata.category(c) not in ("Cc", "Cf", "Cs")
    )
    return kept, hidden
