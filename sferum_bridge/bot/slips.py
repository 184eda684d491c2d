"""Invites for parents on paper: one slip for each family, of one pupil or a whole class (S-30).

A slip bears the same token as code, link and QR picture. Printing issues new invites and so ends
those that are out; for a whole class that is asked about first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sferum_bridge.bot import commands, inviting, printing
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.reach import Action, reach_of, the_pupil
from sferum_bridge.bot.texts import paragraphs
from sferum_bridge.matrix.outbox import Offer
from sferum_bridge.school import classes
from sferum_bridge.store import invites

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.finding import Found
    from sferum_bridge.bot.inviting import Issued
    from sferum_bridge.bot.printing import Slip
    from sferum_bridge.bot.reach import Reach
    from sferum_bridge.bot.talk import Talk


async def print_slips(talk: Talk, command: Command) -> None:
    """Print invites: for one pupil, or for a whole class, which is asked about before any ends.

    The argument is a name, or a class. The id of a class, which the question names and offers,
    means that the question was answered.
    """
    reaches = await reach_of(talk)
    groups = _classes(reaches)
    text = command.argument
    named = [id_ for id_, (_, pupils) in groups.items() if _is_class(text, pupils[0].class_name)]
    if not text and len(groups) == 1:
        named = list(groups)
    if not reaches:
        await talk.reply("e-right", action=Action.SLIPS)
    elif text in groups:
        await _print_class(talk, *groups[text])
    elif named:
        for class_id in named:
            await _ask_or_print(talk, *groups[class_id], sure=len(named) == 1)
    elif text:
        meant = await the_pupil(talk, reaches, text, commands.word(Name.SLIPS, talk.language))
        if meant is not None:
            await _print_one(talk, *meant)
    else:
        await talk.reply("slips-how")


def _classes(reaches: Sequence[Reach]) -> Mapping[str, tuple[Reach, Sequence[Found]]]:
    """Return the classes within reach that have pupils today, with them."""
    found: dict[str, tuple[Reach, list[Found]]] = {}
    for reach in reaches:
        for pupil in reach.pupils():
            found.setdefault(pupil.class_id, (reach, []))[1].append(pupil)
    return found


def _is_class(text: str, name: str) -> bool:
    try:
        return classes.normalise(text) == name
    except classes.ClassNameError:
        return False


async def _ask_or_print(talk: Talk, reach: Reach, pupils: Sequence[Found], *, sure: bool) -> None:
    """Print at once when no open invite would end by it; `sure` is that no other class is meant."""
    invited = [pupil.person.id for pupil in pupils if not inviting.refusal_of(talk, reach, pupil)]
    ending = await invites.open_of(talk.tx, invited)
    if sure and not ending:
        await _print_class(talk, reach, pupils)
        return
    yes = f"{commands.word(Name.SLIPS, talk.language)} {pupils[0].class_id}"
    text = talk.text(
        "slips-ask",
        **{"class": pupils[0].class_name},
        school=reach.record.name,
        count=len(ending),
        command=yes,
    )
    await talk.answer(text, (Offer("✅", yes),))


async def _print_class(talk: Talk, reach: Reach, pupils: Sequence[Found]) -> None:
    """Issue an invite for everybody of a class who has room for a parent, and print the slips."""
    class_name = pupils[0].class_name
    refusals = {pupil.person.id: inviting.refusal_of(talk, reach, pupil) for pupil in pupils}
    invited = [pupil for pupil in pupils if not refusals[pupil.person.id]]
    printed = [
        _slip(talk, reach, pupil, await inviting.issue_for(talk, reach, pupil)) for pupil in invited
    ]
    first = "slips-done" if printed else "slips-none"
    answer = [talk.text(first, **{"class": class_name}, count=len(printed))]
    full = sum(refusal == "e-full-school" for refusal in refusals.values())
    if full:
        answer.append(talk.text("slips-full", count=full))
    if "invite-own-child" in refusals.values():
        answer.append(talk.text("slips-own-child"))
    await talk.answer(paragraphs(answer))
    if printed:
        await _attach_sheet(talk, reach, class_name, printed)


async def _print_one(talk: Talk, reach: Reach, pupil: Found) -> None:
    refusal = inviting.refusal_of(talk, reach, pupil)
    if refusal:
        await talk.reply(refusal, child=pupil.label)
        return
    slip = _slip(talk, reach, pupil, await inviting.issue_for(talk, reach, pupil))
    await talk.reply("slip-done", child=pupil.label)
    await _attach_sheet(talk, reach, pupil.class_name, [slip])


def _slip(talk: Talk, reach: Reach, pupil: Found, issued: Issued) -> Slip:
    texts, language = talk.texts, reach.language_of_paper(talk)
    whose = texts.text(language, "slip-whose", child=pupil.label, **{"class": pupil.class_name})
    steps = texts.text(language, "slip-steps", bot=talk.settings.bot_mxid)
    note = texts.text(
        language, "slip-until", until=issued.until, count=inviting.parents_served(talk)
    )
    return printing.Slip(
        whose.body,
        texts.text(language, "slip-what").body,
        steps.body.splitlines(),
        note.body,
        issued.code,
        issued.link,
    )


async def _attach_sheet(talk: Talk, reach: Reach, class_name: str, printed: Sequence[Slip]) -> None:
    language = reach.language_of_paper(talk)
    title = talk.texts.text(language, "slips-title", **{"class": class_name})
    await talk.attach(printing.sheet(title.body, printed, language=language))
