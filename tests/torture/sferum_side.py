"""Somebody who writes in a chat of the stand-in, and a reader of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp

from sferum_bridge.standin.client import ControlError
from tests.torture.checker import Shown, line_token, same_emoji
from tests.torture.material import EMOJI, digest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from sferum_bridge.standin.client import StandInControl
    from tests.support.bridge import BridgedSchool, LinkedChat
    from tests.torture.material import File

PATIENCE = 0.5
"""Seconds before something is tried again."""
_AWAY = (aiohttp.ClientError, RuntimeError, TimeoutError, OSError)
_LAST = 15
_ON_THE_SERVER = 500


class SferumSide:
    """Acts as one of a chat's people. Every act is sure when it returns."""

    through_login = False
    several_files = True
    names_alone = False

    def __init__(
        self,
        bridged: BridgedSchool,
        chat: LinkedChat,
        people: Mapping[str, int],
        who: str,
        seat: int,
    ) -> None:
        """Sit down as one of the `people` (who → user id); no two of all chats have one seat."""
        self.who = who
        self._bridged = bridged
        self._chat = chat
        self.seat = seat
        self._me = people[who]
        self._people = {user: person for person, user in people.items()}
        self._digests: dict[str, str] = {}

    async def post(
        self, number: int, lines: Sequence[str], files: Sequence[File], answers: str
    ) -> str:
        """Write a message; return its cmid."""
        attachments = [await self._attachment(file) for file in files]
        more: dict[str, Any] = {"reply_cmid": int(answers)} if answers else {}
        # The messenger takes one random id once.
        more |= {"attachments": attachments, "random_id": self.seat * 100_000 + number + 1}
        text = "\n".join(lines)
        cmid = await self._sure(lambda c: c.post(self._me, self._chat.chat, text, **more))
        return str(cmid)

    async def edit(self, handle: str, lines: Sequence[str]) -> None:
        """Have a message say something else."""
        text = "\n".join(lines)
        await self._sure(lambda c: c.edit(self._me, self._chat.chat, int(handle), text))

    async def delete(self, handle: str) -> None:
        """Delete a message for all."""
        await self._sure(lambda c: c.delete(self._me, self._chat.chat, int(handle)))

    async def like(self, handle: str, emoji: str) -> bool:
        """React in place of an earlier reaction; empty: take it back."""
        number = next((n for n, one in EMOJI.items() if one == emoji), 0)
        await self._sure(lambda c: c.react(self._me, self._chat.chat, int(handle), number))
        return True

    async def recent(self) -> Sequence[tuple[str, str]]:
        """Return (token, cmid) of the last messages, the newest first."""
        messages = (await self._messages())[-_LAST:]
        found = [(line_token(m["text"]), str(m["cmid"])) for m in messages if not m["deleted"]]
        return [one for one in reversed(found) if one[0]]

    async def read(self) -> Sequence[Shown]:
        """Return what the chat shows, the oldest first."""
        messages = [m for m in await self._messages() if not m.get("action")]
        files = {m["cmid"]: [await self._file(a) for a in m["attachments"]] for m in messages}
        heads = {m["cmid"]: [line_token(m["text"]), *files[m["cmid"]]] for m in messages}
        return [
            Shown(
                [line for line in m["text"].split("\n") if line],
                files[m["cmid"]],
                next((token for token in heads.get(m["reply_cmid"], ()) if token), ""),
                self._people.get(m["from_id"], "somebody else"),
                frozenset(
                    (self._people.get(int(user), user), same_emoji(EMOJI.get(number, "?")))
                    for user, number in m["reactions"].items()
                ),
            )
            for m in messages
            if not m["deleted"]
        ]

    async def _messages(self) -> list[dict[str, Any]]:
        return list(await self._sure(lambda c: c.messages(self._chat.chat)))

    async def _attachment(self, file: File) -> dict[str, Any]:
        kind = "photo" if file.mime.startswith("image/") else "doc"

        async def attach(control: StandInControl) -> dict[str, Any]:
            stored = await control.add_file(file.data, file.name, file.mime)
            return await control.attachment(kind, self._me, stored)

        return dict(await self._sure(attach))

    async def _file(self, attachment: dict[str, Any]) -> str:
        shape = attachment[attachment["type"]]
        url = shape["orig_photo"]["url"] if attachment["type"] == "photo" else shape["url"]
        while url not in self._digests:
            try:
                async with self._bridged.session.get(url) as answer:
                    if answer.status == 200:
                        self._digests[url] = digest(await answer.read())
                        break
            except _AWAY:
                pass
            await asyncio.sleep(PATIENCE)
        return self._digests[url]

    async def _sure(self, act: Callable[[StandInControl], Awaitable[Any]]) -> Any:
        """Do something that may be done twice until it is known to be done."""
        while True:
            try:
                return await act(self._bridged.standin.control)
            except ControlError as e:
                if e.status < _ON_THE_SERVER:
                    raise
            except _AWAY:
                pass
            await asyncio.sleep(PATIENCE)
