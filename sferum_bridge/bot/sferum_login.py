"""Logging in to Sferum with the bot.

    «войти» ─► how to get the key ─► the key: taken away at once, tried ─► whose account it opens?
                                          │ wrong: said, asked again            ✅ │ ❌
                                          ▼                                        ▼
                                   (`messenger`)                       stored, sealed │ forgotten

Everybody logs in for themselves: who has a tie to the school, for the account they are asked about.
Between the question and the answer the key lies sealed in the dialogue, never anywhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import about, commands, linked_rooms, messenger, register
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.reach import reach_of
from sferum_bridge.bot.talk import digest
from sferum_bridge.bot.texts import paragraphs
from sferum_bridge.matrix.outbox import Offer
from sferum_bridge.network.base import LoginExpired, Refused, Session
from sferum_bridge.school import classes
from sferum_bridge.store import audit, chats, dialogues, logins

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.talk import Talk

TOPIC = "sferum-login"

_KEY, _ACCOUNT = "key", "account"
"""What is asked: for the key, whether the account is right."""
_ATTEMPT = "sferum-login"
_MINUTE = 60_000
_DO = "do"


def waits_for_key(state: Mapping[str, Any]) -> bool:
    """Tell whether an open question is the one for the key."""
    return state.get("topic") == TOPIC and state.get("step") == _KEY


# --- the key --------------------------------------------------------------------------------


async def begin(talk: Talk, command: Command) -> None:
    """Ask for the key, or take the answer to the question about the account."""
    if command.offered and command.argument.startswith(f"{_DO} "):
        state = await _asked(talk, command)
        if state is not None:
            await _connect(talk, state)
    elif await may(talk):
        await _ask_for_key(talk)


async def may(talk: Talk) -> bool:
    """Tell whether somebody may have a login here; says why not."""
    if not talk.settings.sferum:
        await talk.reply("sferum-off")
    elif not await register.ties(talk.tx, talk.person_id):
        await talk.reply("sferum-nobody")
    else:
        return True
    return False


async def _ask_for_key(talk: Talk) -> None:
    await dialogues.open_dialogue(talk.tx, talk.mxid, {"topic": TOPIC, "step": _KEY})
    await talk.reply("sferum-key-how")


async def give_key(talk: Talk, key: str, *, is_hidden: bool) -> None:
    """Try a key somebody wrote; `is_hidden`: the message that held it is gone."""
    parts = [talk.text("sferum-key-hidden" if is_hidden else "sferum-key-visible")]
    asked = await dialogues.dialogue(talk.tx, talk.mxid)
    known = talk.person is not None and bool(await register.ties(talk.tx, talk.person_id))
    if not known:
        await talk.answer(paragraphs([*parts, about.outsider(talk)]))
    elif talk.asked_in:
        await talk.answer(paragraphs([*parts, talk.text("sferum-key-in-a-room")]))
    elif asked is None or not waits_for_key(asked[0]):
        # Nobody asked: it may have been meant for another place.
        await talk.answer(paragraphs([*parts, talk.text("sferum-key-unasked")]))
    elif minutes := await _too_many(talk):
        await talk.answer(paragraphs([*parts, talk.text("e-rate", minutes=minutes)]))
    else:
        await dialogues.note_attempt(talk.tx, talk.mxid, _ATTEMPT)
        await talk.answer(paragraphs([*parts, talk.text("sferum-key-tried")]))
        await messenger.ask(talk, messenger.LOG_IN, key=key)


async def _too_many(talk: Talk) -> int:
    """Return for how many minutes no key is tried, 0 for at once."""
    window = talk.settings.attempts_window
    count, first = await dialogues.attempts_since(
        talk.tx, talk.mxid, _ATTEMPT, talk.tx.now - window
    )
    if count < talk.settings.attempts:
        return 0
    return max(1, -(-(first + window - talk.tx.now) // _MINUTE))


async def tried(talk: Talk, content: Mapping[str, Any], answer: object) -> None:
    """Say what a key opened, and ask whether that is right."""
    asked = await dialogues.dialogue(talk.tx, talk.mxid)
    if asked is None or not waits_for_key(asked[0]) or not await may(talk):
        return
    if not isinstance(answer, Session):
        await talk.reply(_why_not(answer))
        return
    if await _is_taken(talk, answer.account_id):
        await dialogues.close_dialogue(talk.tx, talk.mxid)
        await talk.reply("sferum-taken")
        return
    state = {
        "topic": TOPIC,
        "step": _ACCOUNT,
        "draft": digest(f"{talk.event_id} {content['key']}"),
        "account": answer.account_id,
        "name": answer.name,
        "key": answer.secret,
        "at": talk.tx.now,
    }
    await dialogues.open_dialogue(talk.tx, talk.mxid, state)
    await _ask_account(talk, state)


def _why_not(answer: object) -> str:
    # Of a login that is only tried, «expired» means that the key opens nothing.
    if isinstance(answer, LoginExpired):
        return "sferum-key-wrong"
    if isinstance(answer, Refused):
        return "sferum-no-profile"
    return messenger.text_key(answer)


async def _is_taken(talk: Talk, account_id: str) -> bool:
    """Tell whether an account of Sferum is somebody else's here."""
    known = await logins.of_account(talk.tx, logins.SFERUM, account_id)
    own = {login.id for login in await linked_rooms.own_logins(talk)}
    return known is not None and bool(known.mxid) and known.id not in own


async def _ask_account(talk: Talk, state: Mapping[str, Any]) -> None:
    name = str(state["name"])
    parts = [talk.text("sferum-account", name=name)]
    own = talk.person.full_name if talk.person else ""
    if classes.key(name) != classes.key(own):
        parts.append(talk.text("sferum-account-differs", own=own))
    parts.append(talk.text("sferum-account-how"))
    word = commands.word(Name.SFERUM_LOGIN, talk.language)
    no = commands.word(Name.CANCEL, talk.language)
    offers = (Offer("✅", f"{word} {_DO} {state['draft']}"), Offer("❌", no))
    await talk.answer(paragraphs(parts), offers)


async def _asked(talk: Talk, command: Command) -> Mapping[str, Any] | None:
    """Return the open question that was tapped; `None`, and said, when it is another by now."""
    asked = await dialogues.dialogue(talk.tx, talk.mxid)
    draft = command.argument.removeprefix(f"{_DO} ")
    state: Mapping[str, Any] = asked[0] if asked else {}
    if (state.get("topic"), state.get("step"), state.get("draft")) == (TOPIC, _ACCOUNT, draft):
        return state
    await talk.reply("sferum-gone")
    return None


async def _connect(talk: Talk, state: Mapping[str, Any]) -> None:
    """Store the login that was asked about."""
    await dialogues.close_dialogue(talk.tx, talk.mxid)
    if not await may(talk):
        return
    if await _is_taken(talk, str(state["account"])):
        await talk.reply("sferum-taken")
        return
    if talk.tx.now - int(state["at"]) > talk.settings.confirm_grace:
        # A key that lay about may be anybody's by now: the question was forgotten, not answered.
        await talk.reply("sferum-gone")
        return
    login_id = await chats.save_login(
        talk.tx, logins.SFERUM, state["account"], state["name"], talk.mxid, state["key"]
    )
    await logins.begin(talk.tx, login_id)
    # What an earlier key of the same account had open is used no longer: also not by who listens,
    # who begins anew (`relay.inward.incoming`).
    await messenger.ask(talk, messenger.CLOSE, login=login_id)
    await record(talk, "sferum.login")
    links = bool(await reach_of(talk))
    await talk.reply("sferum-connected-staff" if links else "sferum-connected")


async def record(talk: Talk, action: str) -> None:
    """Write what somebody did with their own login into the log of each of their schools."""
    ties = await register.ties(talk.tx, talk.person_id)
    for school_id in sorted(tie.school.id for tie in ties) or [""]:
        audit.record(talk.tx, talk.person_id, action, talk.person_id, school=school_id)


async def closed(_talk: Talk, _content: Mapping[str, Any], _answer: object) -> None:
    """Know that what an old key had open is closed: nobody is to hear of it."""


# --- the open question ----------------------------------------------------------------------


async def go_on(talk: Talk, state: Mapping[str, Any], command: Command) -> None:
    """Take a typed answer to the question that is open."""
    step = state["step"]
    if command.name is Name.CANCEL:
        await dialogues.close_dialogue(talk.tx, talk.mxid)
        await talk.reply("sferum-cancelled")
    elif command.name is Name.CONFIRM and not command.argument and step == _ACCOUNT:
        await _connect(talk, state)
    elif talk.person is None:
        await talk.answer(about.outsider(talk))
    elif step == _ACCOUNT:
        await _ask_account(talk, state)
    else:
        await talk.reply("sferum-key-expected")
