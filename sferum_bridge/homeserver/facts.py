"""What the bridge pushes: read from JSON, and laid over the facts that hold. Pure.

The same values stand in the tables as JSON texts (`as_text`), and are read back by the same readers
(`from_text`), so nothing is stored that could not have been pushed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar, cast

from sferum_bridge.school import attachments, rights
from sferum_bridge.school.contour import Facts, RoomFact, SchoolFact

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

T = TypeVar("T")

MAPPINGS = ("people", "rooms", "kin", "schools")
"""The parts of a push that a difference changes key by key."""

MAX_GENERATION = 2**53
"""Largest integer that every JSON reader keeps exact."""
MAX_PARTS = 10_000
MAX_ID = 64

NOBODYS_ROOM = RoomFact(school="", kind="", audience=frozenset())
"""A school room that nobody but the bot may enter."""
DAMAGED: Mapping[str, Any] = {
    "people": frozenset({"damaged"}),
    "rooms": NOBODYS_ROOM,
    "kin": frozenset(),
    "schools": SchoolFact(),
}
"""What is believed of a row that cannot be read: of the school's side, and without any rights."""


class MalformedError(ValueError):
    """A push that says nothing sensible; the text names the place, never its content."""


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of a push that does not fit one request this is."""

    push: str
    """Id of the push, chosen by whoever makes it."""
    number: int
    """From 1."""
    of: int


@dataclass(frozen=True, slots=True)
class Push:
    """One generation of facts, whole or as a difference."""

    generation: int
    base: int | None
    """The generation this is a difference to; `None` where it is all there is to know."""
    service: frozenset[str] | None
    """`None`: as before."""
    ghost_prefix: str | None
    """`None`: as before."""
    people: Mapping[str, frozenset[str] | None]
    """Matrix id → groups, `None` for somebody who is an outsider from now on."""
    rooms: Mapping[str, RoomFact | None]
    """Room id → fact, `None` for a room that is no school room any more."""
    kin: Mapping[str, frozenset[str] | None]
    """Matrix id of a child → those of the confirmed parents, `None` where there is none left."""
    schools: Mapping[str, SchoolFact | None]
    """School id → fact, `None` for a school that is gone."""
    part: Part | None = None
    """`None` where this is all of it."""

    @property
    def changes(self) -> Mapping[str, Mapping[str, Any]]:
        """The four mappings by their names."""
        return {name: getattr(self, name) for name in MAPPINGS}

    def apply(self, facts: Facts) -> Facts:
        """Return the facts that hold after this push, given those that `base` names."""
        whole = self.base is None
        after = Facts(
            generation=self.generation,
            service=facts.service if self.service is None else self.service,
            ghost_prefix=facts.ghost_prefix if self.ghost_prefix is None else self.ghost_prefix,
            people=_overlay({} if whole else facts.people, self.people),
            rooms=_overlay({} if whole else facts.rooms, self.rooms),
            kin=_overlay({} if whole else facts.kin, self.kin),
            schools=_overlay({} if whole else facts.schools, self.schools),
        )
        return after.inherit(facts).prepare()


def joined(parts: Sequence[Push]) -> Push:
    """Put the parts of one push together; at least one.

    Raises:
        MalformedError: They are not of one push.
    """
    first = parts[0]
    if any((part.generation, part.base) != (first.generation, first.base) for part in parts):
        raise MalformedError("the parts of a push must have one generation and base")
    merged: dict[str, Any] = {name: {} for name in MAPPINGS}
    for part in parts:
        for name, values in part.changes.items():
            merged[name].update(values)
    return replace(first, part=None, **merged)


def read(body: bytes | str, pool: Pool | None = None) -> Push:
    """Read the body of a push, or of a part of one.

    Raises:
        MalformedError: It is no JSON object, or a part is missing, unknown or of a wrong type.
    """
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedError("the body is not JSON") from error
    if not isinstance(data, dict):
        raise MalformedError("the body must be an object")
    delta = _kind(data)
    fields = {"generation", "kind", "service", "ghost_prefix", *MAPPINGS}
    if set(data) - fields - {"part"} - ({"base"} if delta else set()):
        raise MalformedError("the body has an unknown field")
    if not delta and (missing := fields - set(data)):
        raise MalformedError(f"a full push needs `{min(missing)}`")
    pool = pool or Pool()
    push = Push(
        generation=_count(data, "generation", low=1),
        base=_count(data, "base", low=0) if delta else None,
        service=_texts(data["service"], "service") if "service" in data else None,
        ghost_prefix=_text(data["ghost_prefix"], "ghost_prefix")
        if "ghost_prefix" in data
        else None,
        part=_part(data["part"]) if "part" in data else None,
        **{name: _values(data, name, pool, delta=delta) for name in MAPPINGS},
    )
    if push.base is not None and push.base >= push.generation:
        raise MalformedError("`base` must be older than `generation`")
    return push


class Pool:
    """Holds equal texts and sets once: a class's pupils have the same groups (bytes a person)."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._sets: dict[frozenset[str], frozenset[str]] = {}

    def text(self, text: str) -> str:
        """Return the one that is kept."""
        return self._texts.setdefault(text, text)

    def values(self, value: T) -> T:
        """Return the one that is kept, of a set of texts; other values as they are."""
        if isinstance(value, frozenset):
            known = self._sets.get(value)
            if known is None:
                known = self._sets[value] = frozenset(self.text(item) for item in value)
            return cast("T", known)
        if isinstance(value, RoomFact):
            return cast(
                "T",
                RoomFact(
                    self.text(value.school),
                    self.text(value.kind),
                    self.values(value.audience),
                    value.linked,
                ),
            )
        return value


def as_text(value: frozenset[str] | RoomFact | SchoolFact) -> str:
    """Write one value as the text in which it is stored."""
    if isinstance(value, RoomFact):
        data: Any = {
            "school": value.school,
            "kind": value.kind,
            "audience": sorted(value.audience),
            "linked": value.linked,
        }
    elif isinstance(value, SchoolFact):
        data = {
            "classes": sorted(value.classes),
            "contacts": dict(value.contacts),
            "files": value.files.to_json(),
        }
    else:
        data = sorted(value)
    return json.dumps(data, ensure_ascii=False, sort_keys=True)


def from_text(kind: str, text: str) -> Any:
    """Read one value of `kind`, a name of `MAPPINGS`, from the text in which it is stored.

    Raises:
        MalformedError: It is none.
    """
    try:
        return READERS[kind](json.loads(text), delta=False)
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"a value of `{kind}` is damaged") from error


def _overlay(below: Mapping[str, T], above: Mapping[str, T | None]) -> dict[str, T]:
    if not above and isinstance(below, dict):
        return below  # the same object: nothing derived from it changes
    merged = dict(below)
    for key, value in above.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = value
    return merged


def _kind(data: Mapping[str, Any]) -> bool:
    # A tuple: what was sent may be of any type, and a set would have to hash it.
    if data.get("kind") not in ("full", "delta"):
        raise MalformedError("`kind` must be full or delta")
    return bool(data["kind"] == "delta")


def _count(data: Mapping[str, Any], name: str, *, low: int) -> int:
    value = data.get(name)
    if type(value) is not int or not low <= value <= MAX_GENERATION:
        raise MalformedError(f"`{name}` must be a whole number from {low}")
    return value


def _part(value: object) -> Part:
    if not isinstance(value, dict) or set(value) != {"push", "number", "of"}:
        raise MalformedError("`part` needs exactly push, number and of")
    number, of = (_count(value, name, low=1) for name in ("number", "of"))
    push = _text(value["push"], "part")
    if not number <= of <= MAX_PARTS or not 0 < len(push) <= MAX_ID:
        raise MalformedError("`part` must count from 1 to `of`")
    return Part(push, number, of)


def _values(data: Mapping[str, Any], name: str, pool: Pool, *, delta: bool) -> dict[str, Any]:
    sigil, value_of = SIGILS[name], READERS[name]
    return {
        pool.text(_id(key, sigil, name)): pool.values(value_of(value, delta=delta))
        for key, value in _object(data, name).items()
    }


def _object(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = data.get(name, {})
    if not isinstance(value, dict):
        raise MalformedError(f"`{name}` must be an object")
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise MalformedError(f"`{where}` must be a text")
    # JSON can spell what a database cannot store: NUL, and halves of surrogate pairs.
    if "\0" in value or any("\ud800" <= sign <= "\udfff" for sign in value):
        raise MalformedError(f"`{where}` has a character that cannot be stored")
    return value


def _texts(value: object, where: str) -> frozenset[str]:
    if not isinstance(value, list):
        raise MalformedError(f"`{where}` must be a list of texts")
    return frozenset(_text(item, where) for item in value)


def _id(value: str, sigil: str, where: str) -> str:
    if not value.startswith(sigil):
        raise MalformedError(f"`{where}` has a key that does not start with {sigil}")
    return _text(value, where)


def _person(groups: object, *, delta: bool) -> frozenset[str] | None:
    return None if groups is None and delta else _texts(groups, "people")


def _kin(parents: object, *, delta: bool) -> frozenset[str] | None:
    return None if parents is None and delta else _texts(parents, "kin")


def _school(fact: object, *, delta: bool) -> SchoolFact | None:
    if fact is None and delta:
        return None
    if not isinstance(fact, dict) or set(fact) - {"files"} != {"classes", "contacts"}:
        raise MalformedError("a school needs exactly classes and contacts, and may have files")
    contacts = _object(fact, "contacts")
    try:
        rights.changed({name: _text(within, "contacts") for name, within in contacts.items()})
    except rights.UnknownRightError as error:
        raise MalformedError(f"`contacts`: {error}") from error
    try:
        files = attachments.from_json(fact.get("files", attachments.Policies().to_json()))
    except ValueError as error:
        raise MalformedError(f"`files`: {error}") from error
    return SchoolFact(_texts(fact["classes"], "classes"), contacts, files)


def _room(fact: object, *, delta: bool) -> RoomFact | None:
    if fact is None and delta:
        return None
    if not isinstance(fact, dict) or set(fact) != {"school", "kind", "audience", "linked"}:
        raise MalformedError("a room needs exactly school, kind, audience and linked")
    if not isinstance(fact["linked"], bool):
        raise MalformedError("`linked` must be true or false")
    return RoomFact(
        school=_text(fact["school"], "school"),
        kind=_text(fact["kind"], "kind"),
        audience=_texts(fact["audience"], "audience"),
        linked=fact["linked"],
    )


READERS: Mapping[str, Any] = {"people": _person, "rooms": _room, "kin": _kin, "schools": _school}
"""How a value of each mapping is read from JSON."""
SIGILS = {"people": "@", "rooms": "!", "kin": "@", "schools": ""}
"""How the keys of each mapping begin."""
