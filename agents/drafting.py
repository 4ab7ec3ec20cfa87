"""What the drafter is asked and what it answers: the words of a decision record."""

from __future__ import annotations

from archwright.agents.questions import Typed


class DraftQuestion(Typed):
    """To the drafter: what should be decided in this situation?"""

    context: str
    records: tuple[str, ...]
    """Accepted decision records that are most like it, best first."""


class DraftOption(Typed):
    """An option, and what speaks for or against it."""

    name: str
    why: str = ""


class Draft(Typed):
    """From the drafter: a decision, to be checked and then reviewed by a person."""

    title: str
    options: tuple[DraftOption, ...]
    chosen: str
    because: str
    consequences: tuple[str, ...] = ()
