"""Lesson materials as they are listed: one row a message of a materials room (S-06).

What a teacher posts there is its own message; what was filed from a chat is the bot's copy of it,
whose row is written with the outbox row that sends it, and gets its event with the mark that this
is done. So whatever is killed in between, an edit or a deletion of the original finds the copy.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, or_, select, update

from sferum_bridge.store import queues, schools
from sferum_bridge.store.tables import materials

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import ColumnElement, Row

    from sferum_bridge.store.database import Tx

CHANGED = "material-changed"
"""News: somebody edited or took away a message that is listed."""
COPY = "material"
"""The key by which a row of the outbox is known as about a copy; it holds the material's id."""
_SEAL = "material"


class State(StrEnum):
    """How far a material has come."""

    WAITING = "waiting"
    SHOWN = "shown"
    GONE = "gone"
    """Its copy is still to be taken away."""


@dataclass(frozen=True, slots=True)
class Material:
    """One material."""

    id: str
    school_id: str
    class_id: str
    author_id: str
    """Empty for somebody who is known by their name alone."""
    author: str
    """The name that stands in the list."""
    sender: str
    """The account that wrote the original."""
    source: str
    """The original message."""
    room_id: str
    """The materials room."""
    event_id: str
    """The message there; empty until it is."""
    subject: str
    title: str
    state: State
    at: int
    """When it was written, in milliseconds."""
    edits: int = 0

    @property
    def is_copy(self) -> bool:
        """Tell whether the bot's copy stands in the materials room."""
        return self.source != self.event_id


async def add(tx: Tx, one: Material) -> bool:
    """Note a material; false where its message is listed already."""
    row = {
        "id": one.id,
        "school_id": one.school_id,
        "class_id": one.class_id,
        "author_id": one.author_id,
        "sender": one.sender,
        "source": one.source,
        "room_id": one.room_id,
        "event_id": one.event_id,
        "state": one.state.value,
        "sealed": _sealed(tx, one.author, one.subject, one.title),
        "at": one.at,
    }
    return await tx.add(materials, row)


async def by_id(tx: Tx, material_id: str) -> Material | None:
    """Return a material, held for this transaction; `None` when there is none."""
    row = await tx.first(select(materials).where(materials.c.id == material_id).with_for_update())
    return _material(tx, row) if row else None


async def of_message(tx: Tx, event_id: str) -> Material | None:
    """Return the material a message is, as original or copy, held for this transaction."""
    query = select(materials).where(_is_of([event_id])).with_for_update()
    row = await tx.first(query)
    return _material(tx, row) if row else None


async def known(tx: Tx, event_ids: Collection[str]) -> set[str]:
    """Return which of some messages are listed, as original or copy."""
    if not event_ids:
        return set()
    c = materials.c
    rows = await tx.all(select(c.source, c.event_id).where(_is_of(event_ids)))
    return {one for row in rows for one in row} & set(event_ids)


async def of_classes(tx: Tx, class_ids: Collection[str]) -> Sequence[Material]:
    """Return what is listed for some classes, the newest first; by `ix_materials_class_id`."""
    c = materials.c
    query = select(materials).where(c.class_id.in_(class_ids), c.state == State.SHOWN.value)
    rows = await tx.all(query.order_by(c.at.desc(), c.id))
    return [_material(tx, row) for row in rows]


async def describe(tx: Tx, one: Material, subject: str, title: str) -> None:
    """List a material as something else, after an edit of its message."""
    sealed = _sealed(tx, one.author, subject, title)
    mine = materials.c.id == one.id
    await tx.run(update(materials).where(mine).values(sealed=sealed, edits=one.edits + 1))


async def remove(tx: Tx, one: Material) -> None:
    """List a material no more; its copy, if there is one, is taken away by whoever asked."""
    await tx.run(delete(materials).where(materials.c.id == one.id))


async def withdraw(tx: Tx, one: Material) -> None:
    """List it no more, and have its copy taken away; it is kept in mind until that is done."""
    mine = materials.c.id == one.id
    await tx.run(update(materials).where(mine).values(state=State.GONE.value))
    await carry(tx, one, ".x", {"withdraws": True})


async def forget(tx: Tx, mine: ColumnElement[bool]) -> None:
    """Forget whose some materials are, and have the bot's copies, which name them, taken away.

    What they posted themselves stays in its room.
    """
    rows = await tx.all(select(materials).where(mine).with_for_update())
    for one in [_material(tx, row) for row in rows]:
        if not one.is_copy:
            await remove(tx, one)
            continue
        if one.state is not State.GONE:
            await withdraw(tx, one)
        nobody = {"author_id": "", "sender": "", "sealed": _sealed(tx, "", "", "")}
        await tx.run(update(materials).where(materials.c.id == one.id).values(**nobody))


# --- copies ---------------------------------------------------------------------------------


async def carry(tx: Tx, one: Material, suffix: str, row: Mapping[str, Any]) -> None:
    """Queue what is to be done about a copy; see `matrix.shelf`."""
    name = f"material.{one.id}{suffix}"
    await queues.put(tx, queues.OUTBOX, one.room_id, name, {**row, COPY: one.id})


async def begin(tx: Tx, material_id: str) -> bool:
    """Note that a copy is about to be sent; tell whether it is.

    It is not where the original was taken away first. A copy begun before is sent once more all
    the same: by its event alone it can be taken away.
    """
    one = await by_id(tx, material_id)
    mine = materials.c.id == material_id
    is_begun = bool(await tx.value(select(materials.c.is_begun).where(mine)))
    if one is None or (one.state is State.GONE and not is_begun):
        return False
    await tx.run(update(materials).where(mine).values(is_begun=True))
    return True


async def shown(tx: Tx, material_id: str, event_id: str) -> None:
    """Note the event a copy became; none where it was refused, and then it is not listed."""
    one = await by_id(tx, material_id)
    if one is None:
        return
    if not event_id:
        await remove(tx, one)
        return
    state = one.state if one.state is State.GONE else State.SHOWN
    values = {"event_id": event_id, "state": state.value}
    await tx.run(update(materials).where(materials.c.id == material_id).values(**values))


def _is_of(event_ids: Collection[str]) -> Any:
    return or_(materials.c.source.in_(event_ids), materials.c.event_id.in_(event_ids))


def _sealed(tx: Tx, author: str, subject: str, title: str) -> bytes:
    return tx.sealer.seal({"author": author, "subject": subject, "title": title}, _SEAL)


def _material(tx: Tx, row: Row[*tuple[Any, ...]]) -> Material:
    said = tx.sealer.unseal(row.sealed, _SEAL)
    return Material(
        row.id,
        row.school_id,
        row.class_id,
        row.author_id,
        said["author"],
        row.sender,
        row.source,
        row.room_id,
        row.event_id,
        said["subject"],
        said["title"],
        State(row.state),
        row.at,
        row.edits,
    )


def new_id() -> str:
    """Return the id of a material to be."""
    return schools.new_id()
