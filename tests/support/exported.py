"""A room's events as another server would be given them, and judged as that server would.

By what Synapse itself judges events of others by: ids and hashes, the server's signature, and the
authorisation rules, against an event's own auth events and against the state it was made upon.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from signedjson.key import get_verify_key, read_signing_keys
from signedjson.sign import verify_signed_json
from synapse import event_auth
from synapse.api.room_versions import KNOWN_ROOM_VERSIONS
from synapse.crypto.event_signing import check_event_content_hash
from synapse.events import make_event_from_dict
from synapse.events.utils import prune_event

from tests.support.synapse import SERVER_NAME, Answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from signedjson.types import VerifyKey
    from synapse.events import EventBase

    from tests.support.enrolling import Hall


class Judge:
    """Another server, to which a room's events come in their order."""

    def __init__(self, version: str, keys: Mapping[str, VerifyKey]) -> None:
        self._version = KNOWN_ROOM_VERSIONS[version]
        self._keys = keys
        self._events: dict[str, EventBase] = {}
        self._state: dict[tuple[str, str], EventBase] = {}
        self._last: list[str] = []

    async def take(self, event_id: str, pdu: dict[str, Any]) -> EventBase:
        """Take in the next event. Raises where a server would refuse it, or the room forks."""
        event = make_event_from_dict(self._sent(pdu), self._version)
        assert event.event_id == event_id
        assert check_event_content_hash(event)
        pruned = prune_event(event).get_pdu_json()
        for key_id in event.signatures[SERVER_NAME]:
            verify_signed_json(pruned, SERVER_NAME, self._keys[key_id])
        assert list(event.prev_event_ids()) == self._last, "the room has forked"
        await event_auth.check_state_independent_auth_rules(self, event)  # type: ignore[arg-type]  # as much of a store as is asked
        if self._state:
            named = [self._events[one] for one in event.auth_event_ids()]
            create = self._state["m.room.create", ""]
            for seen in ([create, *named], self._needed_by(event)):
                event_auth.check_state_dependent_auth_rules(event, seen)
        self._events[event_id] = event
        self._last = [event_id]
        if event.is_state():
            self._state[event.type, event.state_key] = event
        return event

    def _sent(self, pdu: Mapping[str, Any]) -> dict[str, Any]:
        """Return what goes over the wire: an id follows from the rest and is not sent."""
        left = {"event_id", "unsigned"}
        if pdu["type"] == "m.room.create" and self._version.msc4291_room_ids_as_hashes:
            left.add("room_id")
        return {name: value for name, value in pdu.items() if name not in left}

    def _needed_by(self, event: EventBase) -> Iterable[EventBase]:
        kinds = event_auth.auth_types_for_event(self._version, event) | {("m.room.create", "")}
        return [self._state[kind] for kind in kinds if kind in self._state]

    async def get_events(self, event_ids: Iterable[str], **_how: Any) -> dict[str, EventBase]:
        """Return events that came before, as a store of Synapse's does."""
        return {one: self._events[one] for one in event_ids if one in self._events}


def _published(folder: Path) -> Mapping[str, VerifyKey]:
    """Return the keys that the server in a folder would publish."""
    found = {}
    for key in read_signing_keys((folder / "signing.key").read_text("ascii").splitlines()):
        verify = get_verify_key(key)
        found[f"{verify.alg}:{verify.version}"] = verify
    return found


async def judged(hall: Hall, room: str, version: str) -> Sequence[EventBase]:
    """Have every event of a room judged, the first one first; return them."""
    call, admin = hall.server.call, await hall.server.account("admin", admin=True)
    judge = Judge(version, _published(hall.server.process.settings.folder))
    found = []
    for shown in await hall.timeline(room, hall.server.bot):
        path = f"/_synapse/admin/v1/fetch_event/{shown['event_id']}"
        answer: Answer = await call("GET", path, by=admin)
        assert answer.status == 200, answer
        found.append(await judge.take(shown["event_id"], answer.body["event"]))
    return found
