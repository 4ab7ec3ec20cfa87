"""What an operator gives back."""

from __future__ import annotations

from dataclasses import dataclass

from archwright.core import ArchwrightError


class NotApplicable(ArchwrightError):  # noqa: N818 - it says no, nothing went wrong
    """An operator found nothing that it could edit."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A new source, a title that says what was changed, and why it may help."""

    source: str
    title: str
    rationale: str
