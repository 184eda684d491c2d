"""What of Synapse a batch of joins leans on: parts that no release promises to keep.

A wrap that does not fit stops Synapse, since the contour would be open. Here nothing is lost but
speed: the door answers that it is not here, and the bridge brings people in the ordinary ways.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from synapse.events.snapshot import UnpersistedEventContext
from synapse.module_api.errors import ConfigError
from synapse.util import SYNAPSE_VERSION

from sferum_bridge.homeserver.wrapping import TRIED_ON, Point, check

if TYPE_CHECKING:
    from synapse.server import HomeServer

_CREATE = Point(
    "EventCreationHandler.create_event",
    (
        "requester",
        "event_dict",
        "txn_id",
        "prev_event_ids",
        "auth_event_ids",
        "state_event_ids",
        "require_consent",
        "outlier",
        "depth",
        "state_map",
        "for_batch",
        "current_state_group",
        "prev_state_events",
        "delay_id",
    ),
    closes="",
)
_HANDLE = Point(
    "EventCreationHandler.handle_new_client_event",
    ("requester", "events_and_context", "ratelimit", "extra_users", "ignore_shadow_ban"),
    closes="",
)
_STORE = Point(
    "UnpersistedEventContext.batch_persist_unpersisted_contexts",
    ("events_and_context", "room_id", "last_known_state_group", "datastore"),
    closes="",
)
_PERSIST = Point("UnpersistedEventContext.persist", ("event",), closes="")
_STATE = Point(
    "StateHandler.compute_state_after_events",
    ("room_id", "event_ids", "state_filter", "await_full_state"),
    closes="",
)
_TIPS = Point("DataStore.get_prev_events_for_room", ("room_id",), closes="")
_MAY_JOIN = Point(
    "SpamCheckerModuleApiCallbacks.user_may_join_room",
    ("user_id", "room_id", "is_invited"),
    closes="",
)


def misfit(homeserver: HomeServer) -> str:
    """Return why batches cannot be made with this Synapse, empty where they can."""
    # Run from a checkout, it names that behind its number.
    if SYNAPSE_VERSION.partition(" ")[0] not in TRIED_ON:
        return f"Synapse {SYNAPSE_VERSION} is none of {', '.join(TRIED_ON)}"
    creation = homeserver.get_event_creation_handler()
    store = homeserver.get_datastores().main
    leant_on = (
        (creation, _CREATE),
        (creation, _HANDLE),
        (UnpersistedEventContext, _STORE),
        (UnpersistedEventContext, _PERSIST),
        (homeserver.get_state_handler(), _STATE),
        (store, _TIPS),
        (homeserver.get_module_api_callbacks().spam_checker, _MAY_JOIN),
    )
    try:
        for owner, point in leant_on:
            check(getattr(owner, point.method.rpartition(".")[2], None), point)
        _ = homeserver.get_room_member_handler().member_linearizer.queue
    except ConfigError as error:
        return str(error)
    except AttributeError as error:
        return f"Synapse {SYNAPSE_VERSION}: {error}"
    return ""
