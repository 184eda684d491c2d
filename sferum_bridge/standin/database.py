"""The state file: SQLite through the standard library, one connection, one process.

Statements are short and run in the event loop, so a call sees and leaves the state whole: nothing
else runs between its first statement and the end of its transaction. The file is locked while the
stand-in runs. Commits are not synced to the disk: they survive a killed process, which is what the
stand-in has to survive, but not a power cut.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS profiles (
    user_id INTEGER PRIMARY KEY AUTOINCREMENT, person_id INTEGER NOT NULL,
    profile_type INTEGER NOT NULL, first_name TEXT NOT NULL, last_name TEXT NOT NULL,
    domain TEXT NOT NULL, edu TEXT NOT NULL,
    last_ts INTEGER NOT NULL, last_pts INTEGER NOT NULL, last_message_id INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS cookies (digest TEXT PRIMARY KEY, person_id INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS tokens (
    digest TEXT PRIMARY KEY, user_id INTEGER NOT NULL, expires REAL NOT NULL);
CREATE TABLE IF NOT EXISTS poll_keys (
    user_id INTEGER PRIMARY KEY, key TEXT NOT NULL, expires REAL NOT NULL, lost INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS conversations (
    id INTEGER PRIMARY KEY AUTOINCREMENT, is_chat INTEGER NOT NULL, title TEXT NOT NULL,
    owner_id INTEGER NOT NULL, last_cmid INTEGER NOT NULL DEFAULT 0,
    writing_disabled INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS members (
    conversation_id INTEGER NOT NULL, user_id INTEGER NOT NULL, peer_id INTEGER NOT NULL,
    invited_by INTEGER NOT NULL, join_date INTEGER NOT NULL, is_admin INTEGER NOT NULL,
    state TEXT NOT NULL, read_cmid INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, user_id)) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS members_by_peer ON members (user_id, peer_id);
CREATE TABLE IF NOT EXISTS messages (
    conversation_id INTEGER NOT NULL, cmid INTEGER NOT NULL, from_id INTEGER NOT NULL,
    date INTEGER NOT NULL, update_time INTEGER NOT NULL, deleted INTEGER NOT NULL,
    random_id INTEGER NOT NULL, draft TEXT NOT NULL,
    PRIMARY KEY (conversation_id, cmid)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS messages_by_random_id
    ON messages (conversation_id, from_id, random_id) WHERE random_id != 0;
CREATE TABLE IF NOT EXISTS copies (
    user_id INTEGER NOT NULL, conversation_id INTEGER NOT NULL, cmid INTEGER NOT NULL,
    message_id INTEGER NOT NULL, hidden INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, conversation_id, cmid)) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS copies_by_message_id ON copies (user_id, message_id);
CREATE TABLE IF NOT EXISTS journal (
    user_id INTEGER NOT NULL, ts INTEGER NOT NULL, pts INTEGER NOT NULL,
    persistent INTEGER NOT NULL, kind TEXT NOT NULL, conversation_id INTEGER NOT NULL,
    cmid INTEGER NOT NULL, data TEXT NOT NULL,
    PRIMARY KEY (user_id, ts)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS journal_by_pts ON journal (user_id, pts) WHERE persistent;
CREATE TABLE IF NOT EXISTS reactions (
    conversation_id INTEGER NOT NULL, cmid INTEGER NOT NULL, user_id INTEGER NOT NULL,
    reaction_id INTEGER NOT NULL, seen INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (conversation_id, cmid, user_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files (
    key TEXT PRIMARY KEY, name TEXT NOT NULL, mime TEXT NOT NULL, size INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS uploads (
    ticket TEXT PRIMARY KEY, user_id INTEGER NOT NULL, kind TEXT NOT NULL,
    subject INTEGER NOT NULL, file TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS media (
    number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, owner_id INTEGER NOT NULL,
    access_key TEXT NOT NULL, object TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS calls (
    call_id TEXT PRIMARY KEY, conversation_id INTEGER NOT NULL, cmid INTEGER NOT NULL,
    initiator_id INTEGER NOT NULL, started INTEGER NOT NULL, video INTEGER NOT NULL);
"""

ADDED = (
    ("conversations", "description", "TEXT NOT NULL DEFAULT ''"),
    ("conversations", "photo", "TEXT NOT NULL DEFAULT ''"),
    ("conversations", "pinned_cmid", "INTEGER NOT NULL DEFAULT 0"),
    ("conversations", "link", "TEXT NOT NULL DEFAULT ''"),
    ("profiles", "photo", "TEXT NOT NULL DEFAULT ''"),
    ("profiles", "deactivated", "TEXT NOT NULL DEFAULT ''"),
)
"""Columns that younger state files have: an older one gets them when it is opened."""

TABLES = (
    "profiles",
    "cookies",
    "tokens",
    "poll_keys",
    "conversations",
    "members",
    "messages",
    "copies",
    "journal",
    "reactions",
    "files",
    "uploads",
    "media",
    "calls",
)


class Database:
    """An open state file. `path` may be `:memory:`.

    Raises:
        sqlite3.OperationalError: The file cannot be opened, or another process holds it.
    """

    def __init__(self, path: Path | str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=1)
        self._connection.row_factory = sqlite3.Row
        for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = OFF"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.executescript(SCHEMA)
        for table, column, kind in ADDED:
            known = {row["name"] for row in self.all(f"PRAGMA table_info({table})")}
            if column not in known:
                self.run(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything inside happen together or not at all; may be nested."""
        if self._connection.in_transaction:
            yield
            return
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def run(self, statement: str, *values: Any) -> int:
        """Run one statement and return the number of rows it changed."""
        return self._connection.execute(statement, values).rowcount

    def run_many(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Run one statement for each row of values."""
        self._connection.executemany(statement, rows)

    def all(self, query: str, *values: Any) -> list[sqlite3.Row]:
        """Return every row of a query."""
        return self._connection.execute(query, values).fetchall()

    def one(self, query: str, *values: Any) -> sqlite3.Row | None:
        """Return the first row of a query, if there is one."""
        row: sqlite3.Row | None = self._connection.execute(query, values).fetchone()
        return row

    def number(self, query: str, *values: Any) -> int:
        """Return the first column of the first row as an integer; 0 for nothing or NULL."""
        row = self.one(query, *values)
        return int(row[0] or 0) if row else 0

    def clear(self) -> None:
        """Forget everything."""
        with self.transaction():
            for table in TABLES:
                self.run(f"DELETE FROM {table}")  # noqa: S608 - names from the list above
