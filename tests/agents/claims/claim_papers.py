"""Papers of a few sentences and tables, and what is claimed from them."""

from __future__ import annotations

from archwright.agents.backends.extraction import extract_plan
from archwright.agents.plans import Excerpt, Grid, PaperPlan, PaperQuestion
from archwright.agents.quoting import gate


def plan_of(*texts: str, tables: tuple[Grid, ...] = (), title: str = "Keys that fade") -> PaperPlan:
    sections = tuple(
        Excerpt(name=f"{n} Results", page=0, text=text) for n, text in enumerate(texts, 1)
    )
    question = PaperQuestion(id="x", title=title, kind="text", sections=sections, tables=tables)
    return gate(extract_plan(question), question)


def reasons(plan: PaperPlan) -> str:
    return "\n".join(f"{gap.what}: {gap.reason}" for gap in plan.missing)


def read(
    rows: str, caption: str = "", before: str = "", title: str = "Keys that fade"
) -> PaperPlan:
    """The plan of a paper with one table, its rows by line and its cells by bar."""
    cells = tuple(tuple(cell.strip() for cell in row.split("|")) for row in rows.splitlines())
    text = "\n".join([before, f"Table 1: {caption}", *(" | ".join(row) for row in cells)])
    table = Grid(label="Table 1", caption=caption, section="1 Results", rows=cells)
    return plan_of(text, tables=(table,), title=title)


def said(plan: PaperPlan) -> set[tuple[str, float, str, str]]:
    return {(c.metric, c.value, c.data_set, c.method) for c in plan.claims if c.kind == "value"}
