"""A parent corrects a child's data: while asked to check them, or later (S-37, scenario 17).

    while the question about a child is open          later, by a linked parent
                 │ kept with the question                        │ which child, if several
                 ▼                                               │
    said for each field what is going to happen                  │
                 │ confirmed                                     │
                 └───────────────────────┬───────────────────────┘
                                         ▼
    spelling: done, and everybody concerned is told     anything else: a case for the class teacher
    class, school: refused, with whom to ask

Whoever only holds a code, or waits to be approved, may not be a parent at all. So they change
nothing by themselves, and what the question does not show is not compared before their eyes: a
guessed date of birth would be confirmed to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import commands, deciding, finding, register
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.deciding import Deciding
from sferum_bridge.bot.finding import Found
from sferum_bridge.bot.texts import bullets, paragraphs
from sferum_bridge.school import corrections, naming
from sferum_bridge.school.corrections import CONTACTS, IN_QUESTION, NAMES, Field, Verdict
from sferum_bridge.school.people import LinkState
from sferum_bridge.store import accounts, cases, dialogues, kin, schools
from sferum_bridge.store import corrections as stored

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.bot.texts import Text
    from sferum_bridge.school.people import Person
    from sferum_bridge.store.cases import Case
    from sferum_bridge.store.database import Tx
    from sferum_bridge.store.schools import SchoolRecord

TOPIC = "correct"
_MOST_ASKED = 5
_ATTEMPT = "correction"
_MINUTE = 60_000


@dataclass(frozen=True, slots=True)
class Profile:
    """A child's data in one school."""

    child: Person
    record: SchoolRecord
    class_name: str
    """Empty for a child that is in no class today."""

    async def values(self, tx: Tx) -> dict[Field, str]:
        """Return what the profile says."""
        own = {Field.CLASS: self.class_name, Field.SCHOOL: self.record.name}
        return {**await stored.values(tx, self.child), **own}

    def value(self, talk: Talk, what: Field, typed: str) -> str:
        """Return what was typed as it is stored, empty when it cannot be so."""
        return corrections.value(what, typed, self.record.day(talk.tx.now))


@dataclass(frozen=True, slots=True)
class _Change:
    """A field of a profile and both its values."""

    what: Field
    old: str
    new: str


# --- while the question about a child is open -----------------------------------------------


async def noted(talk: Talk) -> dict[str, dict[str, str]]:
    """Return what is to be corrected on confirming: child → field → new value."""
    asked = await dialogues.dialogue(talk.tx, talk.mxid)
    return dict(asked[0].get("corrections", {})) if asked is not None else {}


async def note(talk: Talk, profile: Profile, typed: str) -> None:
    """Keep corrections with the question that is open, and say what comes of each on confirming."""
    asked = await dialogues.dialogue(talk.tx, talk.mxid)
    told = corrections.read(typed)
    if asked is None or not told.values:
        await _explain(talk, told)
        return
    kept = await noted(talk)
    of_child = dict(kept.get(profile.child.id, {}))
    now = await profile.values(talk.tx)
    lines = _not_understood(talk, told)
    for what, said in told.values.items():
        new = profile.value(talk, what, said)
        verdict = corrections.judge(what, now[what], new)
        if verdict in {Verdict.INVALID, Verdict.REFUSE}:
            lines.append(_refusal(talk, what, verdict))
            continue
        of_child[what] = new
        if what not in IN_QUESTION:
            key = "correct-note-patronymic" if what is Field.MIDDLE_NAME else "correct-note-check"
            lines.append(_line(talk, key, _Change(what, "", new)))
            continue
        if verdict is Verdict.NOTHING:
            del of_child[what]
        lines.append(_line(talk, f"correct-note-{verdict}", _Change(what, now[what], new)))
    state = {**asked[0], "corrections": {**kept, profile.child.id: of_child}}
    await dialogues.amend(talk.tx, talk.mxid, state)
    await talk.answer(paragraphs([talk.text("correct-note-head"), bullets(lines)]))


async def carry_out(
    talk: Talk, profile: Profile, parent_id: str, values: Mapping[str, str]
) -> None:
    """Do what a parent noted before they confirmed; `values` are one child's of `noted`."""
    if values:
        wanted = {Field(name): new for name, new in values.items()}
        await _correct(talk, profile, parent_id, wanted, [])


# --- by a linked parent ---------------------------------------------------------------------


async def correct(talk: Talk, command: Command) -> None:
    """Correct a child's data at once, for a linked parent; with several children ask whose.

    Nobody else corrects anything here: pupils tell their class teacher, staff mend the roster.
    """
    profiles = await _profiles_of(talk.tx, talk.person_id)
    typed = "" if command.offered else command.argument
    told = corrections.read(typed)
    if not profiles:
        await talk.reply("correct-right")
    elif not told.values:
        await _explain(talk, told)
    elif len(profiles) == 1:
        await _at_once(talk, profiles[0], typed)
    else:
        # With the question: every offer would have to repeat it.
        await dialogues.open_dialogue(talk.tx, talk.mxid, {"topic": TOPIC, "typed": typed})
        await _ask_whose(talk, profiles)


async def go_on(talk: Talk, state: Mapping[str, Any], command: Command) -> None:
    """Go on once it is said whose data are to be corrected."""
    profiles = await _profiles_of(talk.tx, talk.person_id)
    chosen = [one for one in profiles if command.offered and one.child.id == command.argument]
    match command.name:
        case Name.CORRECT if chosen:
            await dialogues.close_dialogue(talk.tx, talk.mxid)
            await _at_once(talk, chosen[0], str(state["typed"]))
        case Name.CORRECT:
            await dialogues.close_dialogue(talk.tx, talk.mxid)
            await correct(talk, command)
        case Name.CANCEL:
            await dialogues.close_dialogue(talk.tx, talk.mxid)
            await talk.reply("correct-cancelled")
        case _:
            await _ask_whose(talk, profiles)


async def _profiles_of(tx: Tx, parent_id: str) -> Sequence[Profile]:
    """Return the children of a parent, each in the school that decides about its data."""
    found = []
    for child, _ in await kin.children(tx, parent_id):
        enrolled = await register.enrolled(tx, child.id)
        if enrolled:
            record, place = enrolled[0]
            found.append(Profile(child, record, place.class_name))
            continue
        for school_id in (await schools.of_pupil(tx, child.id))[:1]:
            left = await register.school(tx, school_id)
            found += [Profile(child, left, "")] if left is not None else []
    return found


async def _ask_whose(talk: Talk, profiles: Sequence[Profile]) -> None:
    found = [
        Found(one.child, class_name=one.class_name, label=one.child.full_name) for one in profiles
    ]
    await finding.choose(talk, found, commands.word(Name.CORRECT, talk.language))


async def _at_once(talk: Talk, profile: Profile, typed: str) -> None:
    """Correct without a question, unless the class teacher has been asked too often (E-RATE)."""
    window = talk.settings.attempts_window
    asked, first = await dialogues.attempts_since(
        talk.tx, talk.mxid, _ATTEMPT, talk.tx.now - window
    )
    if asked >= talk.settings.attempts:
        await talk.reply("e-rate", minutes=max(1, -(-(first + window - talk.tx.now) // _MINUTE)))
        return
    told = corrections.read(typed)
    lines = _not_understood(talk, told)
    wanted = {}
    for what, said in told.values.items():
        new = profile.value(talk, what, said)
        if new:
            wanted[what] = new
        else:
            lines.append(_refusal(talk, what, Verdict.INVALID))
    await _correct(talk, profile, talk.person_id, wanted, lines)


# --- carrying out ---------------------------------------------------------------------------


async def _correct(
    talk: Talk, profile: Profile, parent_id: str, wanted: Mapping[Field, str], lines: list[Text]
) -> None:
    """Judge each correction by what the profile says now; `lines` is what there is to say first."""
    links = await kin.links_of_child(talk.tx, profile.child.id)
    known = any((k.parent_id, k.state) == (parent_id, LinkState.ACTIVE) for k in links)
    now = await profile.values(talk.tx)
    done, requests = [], []
    for what, new in wanted.items():
        change = _Change(what, now[what], new)
        verdict = corrections.judge(what, change.old, new)
        if verdict is Verdict.REFUSE:
            lines.append(_refusal(talk, what, verdict))
            continue
        if verdict is Verdict.APPLY and not known:
            verdict = Verdict.ASK
        repeated = await _withdraw_earlier(talk.tx, profile, parent_id, change)
        unseen = not known and what not in IN_QUESTION
        key = "correct-done-check" if unseen else f"correct-done-{verdict}"
        if verdict is Verdict.APPLY:
            done.append(change)
        elif known and await _is_taken(talk.tx, profile.child.id, change, talk.contacts):
            key = "correct-taken"
        elif verdict is Verdict.ASK and not repeated:
            requests.append(change)
        lines.append(_line(talk, key, change))
    await _apply(talk, profile, done, parent_id, parent_id)
    # Once the rest is done, so that nobody is asked about somebody of yesterday's name.
    for change in requests:
        await _request(talk, profile, parent_id, change)
    await talk.answer(paragraphs([talk.text("correct-done-head"), bullets(lines)]))
    parents = [link.parent_id for link in links if link.state is LinkState.ACTIVE]
    await _tell(talk, profile.child, done, [id_ for id_ in parents if id_ != parent_id])


async def _withdraw_earlier(tx: Tx, profile: Profile, parent_id: str, change: _Change) -> bool:
    """Take this parent's earlier requests about a field back; true when one asks for the same."""
    repeated = False
    for case in await cases.about(tx, profile.child.id):
        mine = (case.kind, case.state, case.opened_by) == (
            cases.Kind.CORRECTION,
            cases.State.OPEN,
            parent_id,
        )
        if mine and case.content == _content(change):
            repeated = True
        elif mine and case.content["field"] == change.what:
            await cases.decide(tx, case, cases.State.WITHDRAWN, parent_id, "a newer correction")
    return repeated


def _content(change: _Change) -> dict[str, str]:
    return {"field": change.what.value, "old": change.old, "new": change.new}


async def _request(talk: Talk, profile: Profile, parent_id: str, change: _Change) -> None:
    """Put a correction to the class teacher, where nobody is to be reached to an administrator."""
    await dialogues.note_attempt(talk.tx, talk.mxid, _ATTEMPT)
    case = await cases.open_(
        talk.tx,
        profile.record.id,
        cases.Kind.CORRECTION,
        profile.child.id,
        parent_id,
        _content(change),
    )
    deciders = await _deciders(talk.tx, case)
    leaders = set(await _leaders(talk.tx, case))
    reachable = [
        id_ for id_ in deciders if id_ in leaders and await accounts.mxids_of(talk.tx, id_)
    ]
    await deciding.ask(talk, DECIDING, case, most=len(reachable) or _MOST_ASKED)


async def _is_taken(
    tx: Tx, child_id: str, change: _Change, own: Sequence[tuple[str, str]] = ()
) -> bool:
    """Tell whether a contact is somebody else's; `own` are those of the parent who asks.

    A parent will need their own for themselves, so no child is registered with it (E-CONTACT).
    """
    if change.what not in CONTACTS:
        return False
    owners = await accounts.owners_of_contact(tx, change.what.value, change.new)
    return bool(set(owners) - {child_id}) or (change.what.value, change.new) in own


async def _apply(
    talk: Talk, profile: Profile, changes: Sequence[_Change], corrector: str, actor: str
) -> None:
    """Write corrections into the profile; the names shown in chats follow, namesakes' too."""
    tx, school_id = talk.tx, profile.record.id
    if not changes:
        return
    before = await _shown(tx, profile.record)
    for change in changes:
        await stored.make(
            tx, profile.child, change.what, change.new, corrector, actor, school=school_id
        )
    if NAMES & {change.what for change in changes}:
        for person_id, name in (await _shown(tx, profile.record)).items():
            if name != before[person_id]:
                await talk.rename(person_id, name)


async def _shown(tx: Tx, record: SchoolRecord) -> Mapping[str, str]:
    return naming.shown(await schools.load(tx, record.id), record.day(tx.now))


async def _tell(
    talk: Talk, child: Person, changes: Sequence[_Change], parents: Sequence[str]
) -> None:
    """Tell the child and parents what was corrected, each in the own language."""
    now = await accounts.person(talk.tx, child.id)
    if not changes or now is None:
        return
    for person_id in [child.id, *parents]:
        language = await talk.language_of(person_id)
        key = "correct-news-child" if person_id == child.id else "correct-news-parent"
        head = talk.texts.text(language, key, child=now.full_name)
        lines = [_line_in(talk, language, "correct-news-line", change) for change in changes]
        await talk.tell_person(person_id, paragraphs([head, bullets(lines)]))


# --- what is said ---------------------------------------------------------------------------


async def _explain(talk: Talk, told: corrections.Typed) -> None:
    """Say what can be corrected, with an example to copy."""
    unknown = [talk.text("correct-unknown")] if told.unknown else []
    await talk.answer(paragraphs([*unknown, talk.text("correct-how")]))


def _not_understood(talk: Talk, told: corrections.Typed) -> list[Text]:
    return [talk.text("correct-unknown-part", said=said) for said in told.unknown]


def _refusal(talk: Talk, what: Field, verdict: Verdict) -> Text:
    """Return why a field cannot be corrected so, and what can be done."""
    if verdict is Verdict.REFUSE:
        return talk.text("correct-refuse-class" if what is Field.CLASS else "correct-refuse-school")
    kinds = {Field.BIRTH_DATE: "date", Field.EMAIL: "email", Field.PHONE: "phone"}
    kind = "name" if what in NAMES else kinds.get(what, "empty")
    return talk.text(f"correct-bad-{kind}", what=_label(talk, talk.language, what))


def _line(talk: Talk, key: str, change: _Change) -> Text:
    return _line_in(talk, talk.language, key, change)


def _line_in(talk: Talk, language: str, key: str, change: _Change) -> Text:
    return talk.texts.text(language, key, **_told(talk, language, change))


def _told(talk: Talk, language: str, change: _Change) -> dict[str, str]:
    """Return what texts say of a change."""
    old, new = (corrections.written(change.what, each) for each in (change.old, change.new))
    return {"what": _label(talk, language, change.what), "old": old or "—", "new": new}


def _label(talk: Talk, language: str, what: Field) -> str:
    return talk.texts.text(language, f"correct-field-{what.value.replace('_', '-')}").body


# --- the class teacher's decision -----------------------------------------------------------


async def _profile(tx: Tx, case: Case) -> Profile:
    child = await accounts.person(tx, case.subject_id)
    record = await register.school(tx, case.school_id)
    if child is None or record is None:
        raise LookupError("a correction of nobody's data")
    here = [place for at, place in await register.enrolled(tx, child.id) if at.id == record.id]
    return Profile(child, record, here[0].class_name if here else "")


def _change(case: Case) -> _Change:
    said = case.content
    return _Change(Field(said["field"]), str(said["old"]), str(said["new"]))


async def _leaders(tx: Tx, case: Case) -> Sequence[str]:
    """Return who leads the child's class, in the school of the case alone (I-8)."""
    record = await register.school(tx, case.school_id)
    if record is None:
        return ()
    return await kin.class_teachers(
        tx, case.subject_id, record.day(tx.now), school_id=case.school_id
    )


async def _deciders(tx: Tx, case: Case) -> Sequence[str]:
    """Class teachers, then administrators; no parent decides about their own child's data."""
    record = await register.school(tx, case.school_id)
    administrators = await register.administrators(tx, record) if record is not None else ()
    family = {link.parent_id for link in await kin.links_of_child(tx, case.subject_id)}
    family |= await kin.guardians(tx, case.subject_id)
    family |= {case.opened_by, case.subject_id}
    asked = dict.fromkeys([*await _leaders(tx, case), *administrators])
    return [person_id for person_id in asked if person_id not in family]


async def _question(talk: Talk, language: str, case: Case) -> Text:
    profile = await _profile(talk.tx, case)
    parent = await accounts.person(talk.tx, case.opened_by)
    shown = await _shown(talk.tx, profile.record)
    return talk.texts.text(
        language,
        "correction-ask",
        **_told(talk, language, _change(case)),
        **{"class": profile.class_name or "—"},
        child=shown.get(profile.child.id, profile.child.full_name),
        parent=parent.full_name if parent else "—",
        **deciding.words(language, case),
    )


async def _approve(talk: Talk, case: Case) -> None:
    """Correct the profile, if it still says what it said when the parent asked."""
    tx, change = talk.tx, _change(case)
    profile = await _profile(tx, case)
    now = (await profile.values(tx))[change.what]
    if now not in {change.old, change.new}:
        moved = _Change(change.what, change.old, now)
        await talk.answer(_line(talk, "correction-moved", moved))
        return
    if await _is_taken(tx, profile.child.id, change):
        await talk.reply("correction-taken")
        return
    if not await cases.decide(tx, case, cases.State.APPROVED, talk.person_id):
        await talk.reply("approve-gone")
        return
    if now != change.new:
        await _apply(talk, profile, [change], case.opened_by, talk.person_id)
    await talk.answer(_line(talk, "correction-done", change))
    await _answer_parent(talk, case, "correction-approved")
    links = await kin.links_of_child(tx, profile.child.id)
    parents = [link.parent_id for link in links if link.state is LinkState.ACTIVE]
    await _tell(talk, profile.child, [change], [id_ for id_ in parents if id_ != case.opened_by])


async def _reject(talk: Talk, case: Case, reason: str) -> None:
    if not await cases.decide(talk.tx, case, cases.State.REJECTED, talk.person_id, reason):
        await talk.reply("approve-gone")
        return
    await talk.reply("correction-reject-done")
    await _answer_parent(talk, case, "correction-rejected", reason)


async def _answer_parent(talk: Talk, case: Case, key: str, reason: str = "") -> None:
    """Tell whoever asked; not the old value, which they may never have been shown."""
    language = await talk.language_of(case.opened_by)
    told = _told(talk, language, _change(case))
    parts = [talk.texts.text(language, key, what=told["what"], new=told["new"])]
    if reason:
        parts.append(talk.texts.text(language, "correction-reason", reason=reason))
    await talk.tell_person(case.opened_by, paragraphs(parts))


DECIDING = Deciding(_deciders, _question, _approve, _reject)
