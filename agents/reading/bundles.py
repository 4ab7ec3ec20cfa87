"""A script's files out of a model's words: those that it changes, the rest as they were."""

from __future__ import annotations

from archwright.agents.questions import Typed
from archwright.agents.reading.answers import FormatError
from archwright.core import SourceError, is_bundle, read_bundle, write_bundle


def bundle_of(question: Typed) -> str | None:
    """The files of a question's task as it has them; None where the task is no script."""
    brief = getattr(question, "brief", None)
    return str(brief.script["baseline"]) if brief and brief.script else None


def completed(text: str, before: str) -> str:
    """A whole bundle: the files that `text` holds, in place of those of `before`.

    Where only one file may change, `text` may be that file, without the line that names it.

    Raises:
        FormatError: it names no file, or one that may not change.
    """
    try:
        files = read_bundle(before)
        if not is_bundle(text) and len(files) == 1:
            return write_bundle(dict.fromkeys(files, text))
        said = read_bundle(text)
        foreign = [path for path in said if path not in files]
        if foreign:
            raise FormatError(f"{foreign[0]} may not change; there are {', '.join(files)}")
        return write_bundle(files | said)
    except SourceError as error:
        raise FormatError(str(error)) from None
