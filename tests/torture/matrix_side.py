"""Somebody who writes in a linked room by a client of Matrix, and a reader of it."""

from __future__ import annotations

import asyncio
import io
import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import aiohttp

from tests.torture.checker import Shown, line_token, same_emoji
from tests.torture.material import digest
from tests.torture.sferum_side import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.support.bridge import Client
    from tests.torture.material import File

_AWAY = (aiohttp.ClientError, TimeoutError, ValueError, OSError)
_LAST = 15
_OK, _ON_THE_SERVER = 200, 500
_LOOKS = 40


class MatrixSide:
    """Acts as one of the school. Every act is sure when it returns."""

    through_login = True
    several_files = False
    names_alone = True

    def __init__(
        self, client: Client, room_id: str, people: Mapping[str, str], who: str, seat: int
    ) -> None:
        """Sit down as one of the `people` (who → Matrix id); no two of all rooms have one seat."""
        self.who = who
        self._client = client
        self._room_id = room_id
        self.seat = seat
        self._people = {mxid: person for person, mxid in people.items()}
        self._digests: dict[str, str] = {}
        self._acts = 0

    async def post(
        self, number: int, lines: Sequence[str], files: Sequence[File], answers: str
    ) -> str:
        """Write a message; return its event id."""
        del number
        content: dict[str, Any] = {"msgtype": "m.text", "body": "\n".join(lines)}
        for file in files:
            info = {"mimetype": file.mime, "size": len(file.data)}
            kind = "m.image" if file.mime.startswith("image/") else "m.file"
            content = {"msgtype": kind, "filename": file.name, "info": info}
            content |= {"body": "\n".join(lines) or file.name, "url": await self._upload(file)}
        if answers:
            content["m.relates_to"] = {"m.in_reply_to": {"event_id": answers}}
        return await self._send("m.room.message", content)

    async def edit(self, handle: str, lines: Sequence[str]) -> None:
        """Have a message say something else."""
        new = {"msgtype": "m.text", "body": "\n".join(lines)}
        relation = {"rel_type": "m.replace", "event_id": handle}
        content = {"msgtype": "m.text", "body": f"* {lines[0]}", "m.new_content": new}
        await self._send("m.room.message", {**content, "m.relates_to": relation})

    async def delete(self, handle: str) -> None:
        """Take a message back."""
        self._acts += 1
        txn = f"torture-{self.seat}-{self._acts}"
        await self._sure("PUT", f"v3/rooms/{self._room_id}/redact/{handle}/{txn}", {})

    async def like(self, handle: str, emoji: str) -> bool:
        """React beside an earlier reaction; empty: take back what is there. False: nothing done."""
        relation = {"rel_type": "m.annotation", "event_id": handle, "key": emoji}
        for _ in range(_LOOKS):
            own = await self._own_reactions(handle)
            # A person takes back what they see, and adds what they do not: the bridge may be about
            # to show a reaction anew, or to withdraw an earlier one.
            if emoji and emoji not in own:
                await self._send("m.reaction", {"m.relates_to": relation})
                return True
            if own and not emoji:
                for event_id in own.values():
                    await self.delete(event_id)
                return True
            await asyncio.sleep(PATIENCE)
        return False

    async def _own_reactions(self, handle: str) -> dict[str, str]:
        where = f"v1/rooms/{self._room_id}/relations/{handle}/m.annotation/m.reaction"
        found = (await self._sure("GET", where))["chunk"]
        return {
            same_emoji(event["content"]["m.relates_to"]["key"]): event["event_id"]
            for event in found
            if event["sender"] == self._client.mxid and event["content"]
        }

    async def recent(self) -> Sequence[tuple[str, str]]:
        """Return (token, event id) of the last messages, the newest first."""
        only = json.dumps({"types": ["m.room.message"]})
        found = []
        page = await self._page(dir="b", limit=str(_LAST), filter=only)
        for event in page["chunk"]:
            relation = event["content"].get("m.relates_to", {})
            body, token = event["content"].get("body", ""), ""
            if relation.get("rel_type") != "m.replace" and "url" not in event["content"]:
                token = line_token(body)
            if body.startswith(token):
                found.append((token, event["event_id"]))
        return [(token, handle) for token, handle in found if token]

    async def read(self) -> Sequence[Shown]:
        """Return what the room shows, the oldest first."""
        events = await self._events()
        likes: dict[str, set[tuple[str, str]]] = defaultdict(set)
        for event in events:
            if event["type"] == "m.reaction" and event["content"]:
                relation = event["content"]["m.relates_to"]
                person = self._people.get(event["sender"], event["sender"])
                likes[relation["event_id"]].add((person, same_emoji(relation["key"])))
        shown: dict[str, Shown] = {}
        for event in events:
            content = event["content"]
            relation = content.get("m.relates_to", {})
            if event["type"] != "m.room.message" or "body" not in content:
                continue
            if relation.get("rel_type") == "m.replace":
                continue
            answered = shown.get(relation.get("m.in_reply_to", {}).get("event_id", ""))
            replaced = event["unsigned"].get("m.relations", {}).get("m.replace")
            if replaced is not None:
                content = replaced["content"]["m.new_content"]
            files = [await self._file(content["url"])] if "url" in content else []
            is_named = bool(files) and content.get("filename", content["body"]) == content["body"]
            lines = [] if is_named else content["body"].split("\n")
            tokens = answered.tokens if answered else ()
            shown[event["event_id"]] = Shown(
                lines,
                files,
                next((token for token in tokens if token), ""),
                self._people.get(event["sender"], "somebody else"),
                frozenset(likes[event["event_id"]]),
            )
        return list(shown.values())

    async def _events(self) -> list[dict[str, Any]]:
        only = json.dumps({"types": ["m.room.message", "m.reaction"]})
        query = {"dir": "b", "limit": "500", "filter": only}
        events: list[dict[str, Any]] = []
        while True:
            page = await self._page(**query)
            events += page["chunk"]
            if "end" not in page:
                return events[::-1]
            query["from"] = page["end"]

    async def _page(self, **query: str) -> Any:
        return await self._sure("GET", f"v3/rooms/{self._room_id}/messages", **query)

    async def _send(self, kind: str, content: dict[str, Any]) -> str:
        self._acts += 1
        # The homeserver takes one transaction id once.
        where = f"v3/rooms/{self._room_id}/send/{kind}/torture-{self.seat}-{self._acts}"
        return str((await self._sure("PUT", where, content))["event_id"])

    async def _sure(self, method: str, where: str, body: Any = None, **query: str) -> Any:
        """Do something that may be done twice until it is known to be done."""
        url = f"{self._client.url}/_matrix/client/{where}"
        while True:
            try:
                async with self._client.session.request(
                    method, url, json=body, params=query, headers=self._authorized
                ) as answer:
                    if answer.status == _OK:
                        return await answer.json()
                    if answer.status < _ON_THE_SERVER:
                        raise AssertionError(await answer.text())
            except _AWAY:
                pass
            await asyncio.sleep(PATIENCE)

    async def _upload(self, file: File) -> str:
        url = f"{self._client.url}/_matrix/media/v3/upload"
        while True:
            try:
                async with self._client.session.post(
                    url,
                    data=io.BytesIO(file.data),
                    params={"filename": file.name},
                    headers={**self._authorized, "Content-Type": file.mime},
                ) as answer:
                    if answer.status == _OK:
                        return str((await answer.json())["content_uri"])
            except _AWAY:
                pass
            await asyncio.sleep(PATIENCE)

    async def _file(self, mxc: str) -> str:
        where = f"/_matrix/client/v1/media/download/{mxc.removeprefix('mxc://')}"
        while mxc not in self._digests:
            try:
                async with self._client.session.get(
                    self._client.url + where, headers=self._authorized
                ) as answer:
                    if answer.status == _OK:
                        self._digests[mxc] = digest(await answer.read())
                        break
            except _AWAY:
                pass
            await asyncio.sleep(PATIENCE)
        return self._digests[mxc]

    @property
    def _authorized(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._client.token}"}
