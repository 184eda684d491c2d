"""Broadcasts: what somebody announces to be watched, and who may watch it (S-08, S-28). Pure.

A broadcast is an announcement with a place to watch it. Whoever the announcement is for may watch,
and whether somebody is one of them is asked when they open the link, of the school as it is then:
a link that was passed on opens for nobody else.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sferum_bridge.school import announcements
from sferum_bridge.school.access import Role, group, groups
from sferum_bridge.school.layout import layout

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import date

    from sferum_bridge.school.announcements import Audience
    from sferum_bridge.school.people import School

MOST_CHARACTERS = 2_000
"""Of an address."""
_ADDRESS = re.compile(r"https?://[^\s<>\"«»]+", re.IGNORECASE)
_IN_SFERUM = re.compile(r"[\s:,.—–-]+(?:в сферуме|in sferum)[\s.!]*$", re.IGNORECASE)
_BEHIND = ".,;:!?…)]}'"


class ForeignAddress(Exception):
    """An address lies on no host of the school's list, or is none that is safe to open."""

    def __init__(self, host: str) -> None:
        super().__init__(host)
        self.host = host


def take_address(text: str) -> tuple[str, str]:
    """Return a text without the first address in it, and the address; empty where there is none."""
    found = _ADDRESS.search(text)
    if found is None:
        return text.strip(), ""
    address = found[0].rstrip(_BEHIND)
    before = text[: found.start()].rstrip(" :—–-(")
    after = text[found.start() + len(address) :].lstrip(_BEHIND + " ")
    between = " " if before and after and not after.startswith("\n") else ""
    return f"{before}{between}{after}".strip(), address


def take_sferum(text: str) -> tuple[str, bool]:
    """Return a text without «в Сферуме» at its end, and whether that was there."""
    words = _IN_SFERUM.sub("", text)
    return words.strip(), words != text


def check_address(address: str, hosts: Collection[str]) -> None:
    """Make sure that an address may be watched: https, on one of `hosts` or below it (S-14, S-16).

    Raises:
        ForeignAddress: it may not.
    """
    try:
        parts = urlsplit(address)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise ForeignAddress("") from None
    is_listed = any(host == one or host.endswith(f".{one}") for one in hosts)
    is_plain = parts.scheme == "https" and port in {None, 443} and "@" not in parts.netloc
    if not is_listed or not is_plain or len(address) > MOST_CHARACTERS or not address.isascii():
        raise ForeignAddress(host)


def may_watch(audience: Audience, school: School, day: date, person_id: str) -> bool:
    """Tell whether a broadcast for an audience is for somebody on `day` (S-08, S-28).

    It is for whom the layout has in the rooms it is announced in, and for the administrators.
    """
    keys = set(announcements.rooms(audience, school, day))
    if any(person_id in room.members for room in layout(school, day) if room.key in keys):
        return True
    heads = group(Role.ADMINISTRATOR, school.id)
    return heads in groups(school, day).get(person_id, frozenset())
