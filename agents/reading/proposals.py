"""The proposals of one reply to a `CampaignQuestion`, each with its file or why it has none."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from archwright.agents.proposers.campaign import CampaignQuestion
from archwright.agents.questions import Typed
from archwright.agents.reading.answers import BrokenJsonError, FormatError, data_in
from archwright.agents.reading.blocks import blanked
from archwright.agents.reading.bundles import bundle_of, completed
from archwright.agents.reading.files import Written, code_in, entry_of, with_recipe
from archwright.agents.reading.ideas import Sketch, sketches
from archwright.agents.reading.values import ids_of, number_of, words_of
from archwright.core import BASELINE

Fields = Mapping[str, Any]

# After such a line stands what the model stands by; what is before it is a draft. One with a number
# is a heading.
_FINAL_LINE: Final = re.compile(
    r"^\W*(?:my\s+)?final\s+(?:answers?|proposals?|version|reply)\b(?!\W*\d).*$",
    re.IGNORECASE | re.MULTILINE,
)


def parse_proposals(words: str, question: Typed, cut: bool) -> Sequence[Fields]:
    """Several proposals: each a JSON object with its code behind it, before it or in it; or code
    alone. One whose code cannot be used keeps its title and says why in `fault`.

    Raises:
        FormatError: there is no proposal, or none of them can be read.
    """
    asked = cast(CampaignQuestion, question)
    entry = entry_of(asked)
    found = _found(words, entry, cut)
    if not found:
        broken = [o for o in data_in(words) if o.fault]
        if broken:
            raise BrokenJsonError(broken[-1].fault, words[broken[-1].start : broken[-1].end])
        what = f"neither a JSON object with a title nor code that defines class {entry}"
        raise FormatError(f"the reply holds no proposal: {what}")
    if all(sketch.fault and sketch.code is None for sketch in found):
        raise FormatError(found[0].fault)
    proposals: dict[str, dict[str, Any]] = {}
    for sketch in found:
        fields = _fields(sketch, asked, cut)
        title = fields["title"].casefold()
        proposals[title] = _joined(proposals.get(title, {}), fields)
    return [{"proposals": list(proposals.values())[: asked.count]}]


def _found(words: str, entry: str, cut: bool) -> list[Sketch]:
    """The proposals of the answer; of the whole reply where no single line says that only now the
    answer begins, or where it has no code of its own: it only sums up."""
    code = code_in(words, entry, cut)
    prose = blanked(words, [w for w in code if not w.is_diff])
    finals = list(_FINAL_LINE.finditer(prose))
    if len(finals) == 1:
        answer = words[finals[0].end() :]
        own = code_in(answer, entry, cut)
        found = sketches(answer, own, entry)
        if found and (any(sketch.code for sketch in found) or not code):
            return found
    return sketches(words, code, entry)


def _joined(earlier: Fields, later: Fields) -> dict[str, Any]:
    """A proposal that was said twice: the later words count, and the earlier where it has none."""
    joined = {**earlier, **{k: v for k, v in later.items() if v not in ("", (), None)}}
    if later["source"] or later["fault"]:
        joined |= {"source": later["source"], "fault": later["fault"]}
    return joined


def _fields(sketch: Sketch, question: CampaignQuestion, cut: bool) -> dict[str, Any]:
    said, sources = sketch.said, _sources(question)
    known = {*sources, *(row.candidate for row in question.ledger)}
    parents = ids_of(said.get("parents", said.get("parent")), known)
    source, fault = "", sketch.fault if sketch.code is None else ""
    if sketch.code is not None:
        try:
            parents, source = _written(sketch.code, parents, sources, bundle_of(question))
        except FormatError as error:
            fault = str(error)
    if fault and cut:
        fault = f"{fault} (the reply was cut off at the limit: be shorter)"
    if source and isinstance(said.get("recipe"), dict):
        source = with_recipe(source, said["recipe"])
    expected = next((said[k] for k in ("expected", "expected_effect") if k in said), None)
    return {
        "title": sketch.title,
        "move": words_of(said.get("move", said.get("operator"))),
        "rationale": words_of(said.get("rationale")),
        "hypothesis": words_of(said.get("hypothesis")),
        "expected": number_of(expected),
        "parents": parents,
        "citations": ids_of(said.get("citations"), {p.id for p in question.passages}),
        "source": source,
        "fault": fault,
    }


def _sources(question: CampaignQuestion) -> dict[str, str]:
    works = (*question.examples, *question.works, question.baseline)
    return {BASELINE: question.baseline.source} | {work.id: work.source for work in works}


def _written(
    code: Written, parents: tuple[str, ...], sources: Mapping[str, str], base: str | None
) -> tuple[tuple[str, ...], str]:
    """The parents and the file; a diff without a parent has the only work that it fits. Files of a
    script are completed from the first parent, or from `base`.

    Raises:
        FormatError: there is no file.
    """
    if base is not None and not code.is_diff and code.whole:
        return parents, completed(code.text, sources.get(parents[0], base) if parents else base)
    if not code.is_diff or not code.whole:
        return parents, code.as_file(None)
    if parents:
        if parents[0] not in sources:
            unseen = f"the diff is against {parents[0]}, whose source was not shown"
            raise FormatError(f"{unseen}: write the whole file")
        return parents, code.as_file(sources[parents[0]])
    fitting = {}
    for id_, source in sources.items():
        try:
            fitting[code.as_file(source)] = id_
        except FormatError:
            continue
    if len(fitting) != 1:
        raise FormatError(
            "the diff names no parent that was shown: name it, or write the whole file"
        )
    return next(((id_,), file) for file, id_ in fitting.items())
