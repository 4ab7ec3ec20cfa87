"""A candidate that failed its checks, as the fixes see it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from random import Random

from archwright.core import CheckReport, Problem
from archwright.search.operators.parents import Edit
from archwright.source.code import Change, SourceCode, classes, code_of


@dataclass(frozen=True)
class Patient:
    """Source, problem and what the failed check said."""

    source: str
    problem: Problem
    report: CheckReport
    rng: Random

    @cached_property
    def code(self) -> SourceCode:
        return code_of(self.source)

    @cached_property
    def failures(self) -> dict[str, str]:
        """Details of the failed checks by the check's name; the error text under ""."""
        return {"": self.report.error} | {c.name: c.detail for c in self.report.checks if not c.ok}

    @cached_property
    def complaint(self) -> str:
        """All that was said."""
        return "\n".join([*self.failures.values()])

    @property
    def entry(self) -> ast.ClassDef | None:
        return classes(self.code.tree).get(self.problem.entry)

    def said(self, pattern: str) -> re.Match[str] | None:
        """A pattern found in what was said."""
        return re.search(pattern, self.complaint)

    def edit(self, changes: list[Change], title: str, why: str) -> Edit | None:
        """The edit of some changes; None when there is none."""
        return Edit(self.code.apply(changes), title, why) if changes else None


Fix = Callable[[Patient], Edit | None]


def first_that_helps(fixes: Iterable[Fix], patient: Patient) -> Edit | None:
    """The first edit that a fix has to offer."""
    made = (fix(patient) for fix in fixes)
    return next((e for e in made if e is not None and e.source != patient.source), None)
