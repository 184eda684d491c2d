"""The cookie, the token it gives, and what becomes of both. Against scripted raw replies."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from sferum_bridge.network.base import (
    LoginExpired,
    NeedsPerson,
    Network,
    NetworkError,
    Refused,
    TooFast,
    Unavailable,
)
from sferum_bridge.network.content import Draft
from sferum_bridge.network.vk import VkNetwork, VkSettings
from sferum_bridge.network.vk.api import WINDOW, Pace
from sferum_bridge.network.vk.login import WebLogin, cookie_of
from sferum_bridge.network.vk.transport import Transport
from tests.support.vk_script import COOKIE, USER_ID, Raw, ScriptedVk, error, ok, profiles

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ANNA = {"id": 700002, "first_name": "Анна", "last_name": "Вымышленная"}


@pytest.fixture
async def vk() -> AsyncIterator[ScriptedVk]:
    async with ScriptedVk().running() as server:
        yield server


def settings(vk: ScriptedVk, **changes: Any) -> VkSettings:
    return VkSettings(
        api_url=vk.url, web_url=vk.url, requests_per_second=100, request_timeout=5, **changes
    )


@pytest.fixture
async def network(vk: ScriptedVk) -> AsyncIterator[Network]:
    network: Network = VkNetwork(settings(vk))
    yield network
    await network.close()


@pytest.mark.parametrize(
    "pasted", [COOKIE, f"  {COOKIE}\n", f"remixlang=0; remixdsid={COOKIE}; x=y", f'"{COOKIE}"']
)
async def test_log_in_takes_the_educational_profile(
    vk: ScriptedVk, network: Network, pasted: str
) -> None:
    vk.script("users.get", ok([{"id": USER_ID, "first_name": "Пётр", "last_name": "Учебный"}]))
    session = await network.log_in(pasted)
    assert (session.account_id, session.name) == (str(USER_ID), "Пётр Учебный")
    assert session.secret == COOKIE
    assert vk.cookies == [f"remixdsid={COOKIE}"]
    assert vk.calls[0][1] == {
        "user_ids": str(USER_ID), "fields": "photo_200", "access_token": "token-1",
        "v": "5.241", "lang": "ru",
    }  # fmt: skip


@pytest.mark.parametrize(
    "reply",
    [
        {"error": "invalid_session"},
        [],
        {},
        "text",
        Raw(body="<html>log in</html>"),
        Raw(status=302, headers={"Location": "https://example.invalid/"}),
        Raw(status=403, body="{}"),
        [{"user_id": "x", "profile_type": 2, "access_token": "t", "expires": 1}],
        [{"user_id": 7, "profile_type": 2, "access_token": "", "expires": 1}],
    ],
)
async def test_anything_but_profiles_means_the_login_is_dead(
    vk: ScriptedVk, network: Network, reply: Any
) -> None:
    vk.tokens = type(vk.tokens)([reply])
    with pytest.raises(LoginExpired):
        await network.connect(COOKIE)


@pytest.mark.parametrize("pasted", ["", "два слова", "a b", "a;b", "remixdsid=", "a\r\nX: y", "я"])
async def test_what_is_no_cookie_is_sent_nowhere(
    vk: ScriptedVk, network: Network, pasted: str
) -> None:
    with pytest.raises(LoginExpired):
        await network.log_in(pasted)
    assert vk.cookies == []


async def test_an_account_without_educational_profile_is_refused(
    vk: ScriptedVk, network: Network
) -> None:
    vk.tokens = type(vk.tokens)([profiles("t")[1:]])
    with pytest.raises(Refused):
        await network.connect(COOKIE)


@pytest.mark.parametrize("reply", [Raw(status=502), Raw(cut=True), Raw(status=429)])
async def test_web_token_being_down_does_not_kill_a_login(
    vk: ScriptedVk, network: Network, reply: Raw
) -> None:
    vk.tokens = type(vk.tokens)([reply])
    with pytest.raises((Unavailable, TooFast)) as caught:
        await network.connect(COOKIE)
    assert caught.value.retry


@pytest.mark.parametrize("code", [5, 1117])
async def test_a_dead_token_is_replaced_once_for_all_calls(
    vk: ScriptedVk, network: Network, code: int
) -> None:
    vk.tokens.append(profiles("token-2"))
    connector = await network.connect(COOKIE)
    vk.script("users.get", error(code), error(code), ok([ANNA]))
    found = await asyncio.gather(connector.contacts(["700002"]), connector.contacts(["700002"]))
    assert [contacts[0].name for contacts in found] == ["Анна Вымышленная"] * 2
    assert len(vk.cookies) == 2
    assert [form["access_token"] for form in vk.called("users.get")][2:] == ["token-2"] * 2


async def test_a_fresh_token_that_is_refused_ends_the_login(
    vk: ScriptedVk, network: Network
) -> None:
    vk.tokens.extend([profiles("token-2"), profiles("token-3")])
    connector = await network.connect(COOKIE)
    vk.script("users.get", error(5, error_subcode=1130))
    for _ in range(3):
        with pytest.raises(LoginExpired, match="1130"):
            await connector.contacts(["700002"])
    assert len(vk.cookies) == 2
    assert len(vk.called("users.get")) == 2


async def test_a_cookie_that_becomes_another_accounts_is_not_used(
    vk: ScriptedVk, network: Network
) -> None:
    other = [{"user_id": 42, "profile_type": 2, "access_token": "t", "expires": 3600}]
    vk.tokens.append(other)
    connector = await network.connect(COOKIE)
    vk.script("users.get", error(5))
    with pytest.raises(LoginExpired, match="another account"):
        await connector.contacts(["700002"])


@pytest.mark.parametrize(
    ("expires_in", "absolute", "renewed"),
    [(3600, False, True), (3600, True, True), (5, False, False), (-3600, True, False)],
)
async def test_expiry_may_be_a_time_or_a_duration(
    vk: ScriptedVk,
    monkeypatch: pytest.MonkeyPatch,
    *,
    expires_in: int,
    absolute: bool,
    renewed: bool,
) -> None:
    unix_now, clock = 1_800_000_000.0, [0.0]
    monkeypatch.setattr("time.time", lambda: unix_now)
    expires = int(unix_now) + expires_in if absolute else expires_in
    vk.tokens = type(vk.tokens)([profiles("token-1", expires), profiles("token-2", expires)])
    transport = Transport(settings(vk))
    try:
        login = WebLogin(transport, settings(vk), COOKIE, clock=lambda: clock[0])
        await login.open()
        clock[0] = 3500.0
        assert await login.token() == "token-1"
        clock[0] = 3580.0
        assert await login.token() == ("token-2" if renewed else "token-1")
    finally:
        await transport.close()


async def call(vk: ScriptedVk, network: Network, reply: Any) -> NetworkError:
    connector = await network.connect(COOKIE)
    vk.script("users.get", reply)
    with pytest.raises(NetworkError) as caught:
        await connector.contacts(["700002"])
    return caught.value


@pytest.mark.parametrize(
    ("code", "kind", "retry", "certain"),
    [
        (1, Unavailable, True, False), (10, Unavailable, True, False),
        (36, Unavailable, True, False), (43, Unavailable, True, False),
        (6, TooFast, True, True), (9, TooFast, True, True), (29, TooFast, True, True),
        (14, NeedsPerson, False, True), (17, NeedsPerson, False, True),
        (24, NeedsPerson, False, True), (25, NeedsPerson, False, True),
        (7, Refused, False, True), (100, Refused, False, True), (901, Refused, False, True),
        (914, Refused, False, True), (917, Refused, False, True), (983, Refused, False, True),
    ],
)  # fmt: skip
async def test_every_code_says_what_to_do(
    vk: ScriptedVk,
    network: Network,
    *,
    code: int,
    kind: type[NetworkError],
    retry: bool,
    certain: bool,
) -> None:
    raised = await call(vk, network, error(code, redirect_uri="https://example.invalid/secret"))
    assert isinstance(raised, kind)
    assert (raised.retry, raised.certain) == (retry, certain)
    assert str(code) in raised.detail
    assert "told by VK" not in raised.detail
    if isinstance(raised, TooFast):
        assert raised.retry_after == {6: 1.0, 9: 60.0, 29: 3600.0}[code]


@pytest.mark.parametrize(
    "reply",
    [
        Raw(status=502, body="<html>bad gateway</html>"), Raw(status=500, body='{"error":{}}'),
        Raw(body=""), Raw(body="<html>"), Raw(body="[" * 50_000), Raw(body="[1]"), {}, {"error": 5},
        Raw(body='{"response": [', headers={}), Raw(cut=True), Raw(status=403, body="x"),
        Raw(status=307, headers={"Location": "/elsewhere"}),
    ],
)  # fmt: skip
async def test_no_usable_answer_is_unavailable(
    vk: ScriptedVk, network: Network, reply: Any
) -> None:
    raised = await call(vk, network, reply)
    assert isinstance(raised, Unavailable)
    assert raised.retry
    assert not raised.certain


@pytest.mark.parametrize(("said", "wait"), [("17", 17), ("0", 0.5), ("99999", 3600), ("-1", 5)])
async def test_http_429_tells_how_long_to_wait(
    vk: ScriptedVk, network: Network, said: str, wait: float
) -> None:
    """Never no time at all: who comes back at once is told so for ever."""
    raised = await call(vk, network, Raw(status=429, headers={"Retry-After": said}))
    assert isinstance(raised, TooFast)
    assert raised.retry_after == wait


async def test_a_server_that_hangs_or_is_gone_is_unavailable(vk: ScriptedVk) -> None:
    slow = VkSettings(api_url=vk.url, web_url=vk.url, request_timeout=0.2)
    network = VkNetwork(slow)
    connector = await network.connect(COOKIE)
    vk.script("users.get", Raw(hang=2.0, body="{}"))
    with pytest.raises(Unavailable, match="in time"):
        await connector.contacts(["700002"])
    await network.close()

    gone = VkNetwork(VkSettings(api_url="http://127.0.0.1:9", web_url="http://127.0.0.1:9"))
    with pytest.raises(Unavailable):
        await gone.connect(COOKIE)
    await gone.close()


async def test_an_answer_without_end_is_not_read_to_the_end(vk: ScriptedVk) -> None:
    network = VkNetwork(settings(vk, max_reply_bytes=1000))
    raised = await call(vk, network, Raw(body=" " * 5000))
    assert isinstance(raised, Unavailable)
    await network.close()


async def test_an_outage_is_logged_once_and_nothing_secret_ever(
    vk: ScriptedVk, network: Network, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    connector = await network.connect(COOKIE)
    vk.script(
        "messages.send", Raw(status=502), Raw(cut=True), error(10), ok({"cmid": 1}),
        error(14), ok({"cmid": 2}),
    )  # fmt: skip
    for _ in range(3):
        with pytest.raises(Unavailable):
            await connector.send("700002", Draft("тайна"), random_id=1)
    await connector.send("700002", Draft("тайна"), random_id=1)
    with pytest.raises(NeedsPerson):
        await connector.send("700002", Draft("тайна"), random_id=2)
    ours = [r.getMessage() for r in caplog.records if r.name.startswith("sferum_bridge")]
    assert [("does not work" in line, "works again" in line) for line in ours] == [
        (True, False),
        (False, True),
    ]
    for secret in (COOKIE, "token-1", "тайна"):
        assert secret not in caplog.text


async def test_pace_lets_no_more_than_its_count_start_in_a_second() -> None:
    pace = Pace(3)
    starts: list[float] = []
    loop = asyncio.get_running_loop()

    async def one() -> None:
        await pace.turn()
        starts.append(loop.time())

    async with asyncio.TaskGroup() as tasks:
        for _ in range(7):
            tasks.create_task(one())
    assert starts[2] - starts[0] < 0.5
    assert all(
        late - early >= WINDOW - 0.05 for early, late in zip(starts, starts[3:], strict=False)
    )


async def test_a_cancelled_waiter_leaves_its_turn_to_the_next() -> None:
    pace = Pace(1)
    await pace.turn()
    waiting = asyncio.create_task(pace.turn())
    await asyncio.sleep(0.01)
    waiting.cancel()
    async with asyncio.timeout(WINDOW + 0.5):
        await pace.turn()


@pytest.mark.parametrize(
    "wrong",
    [
        {"api_url": "http://api.example.invalid"}, {"web_url": "ftp://127.0.0.1"},
        {"api_url": "api.vk.me"}, {"lp_version": 2}, {"wait": 91}, {"requests_per_second": 0},
        {"request_timeout": 0},
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"has to be|have to be"):
        VkSettings(**wrong)


def test_cookie_of_keeps_the_value_only() -> None:
    assert cookie_of("a=b; remixdsid=vk1.a.X-_y; c=d") == "vk1.a.X-_y"
