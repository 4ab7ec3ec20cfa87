"""Repairing a candidate from what its failed checks said."""

from __future__ import annotations

from random import Random

from archwright.domain import CheckReport, Problem, SourceError
from archwright.search import mends_flow, mends_names, mends_shapes
from archwright.search.edits import Edit
from archwright.search.patient import Patient, first_that_helps


def repair(source: str, problem: Problem, report: CheckReport, rng: Random) -> Edit | None:
    """The first mend that fits what the report says; None when none does.

    One call mends one fault; a source with several is repaired by several calls, each with the
    report of the last.
    """
    patient = Patient(source, problem, report, rng)
    try:
        return first_that_helps(
            (*mends_names.MENDS, *mends_shapes.MENDS, *mends_flow.MENDS), patient
        )
    except SourceError:
        return None
