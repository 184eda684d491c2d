"""First passwords for many people at once, and new ones for who lost theirs.

    seeds noted ─► worker ─► account made or found ─► tied, noted ─┐
                   worker ─► …                                     ├─► `each` prints, then notes it
                   worker ─► …                                     ┘

Theory of operation. The workers take people from one list, and a `Throttle` lets as many of them go
on at once as the homeserver bears: an account costs it some 0.3 seconds of one core,
for hashing the password. `each` is called once somebody's account has the password; only what it
has printed is noted as printed (`store.first_passwords`). Whatever an interruption leaves is taken
up by the next run: an account with the login and the password that were begun, never a second one;
what was set and not printed is given to `each` again without a request. Somebody who cannot be
served stops nobody else; trouble with the homeserver stops all of it between two people.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix.accounts import LoginsTaken
from sferum_bridge.matrix.client import DEVICE_NAME, TryAgain, UnknownOutcome
from sferum_bridge.matrix.ghosts import DEVICE
from sferum_bridge.matrix.throttle import Throttle
from sferum_bridge.store import accounts, chats, first_passwords

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from sferum_bridge.matrix.accounts import Registrar
    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.matrix.passwords import Passwords
    from sferum_bridge.store.database import Database, Tx
    from sferum_bridge.store.first_passwords import FirstPassword


@dataclass(frozen=True, slots=True)
class Issued:
    """A first password that opens an account, and is to be printed."""

    begun: FirstPassword
    password: str

    @property
    def person_id(self) -> str:
        """Whose it is."""
        return self.begun.person_id

    @property
    def mxid(self) -> str:
        """The account that it opens."""
        return self.begun.mxid


class Issuer:
    """Gives people accounts and first passwords."""

    def __init__(
        self, db: Database, homeserver: Homeserver, registrar: Registrar, passwords: Passwords
    ) -> None:
        self._db = db
        self._homeserver = homeserver
        self._registrar = registrar
        self._passwords = passwords

    async def create(
        self,
        names: Mapping[str, str],
        each: Callable[[Issued], Awaitable[None]],
        *,
        at_once: int,
    ) -> Sequence[str]:
        """Make an account for each person (id → the name it is shown by), `at_once` at most.

        Return the ids of those for whom every login is taken. Raises as `Registrar.create`.
        """
        async with self._db.write() as tx:
            begun = await _begun(tx, names)
        throttle = Throttle(at_once)
        left, failed, taken = iter(begun), list[Exception](), list[str]()

        async def work(left: Iterator[FirstPassword]) -> None:
            for one in left:
                if failed:
                    return
                try:
                    async with throttle.step():
                        issued = await self._made(one, names[one.person_id])
                    if issued is not None:
                        await each(issued)
                except LoginsTaken:
                    taken.append(one.person_id)
                except (MatrixRequestError, TryAgain, UnknownOutcome, OSError) as e:
                    # Raised below, once nobody is in the middle of an account any more.
                    failed.append(e)

        before, self._homeserver.heard = self._homeserver.heard, throttle.heard
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(at_once):
                    tasks.create_task(work(left))
        finally:
            self._homeserver.heard = before
        if failed:
            raise failed[0]
        return taken

    async def _made(self, begun: FirstPassword, name: str) -> Issued | None:
        """Return somebody's first password; `None` for who needs none any more."""
        password = self._registrar.password(begun.person_id, begun.seed)
        if begun.is_set:
            return Issued(begun, password)
        async with self._db.read() as tx:
            # It was their turn late: they may have redeemed an invite since, or been erased.
            if not await accounts.lacks(tx, begun.person_id):
                return None
        mxid = await self._registrar.account_for(begun.person_id, name, password)
        async with self._db.write() as tx:
            lacks = await accounts.lacks(tx, begun.person_id)
            if not lacks and mxid not in await accounts.mxids_of(tx, begun.person_id):
                # It happened while the account was made, which is nobody's then, for good.
                return None
            return Issued(await first_passwords.tie(tx, begun, mxid), password)

    async def reset(self, begun: FirstPassword) -> Issued:
        """Give an account the first password that was begun for it; all its sessions end.

        Raises `PasswordNotSetError`, and `TryAgain`: call again with the same.
        """
        password = self._registrar.password(begun.person_id, begun.seed)
        await self._passwords.set(begun.mxid, password)
        async with self._db.read() as tx:
            speaks = await chats.ghost_name(tx, begun.mxid) is not None
        if speaks:
            # The device through which the bridge says what the person writes in Sferum.
            await self._homeserver.put_device(begun.mxid, DEVICE, DEVICE_NAME, puppet=True)
        async with self._db.write() as tx:
            return Issued(await first_passwords.was_set(tx, begun), password)

    async def printed(self, issued: Sequence[Issued]) -> None:
        """Note that these are on paper."""
        async with self._db.write() as tx:
            await first_passwords.printed(tx, [each.begun for each in issued])


async def _begun(tx: Tx, names: Mapping[str, str]) -> Sequence[FirstPassword]:
    """Return what is to be done for these people; who got an account another way is left out."""
    owned = await accounts.by_person(tx)
    waiting = {each.person_id: each for each in await first_passwords.unprinted(tx)}
    found = []
    for person_id in names:
        known = waiting.get(person_id)
        if person_id not in owned:
            found.append(await first_passwords.begin(tx, person_id))
        elif known is not None and known.is_set and known.mxid in owned[person_id]:
            found.append(known)
    return found
