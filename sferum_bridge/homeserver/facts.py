"""What the bridge pushes: read from JSON, and laid over the facts that hold. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from sferum_bridge.school.contour import Facts, RoomFact

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")

MAX_GENERATION = 2**53
"""Largest integer that every JSON reader keeps exact."""


class MalformedError(ValueError):
    """A push that says nothing sensible; the text names the place, never its content."""


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

    def apply(self, facts: Facts) -> Facts:
        """Return the facts that hold after this push, given those that `base` names."""
        whole = self.base is None
        return Facts(
            generation=self.generation,
            service=facts.service if self.service is None else self.service,
            ghost_prefix=facts.ghost_prefix if self.ghost_prefix is None else self.ghost_prefix,
            people=_overlay({} if whole else facts.people, self.people),
            rooms=_overlay({} if whole else facts.rooms, self.rooms),
        )


def read(body: bytes) -> Push:
    """Read the body of a push.

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
    fields = {"generation", "kind", "service", "ghost_prefix", "people", "rooms"}
    if set(data) - fields - ({"base"} if delta else set()):
        raise MalformedError("the body has an unknown field")
    if not delta and (missing := fields - set(data)):
        raise MalformedError(f"a full push needs `{min(missing)}`")
    push = Push(
        generation=_count(data, "generation", low=1),
        base=_count(data, "base", low=0) if delta else None,
        service=_texts(data["service"], "service") if "service" in data else None,
        ghost_prefix=_text(data["ghost_prefix"], "ghost_prefix")
        if "ghost_prefix" in data
        else None,
        people={
            _id(user, "@", "people"): _person(groups, delta=delta)
            for user, groups in _object(data, "people").items()
        },
        rooms={
            _id(room, "!", "rooms"): _room(fact, delta=delta)
            for room, fact in _object(data, "rooms").items()
        },
    )
    if push.base is not None and push.base >= push.generation:
        raise MalformedError("`base` must be older than `generation`")
    return push


def _overlay(below: Mapping[str, T], above: Mapping[str, T | None]) -> dict[str, T]:
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
