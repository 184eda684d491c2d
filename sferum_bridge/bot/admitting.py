"""Deciding about an application: approve it, turn it into another role, or reject it (S-60).

Class teachers decide about pupils and parents of their own class, administrators about everybody of
their school; nobody about themselves (S-57). An approval has its whole effect in one transaction or
none. It makes nobody a parent: it issues an invite for this very person, who is asked at once and
still confirms on their own (S-38).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import commands, confirming, deciding, finding, register
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.deciding import Deciding
from sferum_bridge.bot.finding import Found
from sferum_bridge.bot.reach import Action
from sferum_bridge.bot.texts import bullets, paragraphs
from sferum_bridge.matrix.outbox import Offer
from sferum_bridge.school import access, applications, naming
from sferum_bridge.school.access import Role
from sferum_bridge.school.applications import OF_A_CLASS, AskedRole, Like
from sferum_bridge.school.kinship import Answer
from sferum_bridge.school.people import Post
from sferum_bridge.store import accounts, cases, invites, joining, kin, schools

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.bot.texts import Text, Texts
    from sferum_bridge.school.access import Reason
    from sferum_bridge.school.applications import Application, Likeness
    from sferum_bridge.school.kinship import Invite
    from sferum_bridge.school.people import Person, School
    from sferum_bridge.store.cases import Case
    from sferum_bridge.store.database import Tx
    from sferum_bridge.store.schools import SchoolRecord


@dataclass(frozen=True, slots=True)
class _View:
    """An application as its decider sees it, beside the school of today."""

    case: Case
    role: AskedRole
    """What they are to be: what they asked for, or what it is turned into."""
    application: Application
    record: SchoolRecord
    here: School
    day: date
    today: Mapping[str, Sequence[Reason]]
    applicant: Person | None
    """The person behind the account, `None` while nobody here knows it."""
    with_account: frozenset[str]
    like: Likeness

    @property
    def account(self) -> str:
        return str(self.case.content["account"])

    @property
    def language(self) -> str:
        """What the applicant applied in."""
        return str(self.case.content["language"])

    def administers(self, person_id: str) -> bool:
        return any(reason.role is Role.ADMINISTRATOR for reason in self.today.get(person_id, ()))

    def led_by(self, person_id: str) -> frozenset[str]:
        """Return the ids of the classes somebody leads."""
        why = self.today.get(person_id, ())
        return frozenset(reason.class_id for reason in why if reason.role is Role.CLASS_TEACHER)


class _Stopped(Exception):
    """It cannot be done as asked, and what was written for it is taken back; `key` is the text."""

    def __init__(self, key: str, **values: Any) -> None:
        super().__init__(key)
        self.key = key
        self.values = values


async def open_case(talk: Talk, school_id: str, application: Application) -> Case:
    """Open the case of an application to a school."""
    record, here, with_account = await _roster(talk.tx, school_id)
    like = applications.likeness(application, here, record.day(talk.tx.now), with_account)
    content = {
        **asdict(application),
        "account": talk.mxid,
        "language": talk.language,
        # Offers are made without a look at the roster.
        "like": like.like.value,
    }
    kind = cases.Kind.APPLICATION
    return await cases.open_(talk.tx, school_id, kind, talk.person_id, talk.actor, content)


async def _roster(tx: Tx, school_id: str) -> tuple[SchoolRecord, School, frozenset[str]]:
    """Return a school, its people and ties, and the ids of those of them who have an account."""
    record = await register.school(tx, school_id)
    if record is None:
        raise LookupError("there is no such school")
    here = await schools.load(tx, school_id)
    without = {person.id for person in await accounts.without_account(tx, school_id)}
    return record, here, frozenset(here.people.keys() - without)


async def _view(tx: Tx, case: Case, role: AskedRole | None = None) -> _View:
    """Look at an application, `role` being what it is to be turned into."""
    asked = applications.restored(case.content)
    application = replace(asked, role=role or asked.role)
    if application.role is None:
        raise LookupError("an application without a role")
    record, here, with_account = await _roster(tx, case.school_id)
    day = record.day(tx.now)
    return _View(
        case,
        application.role,
        application,
        record,
        here,
        day,
        access.reasons(here, day),
        await accounts.person_of(tx, str(case.content["account"])),
        with_account,
        applications.likeness(application, here, day, with_account),
    )


# --- the question ---------------------------------------------------------------------------


async def _deciders(tx: Tx, case: Case) -> Sequence[str]:
    # Asked for every case that waits, of whoever lists them: nobody's data are read for it.
    asked = applications.restored(case.content)
    record = await register.school(tx, case.school_id)
    if record is None:
        raise LookupError("there is no such school")
    day = record.day(tx.now)
    here = await schools.load_classes(tx, record.id)
    typed = asked.class_name if asked.role in OF_A_CLASS else ""
    named = applications.class_named(here, day, typed)
    leaders = [
        lead.person_id
        for lead in here.leaderships
        if named and lead.class_id == named.id and lead.term.covers(day)
    ]
    applicant = await accounts.person_of(tx, str(case.content["account"]))
    own = {case.opened_by, applicant.id if applicant else ""}
    administrators = await register.administrators(tx, record)
    return [id_ for id_ in dict.fromkeys([*leaders, *administrators]) if id_ not in own]


async def _question(talk: Talk, language: str, case: Case) -> Text:
    view = await _view(talk.tx, case)
    like = view.like

    def text(key: str, **values: Any) -> Text:
        return talk.texts.text(language, key, **values)

    whom = like.people if like.like in {Like.IN_CLASS, Like.ELSEWHERE, Like.STAFF} else ()
    who = ", ".join(_label(found) for found in _found(view, whom or like.children))
    parts = [
        text("application-ask", account=view.account),
        bullets(lines(talk.texts, language, view.application)),
        text(f"like-{like.like.value}", who=who) if who else text("like-nobody"),
    ]
    if like.taken:
        parts.append(text("like-taken"))
    if view.applicant is not None and view.applicant.id in view.here.people:
        parts.append(text("application-known", name=view.applicant.full_name))
    if like_a_parent := _more(language, case):
        parts.append(text("application-recast", recast=like_a_parent[0].command))
    parts.append(text("application-how", **deciding.words(language, case)))
    return paragraphs(parts)


def lines(texts: Texts, language: str, application: Application) -> Sequence[Text]:
    """Return what an application says, a line each, as it was typed."""
    said = {
        "school": application.school,
        "class": application.class_name,
        "child": application.child,
        "name": application.name,
    }
    role = applications.word(application.role, language) if application.role else ""
    return [
        texts.text(language, f"application-{key}", value=value)
        for key, value in {"role": role, **said}.items()
        if value
    ]


def _label(found: Found) -> str:
    return f"{found.label} ({found.class_name})" if found.class_name else found.label


def _found(view: _View, ids: Sequence[str]) -> Sequence[Found]:
    """Return people of the roster with the names and classes that tell them apart."""
    here = view.here
    class_of = {e.person_id: e.class_id for e in here.enrolments}
    class_of |= {e.person_id: e.class_id for e in here.enrolments if e.term.covers(view.day)}
    labels = naming.labels(here.people[id_] for id_ in {*class_of, *ids})
    return [
        Found(here.people[id_], at, here.classes[at].name if at else "", labels[id_])
        for id_ in ids
        for at in [class_of.get(id_, "")]
    ]


def _more(language: str, case: Case) -> Sequence[Offer]:
    if case.content["like"] != Like.PARENT:
        return ()
    return (Offer("🔁", _recast(language, case, AskedRole.PARENT)),)


def _recast(language: str, case: Case, role: AskedRole) -> str:
    """Return the command that turns an application into one for `role`."""
    said = commands.word(Name.RECAST, language)
    return f"{said} {case.id} {applications.word(role, language)}"


# --- the decision ---------------------------------------------------------------------------


async def _approve(talk: Talk, case: Case) -> None:
    view = await _view(talk.tx, case)
    if view.like.like is Like.PARENT:
        # A slip of the finger would put a parent among the pupils.
        as_pupil = _recast(talk.language, case, AskedRole.PUPIL)
        text = talk.text("application-really-a-pupil", recast=as_pupil)
        await talk.answer(text, _more(talk.language, case))
        return
    await _carry_out(talk, view, "")


async def _reject(talk: Talk, case: Case, reason: str) -> None:
    view = await _view(talk.tx, case)
    if not await cases.decide(talk.tx, case, cases.State.REJECTED, talk.person_id, reason):
        await talk.reply("approve-gone")
        return
    key = "e-role" if view.like.like is Like.PARENT else "application-rejected"
    texts = [talk.texts.text(view.language, key)]
    if reason:
        texts.append(talk.texts.text(view.language, "application-reason", reason=reason))
    await talk.tell(view.account, paragraphs(texts))
    await talk.reply("application-reject-done")


async def recast(talk: Talk, command: Command) -> None:
    """Turn an application into another role, and approve it in the same act (scenario 20).

    Behind the case's id and the role may stand who is meant: the child of a parent, or the person
    of the roster; a name or an id.
    """
    first, _, rest = command.argument.strip().partition(" ")
    said, _, who = rest.strip().partition(" ")
    case = await cases.by_id(talk.tx, first)
    if case is None or case.kind is not cases.Kind.APPLICATION:
        await talk.reply("approve-gone")
        return
    role = applications.read_role(said)
    if talk.person_id not in await _deciders(talk.tx, case):
        await talk.reply("e-right", action=Action.APPROVE)
    elif case.state is not cases.State.OPEN:
        await talk.reply("approve-gone")
    elif role is None:
        example = _recast(talk.language, case, AskedRole.PARENT)
        await talk.reply("application-which-role", example=example)
    else:
        await _carry_out(talk, await _view(talk.tx, case, role), who.strip())


async def _carry_out(talk: Talk, view: _View, said: str) -> None:
    try:
        async with talk.tx.attempt():
            found = await _meant(talk, view, said)
            if len(found) > 1 or (said and not found):
                await finding.choose(talk, found, _recast(talk.language, view.case, view.role))
            elif view.role is AskedRole.PARENT:
                await _as_parent(talk, view, found)
            else:
                await _admit(talk, view, found)
    except _Stopped as e:
        await talk.reply(e.key, **e.values)


async def _meant(talk: Talk, view: _View, said: str) -> Sequence[Found]:
    """Return whom of the roster the decider means: who was named, else who is like the applicant.

    Of a parent: which child.
    """
    like = view.like.children if view.role is AskedRole.PARENT else view.like.people
    if not said:
        return _found(view, like)
    if said in like:
        return _found(view, [said])
    if view.role in OF_A_CLASS:
        everywhere = view.administers(talk.person_id)
        class_ids = None if everywhere else view.led_by(talk.person_id)
        return await finding.pupils(talk.tx, view.record, said, class_ids=class_ids)
    return await finding.staff(talk.tx, view.record, said)


def _right(view: _View, person_id: str, class_id: str = "") -> str:
    """Return the group by whose right somebody decides about a class; without one, of the school.

    Raises `_Stopped` for who may not.
    """
    if view.administers(person_id):
        return access.group(Role.ADMINISTRATOR, view.here.id)
    if class_id and class_id in view.led_by(person_id):
        return access.group(Role.CLASS_TEACHER, class_id)
    raise _Stopped("application-administrator")


async def _close(talk: Talk, view: _View) -> None:
    asked = view.case.content["role"]
    reason = "" if asked == view.role else f"as {view.role.value} instead of {asked}"
    if not await cases.decide(talk.tx, view.case, cases.State.APPROVED, talk.person_id, reason):
        raise _Stopped("approve-gone")


async def _admit(talk: Talk, view: _View, found: Sequence[Found]) -> None:
    """Let a pupil, a teacher or another member of staff in."""
    if found:
        [one] = found
        _right(view, talk.person_id, one.class_id if view.role is AskedRole.PUPIL else "")
        if view.applicant is not None and one.person.id == view.applicant.id:
            raise _Stopped("application-nothing-new")
        if one.person.id in view.with_account:
            raise _Stopped("application-taken", name=one.label)
        await _close(talk, view)
        if not await joining.tie(talk.tx, view.case, view.account, one.person.id, talk.person_id):
            raise _Stopped("application-two-people", name=one.label)
        person_id = one.person.id
    else:
        _right(view, talk.person_id)
        await _close(talk, view)
        person_id = await _own_person(talk, view)
        await _give_role(talk, view, person_id)
    await _tell_everybody(talk, view, person_id)


async def _own_person(talk: Talk, view: _View) -> str:
    """Return the id of the person the applicant is, made of what was typed if need be."""
    tx = talk.tx
    if view.applicant is not None and not await joining.is_nothing(tx, view.applicant.id):
        return view.applicant.id
    person_id = await accounts.add_person(tx, *applications.names(view.application.name))
    await joining.tie(tx, view.case, view.account, person_id, talk.person_id)
    return person_id


async def _give_role(talk: Talk, view: _View, person_id: str) -> None:
    """Write into the school what no roster says."""
    tx, here, day = talk.tx, view.here, view.day
    if view.role is AskedRole.PUPIL:
        at = applications.class_named(here, day, view.application.class_name)
        if at is None:
            raise _Stopped("application-no-class")
        if any((e.person_id, e.class_id) == (person_id, at.id) for e in here.enrolments):
            raise _Stopped("application-nothing-new")
        await joining.enrol(tx, view.case, person_id, at.id, day, talk.person_id)
    else:
        post = Post(view.role.value)
        held = [a for a in here.appointments if (a.person_id, a.post) == (person_id, post)]
        if any(a.term.covers(day) for a in held):
            raise _Stopped("application-nothing-new")
        await joining.appoint(tx, view.case, person_id, post, day, talk.person_id)


async def _tell_everybody(talk: Talk, view: _View, person_id: str) -> None:
    tx = talk.tx
    person = await _person(tx, person_id)
    names: dict[str, Any] = {"name": person.full_name}
    await talk.rename(person_id, person.full_name)
    key = "application-approved-pupil" if view.role is AskedRole.PUPIL else "application-approved"
    await talk.tell(view.account, talk.texts.text(view.language, key, **names))
    if view.role is AskedRole.PUPIL:
        told = await register.class_teachers(tx, person_id)
        told = [*told, *(parent.id for parent, _ in await kin.parents(tx, person_id))]
    else:
        told = [id_ for id_ in view.today if view.administers(id_)]
    others = [id_ for id_ in dict.fromkeys(told) if id_ not in {talk.person_id, person_id}]
    await talk.inform(others, "application-news", account=view.account, **names)
    await talk.reply("application-done", **names)


# --- a parent -------------------------------------------------------------------------------

_REFUSED = {
    Answer.FULL: "application-full",
    Answer.ALREADY: "application-nothing-new",
    Answer.PUPIL: "application-pupil",
    Answer.SELF: "application-pupil",
}


async def _as_parent(talk: Talk, view: _View, found: Sequence[Found]) -> None:
    """Have the applicant asked about a child: an invite for them alone, by the decider's right."""
    if not found:
        example = _recast(talk.language, view.case, AskedRole.PARENT)
        raise _Stopped("application-which-child", example=example)
    [child] = found
    child_id = child.person.id
    issued_as = _right(view, talk.person_id, child.class_id)
    family = {link.parent_id for link in await kin.links_of_child(talk.tx, child_id)}
    family |= {e.parent_id for e in view.here.expected_parents if e.child_id == child_id}
    if talk.person_id in family:
        # No parent decides who the other one is (S-57).
        raise _Stopped("e-right", action=Action.APPROVE)
    guardian_id = _guardian(view, child_id)
    await _close(talk, view)
    parent = await _parent(talk, view, guardian_id)
    invite = await _invite(talk, view, child_id, issued_as, parent)
    await talk.tell(view.account, talk.texts.text(view.language, "application-approved-parent"))
    refused = await confirming.put_to(talk, view.account, parent, view.language, invite)
    if refused is not None:
        raise _Stopped(_REFUSED[refused])
    await talk.inform([child_id], "application-news-child")
    await talk.reply("application-done-parent", child=child.label, name=parent.full_name)


def _guardian(view: _View, child_id: str) -> str:
    """Return the id of the guardian the roster names whom the applicant is, empty for nobody.

    Whom the roster denies access is asked nothing, whoever approves it.
    """
    own = view.applicant.id if view.applicant else ""
    of_child = [e for e in view.here.expected_parents if e.child_id == child_id]
    named = applications.expected(view.application.name, view.here, child_id)
    named = [*named, *(e for e in of_child if e.parent_id == own)]
    if any(not e.access for e in named):
        raise _Stopped("application-denied")
    alike = {e.parent_id for e in named}
    free = {own} if own in alike else alike - view.with_account
    if alike and not free:
        taken = view.here.people[min(alike)]
        raise _Stopped("application-taken", name=taken.full_name)
    return free.pop() if len(free) == 1 else ""


async def _parent(talk: Talk, view: _View, guardian_id: str) -> Person:
    """Return who the applicant is: the roster's guardian where they can be, else of their own."""
    tx, case = talk.tx, view.case
    is_guardian = guardian_id and await joining.tie(
        tx, case, view.account, guardian_id, talk.person_id
    )
    person_id = guardian_id if is_guardian else await _own_person(talk, view)
    return await _person(tx, person_id)


async def _invite(talk: Talk, view: _View, child_id: str, issued_as: str, parent: Person) -> Invite:
    code = await invites.issue(
        talk.tx,
        child_id,
        view.record.id,
        talk.person_id,
        f"{talk.event_id}/{view.case.id}",
        talk.settings.invite_life,
        issued_as=issued_as,
        for_person=parent.id,
    )
    invite = await invites.find(talk.tx, code.replace("-", ""))
    if invite is None:
        raise LookupError("an invite just issued is not there")
    return invite


async def _person(tx: Tx, person_id: str) -> Person:
    person = await accounts.person(tx, person_id)
    if person is None:
        raise LookupError("there is no such person")
    return person


DECIDING = Deciding(_deciders, _question, _approve, _reject, _more)
