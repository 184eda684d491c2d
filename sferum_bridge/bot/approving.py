"""A class teacher lets a waiting parent in, or sends one away (D-1, scenarios 04 and 11).

Every decision checks the right again. Nobody decides about their own link, an administrator
neither (S-57).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sferum_bridge.bot import commands, register
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.inviting import Action
from sferum_bridge.matrix.outbox import Offer
from sferum_bridge.school.people import LinkState
from sferum_bridge.store import accounts, kin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.bot.register import Waiting
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.bot.texts import Text

_IDS = 2
_MOST_AT_ONCE = 10


async def ask(talk: Talk, approvers: Sequence[str], waiting: Waiting, mxid: str) -> None:
    """Ask people whether a parent, who has the account `mxid`, may have the class's rooms."""
    for person_id in approvers:
        language = await talk.language_of(person_id)
        text, offers = _question(talk, language, waiting, mxid)
        for account in await accounts.mxids_of(talk.tx, person_id):
            await talk.tell(account, text, offers)


async def decide(talk: Talk, name: Name, argument: str) -> None:
    """Approve or reject the waiting parent whom `argument` names: child's id, parent's id.

    Without ids, everybody who waits for this person is asked about again.
    """
    ids = argument.split()
    if len(ids) != _IDS:
        await _ask_again(talk)
        return
    child_id, parent_id = ids
    allowed = await register.may_decide(talk.tx, talk.person_id, child_id)
    if not allowed or parent_id == talk.person_id:
        await talk.reply("e-right", action=Action.APPROVE)
        return
    links = await kin.links_of_child(talk.tx, child_id)
    waits = any(k.parent_id == parent_id and k.state is LinkState.PENDING for k in links)
    child = await accounts.person(talk.tx, child_id)
    parent = await accounts.person(talk.tx, parent_id)
    if not waits or child is None or parent is None:
        await talk.reply("approve-gone")
        return
    names = {"child": child.full_name, "parent": parent.full_name}
    if name is Name.APPROVE:
        if not await kin.approve(talk.tx, child_id, parent_id, talk.person_id):
            await talk.reply("approve-gone")
            return
        await talk.reply("approve-done", **names)
        await talk.inform([parent_id], "approved-parent", **names)
        await talk.inform([child_id], "approved-child", **names)
        return
    reason = "rejected by the school"
    if not await kin.unlink(
        talk.tx, child_id, parent_id, talk.person_id, reason, state=LinkState.PENDING
    ):
        await talk.reply("approve-gone")
        return
    await talk.inform([parent_id], "rejected-parent", **names)
    await talk.inform([child_id], "rejected-child", **names)
    # Somebody who is no parent had the code, so it is out.
    await kin.revoke(talk.tx, child_id, talk.person_id, "a parent was rejected")
    await talk.reply("reject-done", **names)


async def _ask_again(talk: Talk) -> None:
    waiting = await register.waiting_for(talk.tx, talk.person_id)
    if not waiting:
        await talk.reply("approve-none")
    for one in waiting[:_MOST_AT_ONCE]:
        mxids = await accounts.mxids_of(talk.tx, one.parent.id)
        await talk.answer(*_question(talk, talk.language, one, mxids[0] if mxids else ""))


def _question(
    talk: Talk, language: str, waiting: Waiting, mxid: str
) -> tuple[Text, Sequence[Offer]]:
    ids = f"{waiting.child.id} {waiting.parent.id}"
    approve = f"{commands.word(Name.APPROVE, language)} {ids}"
    reject = f"{commands.word(Name.REJECT, language)} {ids}"
    text = talk.texts.text(
        language,
        "approve-ask",
        **{"class": waiting.class_name},
        child=waiting.child.full_name,
        parent=waiting.parent.full_name,
        account=mxid,
        approve=approve,
        reject=reject,
    )
    return text, (Offer("✅", approve), Offer("❌", reject))
