"""Counting failures: windows, floods, and as whom somebody behind a proxy counts."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from sferum_bridge.web import limits
from sferum_bridge.web.limits import Limit, visitor


class Clock:
    now = 1_000

    def __call__(self) -> int:
        return self.now


def test_the_window_slides() -> None:
    clock = Clock()
    limit = Limit(3, 60, clock)
    for _ in range(3):
        assert limit.wait("a") == 0
        limit.note("a")
        clock.now += 10
    assert limit.wait("a") == 30
    assert limit.wait("b") == 0
    clock.now += 30
    assert limit.wait("a") == 0
    limit.note("a")
    assert limit.wait("a") == 10


def test_what_did_not_fail_is_taken_back() -> None:
    limit = Limit(1, 60, Clock())
    limit.take_back("a")
    limit.note("a")
    limit.take_back("a")
    assert limit.wait("a") == 0


def test_a_flood_costs_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_MOST_KEYS", 3)
    limit = Limit(1, 60, Clock())
    for key in ("a", "b", "c", "a", "d"):
        limit.note(key)
    assert [limit.wait(key) > 0 for key in "abcd"] == [True, False, True, True]


@pytest.mark.parametrize(
    ("peer", "forwarded", "counted"),
    [
        ("11.22.33.44", "", "11.22.33.44"),
        ("11.22.33.44", "198.51.100.7", "11.22.33.44"),
        ("127.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("172.18.0.2", "1.2.3.4, 198.51.100.7", "198.51.100.7"),
        ("127.0.0.1", "nonsense", "127.0.0.1"),
        ("", "198.51.100.7", "198.51.100.7"),
        ("", "", ""),
        ("2a00:1450:4001:81b::200e", "", "2a00:1450:4001:81b::/64"),
        ("::ffff:11.22.33.44", "198.51.100.7", "11.22.33.44"),
        ("::ffff:127.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("::1", "2a00:1450:4001:81b:1:2:3:4", "2a00:1450:4001:81b::/64"),
    ],
)
def test_as_whom_a_visitor_counts(peer: str, forwarded: str, counted: str) -> None:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    request = make_mocked_request("GET", "/", headers=headers).clone(remote=peer)
    assert visitor(request) == counted
