"""People who write on both sides of linked chats, whatever happens to what lies between.

A writer is sure of each message before it goes on: one that was answered by nobody is looked for,
and written again only if it is not there. So what a writer has sent is known, once and in order.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from tests.support.bridge import BridgedSchool, Client, LinkedChat

PATIENCE = 0.5
"""Seconds before a writer tries again."""


@dataclass(slots=True)
class Talk:
    """A linked chat and its room, and what was written on both sides."""

    bridged: BridgedSchool
    number: int
    room_id: str
    chat: LinkedChat
    teacher: Client
    """Whose login the chat is linked by."""
    inward: list[str] = field(default_factory=list)
    outward: list[str] = field(default_factory=list)

    async def write_in_sferum(self, count: int, pause: float) -> None:
        """Write so many messages in the chat, as somebody without a Matrix account."""
        for n in range(count):
            text = f"сюда {self.number:02} {n:05}"
            while not await self._posted(text):  # noqa: ASYNC110 — a server tells nobody it is back
                await asyncio.sleep(PATIENCE)
            self.inward.append(text)
            await asyncio.sleep(pause)

    async def write_in_matrix(self, count: int, pause: float) -> None:
        """Write so many messages in the room, as the teacher."""
        for n in range(count):
            text = f"туда {self.number:02} {n:05}"
            where = f"rooms/{self.room_id}/send/m.room.message/torture-{self.number}-{n}"
            content = {"msgtype": "m.text", "body": text}
            # The homeserver takes one transaction id once.
            while not await self._accepted(where, content):  # noqa: ASYNC110 — as above
                await asyncio.sleep(PATIENCE)
            self.outward.append(text)
            await asyncio.sleep(pause)

    async def in_sferum(self) -> list[str]:
        """Return the texts of the chat, the oldest first."""
        messages = await self.bridged.standin.control.messages(self.chat.chat)
        return [m["text"] for m in messages if not m.get("action")]

    async def in_matrix(self) -> list[str]:
        """Return the texts of the room, the oldest first."""
        texts: list[str] = []
        query = {"dir": "b", "limit": "500"}
        while True:
            where = f"rooms/{self.room_id}/messages"
            status, page = await self.teacher.call("GET", where, **query)
            assert status == 200, page
            texts += [
                event["content"].get("body", "")
                for event in page["chunk"]
                if event["type"] == "m.room.message"
            ]
            if "end" not in page:
                return texts[::-1]
            query["from"] = page["end"]

    async def _posted(self, text: str) -> bool:
        try:
            control = self.bridged.standin.control
            await control.post(self.chat.others[0], self.chat.chat, text)
        except (aiohttp.ClientError, RuntimeError, TimeoutError):
            return await self._is_there(text)
        return True

    async def _is_there(self, text: str) -> bool:
        while True:
            try:
                return text in await self.in_sferum()
            except (aiohttp.ClientError, RuntimeError, TimeoutError):
                await asyncio.sleep(PATIENCE)

    async def _accepted(self, where: str, content: dict[str, str]) -> bool:
        try:
            status, _ = await self.teacher.call("PUT", where, content)
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return False
        return bool(status == 200)
