"""The stage of the story: one demo school, its cast at their clients, and the lines printed."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from sferum_bridge.demo.check.client import Client, Unmet
from sferum_bridge.demo.people import Login, read_logins
from sferum_bridge.demo.sferum import control

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

    from sferum_bridge.demo.school import DemoSchool, Ready
    from sferum_bridge.standin.client import StandInControl


class StoryEndedError(Exception):
    """A step did not hold; it has been printed."""


def hold(condition: object, otherwise: str) -> None:
    """Go on if a promise holds.

    Raises:
        Unmet: It does not.
    """
    if not condition:
        raise Unmet(otherwise)


class Story:
    """A running demo and its cast. Use it as a context manager; all sign in at its beginning.

    `tell` prints a line.
    """

    def __init__(self, school: DemoSchool, ready: Ready, tell: Callable[[str], None]) -> None:
        self.school = school
        self.ready = ready
        self.facts: dict[str, Any] = {}
        """What a chapter leaves for later ones: codes, direct chats."""
        self._tell = tell
        self._open = AsyncExitStack()
        self._clients: dict[str, Client] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._open.aclose()

    @contextmanager
    def step(self, number: str, text: str) -> Iterator[None]:
        """Print one line about what happens inside.

        Raises:
            StoryEndedError: It failed, for whatever reason.
        """
        try:
            yield
        except Exception as e:
            reason = str(e) if isinstance(e, Unmet) else f"{type(e).__name__}: {e}"
            self._tell(f"✗ {number} {text}: {reason}")
            raise StoryEndedError from e
        self._tell(f"✓ {number} {text}")

    @property
    def bot(self) -> str:
        """Return the bot's Matrix id."""
        return self.ready.bot

    @property
    def logins(self) -> dict[str, Login]:
        """Return person id → login of everybody."""
        return read_logins(self.school.folder.logins)

    @property
    def class_name(self) -> str:
        """Return the name of the class the story plays in."""
        school_class = self.ready.cast.school_class
        hold(school_class, "the roster has no class with everybody the story needs")
        return school_class.name if school_class else ""

    async def client(self, part: str) -> Client:
        """Return somebody of the cast at a client, signed in once."""
        if part not in self._clients:
            login = getattr(self.ready.cast, part)
            hold(login, f"the roster has nobody to play the {part}")
            self._clients[part] = await self.sign_in(login)
        return self._clients[part]

    async def sign_in(self, login: Login) -> Client:
        """Sign somebody in until the story ends."""
        return await self._open.enter_async_context(Client(self.ready.homeserver, login))

    async def direct_chat(self, part: str) -> str:
        """Return the id of somebody's direct chat with the bot, opened at first."""
        if f"chat.{part}" not in self.facts:
            client = await self.client(part)
            self.facts[f"chat.{part}"] = await client.chat_with(self.bot)
        return str(self.facts[f"chat.{part}"])

    async def room(self, part: str, name: str) -> str:
        """Return the id of a room somebody is in, by its name."""
        client = await self.client(part)
        found = [room_id for room_id, called in (await client.rooms()).items() if called == name]
        hold(len(found) == 1, f"{client.name} is in {len(found)} rooms called «{name}»")
        return found[0]

    def standin(self) -> StandInControl:
        """Open the stand-in's control interface; close it after use."""
        return control(self.school.folder)

    async def sferum_texts(self) -> list[str]:
        """Return the texts in the stand-in's chat, in order."""
        async with self.standin() as standin:
            messages = await standin.messages(self.ready.chat.chat)
        return [str(m["text"]) for m in messages if not m["deleted"] and not m["action"]]

    def read_state(self) -> str:
        """Return what the demo's folder remembers, to compare before and after."""
        return json.dumps(self.school.folder.recall(), sort_keys=True)
