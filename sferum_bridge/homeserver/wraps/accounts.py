"""What an account can do that leads out of the school, and needs no room.

People of the school do not prove to third parties who they are (openid), tie no e-mail or phone to
the account on their own, have no identity server forget any, and do not look through the rooms of
other servers. The school itself, by the administration API, ties contacts as before.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from synapse.api.errors import SynapseError
from synapse.handlers.identity import IdentityHandler
from synapse.http.servlet import parse_string
from synapse.rest.client.account import (
    EmailThreepidRequestTokenRestServlet,
    MsisdnThreepidRequestTokenRestServlet,
    ThreepidAddRestServlet,
    ThreepidBindRestServlet,
    ThreepidRestServlet,
)
from synapse.rest.client.openid import IdTokenServlet
from synapse.rest.client.room import PublicRoomListRestServlet

from sferum_bridge.homeserver.asking import who_asks
from sferum_bridge.homeserver.refusals import refused
from sferum_bridge.homeserver.wrapping import Point, Wrapper
from sferum_bridge.school.contour import Side

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from synapse.http.site import SynapseRequest

OPENID = Point(
    "IdTokenServlet.on_POST",
    ("request", "user_id"),
    closes="A pupil proves to a third party who it is, which then knows the Matrix id.",
)
CONTACTS = (
    (
        ThreepidRestServlet,
        Point(
            "ThreepidRestServlet.on_POST",
            ("request",),
            closes="A pupil ties an e-mail or phone to the account, the old way.",
        ),
    ),
    (
        ThreepidAddRestServlet,
        Point(
            "ThreepidAddRestServlet.on_POST",
            ("args", "kwargs"),  # Synapse's decorator shows no more
            closes="A pupil ties an e-mail or phone to the account.",
        ),
    ),
    (
        ThreepidBindRestServlet,
        Point(
            "ThreepidBindRestServlet.on_POST",
            ("request",),
            closes="A pupil is found by e-mail or phone through an identity server.",
        ),
    ),
    (
        EmailThreepidRequestTokenRestServlet,
        Point(
            "EmailThreepidRequestTokenRestServlet.on_POST",
            ("request",),
            closes="A pupil has the server write to any e-mail address.",
        ),
    ),
    (
        MsisdnThreepidRequestTokenRestServlet,
        Point(
            "MsisdnThreepidRequestTokenRestServlet.on_POST",
            ("request",),
            closes="A pupil has the server write to any phone.",
        ),
    ),
)
ROOM_LISTS = tuple(
    Point(
        f"PublicRoomListRestServlet.{method}",
        ("request",),
        closes="A pupil looks through the public rooms of another server.",
    )
    for method in ("on_GET", "on_POST")
)
UNBIND = Point(
    "IdentityHandler.try_unbind_threepid",
    ("mxid", "medium", "address", "id_server"),
    closes="A pupil has the server send any text, signed and with the pupil's id, to any host, as "
    "an e-mail that an identity server is to forget.",
)
POINTS = (OPENID, *(point for _, point in CONTACTS), UNBIND, *ROOM_LISTS)

NO_OPENID = (
    "Школьный профиль не используется для входа на другие сайты. "
    "A school account is not for signing in elsewhere."
)
NO_CONTACTS = (
    "Почту и телефон в школьный профиль вносит школа. "
    "The school keeps the e-mail and phone of a school account."
)
NO_ROOM_LIST = (
    "Комнаты других серверов из школьного профиля не видны. "
    "Rooms of other servers are not shown to a school account."
)


def install(wrapper: Wrapper) -> None:
    """Refuse to people of the school what leads out of it."""
    hs = wrapper.homeserver

    async def refuse(request: SynapseRequest, text: str) -> None:
        user = await who_asks(hs, request)
        if user and (await wrapper.facts()).side(user) is Side.EDUCATIONAL:
            raise refused(text)

    async def refuse_elsewhere(request: SynapseRequest, text: str) -> None:
        server = parse_string(request, "server")
        if server and not hs.is_mine_server_name(server):
            await refuse(request, text)

    if not wrapper.settings.allow_openid:
        wrapper.put(IdTokenServlet, OPENID, _asking_first(refuse, NO_OPENID))
    wrapper.put(IdentityHandler, UNBIND, partial(_unbinding, wrapper))
    for servlet, point in CONTACTS:
        wrapper.put(servlet, point, _asking_first(refuse, NO_CONTACTS))
    for point in ROOM_LISTS:
        wrapper.put(PublicRoomListRestServlet, point, _asking_first(refuse_elsewhere, NO_ROOM_LIST))


def _unbinding(wrapper: Wrapper, original: Any) -> Any:
    async def try_unbind_threepid(
        handler: Any, mxid: str, medium: str, address: str, id_server: str | None
    ) -> bool:
        try:
            is_of_school = (await wrapper.facts()).side(mxid) is Side.EDUCATIONAL
        except SynapseError:
            is_of_school = True
        # What Synapse says where the identity server cannot forget; the account can be closed.
        return not is_of_school and await original(handler, mxid, medium, address, id_server)

    return try_unbind_threepid


def _asking_first(
    refuse: Callable[[SynapseRequest, str], Awaitable[None]], text: str
) -> Callable[[Any], Any]:
    """Return what makes a servlet's method ask `refuse` before anything else."""

    def make(original: Any) -> Any:
        async def serve(
            servlet: Any, request: SynapseRequest, *args: Any, **kwargs: Any
        ) -> tuple[int, Any]:
            await refuse(request, text)
            answer: tuple[int, Any] = await original(servlet, request, *args, **kwargs)
            return answer

        return serve

    return make
