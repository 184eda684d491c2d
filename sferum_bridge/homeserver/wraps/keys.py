"""The keys of devices tell that a person exists, and how many devices they have and named how.

Asking for them follows `may_see`; whoever is hidden is answered about as if there were no such
account. Claiming a one-time key uses it up, and is the beginning of a conversation, so it follows
`may_meet`. Other servers are strangers, whoever of them asks, and are told of nothing either.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from synapse.federation.federation_server import FederationHandlerRegistry, FederationServer
from synapse.handlers.device import DeviceHandler
from synapse.handlers.e2e_keys import E2eKeysHandler
from synapse.storage.databases.main.devices import DeviceWorkerStore

from sferum_bridge.homeserver.inside import is_met
from sferum_bridge.homeserver.masks import STRANGER, hidden_among, mask_of, put_on, take_off
from sferum_bridge.homeserver.wrapping import Point, Wrapper
from sferum_bridge.school.contour import may_meet, may_see

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from synapse.types import JsonDict, UserID

QUERY = Point(
    "E2eKeysHandler.query_devices",
    ("query_body", "timeout", "from_user_id", "from_device_id"),
    closes="Anybody sees that a pupil exists, with device ids, device names and signing keys.",
)
CLAIM = Point(
    "E2eKeysHandler.claim_one_time_keys",
    ("query", "user", "timeout", "always_include_fallback_keys"),
    closes="Anybody takes a pupil's one-time keys, until there are none.",
)
SIGN = Point(
    "E2eKeysHandler.upload_signatures_for_device_keys",
    ("user_id", "signatures"),
    closes="The answer to a signature of a pupil's key tells whether the pupil exists.",
)
REMOTE_QUERY = Point(
    "FederationHandlerRegistry.on_query",
    ("query_type", "args"),
    closes="Another server asks for a pupil's devices and keys.",
)
REMOTE_CLAIM = Point(
    "FederationServer.on_claim_client_keys",
    ("query", "always_include_fallback_keys"),
    closes="Another server takes a pupil's one-time keys.",
)
REMOTE_DEVICES = Point(
    "DeviceHandler.on_federation_query_user_devices",
    ("user_id",),
    closes="Another server asks for the list of a pupil's devices.",
)
TOLD = Point(
    "DeviceWorkerStore.get_device_updates_by_remote",
    ("destination", "from_stream_id", "limit"),
    closes="Servers of a room from before are told of every new device of a pupil.",
)
POINTS = (QUERY, CLAIM, SIGN, REMOTE_QUERY, REMOTE_CLAIM, REMOTE_DEVICES, TOLD)


def install(wrapper: Wrapper) -> None:
    """Show and give out keys only to whom the contour allows."""
    _install_for_clients(wrapper)
    _install_for_servers(wrapper)
    _install_device_lists(wrapper)


def _install_for_clients(wrapper: Wrapper) -> None:
    server = wrapper.homeserver.hostname
    store = wrapper.store
    # With msc4263 on, Synapse remembers who shares no room with whom, and does not look again when
    # they do. Clients ask before they make a room, and would have no keys for it ever after.
    shared: Any = getattr(store, "does_pair_of_users_share_a_room_joined_or_invited", None)

    def querying(original: Any) -> Any:
        async def query_devices(
            handler: Any,
            query_body: JsonDict,
            timeout: int,
            from_user_id: str,
            from_device_id: str | None,
        ) -> JsonDict:
            wanted = query_body.get("device_keys", {})
            for user in wanted if shared else ():
                shared.invalidate((from_user_id, user))
            seen = await _seen(from_user_id, wanted, wrapper)
            masks = hidden_among(wanted, seen.__contains__, server)
            body = {**query_body, "device_keys": put_on(wanted, masks)}
            answer: JsonDict = await original(handler, body, timeout, from_user_id, from_device_id)
            take_off(answer["device_keys"], masks)
            return answer

        return query_devices

    def claiming(original: Any) -> Any:
        async def claim_one_time_keys(
            handler: Any,
            query: dict[str, Any],
            user: UserID,
            timeout: int | None,
            always_include_fallback_keys: bool,  # noqa: FBT001 — Synapse's signature
        ) -> JsonDict:
            # Nobody meets a ghost, whose rooms are never encrypted.
            may = partial(may_meet, user.to_string(), facts=await wrapper.facts())
            # An account without keys does not appear in the answer, so no mask has to come off.
            masked = put_on(query, hidden_among(query, may, server))
            answer: JsonDict = await original(
                handler, masked, user, timeout, always_include_fallback_keys
            )
            return answer

        return claim_one_time_keys

    def signing(original: Any) -> Any:
        async def upload_signatures_for_device_keys(
            handler: Any, user_id: str, signatures: JsonDict
        ) -> JsonDict:
            seen = await _seen(user_id, signatures, wrapper)
            masks = hidden_among(signatures, seen.__contains__, server)
            answer: JsonDict = await original(handler, user_id, put_on(signatures, masks))
            take_off(answer["failures"], masks)
            return answer

        return upload_signatures_for_device_keys

    wrapper.put(E2eKeysHandler, QUERY, querying)
    wrapper.put(E2eKeysHandler, CLAIM, claiming)
    wrapper.put(E2eKeysHandler, SIGN, signing)


def _install_for_servers(wrapper: Wrapper) -> None:
    server = wrapper.homeserver.hostname

    def querying(original: Any) -> Any:
        async def on_query(registry: Any, query_type: str, args: JsonDict) -> JsonDict:
            wanted = args.get("device_keys")
            if query_type != "client_keys" or not isinstance(wanted, dict):
                untouched: JsonDict = await original(registry, query_type, args)
                return untouched
            masks = hidden_among(wanted, await _shown_to_strangers(wrapper), server)
            body = {**args, "device_keys": put_on(wanted, masks)}
            answer: JsonDict = await original(registry, query_type, body)
            take_off(answer["device_keys"], masks)
            return answer

        return on_query

    def claiming(original: Any) -> Any:
        async def on_claim_client_keys(
            federation: Any,
            query: list[tuple[str, str, str, int]],
            always_include_fallback_keys: bool,  # noqa: FBT001 — Synapse's signature
        ) -> JsonDict:
            may = await _shown_to_strangers(wrapper)
            allowed = [wanted for wanted in query if may(wanted[0])]
            answer: JsonDict = await original(federation, allowed, always_include_fallback_keys)
            return answer

        return on_claim_client_keys

    wrapper.put(FederationHandlerRegistry, REMOTE_QUERY, querying)
    wrapper.put(FederationServer, REMOTE_CLAIM, claiming)


def _install_device_lists(wrapper: Wrapper) -> None:
    server = wrapper.homeserver.hostname

    def listing(original: Any) -> Any:
        async def on_federation_query_user_devices(handler: Any, user_id: str) -> JsonDict:
            visible = (await _shown_to_strangers(wrapper))(user_id)
            answer: JsonDict = await original(handler, user_id if visible else mask_of(server))
            return {**answer, "user_id": user_id}

        return on_federation_query_user_devices

    def telling(original: Any) -> Any:
        async def get_device_updates_by_remote(
            store: Any, destination: str, from_stream_id: int, limit: int
        ) -> tuple[int, list[tuple[str, JsonDict]]]:
            now, updates = await original(store, destination, from_stream_id, limit)
            may = await _shown_to_strangers(wrapper)
            return now, [(kind, content) for kind, content in updates if may(content["user_id"])]

        return get_device_updates_by_remote

    wrapper.put(DeviceHandler, REMOTE_DEVICES, listing)
    wrapper.put(DeviceWorkerStore, TOLD, telling)


async def _seen(reader: str, users: Iterable[str], wrapper: Wrapper) -> set[str]:
    """Return those of `users` whom somebody may see."""
    facts = await wrapper.facts()
    return {
        user
        for user in users
        if may_see(reader, user, facts).allowed and await is_met(reader, user, facts, wrapper.store)
    }


async def _shown_to_strangers(wrapper: Wrapper) -> Callable[[str], object]:
    return partial(may_see, STRANGER, facts=await wrapper.facts())
