"""The file under a journal: its schema and its migrations."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from archwright.core import RunError
from archwright.core.database import open_database
from archwright.runs.workspace.paths import RunPaths

# Append-only: a stored journal is brought up to date by the entries that it has not seen.
MIGRATIONS: Final = (
    """
    CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE steps (
        kind TEXT NOT NULL, key TEXT NOT NULL, candidate TEXT NOT NULL,
        state TEXT NOT NULL, request TEXT NOT NULL, result TEXT,
        started REAL NOT NULL, finished REAL,
        PRIMARY KEY (kind, key)
    );
    CREATE INDEX steps_by_candidate ON steps (candidate, kind);
    CREATE TABLE candidates (
        id TEXT PRIMARY KEY, sequence INTEGER NOT NULL UNIQUE,
        title TEXT NOT NULL, rationale TEXT NOT NULL, operator TEXT NOT NULL,
        parents TEXT NOT NULL, source TEXT NOT NULL, recipe TEXT NOT NULL,
        examples TEXT NOT NULL, created REAL NOT NULL,
        text TEXT, tree TEXT, graph TEXT,
        parameters INTEGER NOT NULL DEFAULT 0, flops INTEGER NOT NULL DEFAULT 0,
        end TEXT NOT NULL DEFAULT 'open', reason TEXT NOT NULL DEFAULT '',
        rung INTEGER, score REAL, gain REAL, seeds INTEGER, lesson TEXT NOT NULL DEFAULT ''
    );
    CREATE INDEX candidates_by_text ON candidates (text, sequence);
    CREATE INDEX candidates_by_tree ON candidates (tree, sequence);
    CREATE INDEX candidates_by_graph ON candidates (graph, sequence);
    CREATE TABLE verdicts (
        candidate TEXT PRIMARY KEY, document TEXT NOT NULL,
        review TEXT NOT NULL DEFAULT 'open', reason TEXT NOT NULL DEFAULT ''
    );
    CREATE TABLE notices (text TEXT PRIMARY KEY);
    CREATE TABLE sessions (
        id INTEGER PRIMARY KEY, pid INTEGER NOT NULL, started REAL NOT NULL, seen REAL NOT NULL
    );
    """,
    """
    ALTER TABLE candidates ADD COLUMN latency_ms REAL;
    ALTER TABLE candidates ADD COLUMN proxies TEXT NOT NULL DEFAULT '{}';
    """,
    "ALTER TABLE candidates ADD COLUMN citations TEXT NOT NULL DEFAULT '[]';",
    # A candidate is one document, so that a new field needs no new column. Each change has a
    # number, so that a view of a run reads what is new and not everything.
    """
    CREATE TABLE clock (now INTEGER NOT NULL);
    INSERT INTO clock VALUES (0);
    CREATE TABLE documents (
        id TEXT PRIMARY KEY, sequence INTEGER NOT NULL UNIQUE, document TEXT NOT NULL,
        text TEXT, tree TEXT, graph TEXT, changed INTEGER NOT NULL DEFAULT 0
    );
    INSERT INTO documents SELECT id, sequence, json_object(
        'id', id, 'sequence', sequence, 'title', title, 'rationale', rationale,
        'operator', operator, 'parents', json(parents), 'source', source, 'recipe', json(recipe),
        'examples', json(examples), 'citations', json(citations), 'created', created,
        'fingerprint', json_object(
            'text', coalesce(text, ''), 'tree', coalesce(tree, ''), 'graph', coalesce(graph, '')
        ),
        'parameters', parameters, 'flops', flops, 'latency_ms', latency_ms,
        'proxies', json(proxies), 'status', end, 'reason', reason, 'lesson', lesson,
        'rungs', CASE WHEN score IS NULL THEN json('{}') ELSE json_object(
            CAST(rung AS TEXT),
            json_object('score', score, 'gain', gain, 'seeds', coalesce(seeds, 0))
        ) END
    ), text, tree, graph, 0 FROM candidates;
    DROP TABLE candidates;
    ALTER TABLE documents RENAME TO candidates;
    CREATE INDEX candidates_by_text ON candidates (text, sequence);
    CREATE INDEX candidates_by_tree ON candidates (tree, sequence);
    CREATE INDEX candidates_by_graph ON candidates (graph, sequence);
    CREATE INDEX candidates_by_change ON candidates (changed);
    ALTER TABLE steps ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX steps_by_change ON steps (kind, changed);
    UPDATE steps SET kind = 'test' WHERE kind = 'look';
    CREATE TRIGGER candidate_proposed AFTER INSERT ON candidates BEGIN
        UPDATE clock SET now = now + 1;
        UPDATE candidates SET changed = (SELECT now FROM clock) WHERE id = NEW.id;
    END;
    CREATE TRIGGER candidate_changed AFTER UPDATE OF document ON candidates BEGIN
        UPDATE clock SET now = now + 1;
        UPDATE candidates SET changed = (SELECT now FROM clock) WHERE id = NEW.id;
    END;
    CREATE TRIGGER step_copied AFTER INSERT ON steps WHEN NEW.state = 'finished' BEGIN
        UPDATE clock SET now = now + 1;
        UPDATE steps SET changed = (SELECT now FROM clock) WHERE rowid = NEW.rowid;
    END;
    CREATE TRIGGER step_finished AFTER UPDATE OF state ON steps BEGIN
        UPDATE clock SET now = now + 1;
        UPDATE steps SET changed = (SELECT now FROM clock) WHERE rowid = NEW.rowid;
    END;
    UPDATE candidates SET document = document;
    UPDATE steps SET state = state WHERE state = 'finished';
    """,
)


def connect(file: Path) -> sqlite3.Connection:
    """The file of a journal, made where there is none."""
    connection, writes = open_database(file, timeout=30)
    connection.row_factory = sqlite3.Row
    if writes:
        connection.execute("PRAGMA journal_mode = WAL")
    # A power cut may lose the last moments; a killed process loses nothing.
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def migrate(connection: sqlite3.Connection, paths: RunPaths) -> None:
    """Bring a journal up to date, all of it or nothing.

    Raises:
        RunError: a newer version wrote it.
    """
    if _version(connection) == len(MIGRATIONS):
        return
    connection.execute("BEGIN EXCLUSIVE")
    version = _version(connection)  # another process may have been at it until now
    if version > len(MIGRATIONS):
        connection.execute("ROLLBACK")
        raise RunError(
            f"the journal of {paths.name} was written by a newer version: "
            "upgrade with `pip install -U archwright`"
        )
    for script in MIGRATIONS[version:]:
        for statement in _statements(script):
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    connection.execute("COMMIT")


def _version(connection: sqlite3.Connection) -> int:
    ((version,),) = connection.execute("PRAGMA user_version").fetchall()
    return int(version)


def _statements(script: str) -> Iterator[str]:
    """The statements of a script. `executescript` would end the transaction that it runs in."""
    statement = ""
    for part in script.split(";")[:-1]:
        statement += f"{part};"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
