"""Personal documents: whose they are, what they are called, and what lies readable meanwhile.

    bridge's key (a file) ─seals─► person's key (document_keys) ─seals─► name, type, document's key
                                                                                        │
                                                             bytes on the disk (`blobs`) ◄ opens

So neither a copy of the database nor one of the disk opens anything; the end of a person's key is
the end of all of theirs, and the end of a row that of one. Bytes whose row is gone are taken away
by `REMOVE`, a row of the inbox, and at the next start (`Blobs.sweep`).

Readable files (`open_files`) are noted before they are made and forgotten after they are gone.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, delete, func, insert, select, update

from sferum_bridge.school.documents import Used, unlike
from sferum_bridge.store import queues, schools
from sferum_bridge.store.blobs import KEY_BYTES
from sferum_bridge.store.sealing import Sealer
from sferum_bridge.store.tables import document_keys, documents, open_files

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sqlalchemy import ColumnElement, Row

    from sferum_bridge.store.database import Tx

LANE = "documents/"
"""How the lanes of the inbox begin in which stores are worked on; the owner's id follows."""
REMOVE = "remove"
"""The row that has bytes taken away whose document is gone; `ids` are theirs."""
BELL = "open-files"
LATER = 2**53
"""When a file is to be taken away that has still to be taken in."""
_KEY = "document-key"
"""What a person's key is sealed for."""
_COMING, _KEPT = "coming", "kept"


@dataclass(frozen=True, slots=True)
class Document:
    """One document. `size` in bytes, `at` in milliseconds."""

    id: str
    person_id: str
    name: str
    mime: str
    size: int
    at: int
    key: bytes


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A readable file of a document at the homeserver, see `tables.open_files`."""

    media: str
    """Its mxc: address."""
    person_id: str
    room_id: str
    event_id: str
    mxid: str
    since: int
    due_at: int


# --- documents --------------------------------------------------------------------------------


async def used(tx: Tx, person_id: str) -> Used:
    """Return what somebody's store takes, what is on its way included; holds it for this one."""
    held = select(document_keys.c.person_id).where(document_keys.c.person_id == person_id)
    await tx.value(held.with_for_update())
    c = documents.c
    query = select(func.count(), func.coalesce(func.sum(c.size), 0)).where(c.person_id == person_id)
    row = await tx.first(query)
    return Used(int(row[0]), int(row[1])) if row else Used()


async def of(tx: Tx, person_id: str) -> Sequence[Document]:
    """Return what somebody keeps, the oldest first: by `ix_documents_person_id`."""
    c = documents.c
    query = select(documents).where(c.person_id == person_id, c.state == _KEPT)
    rows = await tx.all(query.order_by(c.at, c.id))
    sealer = await _sealer(tx, person_id) if rows else None
    return [_document(sealer, row) for row in rows] if sealer else []


async def one(tx: Tx, person_id: str, document_id: str) -> Document | None:
    """Return a document of somebody's own, be it still on its way; `None` for any other."""
    c = documents.c
    query = select(documents).where(c.id == document_id, c.person_id == person_id)
    row = await tx.first(query.with_for_update())
    sealer = await _sealer(tx, person_id) if row else None
    return _document(sealer, row) if row and sealer else None


async def add(tx: Tx, person_id: str, name: str, mime: str, size: int) -> str:
    """Note that a document is coming, which takes its room; return its id."""
    fresh = tx.sealer.seal(os.urandom(KEY_BYTES).hex(), _KEY)
    row = {"person_id": person_id, "sealed": fresh}
    await tx.add(document_keys, row)
    sealer = await _sealer(tx, person_id)
    if sealer is None:
        raise LookupError("a key that was just made is gone")
    document_id = schools.new_id()
    content = {"name": name, "mime": mime, "key": os.urandom(KEY_BYTES).hex()}
    await tx.run(
        insert(documents).values(
            id=document_id,
            person_id=person_id,
            sealed=sealer.seal(content, document_id),
            size=size,
            state=_COMING,
            at=tx.now,
        )
    )
    return document_id


async def keep(tx: Tx, document: Document, size: int) -> Document | None:
    """Say that a document's bytes are there; its name becomes one that no other has.

    `None`: it is no more, its owner was erased or took it away.
    """
    found = await one(tx, document.person_id, document.id)
    if found is None:
        return None
    name = unlike(found.name, [each.name for each in await of(tx, document.person_id)])
    await tx.run(update(documents).where(documents.c.id == found.id).values(size=size, state=_KEPT))
    await rename(tx, found, name)
    return await one(tx, found.person_id, found.id)


async def rename(tx: Tx, document: Document, name: str) -> None:
    """Have a document be called otherwise."""
    sealer = await _sealer(tx, document.person_id)
    if sealer is not None:
        content = {"name": name, "mime": document.mime, "key": document.key.hex()}
        sealed = sealer.seal(content, document.id)
        await tx.run(update(documents).where(documents.c.id == document.id).values(sealed=sealed))


async def remove(tx: Tx, document: Document) -> None:
    """Forget a document with its key, and have its bytes taken away."""
    await tx.run(delete(documents).where(documents.c.id == document.id))
    await _remove_bytes(tx, [document.id])


async def erase(tx: Tx, person_id: str) -> int:
    """Forget all somebody keeps with their key, and have every file of theirs taken away.

    Returns how many documents there were.
    """
    # Held first: a document that is being added is then among them, or is not added any more.
    held = select(document_keys.c.person_id).where(document_keys.c.person_id == person_id)
    await tx.value(held.with_for_update())
    c = documents.c
    rows = await tx.all(select(c.id).where(c.person_id == person_id))
    await tx.run(delete(documents).where(c.person_id == person_id))
    await tx.run(delete(document_keys).where(document_keys.c.person_id == person_id))
    o = open_files.c
    await tx.run(update(open_files).where(o.person_id == person_id).values(due_at=tx.now))
    tx.wake(BELL)
    await _remove_bytes(tx, [row.id for row in rows])
    return len(rows)


async def ids(tx: Tx) -> set[str]:
    """Return the id of every document there is."""
    return {row.id for row in await tx.all(select(documents.c.id))}


async def ask(tx: Tx, person_id: str, name: str, row: dict[str, Any]) -> None:
    """Have something done in somebody's store, in the order in which it was asked for.

    `name` is the same for the same one; `kind` in the row says what (`bot.document_keeper`).
    """
    await queues.put(tx, queues.INBOX, LANE + person_id, f"documents.{name}", row)


async def _remove_bytes(tx: Tx, document_ids: Sequence[str]) -> None:
    if document_ids:
        name = f"documents.{REMOVE}.{document_ids[0]}"
        row = {"kind": REMOVE, "ids": list(document_ids)}
        await queues.put(tx, queues.INBOX, LANE + REMOVE, name, row)


async def _sealer(tx: Tx, person_id: str) -> Sealer | None:
    query = select(document_keys.c.sealed).where(document_keys.c.person_id == person_id)
    sealed = await tx.value(query)
    return Sealer(bytes.fromhex(tx.sealer.unseal(sealed, _KEY))) if sealed else None


def _document(sealer: Sealer, row: Row[*tuple[Any, ...]]) -> Document:
    said = sealer.unseal(row.sealed, row.id)
    key = bytes.fromhex(said["key"])
    return Document(row.id, row.person_id, said["name"], said["mime"], row.size, row.at, key)


# --- what lies readable -------------------------------------------------------------------------


async def note_open(tx: Tx, file: OpenFile) -> None:
    """Note a readable file, before it is made; one that is known stays as it is."""
    values = {
        "media": file.media,
        "person_id": file.person_id,
        "room_id": file.room_id,
        "event_id": file.event_id,
        "mxid": file.mxid,
        "since": file.since,
        "due_at": file.due_at,
    }
    await tx.add(open_files, values)
    tx.wake(BELL)


async def is_open(tx: Tx, media: str) -> bool:
    """Tell whether a readable file is still to be taken away."""
    return await tx.value(select(open_files.c.media).where(open_files.c.media == media)) is not None


async def shown(tx: Tx, media: str, room_id: str, event_id: str) -> bool:
    """Note which message of the bot shows a file; false where the file was taken away meanwhile."""
    which = update(open_files).where(_which(media, ""))
    if await tx.run(which.values(room_id=room_id, event_id=event_id)):
        return True
    noted = select(open_files.c.media).where(_which(media, event_id))
    return await tx.value(noted) is not None


async def due(tx: Tx, media: str, at: int, event_id: str = "") -> None:
    """Say when a readable file is to be taken away, as far as one message shows it."""
    await tx.run(update(open_files).where(_which(media, event_id)).values(due_at=at))
    tx.wake(BELL)


async def due_files(tx: Tx, limit: int) -> Sequence[OpenFile]:
    """Return readable files whose time is over, by `ix_open_files_due_at`."""
    c = open_files.c
    query = select(open_files).where(c.due_at <= tx.now).order_by(c.due_at).limit(limit)
    return [
        OpenFile(r.media, r.person_id, r.room_id, r.event_id, r.mxid, r.since, r.due_at)
        for r in await tx.all(query)
    ]


async def is_last(tx: Tx, file: OpenFile) -> bool:
    """Tell whether no other message shows a file that has still to be taken in."""
    c = open_files.c
    others = (c.media == file.media, c.event_id != file.event_id)
    return await tx.value(select(c.media).where(*others).limit(1)) is None


async def closed(tx: Tx, media: str, event_id: str = "") -> None:
    """Forget a readable file that is gone."""
    await tx.run(delete(open_files).where(_which(media, event_id)))


def _which(media: str, event_id: str) -> ColumnElement[bool]:
    return and_(open_files.c.media == media, open_files.c.event_id == event_id)
