"""Which rooms are inside the contour: school rooms, and every room with somebody educational."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from synapse.api.constants import Membership

from sferum_bridge.school.contour import Facts, Side, may_be_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from synapse.module_api import ModuleApi

T = TypeVar("T")

NOWHERE = "!nowhere"
"""A room that cannot exist. Put in place of a room that is to be hidden, it makes Synapse go the
way it goes for any unknown room, with the same answer, limits and delays."""

PRESENT = frozenset({Membership.JOIN, Membership.INVITE, Membership.KNOCK})
"""What somebody is in a room whom it concerns still."""
AT_ONCE = 1_000
"""People about whom is decided in one go, 2 ms; then whoever else waits has a turn."""


async def is_inside(room_id: str, facts: Facts, store: Any) -> bool:
    """Tell whether a room is of the contour. `store` is Synapse's main one; it caches members."""
    if room_id in facts.rooms:
        return True
    return is_of_school(await store.get_local_users_in_room(room_id), facts)


def is_of_school(members: Iterable[str], facts: Facts) -> bool:
    """Tell whether somebody of a room's members is of a school."""
    # The second look is for the few: most rooms of outsiders hold nobody the school ever knew.
    return not facts.people.keys().isdisjoint(members) and any(
        facts.side(user) is Side.EDUCATIONAL for user in members
    )


async def is_hidden(room_id: str, user: str, facts: Facts, store: Any) -> bool:
    """Tell whether somebody is not to learn that a room exists; `user` may be empty for nobody.

    A school room is hidden from whom it does not admit, another room of the contour from whoever
    is neither in it nor invited. Who was there once has not forgotten it.
    """
    if facts.side(user) is Side.SERVICE:
        return False
    if room_id in facts.rooms:
        if may_be_in(user, room_id, facts):
            return False
    else:
        members = await store.get_local_users_in_room(room_id)
        # Whoever is in it need not be looked up once more, as nearly everybody who asks is.
        if user in members or not is_of_school(members, facts):
            return False
    return not user or await membership(room_id, user, store) is None


async def is_met(reader: str, user: str, facts: Facts, store: Any) -> bool:
    """Tell whether somebody of the school shares a room with a ghost; everybody else passes.

    A ghost is somebody of a Sferum chat, and of no school that the facts could name: who is not in
    a room with it is no member of that chat. `store` caches which rooms an account is in.
    """
    if facts.side(user) is not Side.GHOST or facts.side(reader) is not Side.EDUCATIONAL:
        return True
    rooms: Iterable[str] = await store.get_rooms_for_user(user)
    return not (await store.get_rooms_for_user(reader)).isdisjoint(rooms)


async def company(room_id: str, store: Any) -> list[str]:
    """Return who is in a room or invited to it: an invite shows who is there."""
    joined = await store.get_users_in_room(room_id)
    return [*joined, *await store.get_invited_users_in_room(room_id)]


async def unhurried(people: Iterable[T], api: ModuleApi) -> AsyncIterator[T]:
    """Yield people of a room that may hold tens of thousands, letting others have their turns."""
    for number, one in enumerate(people):
        if number and number % AT_ONCE == 0:
            await api.sleep(0)
        yield one


async def membership(room_id: str, user: str, store: Any) -> str | None:
    """Return what a local account is in a room: join, invite, leave …; `None` for never there."""
    found, _ = await store.get_local_current_membership_for_user_in_room(user, room_id)
    return str(found) if found else None
