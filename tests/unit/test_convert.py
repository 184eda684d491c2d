"""How a message looks on the other side."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sferum_bridge.network.base import RemoteMessage
from sferum_bridge.relay import convert


def remote(text: str = "", **more: Any) -> RemoteMessage:
    return RemoteMessage("2000000001", "7", "42", text, 1_790_000_000, **more)


def test_a_remote_text_mentions_nobody_by_itself() -> None:
    content = convert.to_matrix(remote("привет, @room"), label="", reply_to="")
    assert content == {"msgtype": "m.text", "body": "привет, @room", "m.mentions": {}}


def test_what_cannot_be_shown_is_named() -> None:
    content = convert.to_matrix(remote("смотрите"), label="[фото]", reply_to="$a")
    assert content["body"] == "смотрите\n[фото]"
    assert content["m.relates_to"] == {"m.in_reply_to": {"event_id": "$a"}}


def test_nothing_at_all_is_still_something() -> None:
    assert convert.to_matrix(remote(), label="", reply_to="")["body"] == "…"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"msgtype": "m.text", "body": " да "}, convert.Outgoing(text="да")),
        ({"msgtype": "m.emote", "body": "машет"}, convert.Outgoing(text="* машет")),
        ({"msgtype": "m.image", "body": "кот.png"}, convert.Outgoing(not_carried="file")),
        ({"msgtype": "m.text", "body": 5}, convert.Outgoing(not_carried="file")),
        ({"msgtype": "m.text", "body": "  "}, convert.Outgoing(not_carried="empty")),
        ({}, convert.Outgoing(not_carried="file")),
        (
            {
                "msgtype": "m.text",
                "body": "* новое",
                "m.relates_to": {"rel_type": "m.replace", "event_id": "$a"},
            },
            convert.Outgoing(not_carried="edit"),
        ),
        (
            {
                "msgtype": "m.text",
                "body": "> <@a:b> вопрос\n> длинный\n\nответ",
                "m.relates_to": {"m.in_reply_to": {"event_id": "$a"}},
            },
            convert.Outgoing(text="ответ", reply_to="$a"),
        ),
        (
            {"msgtype": "m.text", "body": "x", "m.relates_to": {"m.in_reply_to": "чушь"}},
            convert.Outgoing(text="x"),
        ),
        ({"msgtype": "m.text", "body": "x", "m.relates_to": []}, convert.Outgoing(text="x")),
    ],
)
def test_from_matrix(content: dict[str, Any], expected: convert.Outgoing) -> None:
    assert convert.from_matrix(content) == expected


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Кнопка Цветочная", "Кнопка Цветочная: привет"),
        ("Злой\nДиректор: всем домой", "Злой Директор всем домой: привет"),
        ("\u202eперевёрнутый\u0000", "перевёрнутый: привет"),
        ("Я" * 500, "Я" * 64 + ": привет"),
    ],
)
def test_a_name_in_front_is_only_a_name(name: str, shown: str) -> None:
    assert convert.in_front(name, "привет") == shown


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])), st.integers(2, 50))
def test_splitting_keeps_every_word_and_the_limit(text: str, most: int) -> None:
    parts = convert.split(text, most)
    assert all(len(part.encode("utf-16-le")) // 2 <= most for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


def test_a_short_text_is_one_part() -> None:
    assert convert.split("привет") == ["привет"]
