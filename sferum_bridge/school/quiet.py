"""Quiet hours: when the bot holds back what is not urgent (1.7 item 13, scenario 32). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

_WRITTEN = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*[-–]\s*([01]?\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From when to when by the school's clock, every day; may pass midnight."""

    start: time
    end: time

    def ends(self, now: int, zone: str) -> int | None:
        """Return when the quiet hours end in which `now` lies; `None` when it lies in none.

        Both times are milliseconds since the epoch, UTC. Where the clock is changed that night,
        they end when the clock shows the end.
        """
        here = datetime.fromtimestamp(now / 1000, UTC).astimezone(ZoneInfo(zone))
        for day in (here.date() - timedelta(days=1), here.date()):
            last = day + timedelta(days=1) if self.end <= self.start else day
            start = datetime.combine(day, self.start, here.tzinfo)
            end = datetime.combine(last, self.end, here.tzinfo)
            if start.timestamp() * 1000 <= now < end.timestamp() * 1000:
                return int(end.timestamp() * 1000)
        return None


def read(text: str) -> QuietHours | None:
    """Return the hours of a setting as 21:00-07:00; `None` for an empty one: there are none.

    Raises:
        ValueError: it is neither empty nor two times of a day that differ.
    """
    if not text.strip():
        return None
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        raise ValueError("write them as 21:00-07:00, or leave them empty")
    hours = [int(group) for group in found.groups()]
    start, end = time(hours[0], hours[1]), time(hours[2], hours[3])
    if start == end:
        raise ValueError("they must end at another time than they begin")
    return QuietHours(start, end)
