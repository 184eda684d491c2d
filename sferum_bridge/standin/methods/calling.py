"""Calls: their links, and the messages about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sferum_bridge.standin.calls import Calls
    from sferum_bridge.standin.methods.call import Call

ID_LENGTH = 36


class CallMethods:
    """Methods about calls."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def start(self, call: Call) -> dict[str, str]:
        """calls.start: a call with a link to join by, which belongs to no chat."""
        started = self._calls.start(call.user_id)
        return {**started, "ok_join_link": started["join_link"].rpartition("/")[2]}

    def start_in_chat(self, call: Call) -> dict[str, str]:
        """messages.startCall: a call in a conversation, which is told of it."""
        return self._calls.start(call.user_id, call.number("peer_id"), video=call.flag("video"))

    def finish(self, call: Call) -> int:
        """calls.forceFinish and messages.forceCallFinish."""
        self._calls.finish(call.user_id, call.text("call_id", ID_LENGTH))
        return 1
