"""Profiles: names and pictures for those who may see the person, names as the school keeps them.

Reading follows `may_see`, with an account or without, here or from another server; whoever is
hidden has no profile, as whoever does not exist. Ghosts have one for those in a room with them.
People of the school do not look up profiles on other servers either. They choose their picture
themselves. Their names are the school's: set by the bridge, which acts in the account's name, or by
an administrator of the server. Other fields could hold anything, a phone number for instance, where
the whole class reads it, so they have none.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from synapse.federation.federation_server import FederationHandlerRegistry
from synapse.handlers.profile import ProfileHandler
from synapse.rest.client.profile import ProfileFieldRestServlet, ProfileRestServlet
from synapse.types import UserID

from sferum_bridge.homeserver.asking import who_asks
from sferum_bridge.homeserver.inside import is_met
from sferum_bridge.homeserver.masks import STRANGER, mask_of
from sferum_bridge.homeserver.refusals import refused
from sferum_bridge.homeserver.wrapping import Point, Wrapper
from sferum_bridge.school.contour import Side, may_see

if TYPE_CHECKING:
    from synapse.http.site import SynapseRequest
    from synapse.synapse_rust.types import Requester
    from synapse.types import JsonDict

READ = Point(
    "ProfileRestServlet.on_GET",
    ("request", "user_id"),
    closes="Anybody reads a pupil's name, picture and other fields, without an account even, and a "
    "pupil looks up people on other servers.",
)
READ_FIELD = Point(
    "ProfileFieldRestServlet.on_GET",
    ("request", "user_id", "field_name"),
    closes="The same, one field at a time, by old paths and unstable ones too.",
)
REMOTE_READ = Point(
    "FederationHandlerRegistry.on_query",
    ("query_type", "args"),
    closes="Another server reads a pupil's name, picture and other fields.",
)
WRITE = Point(
    "ProfileHandler.dispatch_set_profile_field",
    ("target_user", "requester", "field_name", "new_value", "by_admin", "propagate"),
    closes="A pupil takes the headmaster's name, shows a phone number in a field of the profile, "
    "or a picture that everybody's client fetches from another server.",
)
POINTS = (READ, READ_FIELD, REMOTE_READ, WRITE)

NAME = (
    "Имя в школе меняет только школа, попросите классного руководителя или администратора. "
    "Only the school changes names, ask the class teacher or the administrator."
)
FIELD = (
    "Кроме имени и фото, в школьном профиле ничего нет. "
    "A school profile holds a name and a picture only."
)
PICTURE = (
    "Загрузите фото на сервер школы и выберите его снова. "
    "Upload the picture to the school's server and choose it again."
)


def install(wrapper: Wrapper) -> None:
    """Show profiles to whom the contour allows, and keep the school's names."""
    wrapper.put(ProfileRestServlet, READ, partial(_reading, wrapper))
    wrapper.put(ProfileFieldRestServlet, READ_FIELD, partial(_reading, wrapper))
    wrapper.put(FederationHandlerRegistry, REMOTE_READ, partial(_reading_from_afar, wrapper))
    wrapper.put(ProfileHandler, WRITE, partial(_writing, wrapper))


def _reading(wrapper: Wrapper, original: Any) -> Any:
    hs = wrapper.homeserver

    async def on_get(
        servlet: Any, request: SynapseRequest, user_id: str, *field: str, **fields: str
    ) -> tuple[int, JsonDict]:
        reader = await who_asks(hs, request) or STRANGER
        facts = await wrapper.facts()
        # What is no Matrix id at all is left to Synapse to say.
        if UserID.is_valid(user_id) and not (
            may_see(reader, user_id, facts) and await is_met(reader, user_id, facts, wrapper.store)
        ):
            user_id = mask_of(hs.hostname)
        answer: tuple[int, JsonDict] = await original(servlet, request, user_id, *field, **fields)
        return answer

    return on_get


def _reading_from_afar(wrapper: Wrapper, original: Any) -> Any:
    async def on_query(registry: Any, query_type: str, args: JsonDict) -> JsonDict:
        user = str(args.get("user_id"))
        if query_type == "profile" and not may_see(STRANGER, user, await wrapper.facts()):
            args = {**args, "user_id": mask_of(wrapper.homeserver.hostname)}
        answer: JsonDict = await original(registry, query_type, args)
        return answer

    return on_query


def _writing(wrapper: Wrapper, original: Any) -> Any:
    async def dispatch_set_profile_field(
        handler: Any, *, target_user: UserID, requester: Requester, **change: Any
    ) -> None:
        facts = await wrapper.facts()
        # Only an application service of ours may act in the name of a school account. Who means
        # somebody else is refused by Synapse, alike whoever that is.
        trusted = (
            change.get("by_admin")
            or requester.app_service_id is not None
            or target_user != requester.user
        )
        if not trusted and facts.side(target_user.to_string()) is Side.EDUCATIONAL:
            check_field(change["field_name"], change["new_value"], wrapper.homeserver.hostname)
        await original(handler, target_user=target_user, requester=requester, **change)

    return dispatch_set_profile_field


def check_field(name: str, value: Any, server: str) -> None:
    """Check what somebody of the school sets in the own profile.

    Raises:
        SynapseError: It is not the picture, or the picture is on another server.
    """
    if name == "avatar_url":
        # A malformed one is left to Synapse.
        if isinstance(value, str) and value and not value.startswith(f"mxc://{server}/"):
            raise refused(PICTURE)
        return
    text = NAME if name == "displayname" else FIELD
    raise refused(text)
