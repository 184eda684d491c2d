"""First passwords on their way to paper.

A password itself is never stored. It comes from the bridge's key and a *seed*, which is noted here
before the homeserver hears of the password, and forgotten once the password was printed. So what an
interruption left unprinted is printed later as it was made, and what was printed cannot be made out
again, not even with the key and the database. What is left then is that this account got one, until
the bot has told its owner to change it.

    noted (seed) ─► set (account) ─► printed (no seed) ─► told (gone)
"""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from sferum_bridge.store import accounts, state

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sferum_bridge.store.database import Tx

_KEY = "first-password/"
_SEED_BYTES = 16


@dataclass(frozen=True, slots=True)
class FirstPassword:
    """How far somebody's first password has come."""

    person_id: str
    seed: str
    """What it is made from; empty once it was printed."""
    mxid: str = ""
    """Whose password it is; empty while the account may not exist yet."""
    is_set: bool = False
    """Whether the homeserver has it."""

    @property
    def waits(self) -> bool:
        """Tell whether it was not printed yet."""
        return bool(self.seed)


async def of_person(tx: Tx, person_id: str) -> FirstPassword | None:
    """Return what is known of somebody's first password, `None` for nothing."""
    written = await state.get(tx, _KEY + person_id)
    return FirstPassword(**json.loads(written)) if written else None


async def unprinted(tx: Tx) -> Sequence[FirstPassword]:
    """Return those that were begun and not printed."""
    found = [FirstPassword(**json.loads(written)) for written in await state.under(tx, _KEY)]
    return [each for each in found if each.waits]


async def begin(tx: Tx, person_id: str, mxid: str = "") -> FirstPassword:
    """Note that somebody gets a first password; one that is on its way already goes on."""
    known = await of_person(tx, person_id)
    if known is not None and known.waits and known.mxid == mxid:
        return known
    begun = FirstPassword(person_id, secrets.token_hex(_SEED_BYTES), mxid)
    await _put(tx, begun)
    return begun


async def tie(tx: Tx, begun: FirstPassword, mxid: str) -> FirstPassword:
    """Note that a new account has the password, and that it is the person's."""
    # Two commands at once make the same account with the same password.
    if mxid not in await accounts.mxids_of(tx, begun.person_id):
        await accounts.add_account(tx, mxid, begun.person_id)
    return await was_set(tx, replace(begun, mxid=mxid))


async def was_set(tx: Tx, begun: FirstPassword) -> FirstPassword:
    """Note that the account has the password."""
    done = replace(begun, is_set=True)
    await _put(tx, done)
    return done


async def printed(tx: Tx, which: Iterable[FirstPassword]) -> None:
    """Forget what printed passwords were made from."""
    for each in which:
        # What was begun anew meanwhile is not what was printed.
        if await of_person(tx, each.person_id) == each:
            await _put(tx, replace(each, seed=""))


async def told(tx: Tx, person_id: str, mxid: str) -> bool:
    """Tell whether an account got a first password that its owner was not told to change yet.

    That is said once: the next time it is false.
    """
    known = await of_person(tx, person_id)
    if known is None or known.waits or known.mxid != mxid:
        return False
    await forget(tx, person_id)
    return True


async def forget(tx: Tx, person_id: str) -> None:
    """Forget all there is about somebody's first password."""
    await state.drop(tx, _KEY + person_id)


async def _put(tx: Tx, known: FirstPassword) -> None:
    await state.put(tx, _KEY + known.person_id, json.dumps(asdict(known)))
