"""Deciding about cases: one way for everything that somebody of the school approves or rejects.

A topic that opens cases says how one is asked about, who decides it, and what follows, as a
`Deciding`; `topics` lists them. Asking is the same for all of them, and so is the decision
(`approving.Decisions`): the right is looked at again, and the case is closed by one hand only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sferum_bridge.bot import commands
from sferum_bridge.bot.commands import Name
from sferum_bridge.matrix.outbox import Offer
from sferum_bridge.store import accounts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.bot.texts import Text
    from sferum_bridge.store.cases import Case
    from sferum_bridge.store.database import Tx


@dataclass(frozen=True, slots=True)
class Deciding:
    """How cases of one kind are decided."""

    deciders: Callable[[Tx, Case], Awaitable[Sequence[str]]]
    """The people who may decide a case today, those to be asked first; asked again each time."""
    question: Callable[[Talk, str, Case], Awaitable[Text]]
    """What somebody is asked, in a language. The text names the commands `yes` and `no`."""
    approve: Callable[[Talk, Case], Awaitable[None]]
    """Carry it out, close it (`cases.decide`), and answer."""
    reject: Callable[[Talk, Case, str], Awaitable[None]]
    """Close it for a reason (may be empty), and answer."""
    more: Callable[[str, Case], Sequence[Offer]] = lambda _language, _case: ()
    """Further reactions to offer in a language, beside ✅ and ❌."""


def words(language: str, case: Case) -> dict[str, str]:
    """Return the commands that decide a case, for the question's text: `approve` and `reject`."""
    return {
        "approve": f"{commands.word(Name.APPROVE, language)} {case.id}",
        "reject": f"{commands.word(Name.REJECT, language)} {case.id}",
    }


def offers(deciding: Deciding, language: str, case: Case) -> Sequence[Offer]:
    """Return the reactions to put under a question."""
    said = words(language, case)
    yes, no = Offer("✅", said["approve"]), Offer("❌", said["reject"])
    return (yes, no, *deciding.more(language, case))


async def ask(talk: Talk, deciding: Deciding, case: Case, *, most: int = 5) -> None:
    """Ask the first people who may decide a case and can be reached, never who opened it."""
    asked = 0
    for person_id in await deciding.deciders(talk.tx, case):
        mxids = await accounts.mxids_of(talk.tx, person_id)
        if person_id == case.opened_by or not mxids or asked >= most:
            continue
        asked += 1
        language = await talk.language_of(person_id)
        text = await deciding.question(talk, language, case)
        for mxid in mxids:
            await talk.tell(mxid, text, offers(deciding, language, case))
