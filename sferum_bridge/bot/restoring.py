"""Taking back the end of a parent link, for a day after it (scenario 16).

    «restore» ──► whose is it to take back? ──► in time? ──► do the consents still hold?
              ──► is a slot free? ──► as it was, also the waiting for somebody's word

`school.parting` says whose it is; a link that is not theirs is to everybody else as if it had never
been.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import parting
from sferum_bridge.school import parting as rules
from sferum_bridge.school.kinship import Answer
from sferum_bridge.school.parting import Ending
from sferum_bridge.school.people import Waits
from sferum_bridge.store import accounts, cases, consents, kin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.school.people import Person
    from sferum_bridge.store.database import Tx
    from sferum_bridge.store.kin import Ended


_REFUSED = {Answer.FULL: "restore-full", Answer.ALREADY: "restore-already"}


async def restore(talk: Talk, command: Command) -> None:
    """Take back the end of a link: the one named by its id, else the latest of one's own.

    What was given with the link comes back as it was, also the waiting for somebody's word.
    """
    tx, named = talk.tx, command.argument.strip()
    gone = await (kin.ended(tx, named) if named else _latest(talk))
    child = await accounts.person(tx, gone.link.child_id) if gone else None
    parent = await accounts.person(tx, gone.link.parent_id) if gone else None
    if gone is None or child is None or parent is None:
        await talk.reply("restore-nothing")
        return
    took_part = await _who_took_part(tx, gone)
    if not await _may_restore(talk, gone, child, took_part):
        # As if there were none: who has no part in it learns nothing of it.
        await talk.reply("restore-nothing")
    elif tx.now - gone.at > talk.settings.undo_life:
        await talk.reply("restore-late", hours=parting.hours(talk))
    elif await _took_consent_back(tx, gone):
        await talk.reply("restore-consent")
    elif refused := await kin.restore(tx, gone, talk.person_id):
        await talk.reply(_REFUSED.get(refused, "restore-nothing"))
    else:
        await _tell_of_the_return(talk, child, parent, took_part)


async def _latest(talk: Talk) -> Ended | None:
    since = talk.tx.now - talk.settings.undo_life
    found = list(await kin.ended_by(talk.tx, talk.person_id, since))
    for case in await cases.opened_by(talk.tx, talk.person_id):
        if case.kind is cases.Kind.REMOVAL and case.decided_at >= since:
            gone = await kin.ended(talk.tx, str(case.content.get("link", "")))
            found += [gone] if gone else []
    return max(found, key=lambda gone: gone.at, default=None)


async def _who_took_part(tx: Tx, gone: Ended) -> Sequence[str]:
    """Return who ended a link; of a removal also who asked for it, and so two people."""
    for case in await cases.about(tx, gone.link.child_id):
        is_it = case.kind is cases.Kind.REMOVAL and case.state is cases.State.APPROVED
        if is_it and case.content.get("link") == gone.id and case.decided_at == gone.at:
            return (case.decided_by, case.opened_by)
    return (gone.by,)


async def _may_restore(talk: Talk, gone: Ended, child: Person, took_part: Sequence[str]) -> bool:
    by_paper = len(took_part) > 1
    left = gone.by == gone.link.parent_id
    ending = Ending.REMOVED if by_paper else Ending.LEFT if left else Ending.DISOWNED
    return rules.may_restore(
        ending,
        await parting.standing(talk.tx, talk.person_id, child.id, gone.link.parent_id),
        took_part=talk.person_id in took_part,
        by_adult_child=gone.by == child.id and await parting.is_of_age(talk.tx, child),
    )


async def _took_consent_back(tx: Tx, gone: Ended) -> bool:
    """Tell whether a consent the link rested on was withdrawn; with a new code it is asked again.

    The parent's, and the pupil's unless the link waited for it anyway: what somebody closed by
    withdrawing it is not opened by another's undoing (scenario 24).
    """
    link = gone.link
    givers = {link.parent_id} if Waits.CHILD in link.waits_for else {link.parent_id, link.child_id}
    about = [c for c in await consents.of(tx, link.child_id) if c.subject_id == link.child_id]
    for giver in givers:
        given = [c for c in about if c.actor_id == giver]
        if given and all(c.withdrawn_at for c in given):
            return True
    return False


async def _tell_of_the_return(
    talk: Talk, child: Person, parent: Person, took_part: Sequence[str]
) -> None:
    names: dict[str, Any] = {"child": child.full_name, "parent": parent.full_name}
    me = talk.person_id
    if parent.id != me:
        await talk.inform([parent.id], "restored-parent", child=child.full_name)
    if child.id != me:
        await talk.inform([child.id], "restored-child", parent=parent.full_name)
    told = [
        *await parting.others(talk, child.id, parent.id),
        *await parting.school_side(talk, (child.id, parent.id)),
        *took_part,
    ]
    told = [id_ for id_ in dict.fromkeys(told) if id_ not in {me, child.id, parent.id}]
    await talk.inform(told, "restored-others", **names)
    await talk.reply("restored", **names)
