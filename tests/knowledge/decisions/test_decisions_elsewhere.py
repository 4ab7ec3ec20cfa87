"""Decision records in the styles that teams keep them in: status, number and title."""

# ruff: noqa: E501

from __future__ import annotations

from pathlib import Path

import pytest

from archwright.core import InputError
from archwright.knowledge.decisions.folder import DecisionFolder, parse, with_status
from archwright.knowledge.decisions.importing import decision_entry, import_records
from archwright.knowledge.decisions.language.wording import plain_status
from archwright.knowledge.decisions.linting import lint
from archwright.knowledge.decisions.matter import matter_values
from archwright.knowledge.decisions.naming import bare_title, split_name

BODY = "\n\n## Context\n\nWe need it.\n\n## Decision\n\nWe do it.\n\n## Consequences\n\nDone.\n"

WORDS = {
    "accepted": [
        "✅ Accepted", "ACCEPTED", "Approved", "Agreed", "Adopted", "Decided on Bulma. Open to more.",
        "Implemented", "Done.", "2019-01-01: Accepted", "Accepted; the rest is deferred",
        "Accepted, not yet implemented", "Accepted until superseded by ADR-5", "Proposed/Accepted",
        "This ADR is accepted.", "Proposed | **Accepted** | Rejected", "![](x/badge/status-accepted-1)",
        "Akzeptiert", "angenommen, 2026-09-28", "Accepté", "Acceptee le 2026-07-08", "Aceptado",
        "Aprobada", "Aceito", "Accettato", "已接受（定稿）", "承認済み", "принято на этапе 1", "승인됨", "Hyväksytty",
        "Kabul edildi", "Vastgesteld",
    ],
    "proposed": [
        "Pending", "Draft", "In review", "Open", "RFC", "Under discussion", "Waiting for approval",
        "not yet accepted", "Not approved yet; waiting for QA", "This is a proposal, not accepted yet.",
        "Draft – not approved", "Proposed (not accepted)", "Luonnos", "Entwurf", "Vorgeschlagen", "Brouillon", "Propuesta", "Rascunho", "Bozza",
        "提议", "草案", "提案中", "未承認", "Предложено",
    ],
    "rejected": ["Declined", "Not accepted", "❌ Rejected", "Rejected in favor of ADR-3", "Abgelehnt",
                 "Rejeté", "Rechazado", "Rejeitada", "Rifiutata", "已拒绝", "却下", "Отклонено"],
    "deprecated": ["Obsolete", "No longer valid", "Deprecated (Accepted 2019)", "Veraltet",
                   "Obsolète", "Obsoleto", "已废弃", "廃止", "Устарело"],
    "superseded by ADR-0005": [
        "Superceded by [5. Use x](0005-use-x.md)", "Replaced by #5", "superseded by 0005",
        "~~Accepted~~ → **Superseded by [ADR-5](./0005-x.md)**", "Accepted, superseded by ADR-5",
        "SUPERSEDED by ADR 0005 (2026-09-03)", "Superseded on 2020-01-01 by ADR 5",
        "![](x/badge/status-superseeded_by_ADR_0005-red)", "Ersetzt durch ADR-5",
        "Remplacé par ADR-0005", "Reemplazado por [ADR-5](0005-y.md)", "Substituído por ADR 5",
        "Superseded → [ADR-0005](0005-x.md)", "Superseded -> ADR-0005", "Superseded by adr/0005-x.md",
        "已被 ADR-0005 取代", "ADR-0005 により置き換え", "Заменено на ADR-5",
    ],
    "superseded": ["Superseded", "~~Accepted~~ Superseded", "Superseded by PR #12",
                   "SUPERSEDED (was: APPROVED - IMMEDIATE)", "Superseded 2026-08-18; never Accepted"],
    "": ["", "Proposed | Accepted | Rejected", "[draft | proposed | …]", "{a | … | superseded by x}",
         "What is the status, such as proposed, accepted, rejected, superseded, etc.?"],
}  # fmt: skip
AS_WRITTEN = ["On hold", "Withdrawn", "Deferred", "Partly superseded by ADR-5", "Blue", "保留",
              "Superseded in part by ADR-5", "Teilweise ersetzt durch ADR-4", "Will be deprecated",
              "Not implemented", "Ersetzt ADR-3", "Remplace ADR-3", "Amended by ADR-3"]  # fmt: skip


@pytest.mark.parametrize(("status", "words"), [(s, w) for s, all_ in WORDS.items() for w in all_])
def test_words_for_a_status(status: str, words: str) -> None:
    assert plain_status(words) == status


@pytest.mark.parametrize("words", AS_WRITTEN)
def test_other_words_stay_and_do_not_warn(words: str) -> None:
    decision = parse(f"# A\n\n## Status\n\n{words}{BODY}", Path("0001-a.md"))
    assert decision.status == words
    assert decision_entry(decision).status == "open"


PLACES = {
    "bold": ("**Status:** {}", "Accepted", "accepted"),
    "bold whole": ("**Status: {}**", "Akzeptiert", "accepted"),
    "bullet": ("* Status: {}\n* Date: 2020-01-01", "rejected", "rejected"),
    "bold bullet": ("- **Status**: {}", "superseded by [ADR-5](0005-x.md)", "superseded by ADR-0005"),
    "emoji": ("📌 **Status:** {}", "❌ Rejected", "rejected"),
    "quote": ("> **Status:** {}  \n> **Date:** 2020-01-01", "DRAFT", "proposed"),
    "in a line": ("Datum: 2026-08-18 · Status: {} · Ergänzt ADR-0017", "akzeptiert", "accepted"),
    "sentences": ("Статус: {}. Дата: 2026-10-07. Уточняет ADR-9.", "принято", "accepted"),
    "full width": ("- 状态：{}\n- 日期：2026-09-11", "已拒绝", "rejected"),
    "below": ("**Status**:\n\n{}", "Accepted", "accepted"),
    "alone": ("**Status**\n\n{}", "Accepted", "accepted"),
    "row": ("| Field | Value |\n|---|---|\n| Status | {} |", "Accepted; more later", "accepted"),
    "first row": ("| Status | {} |\n|---|---|\n| Date | 2020-01-02 |", "Accepted", "accepted"),
    "column": ("| Created | Status |\n|:--|:-:|\n| 2020-05-17 | {} |", "Open", "proposed"),
    "html": ("<table><tr><td>Status</td><td>{}</td></tr></table>", "Accepted", "accepted"),
    "heading": ("## Status\n\n{}", "Approved", "accepted"),
    "heading with it": ("## Status: {}", "Accepted", "accepted"),
    "numbered": ("## 1. Status\n\n{}", "Accepted", "accepted"),
    "underlined": ("Status\n------\n\n{}", "Pending", "proposed"),
    "level 1": ("# Estado\n\n{}", "Aceptada. Lo pidió el usuario", "accepted"),
    "metadata": ("## Metadata\n\n- **Status**: {}", "Rejected", "rejected"),
    "comments": ("<!-- Status: Rejected -->\n## Status <!-- one -->\n\n{}", "Accepted", "accepted"),
    "history": ("## Status\n\nProposed 2019-01-01\n\n{}", "Accepted 2019-02-01", "accepted"),
    "latest first": ("## Status\n\n{}\n2019-01-01: Proposed", "2019-02-01: Accepted", "accepted"),
    "bold without a colon": ("**Status** {}", "Accepted", "accepted"),
    "slanted whole": ("_Status: {}_", "accepted", "accepted"),
    "definition": ("<dl><dt>Status</dt><dd>{}</dd></dl>", "Accepted", "accepted"),
    "heading with more": ("## Status of this decision\n\n{}", "Accepted", "accepted"),
    "successor in a list": ("## Status\n\n{}", "Superseded by\n\n* [ADR-0005](0005-x.md)",
                            "superseded by ADR-0005"),
    "adr-tools": ("## Status\n\nAccepted\n\n{}", "Superceded by [2. B](0002-b.md)",
                  "superseded by ADR-0002"),
    "supersedes": ("## Status\n\n{}\n\nSupersedes [2. B](0002-b.md)", "Accepted", "accepted"),
    "prose": ("## Status\n\n{}\n\nThe old queue was replaced by ADR-9.", "Accepted", "accepted"),
    "two lines": ("**Status:** {}", "~~accepted~~, **superseded by\n[ADR-15](0015-o.md)**",
                  "superseded by ADR-0015"),
}  # fmt: skip


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_status_is_read_and_changed_where_it_stands(name: str, newline: str) -> None:
    place, words, status = PLACES[name]
    text = f"# A\n\n{place.replace('{}', words)}{BODY}".replace("\n", newline)
    decision = parse(text, Path("0001-a.md"))
    assert (decision.title, decision.status, decision.context) == ("A", status, "We need it.")
    changed = with_status(text, "superseded by ADR-0077")
    assert parse(changed, Path("0001-a.md")).status == "superseded by ADR-0077"
    before, after = text.split(newline), changed.split(newline)
    kept = [line for line in before if line in after]
    assert len(before) - len(kept) <= words.count("\n") + 1


MATTERS = {
    '---\nstatus: "superseded by ADR-0123"\n---\n# A': "superseded by ADR-0123",
    "---\nstatus: superseded\nsuperseded_by: 9\n---\n# A": "superseded by ADR-0009",
    "---\nstatus: superseded\nsuperseded-by:\n  - ADR-0009\n  - ADR-0010\n---\n# A": "superseded by ADR-0009",
    "---\nStatus: Approved # by all\n...\n# A": "accepted",
    "---\nstatus:\n  - accepted\n---\n# A": "accepted",
    "---\nestado: rechazado\ntitle: 'ADR001: A'\n---\n": "rejected",
    '+++\ntitle = "A"\nstatus = "approved"\n+++\n': "accepted",
    "---\nstatus:\n---\n# A\n\n## Status\n\nRejected": "rejected",
    "---\nstatus: >-\n  declined\ndate: 2020-01-01\n---\n# A": "rejected",
    "---\nstatus: |2+ # so\n\n    superseded by ADR-0009\n\n---\n# A": "superseded by ADR-0009",
    "---\nstatus: >\n  superseded\n  by ADR-0009\n---\n# A": "superseded by ADR-0009",
    "---\nstatus: superseded by\n  ADR-0009\ntitle: B\n---\n# A": "superseded by ADR-0009",
    "---\nstatus:\n  declined\n---\n# A": "rejected",
    "---\nstatus: [declined, 'on 2020-01-01'] # by all\n---\n# A": "rejected",
    "---\nstatus: [\n  declined, # by all\n]\n---\n# A": "rejected",
    "---\nstatus:\n- 'declined' # by all\n---\n# A": "rejected",
    "---\nstatus: !!str &s declined\n---\n# A": "rejected",
    "---\n\"status\": 'it was declined'\n---\n# A": "rejected",
    "---\nadr:\n  status: declined\n---\n# A": "rejected",
    "---\nsummary: |\n  status: accepted\nstatus: declined\n---\n# A": "rejected",
    "---\nsummary: 'tis\nstatus: 'declined'\n---\n# A": "rejected",
    "---\nstatus: superseded\nsuperseded_by: [ADR-0009, 'ADR-0010']\n---\n# A": "superseded by ADR-0009",
    "---\nstatus: superseded\nsuperseded_by: >-\n  ADR-0009\n---\n# A": "superseded by ADR-0009",
    '+++\nstatus = ["declined"] # x\n+++\n# A': "rejected",
    '+++\nstatus = """\ndeclined"""\n+++\n# A': "rejected",
}


@pytest.mark.parametrize("text", MATTERS)
def test_a_status_in_front_matter(text: str) -> None:
    decision = parse(text + BODY, Path("0001-a.md"))
    assert (decision.title, decision.status) == ("A", MATTERS[text])
    changed = with_status(text + BODY, "deprecated")
    assert parse(changed, Path("0001-a.md")).status == "deprecated"
    before, after = ((words + BODY).splitlines() for words in (text, changed.removesuffix(BODY)))
    assert len([line for line in before if line not in after]) <= 3
    assert matter_values(changed).keys() == matter_values(text).keys()


@pytest.mark.parametrize(
    "text",
    [
        "# A" + BODY,
        "# A\n\n```\nStatus: Accepted\n```" + BODY,
        "# A\n\n**Status**:\n**Date**: 2025-01-01" + BODY,
        "# A\n\n## Current State\n\nAccepted practice." + BODY,
        "# A"
        + BODY
        + "\n### Use text line\n\nExample: `Status: Accepted`\n\n* ![](x/status-a-b)\n",
        "# A\n\n* Status: [proposed | accepted] <!-- optional -->" + BODY,
        "# A\n\n## Status quo\n\nAccepted practice is to wait." + BODY,
        "# A\n\n## Status codes\n\nRejected requests get 403." + BODY,
        "# A\n\n**Status** of what was rejected" + BODY,
    ],
)
def test_what_says_no_status_has_none(text: str) -> None:
    decision = parse(text, Path("0001-a.md"))
    assert decision.status == ""
    assert decision_entry(decision).status == "open"
    assert parse(with_status(text, "accepted"), Path("0001-a.md")).status == "accepted"


@pytest.mark.parametrize(
    ("place", "part"),
    [
        ("![](https://x/badge/status-accepted-green)", "a badge"),
        ("## Status\n\n- [ ] Proposed\n- [x] Accepted\n- [ ] Rejected", "boxes to tick"),
    ],
)
def test_what_cannot_be_changed_in_place_is_refused(place: str, part: str) -> None:
    text = f"# A\n\n{place}{BODY}"
    assert parse(text, Path("0001-a.md")).status == "accepted"
    with pytest.raises(InputError, match=f"is {part}: change it by hand"):
        with_status(text, "rejected")


NAMES = {
    "0000-use-madr.md": (0, "use-madr"), "ADR-012-title.md": (12, "title"),
    "adr_0001_title.md": (1, "title"), "adr013-use-fetch.md": (13, "use-fetch"),
    "001.md": (1, ""), "12. A title.md": (12, "A title"), "2020-01-02-title.md": (None, "title"),
    "20200102-title.md": (None, "title"), "2020-title.md": (2020, "title"),
    "use-3-layers.md": (None, "use-3-layers"),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_file_has_a_number_or_a_day(name: str) -> None:
    assert split_name(name) == NAMES[name]


TITLES = {
    "12. Use X": "Use X", "ADR-0012: Use X": "Use X", "ADR 12 - Use X": "Use X",
    "[ADR-0012] Use X": "Use X", "0012 Use X": "Use X", "**ADR-0012** Use X": "Use X",
    "12 Use X": "Use X", "3D convolution": "3D convolution", "7 layers": "7 layers",
    "2024: a look back": "2024: a look back", "ADR-012": "",
}  # fmt: skip


@pytest.mark.parametrize("title", TITLES)
def test_a_title_loses_the_number_of_its_record_and_no_other(title: str) -> None:
    assert bare_title(title, "0012-use-x.md") == TITLES[title]
    assert bare_title("7 layers", "0007-7-layers.md") == "7 layers"


# --- folders --------------------------------------------------------------------------------------


def put(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text + BODY, encoding="utf-8")


def test_keepers_keep_their_numbers_and_movers_come_behind(tmp_path: Path) -> None:
    theirs = tmp_path / "adr"
    put(theirs, "0000-use-madr.md", "# Use MADR\n\n* Status: accepted")
    put(theirs, "0004-a.md", "# 4. A\n\n## Status\n\nAccepted")
    put(theirs, "0004-b.md", "# 4. B\n\n## Status\n\nPending")
    put(theirs, "0005-c.md", "# 5. C\n\n## Status\n\nOn hold")
    put(theirs, "an-idea.md", "# An idea\n\nStatus: superseded by 20200202-newer.md")
    put(theirs, "20200101-older.md", "# Older\n\n* Status: superseded by [n](20200202-newer.md)")
    put(theirs, "20200202-newer.md", "# Newer\n\n* Status: accepted")
    (theirs / "0009-x.adoc").write_text("= X")
    (theirs / "0008-empty.md").write_text("")
    (theirs / "000-index.md").write_text("# Index")
    own = DecisionFolder(tmp_path / "own")
    taken, faults = import_records(theirs, own)
    numbers = {t.source.name: t.decision.number for t in taken}
    assert {n: numbers[n] for n in ("0000-use-madr.md", "0004-a.md", "0005-c.md")} == {
        "0000-use-madr.md": 0, "0004-a.md": 4, "0005-c.md": 5,
    }  # fmt: skip
    assert sorted(numbers.values()) == [0, 4, 5, 6, 7, 8, 9]
    statuses = {t.decision.title: t.decision.status for t in taken}
    assert statuses["Older"] == f"superseded by ADR-{numbers['20200202-newer.md']:04d}"
    assert (statuses["C"], statuses["B"], own.show(0).title) == ("On hold", "proposed", "Use MADR")
    assert [(f.path.name, f.message.partition(":")[0]) for f in faults] == [
        ("0008-empty.md", "the file is empty"),
        ("0009-x.adoc", "AsciiDoc is not read"),
    ]
    assert not any(t.new for t in import_records(theirs, own)[0])


def test_a_successor_that_is_named_by_digits_alone_moves_with_its_number(tmp_path: Path) -> None:
    theirs, own = tmp_path / "adr", DecisionFolder(tmp_path / "own")
    put(own.path, "0002-mine.md", "# Mine\n\n* Status: accepted")
    put(theirs, "0001-a.md", "---\nstatus: superseded by 2\n---\n# A")
    put(theirs, "0002-b.md", "# B\n\n* Status: accepted")
    taken, _ = import_records(theirs, own)
    assert [t.decision.status for t in taken] == ["superseded by ADR-0003", "accepted"]


@pytest.mark.parametrize("words", ["Approved", "On hold", "Withdrawn", "Akzeptiert", "已接受"])
def test_a_status_that_is_understood_is_no_fault(words: str, tmp_path: Path) -> None:
    put(tmp_path / "adr", "0001-a.md", f"# A\n\n## Status\n\n{words}")
    assert lint(tmp_path / "adr")[1] == []


def test_a_record_in_another_language_has_its_sections(tmp_path: Path) -> None:
    text = (
        "# ADR-0003: Ein Faltungskern\n\n- Status: Akzeptiert\n- Datum: 2026-09-04\n\n"
        "## Kontext\n\nWarum.\n\n## Entscheidung\n\nSo.\n\n## Konsequenzen\n\n* Mehr.\n"
    )
    (tmp_path / "0003-kern.md").write_text(text, encoding="utf-8")
    decision = parse(text, Path("0003-kern.md"))
    assert (decision.title, decision.context, decision.because) == (
        "Ein Faltungskern",
        "Warum.",
        "So.",
    )
    assert (decision.date, decision.consequences) == ("2026-09-04", ("Mehr.",))
    assert lint(tmp_path)[1] == []
