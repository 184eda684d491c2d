"""A mail server for the tests: it answers as told, keeps what it takes, and may follow links."""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any

import aiohttp
from aiosmtpd.smtp import SMTP

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator
    from email.message import EmailMessage

_LINK = re.compile(r"https?://\S+")
_LOOKS = 20


class Post:
    """Answers recipients and letters as told, for all or for one address, and takes the rest."""

    def __init__(self) -> None:
        self.to_recipient: list[str] = []
        self.to_letter: list[str] = []
        self.to_address: dict[str, list[str]] = {}
        """What one recipient is answered, one after the other."""
        self.scanned: set[str] = set()
        """Addresses behind a scanner, which follows every link before it hands a letter on."""
        self.looks: list[int] = []
        """The status of each answer the scanner got."""
        self.taken: list[EmailMessage] = []
        self.asked: list[str] = []
        self.times: list[float] = []
        """When each recipient was asked for, in seconds of a steady clock."""
        self.port = 0

    async def handle_RCPT(  # noqa: N802 - the name aiosmtpd looks for
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        self.asked.append(address)
        self.times.append(time.monotonic())
        answers = self.to_address.get(address) or self.to_recipient
        if answers:
            return answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - the name aiosmtpd looks for
        self, _server: Any, session: Any, envelope: Any
    ) -> str:
        if self.to_letter:
            return self.to_letter.pop(0)
        letter = message_from_bytes(envelope.content, policy=policy.default)
        if self.scanned & set(envelope.rcpt_tos):
            await self._scan(letter)
        letter["X-Encrypted"] = str(session.ssl is not None)
        self.taken.append(letter)
        return "250 OK"

    async def _scan(self, letter: Any) -> None:
        async with aiohttp.ClientSession() as session:
            for link in _LINK.findall(letter.get_content()):
                for number in range(_LOOKS):
                    async with session.request(("GET", "HEAD")[number % 2], link) as answer:
                        self.looks.append(answer.status)

    def tries_of(self, address: str) -> list[float]:
        """Return when a recipient was asked for."""
        return [at for at, to in zip(self.times, self.asked, strict=True) if to == address]

    def letters_to(self, address: str) -> list[str]:
        """Return the texts of the letters an address has got."""
        return [str(one.get_content()) for one in self.taken if one["To"] == address]

    @asynccontextmanager
    async def open(
        self, *, implicit: ssl.SSLContext | None = None, **options: Any
    ) -> AsyncIterator[None]:
        """Serve on a free port of this machine, or on the one that is set."""
        server = await asyncio.get_running_loop().create_server(
            lambda: SMTP(self, hostname="post.example", **options),
            "127.0.0.1",
            self.port,
            ssl=implicit,
        )
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
