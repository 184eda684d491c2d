"""Reactions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.standin.errors import bad_parameter
from sferum_bridge.standin.reactions import REACTION_IDS, check_known, counters

if TYPE_CHECKING:
    from sferum_bridge.standin.messages import Messages
    from sferum_bridge.standin.messenger import Messenger
    from sferum_bridge.standin.methods.call import Call
    from sferum_bridge.standin.objects import Objects
    from sferum_bridge.standin.reactions import Reactions
    from sferum_bridge.standin.values import Message

ASSETS_VERSION = 1


class ReactingMethods:
    """Methods about reactions."""

    def __init__(
        self, messenger: Messenger, messages: Messages, reactions: Reactions, objects: Objects
    ) -> None:
        self._messenger = messenger
        self._messages = messages
        self._reactions = reactions
        self._objects = objects

    def send(self, call: Call) -> int:
        """messages.sendReaction."""
        message = self._message(call)
        self._reactions.set(call.user_id, message, call.number("reaction_id", low=1))
        return 1

    def delete(self, call: Call) -> int:
        """messages.deleteReaction."""
        self._reactions.set(call.user_id, self._message(call), 0)
        return 1

    def assets(self, call: Call) -> dict[str, Any]:
        """messages.getReactionsAssets: numbers and pictures, no names."""
        call.number("client_version", 1, 1)
        return {
            "version": ASSETS_VERSION,
            "assets": [
                {
                    "reaction_id": number,
                    "links": dict.fromkeys(
                        ("big_animation", "small_animation", "static"),
                        f"{call.origin}/static/reaction-{number}.png",
                    ),
                }
                for number in REACTION_IDS
            ],
            "reaction_ids": list(REACTION_IDS),
        }

    def of_messages(self, call: Call) -> dict[str, Any]:
        """messages.getMessagesReactions: counted, with at most three people each."""
        member = self._messenger.part(call.user_id, call.number("peer_id"))
        cmids = call.numbers("cmids", 100)
        if not cmids:
            raise bad_parameter("cmids", "is undefined")
        items = []
        people: set[int] = set()
        for cmid in cmids:
            message = self._messages.seen(call.user_id, member.conversation_id, cmid)
            found = self._reactions.of(message) if message else {}
            if found:
                counted = counters(found)
                items.append({"cmid": cmid, "counters": counted})
                people.update(user_id for one in counted for user_id in one["user_ids"])
        return {"items": items, **self._extended(call, people)}

    def peers(self, call: Call) -> dict[str, Any]:
        """messages.getReactedPeers: everybody who reacted to one message."""
        found = self._reactions.of(self._message(call))
        wanted = call.number("reaction_id", 0, 0)
        if wanted:
            check_known(wanted)
        reactions = [
            {"user_id": user_id, "reaction_id": number}
            for number, ids in found.items()
            for user_id in ids
            if wanted in {0, number}
        ]
        return {
            "count": len(reactions),
            "reactions": reactions,
            "counters": counters(found),
            **self._extended(call, {one["user_id"] for one in reactions}),
        }

    def mark_as_read(self, call: Call) -> int:
        """messages.markReactionsAsRead."""
        member = self._messenger.part(call.user_id, call.number("peer_id"))
        cmids = call.numbers("cmids", 100)
        self._reactions.read(call.user_id, member.conversation_id, cmids)
        return 1

    def _message(self, call: Call) -> Message:
        member = self._messenger.present_part(call.user_id, call.number("peer_id"))
        cmid = call.number("cmid", low=0)
        message = self._messages.seen(call.user_id, member.conversation_id, cmid)
        if message is None:
            raise bad_parameter("cmid")
        return message

    def _extended(self, call: Call, people: set[int]) -> dict[str, Any]:
        profiles = self._objects.users(sorted(people), call.names("fields"))
        return {"profiles": profiles, "groups": []}
