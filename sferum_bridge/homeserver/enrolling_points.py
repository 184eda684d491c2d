"""What of Synapse a batch of joins leans on: parts that no release promises to keep.

A wrap that does not fit stops Synapse, since the contour would be open. Here nothing is lost but
speed: the door answers that it is not here, and the bridge brings people in the ordinary ways. So
what makes batches (`enrolling_batch`, `enrolling_chain`) is imported here only, for a version that
it is known to be written for: another one may have moved what it imports.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from synapse.module_api.errors import ConfigError
from synapse.util import SYNAPSE_VERSION

from sferum_bridge.homeserver.wrapping import TRIED_ON, Point, check
from sferum_bridge.homeserver.wraps.writing import SEND

if TYPE_CHECKING:
    from synapse.server import HomeServer

MOST = 100
"""People in one batch: what Synapse stores in one transaction."""


class NotThisRoomError(Exception):
    """People are not brought into this room this way; says why."""


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
_REMEMBER = Point(
    "StateGroupDataStore._insert_into_cache",
    ("group_to_state_dict", "state_filter", "cache_seq_num_members", "cache_seq_num_non_members"),
    closes="",
    is_async=False,
)
_PERSIST = Point("UnpersistedEventContext.persist", ("event",), closes="")
_STATE = Point(
    "StateHandler.compute_state_after_events",
    ("room_id", "event_ids", "state_filter", "await_full_state"),
    closes="",
)
_TIPS = Point("DataStore.get_prev_events_for_room", ("room_id",), closes="")
_MEMBERSHIP = Point(
    "DataStore.get_local_current_membership_for_user_in_room", ("user_id", "room_id"), closes=""
)
_AUTH = Point(
    "EventAuthHandler.check_auth_rules_from_context", ("event", "batched_auth_events"), closes=""
)
_PUSH = Point(
    "BulkPushRuleEvaluator._action_for_event_by_user",
    ("event", "context", "event_id_to_event"),
    closes="",
)
_MAY_JOIN = Point(
    "SpamCheckerModuleApiCallbacks.user_may_join_room",
    ("user_id", "room_id", "is_invited"),
    closes="",
)
_LOCK = Point(
    "WorkerLocksHandler.acquire_read_write_lock",
    ("lock_name", "lock_key", "write"),
    closes="",
    is_async=False,
)


def misfit(homeserver: HomeServer) -> str:
    """Return why batches cannot be made with this Synapse, empty where they can."""
    # Run from a checkout, it names that behind its number.
    if SYNAPSE_VERSION.partition(" ")[0] not in TRIED_ON:
        return f"Synapse {SYNAPSE_VERSION} is none of {', '.join(TRIED_ON)}"
    try:
        batch = import_module("sferum_bridge.homeserver.enrolling_batch")
        creation = homeserver.get_event_creation_handler()
        stores = homeserver.get_datastores()
        leant_on = (
            (creation, _CREATE),
            (creation, _HANDLE),
            (creation, SEND),
            (batch.UnpersistedEventContext, _STORE),
            (stores.state, _REMEMBER),
            (batch.UnpersistedEventContext, _PERSIST),
            (homeserver.get_state_handler(), _STATE),
            (stores.main, _TIPS),
            (stores.main, _MEMBERSHIP),
            (homeserver.get_event_auth_handler(), _AUTH),
            (homeserver.get_bulk_push_rule_evaluator(), _PUSH),
            (homeserver.get_module_api_callbacks().spam_checker, _MAY_JOIN),
            (homeserver.get_worker_locks_handler(), _LOCK),
        )
        for owner, point in leant_on:
            check(getattr(owner, point.method.rpartition(".")[2], None), point)
        _ = homeserver.get_room_member_handler().member_linearizer.queue
        _ = stores.state._state_group_members_cache.sequence  # noqa: SLF001 — what `_REMEMBER` takes
        _ = stores.state._state_group_cache.sequence  # noqa: SLF001
    except ConfigError as error:
        return str(error)
    except (ImportError, AttributeError) as error:
        return f"Synapse {SYNAPSE_VERSION}: {error}"
    return ""
