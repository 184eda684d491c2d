"""All that a database holds, as text, to look for what must not be there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import select

from sferum_bridge.store import documents, queues, tables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.store.database import Tx

_LABELS = {
    "mails": "mail",
    "batches": "batch",
    "pending_imports": "pending_import",
    "batch_changes": "batch_change",
    "cases": "case",
    "year_plans": "year_plan",
    "announcements": "announcement",
    "tickets": "ticket",
    "calls": "call",
    "broadcasts": "broadcast",
    "materials": "material",
    "document_keys": "document-key",
    "logins": "login",
    "dialogues": "dialogue",
    "inbox": queues.INBOX_BELL,
    "outbox": queues.OUTBOX_BELL,
}


async def texts(tx: Tx) -> Mapping[str, str]:
    """Return table → all text that stands in it, and what is sealed there as it was."""
    found = {}
    for table in tables.metadata.sorted_tables:
        rows = await tx.all(select(table))
        said = [str(v) for row in rows for v in row if not isinstance(v, bytes)]
        for row in rows:
            sealed = row._mapping.get("sealed")
            if table.name == "documents":
                # By a key of the person's own.
                said.append(str(await documents.one(tx, row.person_id, row.id)))
            elif sealed is not None:
                label = _LABELS.get(table.name) or f"contact.{row._mapping['kind']}"
                said.append(json.dumps(tx.sealer.unseal(sealed, label), ensure_ascii=False))
        found[table.name] = "\n".join(said)
    return found
