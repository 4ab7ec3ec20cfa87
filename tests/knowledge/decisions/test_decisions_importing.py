"""Records that are imported again, or that look alike: none is lost, and none comes twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from archwright.knowledge.decisions.folder import DecisionFolder
from archwright.knowledge.decisions.importing import import_records

PLAIN = "# Queues\n\nStatus: {status}\n\nService A decided for {what}.\n"
NYGARD = (
    "# {number}. Queues\n\nDate: 2020-01-01\n\n## Status\n\n{status}\n\n## Context\n\nFar away.\n"
)
MADR = "---\nstatus: {status}\ndate: 2021-03-04\n---\n\n# Queues\n\n## Context\n\nFar.\n"


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    (tmp_path / "theirs").mkdir()
    return tmp_path / "theirs"


@pytest.fixture
def own(tmp_path: Path) -> DecisionFolder:
    return DecisionFolder(tmp_path / "own")


def take(source: Path, own: DecisionFolder, new: int, changed: int = 0, left: int = 0) -> None:
    """Import, and again, which changes nothing."""
    taken, faults = import_records(source, own)
    counts = sum(t.new for t in taken), sum(t.changed for t in taken), len(faults)
    assert counts == (new, changed, left)
    texts = {path.name: path.read_bytes() for path in own.files()}
    taken, _ = import_records(source, own)
    assert not any(t.new or t.changed for t in taken)
    assert {path.name: path.read_bytes() for path in own.files()} == texts


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (
            PLAIN.format(status="Accepted", what="Kafka"),
            PLAIN.format(status="Rejected", what="none"),
        ),
        (
            PLAIN.format(status="Accepted", what="Kafka"),
            PLAIN.format(status="Accepted", what="NATS"),
        ),
        ("# Queues\n\n## Solution\n\nOne.\n", "# Queues\n\n## Solution\n\nTwo.\n"),
        ("# Queues\n\n1 node\n", "# Queues\n\n3 nodes\n"),
        ("# Queues\n\n[it](https://a)\n", "# Queues\n\n[it](https://b)\n"),
        ("Kafka.\n", "NATS.\n"),
    ],
)
@pytest.mark.parametrize("apart", [True, False])
def test_records_of_one_title_are_told_apart_by_their_text(
    theirs: Path, own: DecisionFolder, first: str, second: str, apart: bool
) -> None:
    (theirs / "0001-queues.md").write_text(first)
    if apart:
        take(theirs, own, new=1)
        (theirs / "0001-queues.md").unlink()
    (theirs / "0007-queues.md").write_text(second)
    take(theirs, own, new=1 if apart else 2)
    assert [own.text(n) for n in (1, 7)] == [first, second]


def test_records_of_one_text_and_two_statuses_are_two(theirs: Path, own: DecisionFolder) -> None:
    for number, status in ((1, "Accepted"), (7, "Rejected")):
        (theirs / f"{number:04d}-queues.md").write_text(f"# Queues\n\nStatus: {status}\n")
    take(theirs, own, new=2)
    assert [d.status for d in own.list()] == ["accepted", "rejected"]


CHANGES = {
    "nygard": (NYGARD, "Accepted", "Deprecated", "deprecated"),
    "nygard history": (
        NYGARD,
        "Accepted",
        "Accepted 2020-01-01\n\nRejected 2022-02-02",
        "rejected",
    ),
    "to boxes": (NYGARD, "Proposed", "- [ ] Accepted\n- [x] Rejected", "rejected"),
    "madr": (MADR, "proposed", "accepted", "accepted"),
    "line": (PLAIN, "Accepted", "Superseded by ADR-9", "superseded by ADR-0009"),
    "other words": (PLAIN, "Accepted", "On hold", "On hold"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_copy_follows_the_status_at_its_source(
    theirs: Path, own: DecisionFolder, name: str
) -> None:
    form, before, after, status = CHANGES[name]
    source = theirs / "0003-queues.md"
    source.write_text(form.format(number=3, status=before, what="Kafka"))
    take(theirs, own, new=1)
    source.write_text(form.format(number=3, status=after, what="Kafka").replace("03-04", "09-09"))
    take(theirs, own, new=0, changed=1)
    assert [(d.number, d.status) for d in own.list()] == [(3, status)]


def test_a_copy_under_another_number_follows_and_keeps_what_was_noted(
    theirs: Path, own: DecisionFolder
) -> None:
    (theirs / "0001-queues.md").write_text(NYGARD.format(number=1, status="Accepted"))
    (theirs / "0002-kafka.md").write_text(PLAIN.format(status="Accepted", what="Kafka"))
    own.path.mkdir()
    for number in (1, 2):
        (own.path / f"000{number}-own.md").write_text(f"# Own {number}\n\nStatus: accepted\n")
    take(theirs, own, new=2)
    own.supersede(1, 3, "it is near", "2026-01-31")
    status = "Superseded by [2. Kafka](0002-kafka.md)"
    (theirs / "0001-queues.md").write_text(NYGARD.format(number=1, status=status))
    take(theirs, own, new=0, changed=1)
    assert own.show(3).status == "superseded by ADR-0004"
    assert own.show(3).notes == ("2026-01-31, supersedes ADR-0001: it is near",)


@pytest.mark.parametrize("there", ["Accepted", "Deprecated"])
def test_what_was_superseded_here_stays_so_and_that_is_said(
    theirs: Path, own: DecisionFolder, there: str
) -> None:
    (theirs / "0001-queues.md").write_text(NYGARD.format(number=1, status="Accepted"))
    (theirs / "0002-kafka.md").write_text(PLAIN.format(status="Accepted", what="Kafka"))
    take(theirs, own, new=2)
    own.supersede(1, 2, "it is near")
    (theirs / "0001-queues.md").write_text(NYGARD.format(number=1, status=there))
    take(theirs, own, new=0, left=1)
    assert own.show(1).status == "superseded by ADR-0002"
    _, (said,) = import_records(theirs, own)
    assert (said.path.name, said.line) == ("0001-queues.md", 7)
    assert "superseded by ADR-0002 here and stays so" in said.message
