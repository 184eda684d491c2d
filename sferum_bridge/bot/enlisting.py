"""Pupils of the first grades are invited: by name, by e-mail or on paper (S-32, S-61).

    class teacher: class, name, e-mail ──► invite of that one person of the roster
                                             │                    │
                                 letter, queued with it      slip, to print
                                             └─────────┬──────────┘
                                                       ▼ code
                                          `entering`: the pupil comes in

An invite is void once its issuer has no right to it any more, once the pupil left or has an
account, and when a newer one is issued. Nobody learns which of it was the case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import commands, finding, printing, register
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.reach import reach_of
from sferum_bridge.bot.texts import paragraphs
from sferum_bridge.matrix.outbox import Offer
from sferum_bridge.school import classes, contacts, kinship
from sferum_bridge.store import accounts, audit, dialogues, mails, pupil_invites
from sferum_bridge.store.mails import Cause

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.finding import Found
    from sferum_bridge.bot.reach import Reach
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.store.database import Tx

CLASS_TOPIC = "enlist-class"

# What stands first in an argument that the bot itself has offered.
_SLIP, _CLASS = "slip", "class"


# --- issuing --------------------------------------------------------------------------------


async def invite_pupil(talk: Talk, command: Command) -> None:
    """Invite a pupil who has no account; by letter, if there is an address, and on paper.

    The argument is a class, a name and perhaps an e-mail address. With a class alone the whole
    class is meant, and slips are printed. Class teachers have their own classes, administrators
    the school; everybody else, and a class teacher who names another class, gets E-RIGHT.
    """
    reaches = await reach_of(talk)
    words, addresses = _parted(command.argument)
    match command.argument.split() if command.offered else ():
        case _ if not reaches:
            await talk.reply("enlist-right")
        case [first, person_id, seed] if first == _SLIP:
            await _print_again(talk, reaches, person_id, seed)
        case [first, class_id] if first == _CLASS:
            await _invite_class(talk, reaches, class_id)
        case [person_id, address]:
            await _find(talk, reaches, [person_id], address)
        case _ if not words:
            await talk.reply("enlist-how")
        case _ if len(addresses) > 1:
            await talk.reply("enlist-bad-address")
        case _ if addresses or not await _ask_for_class(talk, reaches, " ".join(words)):
            await _find(talk, reaches, words, "".join(addresses))


def _parted(argument: str) -> tuple[list[str], list[str]]:
    """Part e-mail addresses, however they are bracketed, from the other words."""
    words = argument.split()
    addresses = [word.strip("<>()[],;").removeprefix("mailto:") for word in words if "@" in word]
    return [word for word in words if "@" not in word], addresses


async def _find(talk: Talk, reaches: Sequence[Reach], words: Sequence[str], address: str) -> None:
    text = " ".join(words)
    found = [(reach, pupil) for reach in reaches for pupil in reach.pupils(text)]
    if len(found) == 1:
        await _invite(talk, *found[0], address)
    elif not found and _names_another_class(reaches, words):
        await talk.reply("enlist-right")
    else:
        word = commands.word(Name.INVITE_PUPIL, talk.language)
        await finding.choose(talk, [pupil for _, pupil in found], word, address)


async def _invite(talk: Talk, reach: Reach, pupil: Found, address: str) -> None:
    tx, person_id = talk.tx, pupil.person.id
    if await accounts.mxids_of(tx, person_id):
        await talk.reply("enlist-has-account", child=pupil.label)
        return
    typed = bool(address)
    if typed:
        address = contacts.email(address)
        if not address:
            await talk.reply("enlist-bad-address")
            return
        if not await _is_free(tx, person_id, address):
            await talk.reply("enlist-contact")
            return
        await _keep_address(talk, reach, person_id, address)
    else:
        address = await _known_address(tx, person_id)
    code, until = await _issue(talk, reach, pupil, talk.event_id)
    if address and talk.settings.sends_mail:
        await _mail(talk, reach, pupil, address, code, until)
        await _answer_mailed(talk, pupil, until, typed=typed)
        return
    text = talk.text(
        "enlist-code", child=pupil.label, code=code, link=_link(talk, code), until=until
    )
    no_mail = [talk.text("enlist-no-mail")] if typed else []
    await talk.answer(paragraphs([*no_mail, text]))
    await _print(talk, reach, [(pupil, code, until)])


async def _is_free(tx: Tx, person_id: str, address: str) -> bool:
    """Tell whether an address is nobody else's: a parent will need their own (S-31, S-58)."""
    return not set(await accounts.owners_of_contact(tx, "email", address)) - {person_id}


async def _keep_address(talk: Talk, reach: Reach, person_id: str, address: str) -> None:
    """Have an address be the pupil's only one: who typed it may have mistyped the one before."""
    if await accounts.contacts_of(talk.tx, person_id, "email") != [address]:
        await accounts.replace_contact(talk.tx, person_id, "email", address)
        why = "e-mail for a pupil invite"
        audit.record(
            talk.tx, talk.person_id, "person.correct", person_id, why, school=reach.record.id
        )


async def _known_address(tx: Tx, person_id: str) -> str:
    """Return the pupil's own address, empty when there is none that is theirs alone."""
    for address in await accounts.contacts_of(tx, person_id, "email"):
        if await _is_free(tx, person_id, address):
            return address
    return ""


async def _issue(talk: Talk, reach: Reach, pupil: Found, seed: str) -> tuple[str, datetime]:
    """Issue an invite; return its code and until when it is valid, by the school's clock."""
    life = talk.settings.pupil_invite_life
    code = await pupil_invites.issue(
        talk.tx,
        pupil.person.id,
        reach.record.id,
        talk.person_id,
        reach.group(pupil.class_id),
        seed,
        life,
    )
    # A letter still on its way would bring a code that holds no more.
    await mails.withdraw(talk.tx, pupil.person.id)
    return code, register.moment(reach.record, talk.tx.now + life)


async def _mail(
    talk: Talk, reach: Reach, pupil: Found, address: str, code: str, until: datetime
) -> None:
    """Queue the letter. It names the pupil by given name alone: it may reach somebody else."""
    language, name = reach.language_of_paper(talk), pupil.person.given_name
    body = talk.texts.text(
        language,
        "mail-body",
        child=name,
        code=code,
        link=_link(talk, code),
        until=until,
        contact=talk.settings.support_contact,
        bot=talk.settings.bot_mxid,
        creates=int(talk.settings.creates_accounts),
    )
    subject = talk.texts.text(language, "mail-subject", child=name)
    await mails.put(
        talk.tx,
        talk.event_id,
        address,
        subject.body,
        body.body,
        issuer=talk.person_id,
        about=pupil.person.id,
    )


async def _answer_mailed(talk: Talk, pupil: Found, until: datetime, *, typed: bool) -> None:
    text = talk.text("enlist-mailed", child=pupil.label, until=until, typed=int(typed))
    await talk.answer(text, (_offer_slip(talk.language, pupil.person.id, talk.event_id),))


def _offer_slip(language: str, person_id: str, seed: str) -> Offer:
    # The code is not kept: what it was made of is offered, and makes it again.
    return Offer("🖨️", f"{commands.word(Name.INVITE_PUPIL, language)} {_SLIP} {person_id} {seed}")


def _link(talk: Talk, code: str) -> str:
    return f"{talk.settings.public_url.rstrip('/')}/p/{code}"


def _names_another_class(reaches: Sequence[Reach], words: Sequence[str]) -> bool:
    """Tell whether a class was named where only the own ones count; no name has digits.

    Asked when nobody fits: it makes no difference whether there is such a class.
    """
    own = {reach.school.classes[class_id].name for reach in reaches for class_id in reach.led}
    named = {_class_name(word) for word in words if any(char.isdigit() for char in word)}
    return bool(named - own) and not any(reach.everywhere for reach in reaches)


def _class_name(text: str) -> str:
    try:
        return classes.normalise(text)
    except classes.ClassNameError:
        return ""


# --- paper ----------------------------------------------------------------------------------


async def _print(talk: Talk, reach: Reach, invited: Sequence[tuple[Found, str, datetime]]) -> None:
    language = reach.language_of_paper(talk)
    class_name = invited[0][0].class_name
    title = talk.texts.text(language, "enlist-slips", **{"class": class_name}).body
    slips = [_slip(talk, language, *each) for each in invited]
    await talk.attach(printing.sheet(title, slips, language=language))


def _slip(talk: Talk, language: str, pupil: Found, code: str, until: datetime) -> printing.Slip:
    def text(key: str, **values: Any) -> str:
        return talk.texts.text(language, key, **values).body

    if talk.settings.creates_accounts:
        steps, blank = text("enlist-slip-steps"), text("enlist-slip-login")
    else:
        steps, blank = text("enlist-slip-steps-account", bot=talk.settings.bot_mxid), ""
    return printing.Slip(
        text("slip-whose", child=pupil.label, **{"class": pupil.class_name}),
        text("enlist-slip-what"),
        steps.splitlines(),
        text("enlist-slip-until", until=until),
        code,
        _link(talk, code),
        blank,
    )


async def _print_again(talk: Talk, reaches: Sequence[Reach], person_id: str, seed: str) -> None:
    """Print the slip of an invite that went out by letter, while it holds."""
    code = pupil_invites.code_of(talk.tx, seed)
    invite = await pupil_invites.find(talk.tx, kinship.read_code(code) or "")
    found = [(reach, pupil) for reach in reaches for pupil in reach.pupils(person_id)]
    if invite is None or not invite.is_open(talk.tx.now) or not found:
        await talk.reply("enlist-slip-gone")
        return
    reach, pupil = found[0]
    until = register.moment(reach.record, invite.expires_at)
    await _print(talk, reach, [(pupil, code, until)])


async def _ask_for_class(talk: Talk, reaches: Sequence[Reach], text: str) -> bool:
    """Ask before a whole class is invited; false when what was typed is no class within reach."""
    name = _class_name(text)
    meant = {
        pupil.class_id: reach
        for reach in reaches
        for pupil in reach.pupils()
        if name and pupil.class_name == name
    }
    for class_id, reach in meant.items():
        missing = await _without_account(talk, reach, class_id)
        if not missing:
            await talk.reply("enlist-class-none", **{"class": name})
            continue
        await dialogues.open_dialogue(talk.tx, talk.mxid, {"topic": CLASS_TOPIC, "class": class_id})
        question = talk.text(
            "enlist-class-ask",
            **{"class": name},
            school=reach.record.name,
            count=len(missing),
        )
        word = commands.word(Name.INVITE_PUPIL, talk.language)
        no = commands.word(Name.CANCEL, talk.language)
        await talk.answer(question, (Offer("✅", f"{word} {_CLASS} {class_id}"), Offer("❌", no)))
    return bool(meant)


async def go_on_with_class(talk: Talk, state: Mapping[str, Any], command: Command) -> None:
    """Go on with the question whether a whole class is to be invited."""
    await dialogues.close_dialogue(talk.tx, talk.mxid)
    if command.name is Name.CONFIRM and not command.argument:
        await _invite_class(talk, await reach_of(talk), str(state["class"]))
    else:
        await talk.reply("enlist-class-cancelled")


async def _invite_class(talk: Talk, reaches: Sequence[Reach], class_id: str) -> None:
    """Invite every pupil of a class who has no account, and print the slips on one sheet."""
    asked = await dialogues.dialogue(talk.tx, talk.mxid)
    if asked is not None and asked[0].get("class") == class_id:
        await dialogues.close_dialogue(talk.tx, talk.mxid)
    here = [reach for reach in reaches if reach.covers(class_id)]
    if not here:
        await talk.reply("enlist-right")
        return
    reach, name = here[0], here[0].school.classes[class_id].name
    invited = []
    for pupil in await _without_account(talk, reach, class_id):
        seed = f"{talk.event_id}/{pupil.person.id}"
        invited.append((pupil, *await _issue(talk, reach, pupil, seed)))
    if not invited:
        await talk.reply("enlist-class-none", **{"class": name})
        return
    await talk.reply("enlist-class-done", **{"class": name}, count=len(invited))
    await _print(talk, reach, invited)


async def _without_account(talk: Talk, reach: Reach, class_id: str) -> Sequence[Found]:
    return [
        pupil
        for pupil in reach.pupils()
        if pupil.class_id == class_id and not await accounts.mxids_of(talk.tx, pupil.person.id)
    ]


# --- letters that did not arrive ------------------------------------------------------------


async def mail_failed(talk: Talk, content: Mapping[str, Any]) -> None:
    """Tell who invited a pupil that the letter was given up, and why (E-MAIL)."""
    pupil = await accounts.person(talk.tx, str(content["about"]))
    if pupil is None:
        return
    seed = str(content["seed"])
    await talk.inform(
        [str(content["issuer"])],
        "e-mail",
        offers=lambda language: (_offer_slip(language, pupil.id, seed),),
        child=pupil.full_name,
        cause=Cause(content["cause"]),
    )
