"""Of which joins it is known that Synapse itself put the name in."""

from __future__ import annotations

import asyncio

import pytest

from sferum_bridge.homeserver.naming import change_of, is_from_profile

ANN, BEN, ROOM = "@ann:school.example", "@ben:school.example", "!room"


def test_a_join_without_a_name_gets_that_of_the_profile() -> None:
    for content in (None, {}, {"membership": "join"}):
        with change_of(ANN, ROOM, "join", content):
            assert is_from_profile(ANN, ROOM)
            assert not is_from_profile(BEN, ROOM)
            assert not is_from_profile(ANN, "!other")
        assert not is_from_profile(ANN, ROOM)


@pytest.mark.parametrize(
    ("action", "content"),
    [("join", {"displayname": "Директор"}), ("join", {"displayname": None}), ("invite", {})],
)
def test_of_every_other_change_nothing_is_known(action: str, content: dict[str, object]) -> None:
    with change_of(ANN, ROOM, action, content):
        assert not is_from_profile(ANN, ROOM)


def test_after_a_change_within_another_nothing_is_known() -> None:
    with change_of(ANN, ROOM, "join", None):
        with change_of(BEN, ROOM, "join", {"displayname": "Директор"}):
            assert not is_from_profile(ANN, ROOM)
            assert not is_from_profile(BEN, ROOM)
        assert not is_from_profile(ANN, ROOM)
    with pytest.raises(RuntimeError), change_of(ANN, ROOM, "join", None):
        raise RuntimeError
    assert not is_from_profile(ANN, ROOM)


async def test_requests_at_the_same_time_know_nothing_of_each_other() -> None:
    both = asyncio.Barrier(2)

    async def join(content: dict[str, object]) -> bool:
        with change_of(ANN, ROOM, "join", content):
            await both.wait()
            return is_from_profile(ANN, ROOM)

    known = await asyncio.gather(join({}), join({"displayname": "Директор"}))
    assert list(known) == [True, False]
