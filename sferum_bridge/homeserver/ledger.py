"""The facts that hold, in the memory of every process of Synapse.

Theory of operation. `tables` holds one generation in Synapse's database; each process holds it as
one immutable value, so a decision never sees half a generation. `facts` hands that value out and
asks nobody, as long as three things hold; else it waits for a look into the tables.

- Nobody said that there is something new. A push empties a cached function, the *bell*, in all
  processes through Synapse's cache stream; what a process hears is a ring. The bell is armed before
  each look, so a push that comes in between rings again.
- The process is *leased*: its beat (see `processes`) was written less than `stale_seconds` ago,
  which is less than the time after which others take it for dead and no longer wait for it.
- The last look did not find the tables damaged.

    push ─► one transaction: rows, header ─► this process decides by it ─► ring ─┐
      ▲                                                                          ▼
      └── answered when every process alive has it ◄── entered ◄── each process: look, adopt

A process *enters* a generation in the table of processes after it has adopted it, and never decides
by an older one from then on. So once a push is answered with nobody waiting, no question that comes
later is decided by what held before, in any process. Should the stream lose a ring, `poll` looks
every `poll_seconds`; should the database be out of reach, the lease ends.

Without facts: a process that remembers some decides by their *shut* form: the same people are of
the school, none with any rights, and its rooms admit nobody; strangers among themselves go on. One
that remembers none cannot tell who is a stranger, so `UnreadableError`.

One look or push at a time (`_one`), so what is adopted only ever gets newer.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from synapse.module_api import cached
from synapse.util.async_helpers import Linearizer
from synapse.util.duration import Duration
from twisted.internet.defer import CancelledError

from sferum_bridge.homeserver import processes, storing, tables
from sferum_bridge.homeserver.facts import NOBODYS_ROOM
from sferum_bridge.homeserver.processes import MAIN, Standing, Watch
from sferum_bridge.homeserver.tables import LostError, Seals, Snapshot, StaleError
from sferum_bridge.homeserver.today import Today
from sferum_bridge.school.contour import Facts

if TYPE_CHECKING:
    from collections.abc import Callable

    from synapse.module_api import ModuleApi
    from synapse.util.clock import Clock

    from sferum_bridge.homeserver.facts import Push
    from sferum_bridge.homeserver.settings import Settings

logger = logging.getLogger(__name__)

T = TypeVar("T")

KEY = "facts"
"""The one key of the bell, and of the lock."""
RETRY_SECONDS = 1.0
MOST_LOOKS = 3
"""A push may ring while a process looks; then it looks again."""
ACK_POLL = Duration(milliseconds=15)
NEVER = float("-inf")


class UnreadableError(Exception):
    """The facts cannot be read, so nothing can be decided."""


@dataclass(frozen=True, slots=True)
class Status:
    """What there is to tell of the facts."""

    facts: Facts
    """Those of this process; of generation 0 where it has none."""
    generation: int
    """The number that a push has to exceed or to follow."""
    readable: bool
    damaged: int
    """Entries whose rows are damaged."""
    processes: Standing


class Ledger:
    """Keeps the facts. One for each Synapse process."""

    def __init__(self, api: ModuleApi, clock: Clock, settings: Settings) -> None:
        self._api = api
        # Synapse's @cached asks its object for these two by name.
        self.server_name = api.server_name
        self.clock = clock
        self._settings = settings
        self._seals = Seals(settings.secret)
        self._name = api.worker_name or MAIN
        map_ = api._hs.config.worker.instance_map  # noqa: SLF001 — no other way to know the workers
        named = {MAIN if name == "master" else name for name in map_}
        self._watch = Watch(settings.expected_processes | named, settings.process_timeout)
        self._one = Linearizer("sferum_ledger", clock)
        self._snapshot: Snapshot | None = None
        self.today = Today()
        """What of the facts holds now; `facts` and `sure` ask it."""
        self._shut: Facts | None = None
        self._has_tables = False
        self._pushing = False
        self._entered = 0
        self._failed_at = NEVER
        self._leased_at = NEVER
        self._rung = 1
        self._heard = 0
        self._listeners: list[Callable[[Facts | None, Facts], None]] = []
        # The decorator's types know it unbound only.
        self._bell: Any = self.bell
        api.register_cached_function(self._bell)

    @cached()
    async def bell(self, key: str) -> int:
        """Stand in Synapse's caches, so that a push in any process is heard in all."""
        del key  # there is only one
        return 0

    async def facts(self) -> Facts:
        """Return what to decide by; asks the database only where there may be something new.

        Raises:
            UnreadableError: Nothing is known.
        """
        try:
            return await self.sure()
        except UnreadableError:
            if self._snapshot is None:
                raise
            return self._shut_facts(self._snapshot.facts)

    async def sure(self) -> Facts:
        """Return the facts that hold and never their shut form: for what cannot be undone.

        Raises:
            UnreadableError: What holds is not known at the moment.
        """
        looks = 0
        while not self._is_fresh() or self._snapshot is None:
            if looks == MOST_LOOKS or time.monotonic() - self._failed_at < RETRY_SECONDS:
                raise UnreadableError
            looks += 1
            await self._look()
        return self.today.of(self._snapshot.facts)

    def on_change(self, listener: Callable[[Facts | None, Facts], None]) -> None:
        """Have `listener` called with the facts before and after, whenever this process changes."""
        self._listeners.append(listener)

    async def push(self, push: Push, body: bytes) -> Status | None:
        """Store a generation, decide by it from now on, and wait for the other processes.

        `body` is the text of the push, kept where it is a part. `None` while parts are missing.

        Raises:
            StaleError: Another generation holds than the one that this push follows.
            MalformedError: The parts do not fit together.
        """
        async with self._one.queue(KEY):
            whole: Push | None = push
            if push.part is not None:
                text = body.decode()
                whole = await self._run("part", storing.keep_part, push, text, self._snapshot)
            if whole is None:
                return None
            self._pushing = True
            try:
                await self._store(whole)
            finally:
                self._pushing = False
        await self._api.invalidate_cache(self._bell, (KEY,))
        end = time.monotonic() + self._settings.ack_seconds
        status = await self.status()
        while status.processes.waiting and time.monotonic() < end:
            await self.clock.sleep(ACK_POLL)
            status = await self.status()
        return status

    async def _store(self, push: Push) -> None:
        heard = self._rung
        self._adopt(await self._run("push", storing.store, self._seals, push, self._snapshot))
        await self._enter(push.generation)
        self._heard = heard
        self._note_success()

    async def status(self) -> Status:
        """Tell what holds here, and where the other processes stand."""
        if self._snapshot is None:
            await self._look()
        snapshot = self._snapshot or Snapshot(Facts())
        stored = await self._run("generation", tables.generation)
        generation = max(stored, snapshot.facts.generation)
        rows = await self._run("processes", processes.read)
        return Status(
            facts=snapshot.facts,
            generation=generation,
            readable=self._snapshot is not None and self._failed_at == NEVER,
            damaged=len(snapshot.damaged),
            processes=self._watch.standing(rows, generation),
        )

    async def poll(self) -> None:
        """Say that this process is alive, look for what it was not told of, and who has died."""
        try:
            since = time.monotonic() - self._leased_at
            # Whose lease is over has to look before it goes on.
            if self._settings.heartbeat_seconds <= since < self._settings.stale_seconds:
                await self._beat()
            rows = await self._run("processes", processes.read)
            if dead := self._watch.dead(rows):
                await self._run("forget", processes.forget, dead)
        except Exception as error:  # noqa: BLE001 — a loop must outlive any trouble of the database
            self._note_failure(error)
        # A big push takes its time, in which this process goes on by what it has.
        if not self._pushing:
            await self._look(always=True)

    def _is_fresh(self) -> bool:
        return self._heard == self._rung and self._is_leased() and self._snapshot is not None

    def _is_leased(self) -> bool:
        return time.monotonic() - self._leased_at < self._settings.stale_seconds

    def _ring(self) -> None:
        self._rung += 1
        # Not at once: the cache that rings is locked.
        self._api.delayed_background_call(0, self._look, desc="sferum_look")

    async def _look(self, *, always: bool = False) -> None:
        """Bring this process up to date, if that can be done."""
        asked = time.monotonic()
        try:
            async with self._one.queue(KEY):
                # Somebody may have looked meanwhile, with or without success.
                if always or not (self._is_fresh() or self._failed_at >= asked):
                    await self._catch_up()
        except CancelledError:
            raise
        except LostError as error:
            self._heard = -1  # not even until the lease ends
            self._note_failure(error)
        except Exception as error:  # noqa: BLE001 — whatever it is, nothing opens
            self._note_failure(error)

    async def _catch_up(self) -> None:
        heard = self._rung
        await self._bell(KEY, on_invalidate=self._ring)
        if not self._is_leased():
            # Entered before looking: a push that does not see this process is seen by it.
            self._heard = -1
            await self._enter(0)
        found = await self._run("load", tables.load, self._seals, self._snapshot)
        if found is not self._snapshot:
            self._adopt(found)
        if self._entered != found.facts.generation:
            await self._beat(found.facts.generation)
        if self._is_leased():
            self._heard = heard
            self._note_success()

    async def _enter(self, generation: int) -> None:
        began = time.monotonic()
        await self._run("enter", processes.enter, self._name, generation)
        self._leased_at, self._entered = began, generation

    async def _beat(self, generation: int | None = None) -> None:
        began = time.monotonic()
        alive = await self._run("beat", processes.beat, self._name, generation)
        self._leased_at = began if alive else NEVER
        self._entered = self._entered if generation is None else generation

    def _adopt(self, snapshot: Snapshot) -> None:
        before, self._snapshot = self._snapshot, snapshot
        if snapshot.damaged and (before is None or before.damaged != snapshot.damaged):
            logger.error(
                "%d rows of the school's facts are damaged: those people and rooms have no rights "
                "until the bridge pushes everything anew",
                len(snapshot.damaged),
            )
        if before is None or before.facts.generation < snapshot.facts.generation:
            for listener in self._listeners:
                try:
                    listener(before.facts if before else None, snapshot.facts)
                except Exception:
                    logger.exception("A change of facts was not followed up")

    def _shut_facts(self, facts: Facts) -> Facts:
        if self._shut is None or self._shut.generation != facts.generation:
            self._shut = Facts(
                facts.generation,
                facts.service,
                facts.ghost_prefix,
                people=facts.people,
                rooms=dict.fromkeys(facts.rooms, NOBODYS_ROOM),
            )
        return self._shut

    async def _run(self, name: str, work: Callable[..., T], *arguments: object) -> T:
        if not self._has_tables:
            await self._api.run_db_interaction("sferum_tables", tables.create)
            self._has_tables = True
        return await self._api.run_db_interaction(f"sferum_{name}", work, *arguments)

    def _note_failure(self, error: Exception) -> None:
        if self._failed_at == NEVER:
            # Not the error's text: it could quote a row.
            logger.error(
                "School facts cannot be read (%s); the school's side is shut while that lasts",
                error if isinstance(error, LostError) else type(error).__name__,
            )
        self._failed_at = time.monotonic()

    def _note_success(self) -> None:
        if self._failed_at != NEVER:
            self._failed_at = NEVER
            logger.warning("School facts can be read again")


__all__ = ["Ledger", "StaleError", "Status", "UnreadableError"]
