"""The page on security gives the figures of the hostile suite."""

from __future__ import annotations

import re
from pathlib import Path

import hostile_candidates as suite
import lucky_candidates as lucky

PAGE = Path(__file__).parents[3] / "docs" / "security.md"
OTHERS = 4
"""The walk through frames and modules, and three leaks: tests of their own."""


def test_the_figures_on_the_page_are_those_of_the_suite() -> None:
    page = PAGE.read_text(encoding="utf-8")
    sizes = [
        *map(len, (suite.FILES, suite.WRITES, suite.NETWORK, suite.PROCESSES, suite.ENDS)),
        len(suite.TEXTS),
        len(suite.FORGERIES) + 1,  # the one whose predictions are well formed
        len(suite.CONTRACT),
        len(lucky.SEEDED) + len(lucky.CHOSEN),
        len(suite.POISONS),
        OTHERS,
    ]
    rows = re.findall(r"^\| [^|]+ \| (\d+) \| all held", page, re.MULTILINE)
    assert [int(row) for row in rows] == sizes
    assert f"holds {sum(sizes)} candidates" in page
