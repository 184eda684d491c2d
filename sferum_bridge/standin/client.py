"""A client of the control interface: how others make the stand-in's people speak.

The only module of this package that code outside of it imports; it knows HTTP and nothing of the
rest. `StandInControl` keeps one connection pool: close it, or use it as a context manager.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterable, Sequence
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


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of the stand-in: `key` goes into attachments, `url` is where it is downloaded."""

    key: str
    url: str
    size: int


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

    async def log_in(self, user_id: int) -> str:
        """Sign the person in once more, and return the new cookie."""
        return str((await self._ask("POST", f"users/{user_id}/cookies"))["cookie"])

    async def log_out(self, user_id: int) -> None:
        """Make the person's cookies invalid."""
        await self._ask("DELETE", f"users/{user_id}/cookies")

    async def add_chat(self, title: str, owner: int, members: Sequence[int] = ()) -> Chat:
        """Create a chat."""
        body = {"title": title, "owner": owner, "members": list(members)}
        made = await self._ask("POST", "chats", body)
        return Chat(made["chat"], {int(user): peer for user, peer in made["peers"].items()})

    async def change_user(self, user_id: int, **wanted: str) -> None:
        """Change an account: first_name, last_name, photo (the key of a file), deactivated."""
        await self._ask("PATCH", f"users/{user_id}", wanted)

    async def change_chat(self, chat: int, **wanted: Any) -> None:
        """Change a chat: title, description, photo (the key of a file or None), pinned, ….

        `pinned` is a cmid, 0 takes down what is pinned; `writing_disabled` closes the chat for all
        but its administrators; `by` is who acts, the owner if it is left out.
        """
        await self._ask("PATCH", f"chats/{chat}", wanted)

    async def add_member(self, chat: int, user_id: int, **more: Any) -> int:
        """Bring somebody in and return their `peer_id`; `more`: by, or by_link=True."""
        answer = await self._ask("POST", f"chats/{chat}/members", {"user_id": user_id, **more})
        return int(answer["peer_id"])

    async def set_admin(self, chat: int, user_id: int, *, is_admin: bool = True) -> None:
        """Let the owner make a member an administrator, or an ordinary member."""
        await self._ask("PATCH", f"chats/{chat}/members/{user_id}", {"is_admin": is_admin})

    async def remove_member(self, chat: int, user_id: int, **more: Any) -> None:
        """Take somebody out as the owner, or as `by`; by themselves they leave."""
        await self._ask("DELETE", f"chats/{chat}/members/{user_id}", more)

    async def report(self, chat: int, action: dict[str, Any], **more: Any) -> int:
        """Post a service message of any kind (`action` as VK shows it) and return its cmid."""
        answer = await self._ask("POST", f"chats/{chat}/service", {"action": action, **more})
        return int(answer["cmid"])

    async def messages(self, chat: int) -> list[dict[str, Any]]:
        """List a chat's messages, oldest first, service messages and deleted ones included."""
        answer = await self._ask("GET", f"chats/{chat}/messages")
        return list(answer["messages"])

    async def post(self, sender: int, chat: int, text: str = "", **more: Any) -> int:
        """Write as somebody into a chat and return the cmid.

        `more`: reply_cmid, attachments, forwards, format_data, geo, keyboard, payload, silent,
        random_id, date (unix time of an older message).
        """
        body = {"from": sender, "chat": chat, "text": text, **more}
        answer = await self._ask("POST", "messages", body)
        return int(answer["cmid"])

    async def post_to_user(
        self, sender: int, user_id: int, text: str = "", **more: Any
    ) -> tuple[int, int]:
        """Write to a user; return the dialog (a `chat` for `messages`) and the cmid."""
        body = {"from": sender, "to": user_id, "text": text, **more}
        answer = await self._ask("POST", "messages", body)
        return int(answer["chat"]), int(answer["cmid"])

    async def edit(self, sender: int, chat: int, cmid: int, text: str, **more: Any) -> None:
        """Change a message as its author; `more`: attachments, format_data, geo, keyboard."""
        body = {"from": sender, "chat": chat, "cmid": cmid, "text": text, **more}
        await self._ask("PATCH", "messages", body)

    async def refresh(self, chat: int, cmid: int, **changed: Any) -> None:
        """Change a message as the service does by itself: a transcript came, a link was read."""
        body = {"chat": chat, "cmid": cmid, "quietly": True, **changed}
        await self._ask("PATCH", "messages", body)

    async def refetch(self, chat: int, cmid: int) -> None:
        """Tell everybody to fetch a message again."""
        await self._ask("POST", "messages/refetch", {"chat": chat, "cmid": cmid})

    async def delete(self, sender: int, chat: int, cmid: int, *, for_all: bool = True) -> None:
        """Delete a message for everybody, or for the sender only."""
        body = {"from": sender, "chat": chat, "cmid": cmid, "for_all": for_all}
        await self._ask("DELETE", "messages", body)

    async def restore(self, user_id: int, chat: int, cmid: int) -> None:
        """Bring back what the user deleted for itself."""
        await self._ask("POST", "messages/restore", {"from": user_id, "chat": chat, "cmid": cmid})

    async def react(self, user_id: int, chat: int, cmid: int, reaction_id: int) -> None:
        """React to a message; 0 takes the reaction back."""
        body = {"from": user_id, "chat": chat, "cmid": cmid, "reaction_id": reaction_id}
        await self._ask("POST", "reactions", body)

    async def reactions(self, chat: int, cmid: int) -> dict[int, int]:
        """Return who has reacted to a message, and with which reaction."""
        answer = await self._ask("GET", "reactions", {"chat": chat, "cmid": cmid})
        return {int(user): number for user, number in answer["reactions"].items()}

    async def read(self, user_id: int, chat: int, cmid: int) -> None:
        """Read a conversation up to a message."""
        await self._ask("POST", "reads", {"from": user_id, "chat": chat, "cmid": cmid})

    async def show_activity(self, user_id: int, chat: int, activity: str = "typing") -> None:
        """Show that somebody is typing, or: audiomessage, photo, video, file, videomessage."""
        await self._ask("POST", "activity", {"from": user_id, "chat": chat, "activity": activity})

    async def start_call(self, user_id: int, chat: int, *, video: bool = False) -> dict[str, str]:
        """Start a call in a conversation; return its `call_id` and `join_link`."""
        body = {"from": user_id, "chat": chat, "video": video}
        return dict(await self._ask("POST", "calls", body))

    async def end_call(self, user_id: int, call_id: str, **more: Any) -> None:
        """End a call; `more`: seconds, state (reached, canceled_by_initiator, …_by_receiver)."""
        await self._ask("DELETE", "calls", {"from": user_id, "call_id": call_id, **more})

    async def add_file(
        self,
        data: bytes | AsyncIterable[bytes],
        name: str = "file",
        mime: str = "application/octet-stream",
        *,
        size: int = 0,
    ) -> StoredFile:
        """Keep a file as it is; a larger `size` puts zeros behind the data."""
        query = {"name": name, "mime": mime, "size": str(size)}
        body = io.BytesIO(data) if isinstance(data, bytes) else data
        async with self._pool().post(
            f"{self._url}/control/files", params=query, data=body
        ) as reply:
            made = await _answer(reply)
        return StoredFile(made["file"], made["url"], made["size"])

    async def drop_file(self, file: StoredFile) -> None:
        """Forget a file: its address answers 404."""
        await self._ask("DELETE", "files", {"file": file.key})

    async def attachment(
        self, kind: str, owner: int = 0, file: StoredFile | None = None, **more: Any
    ) -> dict[str, Any]:
        """Make an attachment for `post`: photo, doc, audio_message, graffiti, video, poll, ….

        `more` by kind: audio_message: seconds, transcript; video: title (without a file there is
        only a player); sticker: sticker_id; poll: question, answers, anonymous, multiple; wall:
        text, attachments; link: url, title. What is not made here is written down as VK shows it.
        """
        body = {"kind": kind, "owner": owner, **({"file": file.key} if file else {}), **more}
        return dict((await self._ask("POST", "attachments", body))["attachment"])

    async def fault(self, method: str, effect: str, **more: Any) -> None:
        """Script a fault; `more`: times, code, seconds, fields, text (see the package)."""
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

    async def tell(self, user_id: int, update: Sequence[Any]) -> None:
        """Give an account a long-poll event that is shown as it is, whatever it be."""
        await self._ask("POST", "events", {"user_id": user_id, "update": list(update)})

    async def counters(self) -> dict[str, dict[str, int]]:
        """Return `{seen: {method: n}, refused: {"method code": n}}`."""
        return dict(await self._ask("GET", "counters"))

    async def requests(self) -> list[tuple[str, dict[str, str]]]:
        """Return the latest API calls with their parameters, without the tokens."""
        found = (await self._ask("GET", "requests"))["requests"]
        return [(one["method"], one["params"]) for one in found]

    async def reset(self) -> None:
        """Forget everything and everybody."""
        await self._ask("POST", "reset")

    async def _expire(self, user_id: int | None, body: dict[str, Any]) -> None:
        whose = {} if user_id is None else {"user_id": user_id}
        await self._ask("POST", "expire", {**body, **whose})

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        url = f"{self._url}/control/{path}"
        async with self._pool().request(method, url, json=body or {}) as response:
            return await _answer(response)

    def _pool(self) -> aiohttp.ClientSession:
        if self._session is None:
            headers = {"Authorization": f"Bearer {self._key}"}
            connector = aiohttp.TCPConnector(ssl=self._trust or True)
            self._session = aiohttp.ClientSession(headers=headers, connector=connector)
        return self._session


async def _answer(response: aiohttp.ClientResponse) -> Any:
    if not response.ok:
        raise ControlError(response.status, await response.text())
    return await response.json()
