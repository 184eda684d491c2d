"""The door of enrolment: what it answers in trouble, and on a Synapse that it is not for."""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
import sys
import time
from contextlib import asynccontextmanager
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import MagicMock

import pytest
from synapse.api.errors import SynapseError
from synapse.handlers.worker_lock import NEW_EVENT_DURING_PURGE_LOCK_NAME

from sferum_bridge import homeserver
from sferum_bridge.homeserver import enrolling, enrolling_batch, enrolling_points
from sferum_bridge.homeserver.enrolling import EnrolResource
from sferum_bridge.homeserver.enrolling_chain import Person
from sferum_bridge.homeserver.enrolling_points import NotThisRoomError, misfit
from sferum_bridge.homeserver.settings import parse
from tests.support.synapse import sign

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

SECRET = "s" * 32
BODY = json.dumps({"room_id": "!room:school.example", "user_ids": ["@a:school.example"]}).encode()


def request() -> Any:
    """Return a request to enrol somebody, signed as the bridge signs it."""
    headers = {
        "X-Sferum-Nonce": secrets.token_hex(16),
        "X-Sferum-Body": hashlib.sha256(BODY).hexdigest(),
        "X-Sferum-Since": "0",
        "X-Sferum-Time": str(int(time.time())),
    }
    words = " ".join(["POST", enrolling.PATH, *headers.values()])
    headers["X-Sferum-Mac"] = sign(SECRET, words.encode())
    content = SimpleNamespace(read=lambda _limit: BODY)
    return SimpleNamespace(getHeader=headers.get, content=content)


@pytest.fixture
def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Awaitable[int]]:
    """Give what asks the door while its batches fail like this; returns the status."""
    monkeypatch.setattr(enrolling, "misfit", lambda _homeserver: "")
    api, parts = MagicMock(), MagicMock()
    api.get_current_time_msec = lambda: int(time.time() * 1000)
    parts.get_datastores().main.database_engine.module = sqlite3
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    settings = parse({"bot": "@bot:school.example", "secret_file": str(secret)})

    async def asked(error: Exception, *, at_the_nonce: bool = False) -> int:
        async def fail(*_: object) -> Any:
            raise error

        async def done(*_: object) -> Any:
            return True

        resource = EnrolResource(api, MagicMock(), parts, MagicMock(), settings)
        resource._has_begun = True
        monkeypatch.setattr(resource._once, "use_up", fail if at_the_nonce else done)
        monkeypatch.setattr(resource._batches, "enrol", fail)
        with pytest.raises(SynapseError) as raised:
            await resource._async_render_POST(request())
        return raised.value.code

    return asked


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotThisRoomError("it is no school room"), 409),
        (ValueError("this version fails on it"), 409),
        (SynapseError(403, "no"), 409),
        (SynapseError(503, "the school's facts are missing"), 503),
        (SynapseError(502, "failed to talk to the event persister"), 502),
        (sqlite3.OperationalError("database is locked"), 503),
    ],
)
async def test_what_is_passing_is_to_be_asked_again_and_the_rest_goes_the_ordinary_ways(
    door: Callable[..., Awaitable[int]], error: Exception, status: int
) -> None:
    assert await door(error) == status


async def test_a_database_that_is_away_at_once_is_passing_as_well(
    door: Callable[..., Awaitable[int]],
) -> None:
    assert await door(sqlite3.OperationalError("gone"), at_the_nonce=True) == 503


async def test_facts_that_cannot_be_read_are_passing() -> None:
    async def facts() -> Any:
        raise SynapseError(503, "the school's facts are missing")

    batches = enrolling_batch.Batches(MagicMock(), MagicMock(), facts, "@bot:school.example")
    with pytest.raises(SynapseError) as raised:
        await batches.enrol("!room", ["@a:school.example"], 0)
    assert raised.value.code == 503


async def test_a_purge_of_the_room_waits_for_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for every event that Synapse makes itself."""
    held: list[tuple[object, ...]] = []
    parts = MagicMock()

    @asynccontextmanager
    async def locked(*what: object, write: bool = False) -> AsyncIterator[None]:
        held.append((*what, write))
        yield
        held.clear()

    async def looked_up(*_: object) -> Any:
        return [Person("@a:school.example", {}, "", is_suspended=False)], {}

    async def bring_in(*_: object) -> Any:
        assert (NEW_EVENT_DURING_PURGE_LOCK_NAME, "!room", False) in held
        return {"@a:school.example"}, {}

    async def nothing(*_: object) -> str:
        return ""

    parts.get_worker_locks_handler().acquire_read_write_lock = locked
    parts.get_room_member_handler().member_linearizer.queue = locked
    batches = enrolling_batch.Batches(MagicMock(), parts, MagicMock(), "@bot:school.example")
    for name, instead in (
        ("_check_ours", nothing),
        ("_look_up", looked_up),
        ("_why_not", nothing),
        ("_bring_in", bring_in),
    ):
        monkeypatch.setattr(batches, name, instead)
    done = await batches.enrol("!room", ["@a:school.example"], 0)
    assert done.joined == {"@a:school.example"}
    assert not held


def test_a_version_that_is_not_known_leaves_batches_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enrolling_points, "SYNAPSE_VERSION", "9.0.0")
    assert "9.0.0" in misfit(MagicMock())


def test_what_moved_in_synapse_stops_nothing_but_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """The door itself imports nothing that only batches need."""
    of_batches = ("enrolling_batch", "enrolling_chain")
    for name in of_batches:
        # As if the import failed in it.
        monkeypatch.setitem(sys.modules, f"sferum_bridge.homeserver.{name}", None)
    for name in ("enrolling", "enrolling_points"):
        monkeypatch.setattr(homeserver, name, getattr(homeserver, name))
        monkeypatch.delitem(sys.modules, f"sferum_bridge.homeserver.{name}")
    anew = import_module("sferum_bridge.homeserver.enrolling")
    assert "enrolling_batch" in anew.misfit(MagicMock())
