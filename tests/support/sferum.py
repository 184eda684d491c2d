"""A messenger in memory that keeps `network.base`, as far as people who talk to the bot ask it.

What it cannot do it has no method for: a test that came to need one fails at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from sferum_bridge.bot.import_reading import Importer
from sferum_bridge.bot.messenger import Messenger
from sferum_bridge.matrix.downloads import MediaGone
from sferum_bridge.network.base import (
    Contact,
    LoginExpired,
    Member,
    Refused,
    RemoteCall,
    RemoteChat,
    RemoteMessage,
    Sent,
    Session,
)
from sferum_bridge.network.content import Content
from sferum_bridge.store import chats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.network.base import Connector, Network, NetworkError
    from sferum_bridge.network.content import Draft
    from sferum_bridge.store.chats import Login
    from sferum_bridge.store.database import Database


@dataclass
class Account:
    """An educational profile, the key that opens it, and its chats: title → names of members.

    A title may end with spaces: then it is another chat that is called the same.
    """

    id: str
    name: str
    key: str
    chats: dict[str, list[str]] = field(default_factory=dict)
    said: dict[str, list[tuple[str, str, int]]] = field(default_factory=dict)
    """Title → messages: id, sender, time."""
    friends: dict[str, str] = field(default_factory=dict)
    """With whom it has personal chats: account → name."""


@dataclass
class Sferum:
    """The messenger, and what was taken away of messages that held a key."""

    accounts: list[Account] = field(default_factory=list)
    failing: NetworkError | None = None
    """What every request fails with."""
    tried: list[str] = field(default_factory=list)
    hidden: list[tuple[str, str, str]] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    can_hide: bool = True
    calls: list[str] = field(default_factory=list)
    """Numbers of the calls that go on."""
    told: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Random id → chat and text of what was sent."""

    def add(self, name: str, key: str, **chats: list[str]) -> Account:
        """Add a profile."""
        account = Account(str(100 + len(self.accounts)), name, key, dict(chats))
        self.accounts.append(account)
        return account

    def messenger(self, db: Database, *, personal: bool = False) -> Messenger:
        """Return what the bot asks it by."""

        async def connector(login: Login) -> Connector:
            async with db.read() as tx:
                secret = await chats.login_secret(tx, login.id)
            return cast("Connector", _Connector(self, self._open(secret)))

        return Messenger(
            db, cast("Network", self), connector, self._drop, personal=personal, patience=5
        )

    async def hide(self, room_id: str, event_id: str, sender: str) -> bool:
        """Take a message away."""
        self.hidden.append((room_id, event_id, sender))
        return self.can_hide

    async def log_in(self, secret: str) -> Session:
        """Try a key."""
        self.tried.append(secret)
        account = self._open(secret)
        return Session(account.id, account.name, secret)

    async def _drop(self, login: Login) -> None:
        self.closed.append(login.id)

    def _open(self, secret: str) -> Account:
        if self.failing is not None:
            raise self.failing
        for account in self.accounts:
            if account.key == secret:
                return account
        raise LoginExpired("an unknown key")


@dataclass
class _Connector:
    sferum: Sferum
    account: Account

    async def chats(self) -> Sequence[RemoteChat]:
        """List the account's chats."""
        friends = self.account.friends.items()
        return [self._chat(title) for title in self.account.chats] + [
            RemoteChat(id_, name, is_group=False, partner_id=id_) for id_, name in friends
        ]

    async def chat(self, chat_id: str) -> RemoteChat:
        """Return one chat."""
        for title in self.account.chats:
            if title == chat_id.partition("/")[2]:
                return self._chat(title)
        raise Refused("no such chat")

    async def members(self, chat_id: str) -> Sequence[Member]:
        """Return who is in a chat; who has an account has its id."""
        ids = {account.name: account.id for account in self.sferum.accounts}
        names = self.account.chats[chat_id.partition("/")[2]]
        return [Member(Contact(ids.get(name, f"9{n}"), name)) for n, name in enumerate(names)]

    async def history(self, chat_id: str, *, after: str, limit: int) -> Sequence[RemoteMessage]:
        """Return the last messages of a chat."""
        assert not after
        said = self.account.said.get(chat_id.partition("/")[2], [])
        return [RemoteMessage(chat_id, id_, who, Content(), at) for id_, who, at in said[-limit:]]

    async def start_call(self) -> RemoteCall:
        """Start a call."""
        number = f"call-{len(self.sferum.calls)}"
        self.sferum.calls.append(number)
        return RemoteCall(number, f"https://vk.com/call/join/{number}")

    async def end_call(self, call_id: str) -> None:
        """End a call."""
        self.sferum.calls.remove(call_id)

    async def send(self, chat_id: str, draft: Draft, *, random_id: int) -> Sent:
        """Send a message, once for each random id."""
        self.sferum.told.setdefault(random_id, (chat_id, draft.text))
        return Sent(chat_id, str(len(self.sferum.told)))

    def _chat(self, title: str) -> RemoteChat:
        count, shown = len(self.account.chats[title]), title.rstrip()
        return RemoteChat(f"{self.account.id}/{title}", shown, is_group=True, member_count=count)


def absent(db: Database) -> dict[str, Any]:
    """Return what a bot is given where no test is about Sferum."""
    sferum = Sferum()
    return {
        "hide": sferum.hide,
        "messenger": sferum.messenger(db),
        "look": nothing_there,
        "may_show": everything,
        "importer": Importer(db, no_file, 1),
    }


async def no_file(_media: str, _mxid: str, _most: int) -> bytes | None:
    """Give no file at all."""
    raise MediaGone


async def everything(_media: str, _mxid: str) -> bool:
    """Let every file be shown."""
    return True


async def nothing_there(_room_id: str, _event_id: str) -> None:
    """See no event."""
