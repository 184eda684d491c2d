"""Pushers tell another host of every message, with its room and sender unless told not to.

For people of the school they go only to the hosts in `push_gateways`, and only as bare event ids
(`event_id_only`). E-mails quote messages, so there are none. A pusher from before somebody came to
the school is looked at when it is to be used, and taken away if it could not be set now.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from synapse.push.emailpusher import EmailPusher
from synapse.push.httppusher import HttpPusher
from synapse.push.pusherpool import PusherPool

from sferum_bridge.homeserver.refusals import refused
from sferum_bridge.homeserver.wrapping import Point, Wrapper
from sferum_bridge.school.contour import Side

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from synapse.push import Pusher

    Allowed = Callable[..., Awaitable[bool]]

SET = Point(
    "PusherPool.add_or_update_pusher",
    (
        "user_id",
        "kind",
        "app_id",
        "app_display_name",
        "device_display_name",
        "pushkey",
        "lang",
        "data",
        "profile_tag",
        "enabled",
        "device_id",
    ),
    closes="A pupil's messages are reported to any address of the internet.",
)
PUSH = Point(
    "HttpPusher.dispatch_push",
    ("content", "tweaks", "default_payload"),
    closes="A pusher set before its owner came to the school goes on reporting.",
)
BADGE = Point(
    "HttpPusher._send_badge",
    ("badge",),
    closes="The same pusher is told how much is unread.",
)
MAIL = Point(
    "EmailPusher.send_notification",
    ("push_actions", "reason"),
    closes="Messages of the school are quoted in e-mails, set up before its reader came to it.",
)
POINTS = (SET, PUSH, BADGE, MAIL)

NO_PUSH = (
    "Уведомления школьного профиля идут только через шлюзы, которые назвала школа; спросите "
    "администратора сервера. Notifications of a school account go only through gateways that the "
    "school has named; ask the server's administrator."
)


def may_push(kind: str, data: Any, gateways: Collection[str]) -> bool:
    """Tell whether somebody of the school may have such a pusher.

    `gateways`: origins, as in `https://matrix.org`.
    """
    if kind != "http" or not isinstance(data, dict) or data.get("format") != "event_id_only":
        return False
    url = data.get("url")
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    # The whole of the host part, so that no user name or port hides another host in it.
    return f"{parts.scheme}://{parts.netloc}".lower() in gateways


def install(wrapper: Wrapper) -> None:
    """Keep what is pushed for people of the school to the gateways that the school named."""

    async def is_allowed(user: str, kind: str, data: Any = None) -> bool:
        facts = await wrapper.facts()
        return facts.side(user) is not Side.EDUCATIONAL or may_push(
            kind, data, wrapper.settings.push_gateways
        )

    wrapper.put(PusherPool, SET, partial(_setting, is_allowed))
    wrapper.put(HttpPusher, PUSH, partial(_pushing, is_allowed))
    wrapper.put(HttpPusher, BADGE, partial(_badging, is_allowed))
    wrapper.put(EmailPusher, MAIL, partial(_mailing, is_allowed))


def _setting(is_allowed: Allowed, original: Any) -> Any:
    async def add_or_update_pusher(
        pool: Any, *, user_id: str, kind: str, data: Any, **settings: Any
    ) -> Pusher | None:
        if not await is_allowed(user_id, kind, data):
            raise refused(NO_PUSH)
        pusher: Pusher | None = await original(
            pool, user_id=user_id, kind=kind, data=data, **settings
        )
        return pusher

    return add_or_update_pusher


def _pushing(is_allowed: Allowed, original: Any) -> Any:
    async def dispatch_push(pusher: Any, *args: Any, **kwargs: Any) -> bool | list[str]:
        if not await is_allowed(pusher.user_id, "http", pusher.data):
            # As if the gateway had said that it does not know the key: then it is removed.
            return [pusher.pushkey]
        rejected: bool | list[str] = await original(pusher, *args, **kwargs)
        return rejected

    return dispatch_push


def _badging(is_allowed: Allowed, original: Any) -> Any:
    async def _send_badge(pusher: Any, badge: int) -> None:
        if await is_allowed(pusher.user_id, "http", pusher.data):
            await original(pusher, badge)

    return _send_badge


def _mailing(is_allowed: Allowed, original: Any) -> Any:
    async def send_notification(pusher: Any, push_actions: Any, reason: Any) -> None:
        if await is_allowed(pusher.user_id, "email"):
            await original(pusher, push_actions, reason)

    return send_notification
