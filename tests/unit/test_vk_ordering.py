"""What a batch tells is taken in the order of the messages, however it is told."""

from __future__ import annotations

import pytest

from sferum_bridge.network.base import RemoteDeletion, RemoteEdit, RemoteMessage
from sferum_bridge.network.content import Content
from sferum_bridge.network.vk.ordering import in_order
from sferum_bridge.network.vk.updates import Ask, Entry, Reacted, Want, read_mark

A, B = 2_000_000_001, 2_000_000_002


def new(cmid: int, peer: int = A, text: str = "") -> RemoteMessage:
    return RemoteMessage(str(peer), str(cmid), "7", Content(text), sent_at=0)


def edit(cmid: int, text: str = "", peer: int = A) -> RemoteEdit:
    return RemoteEdit(new(cmid, peer, text))


def gone(cmid: int, peer: int = A) -> RemoteDeletion:
    return RemoteDeletion(str(peer), str(cmid), for_all=True)


def liked(cmid: int, peer: int = A, *, by: int = 7) -> Reacted:
    return Reacted(peer, cmid, {by: 1})


READ = read_mark(A, 5, "1", by_me=True)
ASKED = Ask(Want.MESSAGE, A, 5)


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [new(5), new(6), new(9)],
        [new(5), new(1, B), new(6), new(2, B)],
        [new(5), edit(4), liked(5), READ, new(6), gone(5)],
        [edit(5), liked(5)],
        [Ask(Want.DELETION, message_id=3), Ask(Want.EDIT, message_id=3), Ask(Want.EDIT)],
    ],
)
def test_what_is_in_order_stays_as_it_is(entries: list[Entry]) -> None:
    assert in_order(entries) == entries


def test_new_messages_of_a_chat_stand_by_their_numbers() -> None:
    told: list[Entry] = [new(6), new(2, B), ASKED, READ, new(1, B), new(4)]
    assert in_order(told) == [new(4), new(1, B), ASKED, READ, new(2, B), new(6)]


def test_what_changes_a_message_stands_behind_it() -> None:
    told: list[Entry] = [liked(6), edit(5), new(6), ASKED, gone(6)]
    assert in_order(told) == [ASKED, edit(5), new(6), liked(6), gone(6)]


def test_of_several_changes_it_is_asked_what_holds() -> None:
    told: list[Entry] = [
        edit(5, "2"),
        edit(6, "only"),
        edit(5, "1"),
        liked(5),
        READ,
        liked(5, by=8),
    ]
    assert in_order(told) == [
        edit(6, "only"),
        Ask(Want.EDIT, A, 5, hint=new(5, text="1")),
        READ,
        Ask(Want.REACTIONS, A, 5),
    ]


def test_no_edit_brings_back_what_was_deleted_beside_it() -> None:
    assert in_order([gone(5), edit(5)]) == [gone(5), Ask(Want.EDIT, A, 5, hint=new(5))]
    assert in_order([gone(5), gone(5)]) == [gone(5), gone(5)]
