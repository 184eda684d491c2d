"""A class teacher lets a waiting parent in, or sends one away (D-1, scenarios 04 and 11).

Every decision checks the right again. Nobody decides about their own link, an administrator
neither (S-57). An approval opens no room to whom the roster denies access: those who decide are
told so, and nobody is promised what will not come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import commands, deciding, parting, register
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.reach import Action
from sferum_bridge.bot.texts import paragraphs
from sferum_bridge.matrix.outbox import Offer
from sferum_bridge.school.parting import As
from sferum_bridge.school.people import LinkState, Waits
from sferum_bridge.store import accounts, cases, consents, invites, kin, schools

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.deciding import Deciding
    from sferum_bridge.bot.register import Waiting
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.bot.texts import Text
    from sferum_bridge.school.people import ParentLink, Person
    from sferum_bridge.store.cases import Case
    from sferum_bridge.store.database import Tx

_IDS = 2
_MOST_AT_ONCE = 10
CHILD_CONSENT = "child-1"
"""Version of the sentence of consent in `approve-child-ask`."""


async def ask(talk: Talk, approvers: Sequence[str], waiting: Waiting, mxid: str) -> None:
    """Ask people whether a parent, who has the account `mxid`, may have the class's rooms."""
    for person_id in approvers:
        language = await talk.language_of(person_id)
        text, offers = await _question(talk, person_id, language, waiting, mxid)
        for account in await accounts.mxids_of(talk.tx, person_id):
            await talk.tell(account, text, offers)


async def ask_child(talk: Talk, child: Person, parent: Person) -> None:
    """Ask a pupil who is old enough to be asked whether somebody is their parent (scenario 24)."""
    text, offers = _question_to_child(talk, await talk.language_of(child.id), child, parent)
    for mxid in await accounts.mxids_of(talk.tx, child.id):
        await talk.tell(mxid, text, offers)


def _question_to_child(
    talk: Talk, language: str, child: Person, parent: Person
) -> tuple[Text, Sequence[Offer]]:
    ids = f"{child.id} {parent.id}"
    yes = f"{commands.word(Name.APPROVE, language)} {ids}"
    no = f"{commands.word(Name.REJECT, language)} {ids}"
    text = talk.texts.text(
        language, "approve-child-ask", parent=parent.full_name, approve=yes, reject=no
    )
    return text, (Offer("✅", yes), Offer("❌", no))


class Decisions:
    """Takes «approve» and «reject»: of waiting parents, and of every kind of case."""

    def __init__(self, topics: Mapping[cases.Kind, Deciding]) -> None:
        self._topics = topics

    async def decide(self, talk: Talk, command: Command) -> None:
        """Decide what the argument names: a case's id and a reason, or child's and parent's id.

        Without any, everything that waits for this person is asked about again.
        """
        first, _, rest = command.argument.strip().partition(" ")
        case = await cases.by_id(talk.tx, first) if first else None
        if case is not None:
            await self._decide_case(talk, command.name, case, rest.strip())
        elif len(command.argument.split()) == _IDS:
            await _decide_link(talk, command.name, first, rest.strip())
        else:
            await self._ask_again(talk)

    async def _decide_case(self, talk: Talk, name: Name, case: Case, reason: str) -> None:
        topic = self._topics[case.kind]
        if talk.person_id not in await topic.deciders(talk.tx, case):
            await talk.reply("e-right", action=Action.APPROVE)
        elif case.state is not cases.State.OPEN:
            await talk.reply("approve-gone")
        elif name is Name.APPROVE:
            await topic.approve(talk, case)
        else:
            await topic.reject(talk, case, reason)

    async def _ask_again(self, talk: Talk) -> None:
        asked = await _ask_child_again(talk)
        parents = await register.waiting_for(talk.tx, talk.person_id)
        waiting = await self._waiting_for(talk)
        # Neither hides the other: strangers can make as many of both as they have accounts.
        shown = parents[: max(_MOST_AT_ONCE // 2, _MOST_AT_ONCE - len(waiting))]
        for one in shown:
            mxids = await accounts.mxids_of(talk.tx, one.parent.id)
            mxid = mxids[0] if mxids else ""
            question = await _question(talk, talk.person_id, talk.language, one, mxid)
            await talk.answer(*question)
        decided = waiting[: _MOST_AT_ONCE - len(shown)]
        for case in decided:
            topic = self._topics[case.kind]
            text = await topic.question(talk, talk.language, case)
            await talk.answer(text, deciding.offers(topic, talk.language, case))
        if len(parents) > len(shown) or len(waiting) > len(decided):
            await talk.reply("approve-more", word=commands.word(Name.APPROVE, talk.language))
        elif not (asked or shown or decided):
            await talk.reply("approve-none")

    async def _waiting_for(self, talk: Talk) -> Sequence[Case]:
        """Return what this person may decide: the first cases, and one more if there are more.

        Applications come last, for anybody can make them.
        """
        found: list[Case] = []
        for record in await register.schools_of(talk.tx, talk.person_id):
            # Most people decide nothing; nobody's cases are read for them.
            today = record.day(talk.tx.now)
            if not await schools.decides(talk.tx, talk.person_id, record.id, today):
                continue
            here = await cases.waiting(talk.tx, record.id)
            for case in sorted(here, key=lambda case: case.kind is cases.Kind.APPLICATION):
                deciders = await self._topics[case.kind].deciders(talk.tx, case)
                if talk.person_id in deciders:
                    found.append(case)
                if len(found) > _MOST_AT_ONCE:
                    return found
        return found


async def _ask_child_again(talk: Talk) -> int:
    """Ask a pupil again about the parents who wait for their word; return how many there are."""
    asked = 0
    for link in await kin.links_of_child(talk.tx, talk.person_id):
        parent = await accounts.person(talk.tx, link.parent_id)
        if talk.person is not None and parent is not None and Waits.CHILD in link.waits_for:
            await talk.answer(*_question_to_child(talk, talk.language, talk.person, parent))
            asked += 1
    return asked


async def _decide_link(talk: Talk, name: Name, child_id: str, parent_id: str) -> None:
    tx = talk.tx
    links = await kin.links_of_child(tx, child_id)
    link = next((held for held in links if held.parent_id == parent_id), None)
    child = await accounts.person(tx, child_id)
    parent = await accounts.person(tx, parent_id)
    waits_for = link.waits_for if link else frozenset()
    if talk.person_id == child_id:
        who = Waits.CHILD
        # The school's word is not the child's to give.
        allowed = name is Name.REJECT or waits_for != {Waits.SCHOOL}
    else:
        who = Waits.SCHOOL
        allowed = await register.may_decide(tx, talk.person_id, child_id)
    if not allowed or parent_id == talk.person_id:
        await talk.reply("e-right", action=Action.APPROVE)
    elif link is None or child is None or parent is None:
        await talk.reply("approve-gone")
    elif name is Name.REJECT and who is Waits.CHILD:
        await parting.rejected_by_child(talk, link, child, parent)
    elif who not in waits_for:
        await talk.reply("approve-gone")
    elif name is Name.APPROVE:
        await _approve(talk, who, child, parent)
    else:
        await _reject(talk, link, child, parent)


async def _reject(talk: Talk, link: ParentLink, child: Person, parent: Person) -> None:
    tx, me = talk.tx, talk.person_id
    link_id = await kin.link_id(tx, child.id, parent.id)
    if link.vouched and As.FAMILY in await parting.standing(tx, me, child.id, parent.id):
        # A class teacher who is the other parent: for whom the school stands, none sends away.
        await talk.reply("part-right")
        return
    if not await kin.unlink(tx, child.id, parent.id, me, "rejected by the school", as_read=link):
        await talk.reply("approve-gone")
        return
    # Somebody who is no parent had the code, so it is out.
    await invites.revoke(tx, child.id, me, "a parent was rejected")
    await parting.close_cases(talk, (child.id, parent.id), link_id)
    names: dict[str, Any] = {"child": child.full_name, "parent": parent.full_name}
    await talk.inform([parent.id], "rejected-parent", child=child.full_name)
    await talk.inform([child.id], "rejected-child", parent=parent.full_name)
    # Who heard that somebody was coming hears that they are not.
    others = await parting.others(talk, child.id, parent.id)
    await talk.inform(others, "disowned-others", **names)
    text = talk.text("reject-done", hours=parting.hours(talk), **names)
    await talk.answer(text, parting.undo(link_id)(talk.language))


async def _approve(talk: Talk, who: Waits, child: Person, parent: Person) -> None:
    names: dict[str, Any] = {"child": child.full_name, "parent": parent.full_name}
    tx = talk.tx
    if not await kin.approve(tx, child.id, parent.id, who, talk.person_id):
        await talk.reply("approve-gone")
        return
    if who is Waits.CHILD:
        for record, _ in (await register.enrolled(tx, child.id))[:1]:
            await consents.give(tx, child.id, child.id, CHILD_CONSENT, school=record.id)
        await talk.reply("approve-child-done", **names)
    else:
        denied = await is_denied_before(tx, talk.person_id, child.id, parent.id)
        await talk.reply("approve-done-denied" if denied else "approve-done", **names)
        await talk.inform([child.id], "approved-child", parent=parent.full_name)
    links = await kin.links_of_child(tx, child.id)
    if any(k.parent_id == parent.id and k.state is LinkState.ACTIVE for k in links):
        closed = await stays_closed(tx, child.id, parent.id)
        await talk.inform(
            [parent.id],
            "approved-parent-closed" if closed else "approved-parent",
            child=child.full_name,
        )


async def stays_closed(tx: Tx, child_id: str, parent_id: str) -> bool:
    """Tell whether every school of a child denies a parent access, so that no room will open."""
    denied = [
        await kin.is_denied(tx, record.id, child_id, parent_id)
        for record, _ in await register.enrolled(tx, child_id)
    ]
    return bool(denied) and all(denied)


async def is_denied_before(tx: Tx, person_id: str, child_id: str, parent_id: str) -> bool:
    """Tell whether a parent is denied access by a school in which somebody decides about the child.

    Of what another school's roster says, nobody here learns (I-8).
    """
    for record, _ in await register.enrolled(tx, child_id):
        today = record.day(tx.now)
        deciders = [
            *await register.administrators(tx, record),
            *await kin.class_teachers(tx, child_id, today, school_id=record.id),
        ]
        if person_id in deciders and await kin.is_denied(tx, record.id, child_id, parent_id):
            return True
    return False


async def _question(
    talk: Talk, asked: str, language: str, waiting: Waiting, mxid: str
) -> tuple[Text, Sequence[Offer]]:
    """Return what the person `asked` is asked, in a language."""
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
    if await is_denied_before(talk.tx, asked, waiting.child.id, waiting.parent.id):
        text = paragraphs([talk.texts.text(language, "approve-ask-denied"), text])
    return text, (Offer("✅", approve), Offer("❌", reject))
