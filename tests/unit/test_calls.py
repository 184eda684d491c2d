"""Who may start calls where, and the address at which one person enters one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from sferum_bridge import config
from sferum_bridge.school import calls
from sferum_bridge.school.access import Role, group
from sferum_bridge.school.calls import Guest, Meetings, SetUp
from sferum_bridge.school.layout import Kind

SCHOOL, CLASS, OTHER = "school", "5a", "9b"
ADMINISTRATOR = group(Role.ADMINISTRATOR, SCHOOL)
STAFF = group(Role.STAFF, SCHOOL)
NOW = 1_790_000_000_000
SECRET = "an invented secret"
GUEST = Guest("@anna:school.example", "Анна Ивановна", leads=True)


def held(role: Role, place: str = CLASS) -> set[str]:
    return {group(role, place)}


@pytest.mark.parametrize(
    ("kind", "who", "may"),
    [
        (Kind.PUPILS, held(Role.CLASS_TEACHER), True),
        (Kind.PUPILS, held(Role.TEACHER), True),
        (Kind.PUPILS, held(Role.TEACHER, OTHER) | {STAFF}, False),
        (Kind.PUPILS, held(Role.PUPIL), False),
        (Kind.PUPILS, {ADMINISTRATOR}, True),
        (Kind.PARENTS, held(Role.CLASS_TEACHER), True),
        # Somebody who teaches the class and is there as a parent.
        (Kind.PARENTS, held(Role.PARENT) | held(Role.TEACHER) | {STAFF}, False),
        (Kind.PARENTS, held(Role.PARENT), False),
        (Kind.MATERIALS, held(Role.TEACHER), True),
        (Kind.MATERIALS, held(Role.PUPIL), False),
        (Kind.STAFF, {STAFF}, True),
        (Kind.ANNOUNCEMENTS, {STAFF}, False),
        (Kind.ANNOUNCEMENTS, {STAFF, ADMINISTRATOR}, True),
        (Kind.CLASS, held(Role.CLASS_TEACHER), False),
        (Kind.SCHOOL, {ADMINISTRATOR}, False),
        (Kind.GATE, {ADMINISTRATOR}, False),
        (Kind.PUPILS, set(), False),
    ],
)
def test_who_may_start_a_call(kind: Kind, who: set[str], *, may: bool) -> None:
    place = CLASS if kind in {Kind.PUPILS, Kind.PARENTS, Kind.MATERIALS, Kind.CLASS} else SCHOOL
    assert calls.may_start(kind, SCHOOL, place, who) is may


def test_element_call_gets_the_room_where_no_server_sees_it() -> None:
    meetings = Meetings(SetUp.ELEMENT_CALL, "https://call.school.example/")
    url = calls.way_in(meetings, "!room:school.example", "school-1", GUEST, NOW)
    parts = urlsplit(url)
    assert (parts.netloc, parts.path, parts.query) == ("call.school.example", "/room/", "")
    assert "roomId=%21room%3Aschool.example" in parts.fragment
    assert "anna" not in url


def test_jitsi_without_a_secret_gets_no_more_than_the_meeting() -> None:
    meetings = Meetings(SetUp.JITSI, "https://meet.school.example")
    url = calls.way_in(meetings, "!room", "school-1", GUEST, NOW)
    assert url == "https://meet.school.example/school-1"


def passed(url: str) -> tuple[str, dict[str, Any]]:
    """Return the signed word of an address, and what it says."""
    assert not urlsplit(url).query, "a pass in the query would stand in a server's log"
    word = json.loads(unquote(urlsplit(url).fragment.removeprefix("jwt=")))
    middle = word.split(".")[1]
    return word, json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))


def test_jitsi_gets_a_pass_for_one_person_one_meeting_and_a_few_minutes() -> None:
    meetings = Meetings(SetUp.JITSI, "https://meet.school.example", "school", SECRET)
    url = calls.way_in(meetings, "!room", "school-1", GUEST, NOW)
    assert urlsplit(url).path == "/school-1"
    word, said = passed(url)
    signed, _, seal = word.rpartition(".")
    expected = hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).digest()
    assert base64.urlsafe_b64decode(seal + "=") == expected
    assert (said["iss"], said["room"], said["moderator"]) == ("school", "school-1", True)
    assert said["exp"] == NOW // 1000 + 5 * 60
    assert said["context"]["user"]["name"] == "Анна Ивановна"
    other = Guest("@pupil:school.example", "Пётр", leads=False)
    assert not passed(calls.way_in(meetings, "!room", "school-1", other, NOW))[1]["moderator"]
    assert SECRET not in repr(meetings)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"set_up": "jitsi"}, "https://"),
        ({"set_up": "jitsi", "address": "http://meet.example"}, "https://"),
        ({"jitsi_secret": "x"}, "belong together"),
        ({"set_up": "zoom", "address": "https://zoom.example"}, "set_up"),
        ({"broadcast_hosts": ["https://vk.com"]}, "broadcast_hosts"),
    ],
)
def test_settings_that_cannot_be_used(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(config.ConfigError, match=why):
        config.check({"calls": settings}, "config.yaml")
