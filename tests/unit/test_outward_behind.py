"""Whether an event is taken back is asked at each send: what waits behind it is read once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from sferum_bridge.relay.outward.waits import Behind
from sferum_bridge.store import migrate, queues
from tests.support import databases

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from sferum_bridge.store.database import Database

LANE = "!class:school.example"


async def put(db: Database, first: int, *gone: str) -> None:
    """Queue 150 rows, the last of which take something back."""
    said: list[dict[str, Any]] = [{"type": "m.room.message", "content": {}}] * (150 - len(gone))
    said += [{"type": "m.room.redaction", "content": {"redacts": one}} for one in gone]
    async with db.write() as tx:
        rows = [(LANE, f"${first + number}", event) for number, event in enumerate(said)]
        await queues.put_all(tx, queues.INBOX, rows)


async def test_what_waits_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = queues.waiting
    read: list[queues.Item] = []

    async def counted(*args: Any, **options: Any) -> Any:
        items = await waiting(*args, **options)
        read.extend(items)
        return items

    async with databases.opened(f"sqlite:///{tmp_path / 'bridge.db'}") as db:
        await migrate.upgrade(db)
        await put(db, 0, "$10", "$1")
        async with db.read() as tx:
            items = await waiting(tx, queues.INBOX, LANE, 150)
        behind = Behind(db)
        monkeypatch.setattr(queues, "waiting", counted)

        async def taken_back(number: int) -> bool:
            item = items[number]
            errand: Any = SimpleNamespace(item=item, stands_for={item.name})
            return await behind.takes_back(errand)

        found = [number for number in range(150) if await taken_back(number)]
        assert found == [1, 10]
        assert len(read) == 149
        await put(db, 150, "$149", "$148")
        assert await taken_back(149)
        assert len(read) == 149 + 150
