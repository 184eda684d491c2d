"""A person goes on with another account: the phone is lost, the password forgotten (scenario 37).

    class teacher: whose, which account ──► the rule (`school.replacing`) ──► shown: ✅ or ❌
                                                                                   │
    everybody concerned is told ◄── news ◄── accounts of the person: the new one alone

The new account has to have written to the bot: so it exists, and nobody else's was typed. The old
one loses everything with the same step, whoever holds it now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import commands, finding, register
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.reach import reach_of
from sferum_bridge.matrix.outbox import Offer
from sferum_bridge.school import naming, replacing
from sferum_bridge.school.access import Role
from sferum_bridge.school.people import LinkState
from sferum_bridge.school.replacing import Refusal, Standing
from sferum_bridge.store import accounts, dialogues, kin, schools

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.finding import Found
    from sferum_bridge.bot.reach import Reach
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.school.people import Person
    from sferum_bridge.store.database import Tx

TOPIC = "replace"
_DO = "do"
_STAFF = frozenset({Role.STAFF, Role.ADMINISTRATOR, Role.TEACHER, Role.CLASS_TEACHER})
_REFUSED = {
    Refusal.SELF: "replace-self",
    Refusal.FAMILY: "replace-family",
    Refusal.STAFF: "replace-staff",
    Refusal.RIGHT: "replace-right",
}


async def begin(talk: Talk, command: Command) -> None:
    """Take whose account is replaced and by which: a name, and a Matrix id behind it."""
    words = command.argument.split()
    match words if command.offered else ():
        case [first, person_id, account] if first == _DO:
            await _replace(talk, person_id, account)
            return
    reaches = await reach_of(talk)
    account = words[-1] if words and words[-1].startswith("@") else ""
    text = " ".join(words[:-1])
    if not reaches:
        await talk.reply("replace-right")
    elif not account or not text:
        word = commands.word(Name.REPLACE, talk.language)
        example = f"@petrova:{talk.settings.bot_mxid.partition(':')[2]}"
        await talk.reply("replace-how", word=word, example=example)
    else:
        found = {
            one.person.id: one for reach in reaches for one in await _within(talk, reach, text)
        }
        if len(found) == 1:
            await _ask(talk, next(iter(found)), account)
        else:
            word = commands.word(Name.REPLACE, talk.language)
            await finding.choose(talk, list(found.values()), word, account)


async def go_on(talk: Talk, state: Mapping[str, Any], command: Command) -> None:
    """Go on with the question whether an account is to be replaced."""
    match command.name:
        case Name.CONFIRM if not command.argument:
            await _replace(talk, str(state["person"]), str(state["account"]))
        case Name.CANCEL | Name.NOT_MINE:
            await dialogues.close_dialogue(talk.tx, talk.mxid)
            await talk.reply("cancelled")
        case _:
            await _ask(talk, str(state["person"]), str(state["account"]))


async def _within(talk: Talk, reach: Reach, text: str) -> Sequence[Found]:
    """Return the people within reach who fit: a class teacher's are pupils and their parents."""
    found = await finding.everybody(talk.tx, reach.record, text)
    if reach.everywhere:
        return found
    pupils = {one.person.id for one in reach.pupils()}
    parents = {
        link.parent_id
        for link in reach.school.parent_links
        if link.child_id in pupils and link.state is LinkState.ACTIVE
    }
    return [one for one in found if one.person.id in pupils | parents]


async def standing(tx: Tx, actor_id: str, person_id: str) -> Standing:
    """Return what somebody is today to a person whose account is to be replaced."""
    children = {child.id for child, state in await kin.children(tx, person_id)}
    active = {c.id for c, state in await kin.children(tx, person_id) if state is LinkState.ACTIVE}
    own = {child.id for child, _ in await kin.children(tx, actor_id)}
    guardians = {g for c in {*children, person_id} for g in await kin.guardians(tx, c)}
    parents = {p.id for c in (person_id, actor_id) for p, _ in await kin.parents(tx, c)}
    led = {t for c in {*active, person_id} for t in await register.class_teachers(tx, c)}
    administered = {record.id for record in await register.administered(tx, actor_id)}
    ties = await register.ties(tx, person_id)
    works = {tie.school.id for tie in ties if _STAFF & {reason.role for reason in tie.reasons}}
    return Standing(
        is_the_same=actor_id == person_id,
        is_family=bool(children & own) or actor_id in guardians | parents or person_id in parents,
        leads=actor_id in led,
        administers=bool(administered & await accounts.schools_of(tx, person_id)),
        works_beyond=not works <= administered,
    )


async def _refusal(talk: Talk, person: Person | None, account: str) -> str:
    """Return the text that says why it cannot be done; empty when it can."""
    if person is None:
        return "find-nobody"
    refused = replacing.refusal(await standing(talk.tx, talk.person_id, person.id))
    if refused is not None:
        return _REFUSED[refused]
    if talk.settings.is_ours(account) or await accounts.person_of(talk.tx, account) is not None:
        return "replace-taken"
    return "" if await dialogues.room_with(talk.tx, account) else "replace-silent"


async def _ask(talk: Talk, person_id: str, account: str) -> None:
    person = await accounts.person(talk.tx, person_id)
    refused = await _refusal(talk, person, account)
    if refused or person is None:
        await talk.reply(refused, **({} if refused in _PLAIN else {"account": account}))
        return
    state = {"topic": TOPIC, "person": person.id, "account": account}
    await dialogues.open_dialogue(talk.tx, talk.mxid, state)
    old = ", ".join(await accounts.mxids_of(talk.tx, person.id)) or "—"
    text = talk.text("replace-ask", who=person.full_name, old=old, account=account)
    yes = f"{commands.word(Name.REPLACE, talk.language)} {_DO} {person.id} {account}"
    no = commands.word(Name.CANCEL, talk.language)
    await talk.answer(text, (Offer("✅", yes), Offer("❌", no)))


_PLAIN = frozenset({"find-nobody", *_REFUSED.values()})
"""Refusals that say nothing of the account."""


async def _replace(talk: Talk, person_id: str, account: str) -> None:
    """Replace, if it still may be done."""
    asked = await dialogues.dialogue(talk.tx, talk.mxid)
    if asked is None or (asked[0].get("person"), asked[0].get("account")) != (person_id, account):
        # Another question was asked since, or this one answered.
        await talk.reply("replace-gone")
        return
    await dialogues.close_dialogue(talk.tx, talk.mxid)
    person = await accounts.person(talk.tx, person_id)
    refused = await _refusal(talk, person, account)
    if refused or person is None:
        await talk.reply(refused, **({} if refused in _PLAIN else {"account": account}))
        return
    await accounts.replace(talk.tx, person_id, account, talk.person_id)
    await talk.reply("replace-done", who=person.full_name, account=account)


async def tell(talk: Talk, content: Mapping[str, Any]) -> None:
    """Tell the new account and the old ones, class teachers and administrators; name the account.

    The same for a class teacher's act and for one of the console.
    """
    person = await accounts.person(talk.tx, str(content["person"]))
    if person is None:
        return
    new, actor = str(content["new"]), str(content["actor"])
    language = await talk.language_of(person.id)
    await talk.tell(new, talk.texts.text(language, "replace-new", who=person.full_name))
    for old in content["old"]:
        contact = talk.settings.support_contact
        await talk.tell(str(old), talk.texts.text(language, "replace-old", contact=contact))
    told = dict.fromkeys(await register.class_teachers(talk.tx, person.id))
    for child, state in await kin.children(talk.tx, person.id):
        if state is LinkState.ACTIVE:
            told |= dict.fromkeys(await register.class_teachers(talk.tx, child.id))
    name = person.full_name
    for record in await register.schools_of(talk.tx, person.id):
        told |= dict.fromkeys(await register.administrators(talk.tx, record))
        here = await schools.load(talk.tx, record.id)
        name = naming.shown(here, record.day(talk.tx.now)).get(person.id, name)
    told = {id_: None for id_ in told if id_ not in {actor, person.id}}
    await talk.inform(list(told), "replace-news", who=person.full_name, account=new)
    await talk.rename(person.id, name)
