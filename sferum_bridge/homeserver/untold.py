"""What the bridge would never be told of because Synapse ended at the wrong moment.

Synapse notes how far in its stream of events it has read for application services, and holds what
it read in memory until the transaction before is answered. What it holds when it ends is lost: it
goes on behind it. A transaction that it has written down and not sent is sent only after the
application service was away. So what a parent wrote at that moment was never answered.

    read on ─► anything of the bridge's still in memory? ─► its place is noted, then Synapse's own
    started ─► written down, not sent? the bridge counts as away: Synapse sends it, the oldest first
            └► a place noted? read from there once more, for the bridge alone, behind those

Some of that the bridge has been told of before; it knows an event by its id. The same loop sends
what Synapse left lying between the end of an absence and its note of it.

Where a Synapse does not fit, nothing is wrapped, `fits` is false, and the bridge helps itself (see
`matrix.appservice`). Only the process that serves application services does any of this.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from synapse.appservice import ApplicationServiceState
from synapse.module_api.errors import ConfigError
from synapse.storage.engines import PostgresEngine
from synapse.util import SYNAPSE_VERSION
from synapse.util.async_helpers import Linearizer

from sferum_bridge.homeserver.tables import CREATE_LOCK
from sferum_bridge.homeserver.wrapping import Point, check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from synapse.appservice import ApplicationService
    from synapse.events import EventBase
    from synapse.module_api import ModuleApi
    from synapse.server import HomeServer
    from synapse.storage.database import LoggingTransaction

logger = logging.getLogger(__name__)

LOOK = 10_000
"""Milliseconds from one look for what was left lying to the next."""
_LOOKS = 3
"""So many looks a transaction has lain when it is taken for left."""
_BEHIND = 100
"""Events that may be told of twice after a restart, so that not each is noted."""
_PAGE = 100

_READ = Point("DataStore.get_appservice_last_pos", (), closes="")
_NOTE = Point("DataStore.set_appservice_last_pos", ("pos",), closes="")
_A_TRANSACTION = (
    "service",
    "events",
    "ephemeral",
    "to_device_messages",
    "one_time_keys_count",
    "unused_fallback_keys",
    "device_list_summary",
)
_SEND = Point("_TransactionController.send", _A_TRANSACTION, closes="")
_WRITE = Point("DataStore.create_appservice_txn", _A_TRANSACTION, closes="")
_OLDEST = Point("DataStore.get_oldest_unsent_txn", ("service",), closes="")
_RECOVER = Point("_TransactionController.start_recoverer", ("service",), closes="", is_async=False)
_START = Point("ApplicationServiceScheduler.start", (), closes="")
_TELL = Point(
    "ApplicationServicesHandler.notify_interested_services",
    ("max_token",),
    closes="",
    is_async=False,
)
_TABLE = """
    CREATE TABLE IF NOT EXISTS sferum_untold (
        id SMALLINT PRIMARY KEY CHECK (id = 1),
        position BIGINT NOT NULL
    )
"""


class Untold:
    """Sees to it that the bridge's `services` are told of every event at least once."""

    def __init__(
        self, api: ModuleApi, homeserver: HomeServer, services: Sequence[ApplicationService]
    ) -> None:
        self._api = api
        self._homeserver = homeserver
        self._services = {service.id: service for service in services if service.url}
        # Its cached methods are typed as if unbound.
        self._store: Any = homeserver.get_datastores().main
        self._in_hand: dict[str, int] = {}
        """Service → where what is taken out of memory begins that is not written down yet."""
        self._noted: int | None = None
        self._noting_now = Linearizer(name="sferum_untold", clock=homeserver.get_clock())
        self._has_begun = False
        self._lying: dict[str, tuple[int, int]] = {}
        """Service → its oldest unsent transaction, and at how many looks it was there."""
        self.fits = self._install()

    def _install(self) -> bool:
        try:
            handler = self._homeserver.get_application_service_handler()
            scheduler = handler.scheduler
            control = scheduler.txn_ctrl
            leant_on = (
                *((self._store, _READ), (self._store, _NOTE), (self._store, _WRITE)),
                *((self._store, _OLDEST), (control, _SEND), (control, _RECOVER)),
                *((scheduler, _START), (handler, _TELL)),
            )
            for owner, point in leant_on:
                check(getattr(owner, point.method.rpartition(".")[2], None), point)
            queued = scheduler.queuer.queued_events
            _ = handler.started_scheduler, control.recoverers
        except (AttributeError, ConfigError) as error:
            logger.warning(
                "The bridge may miss what happens while Synapse restarts: Synapse %s serves "
                "application services otherwise than those it was tried on (%s)",
                *(SYNAPSE_VERSION, type(error).__name__),
            )
            return False
        if not self._homeserver.config.worker.should_notify_appservices:
            return True
        self._handler, self._queued = handler, queued
        self._read, self._note = (
            self._store.get_appservice_last_pos,
            self._store.set_appservice_last_pos,
        )
        self._write, self._send = self._store.create_appservice_txn, control.send
        self._store.get_appservice_last_pos = self._reading
        self._store.set_appservice_last_pos = self._noting
        self._store.create_appservice_txn = self._writing
        control.send = self._sending  # type: ignore[method-assign]  # what this is about
        self._api.delayed_background_call(0, self.begin, desc="sferum_untold")
        self._api.looping_background_call(
            self.look, LOOK, desc="sferum_untold_look", run_on_all_instances=True
        )
        return True

    async def begin(self) -> None:
        """Have Synapse read on: by itself it waits for the next event of anybody."""
        self._handler.notify_interested_services(self._store.get_room_max_token())

    async def look(self) -> None:
        """Send what has been lying, and forget the note of what is told by now."""
        for service in self._services.values():
            oldest = await self._store.get_oldest_unsent_txn(service)
            before, looks = self._lying.pop(service.id, (0, 0))
            if oldest is None or service.id in self._handler.scheduler.txn_ctrl.recoverers:
                continue
            looks = looks + 1 if oldest.id == before else 1
            self._lying[service.id] = (oldest.id, looks)
            if looks >= _LOOKS:
                await self._store.set_appservice_state(service, ApplicationServiceState.DOWN)
                self._handler.scheduler.txn_ctrl.start_recoverer(service)
        async with self._noting_now.queue(""):
            if self._noted is not None and self._held() is None:
                await self._api.run_db_interaction("sferum_untold", _forget)
                self._noted = None

    # --- in the place of Synapse's own ------------------------------------------------------

    async def _reading(self) -> int:
        if not self._has_begun:
            await self._take_up()
            self._has_begun = True
        return int(await self._read())

    async def _noting(self, pos: int) -> None:
        async with self._noting_now.queue(""):
            held = self._held()
            if held is not None and not self._is_near(held - 1):
                await self._api.run_db_interaction("sferum_untold", _remember, held - 1)
                self._noted = held - 1
            await self._note(pos)

    async def _sending(
        self, service: ApplicationService, events: Sequence[EventBase], *rest: Any, **named: Any
    ) -> None:
        if service.id in self._services and events:
            self._in_hand[service.id] = _first(events)
        await self._send(service, events, *rest, **named)

    async def _writing(self, service: ApplicationService, *rest: Any, **named: Any) -> Any:
        written = await self._write(service, *rest, **named)
        self._in_hand.pop(service.id, None)
        return written

    # --- what is held -----------------------------------------------------------------------

    def _held(self) -> int | None:
        """Return where in the stream begins what is in memory only; `None` where nothing is."""
        waiting = [events for name in self._services if (events := self._queued.get(name))]
        return min([*map(_first, waiting), *self._in_hand.values()], default=None)

    def _is_near(self, position: int) -> bool:
        """Tell whether what is noted will do for a position."""
        return self._noted is not None and 0 <= position - self._noted < _BEHIND

    async def _take_up(self) -> None:
        """Do what the Synapse before this one left undone."""
        run = self._api.run_db_interaction
        await run("sferum_untold", _create)
        for service in self._services.values():
            if await self._store.get_oldest_unsent_txn(service) is not None:
                await self._store.set_appservice_state(service, ApplicationServiceState.DOWN)
        if not self._handler.started_scheduler:
            # As Synapse does at the first event.
            self._handler.started_scheduler = True
            await self._handler.scheduler.start()
        position = self._noted = await run("sferum_untold", _position)
        end = await self._read()
        while position is not None and position < end:
            position, ids = await self._store.get_all_new_event_ids_stream(position, end, _PAGE)
            for event in await self._store.get_events_as_list(ids, get_prev_content=True):
                for service in self._services.values():
                    # A cached method, typed as if unbound.
                    concerns: Any = service.is_interested_in_event
                    if await concerns(event.event_id, event, self._store):
                        self._handler.scheduler.enqueue_for_appservice(service, events=[event])


def _first(events: Sequence[EventBase]) -> int:
    return min(event.internal_metadata.stream_ordering or 0 for event in events)


def _create(txn: LoggingTransaction) -> None:
    if isinstance(txn.database_engine, PostgresEngine):
        # IF NOT EXISTS alone fails when two processes create at once.
        txn.execute("SELECT pg_advisory_xact_lock(?)", (CREATE_LOCK,))
    txn.execute(_TABLE)


def _position(txn: LoggingTransaction) -> int | None:
    txn.execute("SELECT position FROM sferum_untold")
    row = txn.fetchone()
    return int(row[0]) if row else None


def _remember(txn: LoggingTransaction, position: int) -> None:
    txn.execute(
        "INSERT INTO sferum_untold (id, position) VALUES (1, ?)"
        " ON CONFLICT (id) DO UPDATE SET position = excluded.position",
        (position,),
    )


def _forget(txn: LoggingTransaction) -> None:
    txn.execute("DELETE FROM sferum_untold")
