"""Reading an order: whom, what and from when somebody means by what they typed (§2.2).

`уволить Петрова Анна по 31.12.2026` names a person, and a day; names that fit several people are
chosen from a list, where each has a reaction of its own, and what was said otherwise is kept in it.
Nothing is decided here: `staffing` shows the order and asks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import finding
from sferum_bridge.bot.commands import Name
from sferum_bridge.roster.columns import Kind
from sferum_bridge.roster.values import CellError, parse
from sferum_bridge.school import access, applications, classes
from sferum_bridge.school.people import Post
from sferum_bridge.school.staffing import Act, Order
from sferum_bridge.store import accounts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.school.people import School, SchoolClass
    from sferum_bridge.store.schools import SchoolRecord

_SINCE = frozenset({"с", "со", "from", "since"})
_UNTIL = frozenset({"по", "до", "until", "till"})
_LOOKS_LIKE_A_DAY = re.compile(r"\d{1,2}\.\d{1,2}(?:\.\d+)?|\d{4}-\d{1,2}-\d{1,2}")
_DAY_IN_WORDS = re.compile(
    r"\d (?:января|февраля|марта|апреля|мая|июня|июля|августа|сентября|октября|ноября|декабря)\b"
    r"|\d (?:january|february|march|april|may|june|july|august|september|october|november)\b"
    r"|\d december\b"
)
_YEAR_WORDS = frozenset({"г", "года"})
_INTO = frozenset({"в", "во", "to", "into"})
_OUT = re.compile(r"(.*?)\s*(?:из школы|out of (?:the )?school)", re.IGNORECASE)
_GIVER = frozenset({"от", "from"})
_CLASS_TEACHER = re.compile(r"классн\w+ руковод\w+|class teacher")
_POSTS = {
    **dict.fromkeys(("администратор", "администратором", "administrator"), Post.ADMINISTRATOR),
    **dict.fromkeys(("учитель", "учителем", "учительница", "педагог", "teacher"), Post.TEACHER),
    **dict.fromkeys(("преподаватель", "преподавателем", "преподавательница"), Post.TEACHER),
    **dict.fromkeys(("сотрудник", "сотрудником", "сотрудница", "staff"), Post.STAFF),
}
_ACCOUNT = re.compile(r"@[^\s:]+:\S+")
_FEWEST_NAMES = 2


class Unclear(Exception):
    """What was said cannot be made an order of; `key` is the text that says why."""

    def __init__(self, key: str, **values: Any) -> None:
        super().__init__(key)
        self.key = key
        self.values = values


@dataclass(frozen=True, slots=True)
class Place:
    """The school an order is for, as it is today."""

    record: SchoolRecord
    here: School
    today: date


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody an order names."""

    person_id: str
    """Of an account that is nobody at this school yet: the account."""
    label: str
    account: str = ""
    name: str = ""
    """What somebody new is called, the family name first."""


@dataclass(frozen=True, slots=True)
class Read:
    """An order as it was said, and the people it names."""

    order: Order
    people: Sequence[Who]


@dataclass(frozen=True, slots=True)
class _Said:
    """What was said behind a command: words without the dates, and the dates."""

    place: Place
    word: str
    """The command that a reaction has to give to mean it again, with the school's id."""
    words: Sequence[str]
    since: date | None
    until: date | None

    @property
    def dates(self) -> str:
        """Return the dates as they are said behind a command."""
        since = f"from {self.since}" if self.since else ""
        until = f"until {self.until}" if self.until else ""
        return f"{since} {until}".strip()


async def read(
    talk: Talk, name: Name, place: Place, word: str, words: Sequence[str]
) -> Read | None:
    """Return the order that `words` behind the command `name` mean.

    `None` when the person has been asked which of several people they mean; `word` is the command
    that their choice gives. Raises `Unclear`.
    """
    left, since, until = _dates(words)
    if not left:
        raise Unclear(f"staffing-how-{name.value}")
    return await _READERS[name](talk, _Said(place, word, left, since, until))


# --- the four commands ----------------------------------------------------------------------


async def _appoint(talk: Talk, said: _Said) -> Read | None:
    post, led, words = _role_in(said)
    if post is None and led is None:
        raise Unclear("staffing-how-appoint")
    who = await _who(talk, said, words, _role(post, led, said), newcomers=True)
    if who is None:
        return None
    since = said.since or said.place.today
    if led is not None:
        return Read(Order(Act.LEAD, who.person_id, since, said.until, class_id=led.id), [who])
    return Read(Order(Act.APPOINT, who.person_id, since, said.until, post), [who])


async def _dismiss(talk: Talk, said: _Said) -> Read | None:
    # «уволить с 1 января» leaves open whether the first works still: it is asked for anew.
    if said.since is not None:
        raise Unclear("staffing-how-dismiss")
    post, led, words = _role_in(said)
    who = await _who(talk, said, words, _role(post, led, said), staff=True)
    if who is None:
        return None
    last_day, class_id = said.until or said.place.today, led.id if led else ""
    return Read(Order(Act.DISMISS, who.person_id, last_day, None, post, class_id), [who])


async def _hand_over(talk: Talk, said: _Said) -> Read | None:
    if said.until is not None:
        raise Unclear("staffing-how-hand-over")
    place, day = said.place, said.since or said.place.today
    class_, words = _class_in(place, said.words)
    folded = [classes.key(one) for one in words]
    split = next((i for i, one in enumerate(folded) if one in _GIVER), len(words))
    taker, giver = words[:split], words[split + 1 :]
    if taker and classes.key(taker[0]) in _INTO:
        del taker[0]
    given_by = f"from {' '.join(giver)}" if giver else ""
    rest = f"{class_.name} {given_by} {said.dates}"
    new = await _who(talk, said, taker, rest, newcomers=True)
    if new is None:
        return None
    old: Who | None
    if giver:
        again = replace(said, word=f"{said.word} {class_.name} {' '.join(taker)} from")
        old = await _who(talk, again, giver, said.dates)
        if old is None:
            return None
    else:
        old = _only_leader(place, class_, day, new)
    if old is None:
        return Read(Order(Act.LEAD, new.person_id, day, class_id=class_.id), [new])
    order = Order(Act.HAND_OVER, new.person_id, day, class_id=class_.id, from_id=old.person_id)
    return Read(order, [new, old])


def _only_leader(place: Place, class_: SchoolClass, day: date, new: Who) -> Who | None:
    """Return who hands a class over when nobody was named; `None` when nobody leads it."""
    ids = {
        tie.person_id
        for tie in place.here.leaderships
        if tie.class_id == class_.id and (tie.term.until is None or tie.term.until >= day)
    }
    ids -= {new.person_id} if len(ids) > 1 else set()
    if len(ids) > 1:
        names = ", ".join(sorted(place.here.people[id_].full_name for id_ in ids))
        raise Unclear("staffing-from-whom", names=names)
    return next((Who(id_, place.here.people[id_].full_name) for id_ in ids), None)


async def _transfer(talk: Talk, said: _Said) -> Read | None:
    if said.until is not None:
        raise Unclear("staffing-how-transfer")
    place, day = said.place, said.since or said.place.today
    out = _OUT.fullmatch(" ".join(said.words))
    into = [i for i, one in enumerate(said.words) if classes.key(one) in _INTO]
    if out is not None:
        words, class_id, rest = out[1].split(), "", "out of school"
    elif into:
        words = list(said.words[: into[-1]])
        named = " ".join(said.words[into[-1] + 1 :])
        class_ = applications.class_named(place.here, place.today, named)
        if class_ is None:
            raise Unclear("staffing-no-class")
        class_id, rest = class_.id, f"to {class_.name}"
    else:
        raise Unclear("staffing-how-transfer")
    if not words:
        raise Unclear("staffing-how-transfer")
    found = await finding.pupils_ever(talk.tx, place.record, " ".join(words))
    if len(found) != 1:
        await finding.choose(talk, found, said.word, f"{rest} {said.dates}".strip())
        return None
    who = Who(found[0].person.id, found[0].label)
    return Read(Order(Act.TRANSFER, who.person_id, day, class_id=class_id), [who])


_READERS: Mapping[Name, Callable[[Talk, _Said], Awaitable[Read | None]]] = {
    Name.APPOINT: _appoint,
    Name.DISMISS: _dismiss,
    Name.HAND_OVER: _hand_over,
    Name.TRANSFER: _transfer,
}


# --- days, roles, classes, people -----------------------------------------------------------


def _dates(words: Sequence[str]) -> tuple[list[str], date | None, date | None]:
    """Take the dates out of what was said: first and last day, each if it was said."""
    if _DAY_IN_WORDS.search(classes.key(" ".join(words))):
        raise Unclear("staffing-date")
    left: list[str] = []
    since = until = None
    for word in words:
        if not _LOOKS_LIKE_A_DAY.fullmatch(word.strip(".,;")):
            # «31.12.2026 г.»
            if not (since or until) or classes.key(word).strip(".") not in _YEAR_WORDS:
                left.append(word)
            continue
        before = classes.key(left.pop()) if left else ""
        try:
            day = parse(Kind.DATE, word.strip(".,;"))
        except CellError:
            raise Unclear("staffing-date") from None
        if before in _SINCE and isinstance(day, date):
            since = day
        elif before in _UNTIL and isinstance(day, date):
            until = day
        else:
            # Whether it is the first or the last day nobody should guess.
            raise Unclear("staffing-date")
    return left, since, until


def _role_in(said: _Said) -> tuple[Post | None, SchoolClass | None, list[str]]:
    """Take a post, or class teacher and the class, out of the words; the rest is a name."""
    words = list(said.words)
    pairs = [classes.key(" ".join(words[i : i + 2])) for i in range(len(words) - 1)]
    at = next((i for i, pair in enumerate(pairs) if _CLASS_TEACHER.fullmatch(pair)), None)
    if at is not None:
        led, rest = _class_in(said.place, words[:at] + words[at + 2 :])
        return None, led, rest
    posts = [i for i, one in enumerate(words) if classes.key(one) in _POSTS]
    post = _POSTS[classes.key(words.pop(posts[-1]))] if posts else None
    return post, None, words


def _role(post: Post | None, led: SchoolClass | None, said: _Said) -> str:
    """Return role and dates as they are said behind a command."""
    role = f"class teacher {led.name}" if led else post.value if post else ""
    return f"{role} {said.dates}"


def _class_in(place: Place, words: Sequence[str]) -> tuple[SchoolClass, list[str]]:
    """Take the class out of the words: «7Б», «7 Б», «7Б класс»."""
    for count in (2, 1):
        for i in range(len(words) - count + 1):
            named = " ".join(words[i : i + count])
            found = applications.class_named(place.here, place.today, named)
            if found is not None:
                return found, [*words[:i], *words[i + count :]]
    raise Unclear("staffing-no-class")


async def _who(
    talk: Talk,
    said: _Said,
    words: Sequence[str],
    rest: str,
    *,
    staff: bool = False,
    newcomers: bool = False,
) -> Who | None:
    """Return whom the words mean; `None` when the person has been asked or told.

    `staff`: who works here is meant before anybody else of that name; `newcomers`: an account that
    is nobody's at the school will do, with a name.
    """
    place = said.place
    if not words:
        raise Unclear("find-nobody")
    if words[0].startswith("@"):
        name = " ".join(words[1:])
        return await _account(talk, place, words[0], name, newcomers=newcomers)
    text = " ".join(words)
    found = await finding.staff(talk.tx, place.record, text) if staff else ()
    found = found or await finding.everybody(talk.tx, place.record, text)
    if len(found) == 1:
        return Who(found[0].person.id, found[0].label)
    shown = [
        one if one.class_name else replace(one, class_name=_known_as(talk, place, one.person.id))
        for one in found
    ]
    await finding.choose(talk, shown, said.word, " ".join(rest.split()))
    return None


async def _account(talk: Talk, place: Place, account: str, name: str, *, newcomers: bool) -> Who:
    """Return whose account it is; who is not of this school has to be named.

    Whether another school knows the account makes no difference to the answer (I-8).
    """
    settings = talk.settings
    ghosts = settings.ghost_prefix
    ours = account == settings.bot_mxid or (ghosts and account.startswith(ghosts))
    if ours or not _ACCOUNT.fullmatch(account):
        raise Unclear("staffing-account")
    person = await accounts.person_of(talk.tx, account)
    if person is not None and person.id in place.here.people:
        return Who(person.id, person.full_name)
    if not newcomers:
        raise Unclear("find-nobody")
    name = classes.clean(name)[: applications.LONGEST]
    if len(name.split()) < _FEWEST_NAMES or any(char.isdigit() for char in name):
        raise Unclear("staffing-name", account=account)
    family, given, _ = applications.names(name)
    return Who(account, f"{given} {family} ({account})", account, name)


def _known_as(talk: Talk, place: Place, person_id: str) -> str:
    """Return what somebody is here today, to tell them from a namesake."""
    why = access.reasons(place.here, place.today).get(person_id, ())
    ties = {
        talk.text(
            f"staffing-as-{reason.role.value}",
            **{"class": place.here.classes[reason.class_id].name if reason.class_id else ""},
        ).body
        for reason in why
        if not reason.acting
    }
    return ", ".join(sorted(ties))
