"""messages.getLongPollServer and messages.getLongPollHistory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.standin.errors import ApiError, Code
from sferum_bridge.standin.methods.reading import profiles
from sferum_bridge.standin.values import WITH_MESSAGE, Event

if TYPE_CHECKING:
    from sferum_bridge.standin.chats import Chats
    from sferum_bridge.standin.journal import Journal
    from sferum_bridge.standin.longpoll import LongPoll
    from sferum_bridge.standin.messages import Messages
    from sferum_bridge.standin.methods.call import Call
    from sferum_bridge.standin.objects import Objects
    from sferum_bridge.standin.settings import Settings
    from sferum_bridge.standin.updates import Updates


class PollingMethods:
    """Methods about the long poll."""

    def __init__(
        self,
        longpoll: LongPoll,
        journal: Journal,
        updates: Updates,
        chats: Chats,
        messages: Messages,
        objects: Objects,
        settings: Settings,
    ) -> None:
        self._longpoll = longpoll
        self._journal = journal
        self._updates = updates
        self._chats = chats
        self._messages = messages
        self._objects = objects
        self._settings = settings

    def server(self, call: Call) -> dict[str, Any]:
        """messages.getLongPollServer: where to poll."""
        call.number("lp_version", 0, 0)
        return self._longpoll.server(call.user_id, call.host, with_pts=call.flag("need_pts"))

    def history(self, call: Call) -> dict[str, Any]:
        """messages.getLongPollHistory: what happened after a `pts` (or a `ts`), by pages.

        Raises:
            ApiError: 907 for a position too long ago, 908 for one that was not reached yet.
        """
        version = call.number("lp_version", 0, 0)
        start = self._position(call)
        events, more = self._page(call, start)
        updates = [self._updates.brief(event, version) for event in events]
        named = {(event.conversation_id, event.cmid): event for event in events if event.cmid}
        found = [
            message
            for place, event in named.items()
            if event.kind in WITH_MESSAGE
            and (message := self._messages.seen(call.user_id, *place)) is not None
        ]
        places = dict.fromkeys(event.conversation_id for event in events)
        members = [member for p in places if (member := self._chats.member(p, call.user_id))]
        answer: dict[str, Any] = {
            "history": [update for update in updates if update is not None],
            "messages": {
                "count": len(found),
                "items": [self._objects.message(call.user_id, message) for message in found],
            },
            "profiles": profiles(self._objects, call, members, found),
            "from_pts": start,
            "new_pts": events[-1].pts if events else start,
        }
        if more:
            answer["more"] = True
        if call.flag("extended"):
            answer["conversations"] = [self._objects.conversation(member) for member in members]
            answer["groups"] = []
        if call.flag("credentials"):
            answer["credentials"] = self._longpoll.server(call.user_id, call.host, with_pts=True)
        return answer

    def _position(self, call: Call) -> int:
        now_ts, now_pts = self._journal.position(call.user_id)
        if call.has("pts"):
            pts = call.number("pts", low=0)
        else:
            ts = call.number("ts", low=0)
            if ts > now_ts:
                raise ApiError(Code.PTS_TOO_NEW)
            pts = self._journal.pts_at(call.user_id, ts)
        if pts > now_pts:
            raise ApiError(Code.PTS_TOO_NEW)
        if now_pts - pts > self._settings.history_depth or pts < 0:
            raise ApiError(Code.PTS_TOO_OLD)
        return pts

    def _page(self, call: Call, start: int) -> tuple[list[Event], bool]:
        most_events = min(call.number("events_limit", 1000, 1000), self._settings.history_events)
        most_messages = min(call.number("msgs_limit", 200, 200), self._settings.history_messages)
        events = self._journal.since_pts(call.user_id, start, most_events + 1)
        page: list[Event] = []
        messages = 0
        for event in events[:most_events]:
            messages += event.kind in WITH_MESSAGE
            if messages > most_messages:
                break
            page.append(event)
        return page, len(page) < len(events)
