"""What in a room is not as the school wants it, who did it, and what is done about it (I-11).

    wanted ─┐
    known ──┼─► compare ─► drifts: put back · remove · bring back · let be · report
    actual ─┘

*Known* is what the bridge itself did last. What is wanted and not known yet is no drift: the bridge
is about to do it. A drift is what neither was wanted nor done by the bridge.

Somebody who leaves by themselves is let be, and so is who was banned: neither is fought over. What
cannot be put back (a room that was encrypted, replaced by another, or lost) is reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Key = tuple[str, str]
"""Type and state key of a state event."""
Content = Mapping[str, Any]

MEMBER, CREATE = "m.room.member", "m.room.create"
POWER, NAME = ("m.room.power_levels", ""), ("m.room.name", "")
CHILD = "m.space.child"
ENCRYPTION, TOMBSTONE = ("m.room.encryption", ""), ("m.room.tombstone", "")
IN = frozenset({"invite", "join"})

OFF: Mapping[str, Content] = {
    "m.room.canonical_alias": {},
    "m.room.server_acl": {"allow": ["*"], "deny": [], "allow_ip_literals": True},
    "m.room.third_party_invite": {},
    "m.space.parent": {},
    CHILD: {},
    "m.widget": {},
    "im.vector.modular.widgets": {},
}
"""State no school room has, and the content that does away with it: nothing can be deleted."""

WATCHED = frozenset(
    {
        *OFF,
        *(POWER[0], NAME[0], ENCRYPTION[0], TOMBSTONE[0]),
        *("m.room.join_rules", "m.room.history_visibility", "m.room.guest_access"),
    }
)
"""The types of state, memberships aside, whose change may be a drift."""


class Kind(StrEnum):
    """What happened to a room."""

    POWER = "power"
    """Somebody got or lost power."""
    NAME = "name"
    ENTRY = "entry"
    """Who may come in or read what was written before."""
    ADDED = "added"
    """State that has no place in a school room: an alias, a widget, a list of servers."""
    SPACE = "space"
    """What hangs in a space."""
    STRANGER = "stranger"
    """Somebody was let in or invited whose roles do not give them the room (scenario 26)."""
    REMOVED = "removed"
    """Somebody was removed who belongs there."""
    LEFT = "left"
    BANNED = "banned"
    BACK = "back"
    """The bot was outside and came back."""
    OUT = "out"
    """The bot is outside, and nobody can let it back in."""
    ENCRYPTED = "encrypted"
    UPGRADED = "upgraded"
    """The room says that another one takes its place."""
    STUCK = "stuck"
    """The bot has no power to put something back."""


OPEN = frozenset({Kind.OUT, Kind.ENCRYPTED, Kind.UPGRADED, Kind.STUCK})
"""What stays so until a human acts."""


class Act(StrEnum):
    """What is done about it."""

    PUT_BACK = "put back"
    REMOVE = "remove"
    BRING_BACK = "bring back"
    LET_BE = "let be"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class Event:
    """A state event: what it says, and who sent it."""

    content: Content
    sender: str


State = Mapping[Key, Event]


@dataclass(frozen=True, slots=True)
class Target:
    """How a room should be, in Matrix' terms."""

    bot: str
    ghosts: str
    """What the Matrix ids of ghosts begin with; they come and go with their chats."""
    shape: Mapping[Key, Content]
    """What state must say; more keys in a content do no harm."""
    before: Mapping[Key, Content]
    """What it said when the bridge last set it; the rest is as in `shape`."""
    members: frozenset[str]
    known: Mapping[str, str]
    """Matrix id → membership (`invite`, `join`) the bridge brought about."""
    staying_out: Mapping[str, str] = field(default_factory=dict)
    """Matrix id → `left` or `banned`, of those who are let be already."""


@dataclass(frozen=True, slots=True)
class Drift:
    """One thing that is not as it should be."""

    kind: Kind
    act: Act
    actor: str = ""
    subject: str = ""
    key: Key = ("", "")
    content: Content | None = None
    """Of what is put back: what state has to say."""


def compare(target: Target, actual: State) -> Sequence[Drift]:
    """Return what has drifted, powers first: with them the rest can be put back."""
    return [*_shape(target, actual), *_added(target, actual), *_members(target, actual)]


def says(content: Content, wanted: Content) -> bool:
    """Tell whether a content says all that is wanted of it."""
    return all(content.get(name) == value for name, value in wanted.items())


def members_in(actual: State) -> dict[str, str]:
    """Return Matrix id → membership of everybody who is in a room or invited."""
    found = {key[1]: _membership(event) for key, event in actual.items() if key[0] == MEMBER}
    return {mxid: how for mxid, how in found.items() if how in IN}


def power_of(mxid: str, actual: State) -> int:
    """Return the power somebody has by the room's power levels, creators of version 12 aside."""
    levels = actual[POWER].content if POWER in actual else {}
    users = levels.get("users")
    own = users.get(mxid) if isinstance(users, Mapping) else None
    power = levels.get("users_default", 0) if own is None else own
    return power if isinstance(power, int) else 0


def _shape(target: Target, actual: State) -> Iterator[Drift]:
    for key in sorted(target.shape, key=lambda key: key != POWER):
        wanted = target.shape[key]
        event = actual.get(key)
        now = event.content if event else {}
        if not says(now, wanted) and not says(now, target.before.get(key, wanted)):
            kind = _kind(key)
            yield Drift(kind, Act.PUT_BACK, event.sender if event else "", "", key, wanted)


def _kind(key: Key) -> Kind:
    if key == POWER:
        return Kind.POWER
    if key == NAME:
        return Kind.NAME
    return Kind.SPACE if key[0] == CHILD else Kind.ENTRY


def _added(target: Target, actual: State) -> Iterator[Drift]:
    for key, event in actual.items():
        if key in target.shape or key in target.before:
            continue
        if key == ENCRYPTION and event.content:
            yield Drift(Kind.ENCRYPTED, Act.REPORT, event.sender)
        elif key == TOMBSTONE and event.content:
            yield Drift(Kind.UPGRADED, Act.REPORT, event.sender)
        elif key[0] in OFF and event.content and event.content != OFF[key[0]]:
            kind = Kind.SPACE if key[0] == CHILD else Kind.ADDED
            yield Drift(kind, Act.PUT_BACK, event.sender, "", key, OFF[key[0]])


def _members(target: Target, actual: State) -> Iterator[Drift]:
    for (kind, mxid), event in actual.items():
        if kind != MEMBER or mxid == target.bot or mxid.startswith(target.ghosts):
            continue
        drift = _member(target, mxid, event)
        if drift is not None:
            yield drift


def _member(target: Target, mxid: str, event: Event) -> Drift | None:
    now, known = _membership(event), mxid in target.known
    if mxid not in target.members:
        # Whom the bridge brought in itself it is about to remove itself.
        stranger = not known and now in {*IN, "knock"}
        return Drift(Kind.STRANGER, Act.REMOVE, event.sender, mxid) if stranger else None
    if now == "ban" and target.staying_out.get(mxid) != "banned":
        return Drift(Kind.BANNED, Act.LET_BE, event.sender, mxid)
    # Of a leave from before the bridge last brought somebody in nothing is known any more.
    if now == "leave" and known:
        if event.sender == mxid:
            return Drift(Kind.LEFT, Act.LET_BE, mxid, mxid)
        return Drift(Kind.REMOVED, Act.BRING_BACK, event.sender, mxid)
    return None


def _membership(event: Event) -> str:
    membership = event.content.get("membership")
    return membership if isinstance(membership, str) else ""
