"""Finds text that tries to tell the reader of a paper what to do.

Finding is no defence: such text is data wherever it goes, found or not. It is found so that a
person is told.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

# Each with words, one of which a text must hold for it to match: most texts hold few of them.
_PATTERNS: Final = (
    (("ignore", "disregard", "forget", "override"),
     r"\b(?:ignore|disregard|forget|override)\b[^.\n]{0,30}\b(?:previous|prior|above|earlier|all|"
     r"any|your)\b[^.\n]{0,30}\b(?:instructions?|prompts?|rules|guidelines|context|directions)\b"),
    (("system ",), r"\bsystem (?:prompt|message|override)\s*[:=]"),
    (("you are ",),
     r"\byou are (?:now )?(?:an? |the )?(?:helpful |large )?(?:assistant|AI\b|language model|LLM|"
     r"reviewer|coder|agent|chatbot)"),
    (("ai ", "ais ", "llm", "language model"),
     r"\b(?:AI|LLM|language model)s? (?:reviewer|reader|assistant|agent)s?\b[^.\n]{0,40}\b(?:must|"
     r"should|please|shall)\b"),
    (("positive ",),
     r"\b(?:give|write|provide|output)\b[^.\n]{0,20}\b(?:only )?(?:a )?positive (?:review|score|"
     r"rating)"),
    (("do not ",),
     r"\bdo not (?:mention|reveal|highlight|report) (?:any |the |this |these )?(?:negative|"
     r"weakness|instruction|prompt)"),
    (("with ",),
     r"\b(?:respond|reply|answer|output) (?:only )?with (?:the )?(?:following|exactly|only)\b"),
    (("<|", "inst]", "<<sys>>"),
     r"<\|(?:im_start|im_end|system|user|assistant|endoftext)\|>|\[/?INST\]|<<SYS>>"),
    (("the following", "this "),
     r"\b(?:run|execute) (?:the following|this) (?:shell |bash )?(?:command|code)\b[^.\n]{0,40}"
     r"(?:rm |curl |wget |os\.system|subprocess)"),
    (("rm -rf", "curl "), r"(?:rm -rf|curl) +[^\n]{0,60}\b(?:now|immediately|before)\b"),
)  # fmt: skip
_DOTS: Final = str.maketrans({"İ": "i", "ı": "i"})
"""Letters that count as an i where case does not."""
_MOST: Final = 20
_AROUND_CHARACTERS: Final = 60


def find_instructions(text: str) -> tuple[str, ...]:
    """Excerpts of a text that address whoever reads it by machine, each on one line."""
    return tuple(dict.fromkeys(_excerpts(text)))


def _excerpts(text: str) -> Iterator[str]:
    flat = " ".join(text.split())
    folded = flat.translate(_DOTS).casefold()
    patterns = [pattern for words, pattern in _PATTERNS if any(w in folded for w in words)]
    if not patterns:
        return
    for count, match in enumerate(re.finditer("|".join(patterns), flat, re.IGNORECASE)):
        if count == _MOST:
            return
        yield flat[max(0, match.start() - _AROUND_CHARACTERS) : match.end() + _AROUND_CHARACTERS]


def visible(text: str) -> tuple[str, int]:
    """The text without characters that nobody sees, and how many letters were hidden in it.

    Zero-width and direction marks go; tag characters (U+E0000 to U+E007F), which can spell whole
    sentences that only a machine reads, are counted.
    """
    unseen = {c for c in set(text) - set("\n\t\f") if unicodedata.category(c) in ("Cc", "Cf", "Cs")}
    hidden = sum(text.count(c) for c in unseen if "\U000e0000" <= c <= "\U000e007f")
    return text.translate(dict.fromkeys(map(ord, unseen))), hidden
