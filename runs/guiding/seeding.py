"""Architectures of a person's own: read and checked before anything is spent, then copied into the
journal, for the files may change."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from archwright.core import InputError, SourceError, TaskSpec
from archwright.core.settings import SearchSettings
from archwright.runs.guiding.words import recorded
from archwright.runs.journal import Journal
from archwright.source.fingerprint import read_source

SEEDS: Final = "seeds"
"""The kind of the step that holds the folder's architectures as they were when the run began."""

Architecture = tuple[str, str]
"""Its name and its source."""


def own_architectures(settings: SearchSettings, spec: TaskSpec) -> list[Architecture]:
    """The architectures of the folder that the settings name, by name; none where they name none.
    An `__init__.py` is passed over.

    Raises:
        InputError: there is no such folder, it holds none, or one breaks the contract.
    """
    if settings.seed_from is None:
        return []
    folder = Path(settings.seed_from).expanduser()
    if not folder.is_dir():
        raise InputError(
            f"--seed-from {settings.seed_from} is not a folder: name one with an architecture in "
            "each of its .py files"
        )
    files = sorted(file for file in folder.glob("*.py") if file.name != "__init__.py")
    if not files:
        raise InputError(
            f"--seed-from {settings.seed_from} holds no .py file: put an architecture into each, "
            "or leave the option out"
        )
    return [read_architecture(file, spec) for file in files]


def read_architecture(file: Path, spec: TaskSpec) -> Architecture:
    """The name and the source of a file that keeps the contract, as far as reading it shows.

    Raises:
        InputError: it cannot be read, or breaks the contract.
    """
    try:
        source = file.read_text(encoding="utf-8-sig")
        read_source(source, spec.problem, spec.recipe)
    except OSError as error:
        raise InputError(
            f"{file} cannot be read ({error.strerror}): name a Python file that holds an "
            "architecture"
        ) from None
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not UTF-8 (byte {error.start}): save it as UTF-8") from None
    except SourceError as error:
        raise InputError(f"{file}: {error}") from None
    return file.stem, source


def record_seeds(journal: Journal, architectures: list[Architecture]) -> None:
    """Keep the folder's architectures in the journal; what it holds already stays."""
    journal.once(SEEDS, "start", "", {}, lambda: {"architectures": architectures})


def seeds_of(journal: Journal, known: int | None = None) -> list[Architecture]:
    """A person's architectures: those that the run began with, then those that were said since.

    Args:
        known: how many of the journal's words count; all of them without it.
    """
    begun = journal.step(SEEDS, "start")
    first = begun.result["architectures"] if begun else ()
    later = (step.result for step in recorded(journal, known) if step.result["kind"] == "seed")
    return [(name, source) for name, source in first] + [
        (said["words"], said["source"]) for said in later
    ]
