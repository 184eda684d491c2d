"""A client of the control interface: how others make the stand-in's people speak.

The only module of this package that code outside of it imports; it knows HTTP and nothing of the
rest. `StandInControl` keeps one connection pool: close it, or use it as a context manager.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

EDUCATIONAL = 2


class ControlError(Exception):
    """The stand-in answered a control request with an HTTP error; `status` is which."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Person:
    """A person of the stand-in. `profiles` maps a profile type (0 or 2) to its user id."""

    name: str
    cookie: str
    profiles: dict[int, int]

    @property
    def user_id(self) -> int:
        """Return the educational profile's user id, or the only one."""
        return self.profiles.get(EDUCATIONAL) or next(iter(self.profiles.values()))


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat of the stand-in. `peers` maps a member to the `peer_id` it calls the chat by."""

    chat: int
    peers: dict[int, int]

    @property
    def peer_id(self) -> int:
        """Return the `peer_id` that all members share.

        Raises:
            ValueError: They do not share one (the setting `shared_chat_ids` is off).
        """
        (peer_id,) = set(self.peers.values())
        return peer_id


class StandInControl:
    """The control interface at a URL. Methods raise `ControlError` when they are refused.

    `trust` names whom to believe when the stand-in serves https.
    """

    def __init__(self, url: str, key: str, trust: ssl.SSLContext | None = None) -> None:
        self._url = url
        self._key = key
        self._trust = trust
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        if self._session:
            await self._session.close()
            self._session = None

    async def add_user(
        self,
        first_name: str,
        last_name: str,
        *,
        profiles: Sequence[int] = (0, EDUCATIONAL),
        role: str = "student",
        organization: str = "",
        cookie: str = "",
    ) -> Person:
        """Add a person; without a cookie of the caller's choice a random one is made."""
        body: dict[str, Any] = {
            "first_name": first_name,
            "last_name": last_name,
            "profiles": list(profiles),
            "role": role,
            "organization": organization,
        }
        if cookie:
            body["cookie"] = cookie
        made = await self._ask("POST", "users", body)
        ids = {entry["profile_type"]: entry["user_id"] for entry in made["profiles"]}
        return Person(f"{first_name} {last_name}", made["cookie"], ids)

    async def log_out(self, user_id: int) -> None:
        """Make the person's cookies invalid."""
        await self._ask("DELETE", f"users/{user_id}/cookies")

    async def add_chat(self, title: str, owner: int, members: Sequence[int] = ()) -> Chat:
        """Create a chat."""
        body = {"title": title, "owner": owner, "members": list(members)}
        made = await self._ask("POST", "chats", body)
        return Chat(made["chat"], {int(user): peer for user, peer in made["peers"].items()})

    async def change_chat(
        self, chat: int, *, title: str | None = None, writing_disabled: bool | None = None
    ) -> None:
        """Rename a chat, or close it for writing by all but its administrators."""
        wanted = {"title": title, "writing_disabled": writing_disabled}
        body = {name: value for name, value in wanted.items() if value is not None}
        await self._ask("PATCH", f"chats/{chat}", body)

    async def add_member(self, chat: int, user_id: int) -> None:
        """Let the owner invite somebody."""
        await self._ask("POST", f"chats/{chat}/members", {"user_id": user_id})

    async def remove_member(self, chat: int, user_id: int) -> None:
        """Let the owner remove somebody."""
        await self._ask("DELETE", f"chats/{chat}/members/{user_id}")

    async def messages(self, chat: int) -> list[dict[str, Any]]:
        """List a chat's messages, oldest first, service messages and deleted ones included."""
        answer = await self._ask("GET", f"chats/{chat}/messages")
        return list(answer["messages"])

    async def post(self, sender: int, chat: int, text: str = "", **more: Any) -> int:
        """Write as somebody into a chat and return the cmid; `more`: reply_cmid, attachments."""
        body = {"from": sender, "chat": chat, "text": text, **more}
        answer = await self._ask("POST", "messages", body)
        return int(answer["cmid"])

    async def post_to_user(self, sender: int, user_id: int, text: str) -> tuple[int, int]:
        """Write to a user; return the dialog (a `chat` for `messages`) and the cmid."""
        body = {"from": sender, "to": user_id, "text": text}
        answer = await self._ask("POST", "messages", body)
        return int(answer["chat"]), int(answer["cmid"])

    async def edit(self, sender: int, chat: int, cmid: int, text: str) -> None:
        """Change a message as its author."""
        body = {"from": sender, "chat": chat, "cmid": cmid, "text": text}
        await self._ask("PATCH", "messages", body)

    async def delete(self, sender: int, chat: int, cmid: int) -> None:
        """Delete a message for everybody."""
        await self._ask("DELETE", "messages", {"from": sender, "chat": chat, "cmid": cmid})

    async def fault(self, method: str, effect: str, **more: Any) -> None:
        """Script a fault; `more`: times, code, seconds, fields (see the package's docstring)."""
        await self._ask("POST", "faults", {"method": method, "effect": effect, **more})

    async def faults(self) -> list[dict[str, Any]]:
        """Return what is left of the script."""
        return list((await self._ask("GET", "faults"))["faults"])

    async def clear_faults(self) -> None:
        """Forget the script and the counters."""
        await self._ask("DELETE", "faults")

    async def expire_tokens(self, user_id: int | None = None) -> None:
        """Make access tokens expire now: of one account, or all."""
        await self._expire(user_id, {"tokens": True})

    async def expire_keys(self, user_id: int | None = None, *, lost: bool = False) -> None:
        """Make long-poll keys expire now; `lost` takes the cursors with them."""
        await self._expire(user_id, {"keys": True, "lost": lost})

    async def counters(self) -> dict[str, dict[str, int]]:
        """Return `{seen: {method: n}, refused: {"method code": n}}`."""
        return dict(await self._ask("GET", "counters"))

    async def reset(self) -> None:
        """Forget everything and everybody."""
        await self._ask("POST", "reset")

    async def _expire(self, user_id: int | None, body: dict[str, Any]) -> None:
        whose = {} if user_id is None else {"user_id": user_id}
        await self._ask("POST", "expire", {**body, **whose})

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        if self._session is None:
            headers = {"Authorization": f"Bearer {self._key}"}
            connector = aiohttp.TCPConnector(ssl=self._trust or True)
            self._session = aiohttp.ClientSession(headers=headers, connector=connector)
        url = f"{self._url}/control/{path}"
        async with self._session.request(method, url, json=body or {}) as response:
            if not response.ok:
                raise ControlError(response.status, await response.text())
            return await response.json()
