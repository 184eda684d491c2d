"""What Synapse's database holds: who is in which room, and how rooms are made."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg2  # type: ignore[import-untyped]  # Synapse's own driver has no types

if TYPE_CHECKING:
    from sferum_bridge.demo.synapse import SynapseProcess

SHAPE = (
    "m.room.create",
    "m.room.join_rules",
    "m.room.history_visibility",
    "m.room.guest_access",
    "m.room.tombstone",
    "m.room.canonical_alias",
    "m.room.third_party_invite",
    "m.room.policy",
    "m.widget",
    "im.vector.modular.widgets",
)
MEMBERS = """
    SELECT room_id, state_key, membership FROM current_state_events
    WHERE type = 'm.room.member' AND membership IN ('join', 'invite', 'knock')
"""
MINE = """
    SELECT m.room_id, m.user_id, m.membership, e.sender
    FROM local_current_membership m JOIN events e ON e.event_id = m.event_id
    WHERE m.membership IN ('join', 'invite', 'knock')
"""
STATE = f"""
    SELECT c.room_id, c.type, j.json FROM current_state_events c
    JOIN event_json j ON j.event_id = c.event_id
    WHERE c.type IN ({", ".join(f"'{kind}'" for kind in SHAPE)})
"""  # noqa: S608 — from the list above
"""The state that opens a room or keeps it closed."""
SHOWN = (
    ("SELECT room_id FROM room_aliases", "has an alias"),
    ("SELECT room_id FROM rooms WHERE is_public", "is listed"),
    ("SELECT room_id FROM appservice_room_list", "is listed by an application service"),
)
"""The rooms that can be found without being in them, and how."""


def rows(server: SynapseProcess, query: str) -> list[tuple[Any, ...]]:
    """Ask a server's database."""
    settings = server.settings.database
    if settings is None:
        path = server.settings.folder / "homeserver.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return list(connection.execute(query))
    args = {key: value for key, value in settings["args"].items() if not key.startswith("cp_")}
    with closing(psycopg2.connect(**args)) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())
