"""Repairing a candidate from what its failed checks said."""

from __future__ import annotations

from random import Random

from archwright.core import CheckReport, Problem, SourceError
from archwright.search.operators import fixes_flow, fixes_names, fixes_shapes
from archwright.search.operators.parents import Edit
from archwright.search.operators.patient import Patient, first_that_helps


def repair(source: str, problem: Problem, report: CheckReport, rng: Random) -> Edit | None:
    """The first fix that fits what the report says; None when none does.

    One call fixes one fault; a source with several is repaired by several calls, each with the
    report of the last.
    """
    patient = Patient(source, problem, report, rng)
    try:
        return first_that_helps(
            (*fixes_names.FIXES, *fixes_shapes.FIXES, *fixes_flow.FIXES), patient
        )
    except SourceError:
        return None
