"""What a server's words say of the room that its model has: for an answer, and for a prompt."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from archwright.agents.backends.wire.refusals import Denial

_N: Final = r"(\d[\d,_]*)"
_TOO_LONG_CODES: Final = ("context_length", "exceed_context", "context_window", "string_above_max")
_TOO_LONG: Final = re.compile(
    r"context[ _]?(?:length|size|window|limit)|maximum context|maximum prompt length"
    r"|exceeds? the (?:available |maximum )?(?:context|number of tokens|input)"
    r"|exceeds the maximum number of tokens|input (?:token count|length|is too l)"
    r"|too (?:long|large) for (?:the|this) (?:model|context)|prompt is too (?:long|large)"
    r"|too many (?:input )?tokens|reduce (?:the|your) (?:length|prompt|input|message)"
    r"|request (?:is )?too large|input is too large|entity too large|payload too large"
    r"|`inputs` (?:tokens|must have)|longer than the (?:maximum )?model|must be at least 1, got -"
    r"|maximum model length|exceed(?:s|ed)? (?:the )?(?:max|model)[a-z ]{0,20}(?:tokens?|length)"
    r"|token limit exceeded|remain in the context|超长"
    r"|tokens? length exceeds?|exceed(?:s|ed)? (?:the )?model'?s? limit"
    r"|tokens? to keep|kv cache is full|exceeds? (?:the )?model'?s? max"
)
_ANSWER_NAMES: Final = (
    r"(?:max_(?:completion_|output_|new_)?tokens|maxoutputtokens|completion tokens|output tokens"
    r"|maximum tokens)"
)
_TOO_MANY = re.compile(
    rf"{_ANSWER_NAMES}.*?(?:too (?:large|big|high|many)|at most|less than|<=|range|exceed|maximum"
    rf"|must be|between|greater than|>)"
    rf"|(?:at most|maximum|up to|exceed|fewer|range of)\b.*?{_ANSWER_NAMES}"
)
_CAPS: Final = tuple(
    re.compile(said)
    for said in (
        rf"at most {_N} (?:completion|output)?",
        rf"(?:less than or equal to|less_than_equal|no more than|cannot exceed|must be <=) *`?{_N}",
        rf"\[ *\d+ *, *{_N} *\]",
        rf"between \d+ and {_N}",
        rf"from \d+ (?:\(inclusive\) )?to {_N}",
        rf"> {_N}, which is the maximum",
        rf"maximum(?: allowed)?(?: value| number)?[^.\d]{{0,40}}(?:is|of|:) *`?{_N}",
        rf"can only afford {_N}",
        rf"model limit of {_N}",
        rf"expected a value <= {_N}",
        rf"cannot be greater than[^.\d]{{0,60}}{_N}",
    )
)
_CONTEXT: Final = tuple(
    re.compile(said)
    for said in (
        rf"\bn_ctx: *{_N}",
        rf"{_N} maximum context length",
        rf"(?:maximum )?(?:context|prompt) (?:length|size|window)[^.\d]{{0,24}}?{_N}",
        rf"exceeds? the (?:available |maximum )?context[^.\d]{{0,16}}{_N}",
        rf"maximum number of tokens(?: allowed)? \(?{_N}",
        rf"context limit: [\d,]+ \+ [\d,]+ > {_N}",
        rf"[\d,]+ tokens? > {_N} maximum",
        rf"`max_new_tokens` must be <= {_N}",
        rf"must have less than {_N} tokens",
        rf"cannot exceed {_N}",
        rf"\blimit:? {_N}, requested",
    )
)
_PROMPT: Final = tuple(
    re.compile(said)
    for said in (
        rf"\bn_keep: *{_N}",
        rf"\({_N} in (?:the |your )?(?:messages|prompt)",
        rf"{_N} (?:input tokens|tokens from the input|`inputs` tokens|in the messages)",
        rf"\b(?:request|prompt|messages|input)\b[^.\d]{{0,40}}?{_N} (?:input |prompt )?tokens",
        rf"request \({_N} tokens\)",
        rf"input token count \(?{_N}",
        rf"the input \({_N} tokens",
        rf"context limit: {_N} \+",
        rf"prompt is too long: {_N}",
        rf"messages resulted in {_N}",
        rf"keep the first {_N}",
    )
)
_TOTAL: Final = tuple(
    re.compile(said)
    for said in (
        rf"requested (?:a total of |about )?{_N} tokens",
        rf"requested {_N}",
        rf"resulted in a total of {_N}",
    )
)


@dataclass(frozen=True, slots=True)
class AnswerRoom:
    """What is said of a model's room, in tokens; None for what is not.

    `most` is the longest answer to any question, `context` what prompt and answer share, `prompt`
    what this prompt takes of it, and `total` what was asked for in all.
    """

    most: int | None = None
    context: int | None = None
    prompt: int | None = None
    total: int | None = None

    def fits(self, asked: int) -> int | None:
        """The longest answer that fits where `asked` did not, which may be below zero; None where
        nothing tells."""
        if self.most is not None:
            return self.most
        if self.context is None:
            return None
        if self.prompt is not None:
            return self.context - self.prompt
        return None if self.total is None else asked - (self.total - self.context)


def read_room(refusal: Denial, asked: int) -> AnswerRoom | None:
    """What a refusal says of the room for an answer of `asked` tokens; None where it is not that
    which it is about."""
    words, fields = refusal.lower, refusal.fields
    too_long = refusal.has_code(*_TOO_LONG_CODES) or _TOO_LONG.search(words) is not None
    if refusal.status == 413 and not refusal.has_code("rate_limit"):
        too_long = True
    too_many = _TOO_MANY.search(words) is not None or (
        refusal.param.startswith("max_") and bool(_caps_in(words, asked))
    )
    if not (too_long or too_many) or refusal.status in (401, 403, 404):
        return None
    if refusal.status == 429 and not _asks_too_much(words):
        return None
    context = int(fields.get("n_ctx", 0)) or _first(_CONTEXT, words)
    prompt = int(fields.get("n_prompt_tokens", 0)) or _first(_PROMPT, words)
    total = _first(_TOTAL, words)
    if context is not None and (prompt is not None or total is not None):
        if prompt == context and total is None:  # the one number was read twice
            return AnswerRoom(context=context)
        return AnswerRoom(context=context, prompt=prompt, total=total)
    caps = _caps_in(words, asked) if too_many else []
    return AnswerRoom(most=min(caps)) if caps else AnswerRoom(context=context)


def _asks_too_much(words: str) -> bool:
    """Whether a limit a minute is below this one request: no wait makes it fit."""
    limit, wanted = _first((_CONTEXT[-1],), words), _first(_TOTAL, words)
    return limit is not None and wanted is not None and wanted > limit and "too large" in words


def _caps_in(words: str, asked: int) -> list[int]:
    found = (_number(match) for cap in _CAPS if (match := cap.search(words)))
    return [n for n in found if 0 < n < asked]


def _first(patterns: tuple[re.Pattern[str], ...], words: str) -> int | None:
    return next((_number(found) for p in patterns if (found := p.search(words))), None)


def _number(found: re.Match[str]) -> int:
    return int(found[1].replace(",", "").replace("_", ""))
