"""Logging in to the stand-in, the envelopes of its API, its limits and scripted faults."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import aiohttp
import pytest

from tests.support.standin import (
    ApiRefused,
    Caller,
    Served,
    StandIn,
    running_standin,  # noqa: F401 - the fixture `standin`
    served_place,  # noqa: F401 - what `served` stands on
    served_standin,  # noqa: F401 - the fixture `served`
)

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_cookie_opens_every_profile_of_its_person(served: Served) -> None:
    person = await served.control.add_user("Вымысел", "Придуманный", role="teacher")
    async with Caller(served.url) as caller:
        answer = await caller.web_token(person.cookie)
        assert {entry["profile_type"]: entry["user_id"] for entry in answer} == person.profiles
        assert len(person.profiles) == 2
        assert all(time.time() + 3500 < entry["expires"] < time.time() + 3700 for entry in answer)
        assert len({entry["access_token"] for entry in answer}) == 2


async def test_a_person_with_one_profile_gets_an_array_of_one(served: Served) -> None:
    person = await served.control.add_user("Один", "Профильный", profiles=[2])
    async with Caller(served.url) as caller:
        assert [entry["profile_type"] for entry in await caller.web_token(person.cookie)] == [2]


async def test_a_wrong_or_revoked_cookie_gets_an_object_with_an_error(served: Served) -> None:
    person = await served.control.add_user("Вышел", "Вымышленный")
    async with Caller(served.url) as caller:
        assert "error" in await caller.web_token("vk1.a.nonsense")
        await served.control.log_out(person.user_id)
        assert "error" in await caller.web_token(person.cookie)


async def test_a_token_is_taken_from_body_query_and_header(served: Served) -> None:
    person = await served.control.add_user("Трижды", "Вошедший")
    async with Caller(served.url) as caller, aiohttp.ClientSession() as session:
        await caller.log_in(person)
        assert (await caller.call("users.get"))[0]["id"] == person.user_id
        url = f"{served.url}/method/users.get"
        query = {"v": "5.199", "access_token": caller.token}
        async with session.get(url, params=query) as response:
            assert (await response.json())["response"][0]["last_name"] == "Вошедший"
        header = {"Authorization": f"Bearer {caller.token}"}
        async with session.post(url, data={"v": "5.199"}, headers=header) as response:
            assert (await response.json())["response"][0]["id"] == person.user_id


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("users.get", {"access_token": "vk1.a.nonsense"}, 5),
        ("users.get", {"access_token": ""}, 5),
        ("users.get", {"v": ""}, 8),
        ("users.obliterate", {}, 3),
        ("messages.send", {"peer_id": "x", "random_id": 1, "message": "м"}, 100),
        ("messages.send", {"peer_id": 1, "message": "м"}, 100),
        ("messages.send", {"peer_id": 1, "random_id": 2**31, "message": "м"}, 100),
        ("messages.send", {"peer_id": 999_999, "random_id": 1, "message": "м"}, 936),
        ("messages.send", {"peer_id": 2_000_000_999, "random_id": 1, "message": "м"}, 917),
        ("messages.getHistory", {"peer_id": 2_000_000_999}, 917),
        ("messages.getHistory", {"peer_id": 2_000_000_999, "count": 201}, 917),
        ("messages.getConversations", {"count": 201}, 100),
        ("messages.getHistory", {"peer_id": 10**30}, 100),
        ("messages.getById", {"message_ids": 10**30}, 100),
        ("messages.send", {"peer_id": 1, "random_id": 1, "forward": '{"peer_id":1e99}'}, 100),
        ("messages.send", {"peer_id": 1, "random_id": 1, "forward": "[]"}, 100),
        ("messages.getLongPollHistory", {"pts": 10**18}, 908),
        ("messages.getLongPollHistory", {"pts": 0}, 907),
        ("messages.getLongPollHistory", {"pts": 10_000_000, "msgs_limit": 10}, 100),
        ("messages.getConversations", {"filter": "nonsense"}, 100),
    ],
)
async def test_a_bad_call_is_answered_with_its_error(
    served: Served, method: str, params: dict[str, object], code: int
) -> None:
    person = await served.control.add_user("Ошибся", "Нарочно")
    async with Caller(served.url) as caller:
        await caller.log_in(person)
        answer = await caller.raw(method, **params)
        assert answer["error"]["error_code"] == code
        shown = {entry["key"]: entry["value"] for entry in answer["error"]["request_params"]}
        assert shown["method"] == method
        assert "access_token" not in shown


async def test_users_that_do_not_exist_are_left_out(served: Served) -> None:
    person = await served.control.add_user("Анна", "Вымышленная")
    async with Caller(served.url) as caller:
        await caller.log_in(person)
        named = f"id{person.user_id},{10**30},999999,nobody"
        assert [user["id"] for user in await caller.call("users.get", user_ids=named)] == [
            person.user_id
        ]


async def test_a_fourth_call_within_a_second_is_refused(tmp_path: Path) -> None:
    async with StandIn(tmp_path) as standin, Caller(standin.url) as caller:
        await caller.log_in(await standin.control.add_user("Скорый", "Торопливый"))
        answers = await asyncio.gather(*(caller.raw("users.get") for _ in range(6)))
        refused = [answer["error"]["error_code"] for answer in answers if "error" in answer]
        assert refused == [6, 6, 6]
        await asyncio.sleep(1.05)
        assert await caller.call("users.get")


async def test_an_expired_token_is_error_5_and_the_cookie_gives_another(served: Served) -> None:
    person = await served.control.add_user("Просрочен", "Билетов")
    async with Caller(served.url) as caller:
        await caller.log_in(person)
        await served.control.expire_tokens(person.user_id)
        with pytest.raises(ApiRefused) as refused:
            await caller.call("users.get")
        assert refused.value.code == 5
        await caller.log_in(person)
        assert await caller.call("users.get")


async def test_tokens_die_of_age(tmp_path: Path) -> None:
    options = ("--token-seconds", "1", "--expires-as-duration")
    async with StandIn(tmp_path, *options) as standin, Caller(standin.url) as caller:
        person = await standin.control.add_user("Недолго", "Живущий")
        assert {entry["expires"] for entry in await caller.web_token(person.cookie)} == {1}
        await caller.log_in(person)
        assert await caller.call("users.get")
        await asyncio.sleep(1.1)
        with pytest.raises(ApiRefused, match="5 "):
            await caller.call("users.get")


async def test_scripted_faults_meet_the_calls_they_name(served: Served) -> None:
    control = served.control
    async with Caller(served.url) as caller:
        await caller.log_in(await control.add_user("Невезучий", "Придуманов"))
        captcha = {"captcha_sid": "1", "captcha_img": "http://127.0.0.1/captcha"}
        await control.fault("users.get", "error", code=14, fields=captcha)
        await control.fault("users.*", "error", code=9, times=2)
        await control.fault("users.get", "http", code=502)
        await control.fault("users.get", "cut")
        await control.fault("users.get", "hang", seconds=0.3)
        with pytest.raises(ApiRefused) as refused:
            await caller.call("users.get")
        assert refused.value.error["captcha_sid"] == "1"
        for _ in range(2):
            with pytest.raises(ApiRefused, match="9 "):
                await caller.call("users.get")
        with pytest.raises(aiohttp.ContentTypeError) as page:
            await caller.raw("users.get")
        assert page.value.status == 502
        with pytest.raises(aiohttp.ClientConnectionError):
            await caller.raw("users.get")
        before = time.monotonic()
        assert await caller.call("users.get")
        assert time.monotonic() - before >= 0.3
        assert await control.faults() == []
        counters = await control.counters()
        assert counters["seen"]["users.get"] == 6
        assert counters["refused"] == {"users.get 14": 1, "users.get 9": 2}


async def test_the_control_interface_wants_its_key(served: Served) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{served.url}/control/reset") as response,
    ):
        assert response.status == 401


async def test_reset_forgets_everybody(standin: StandIn) -> None:
    person = await standin.control.add_user("Забытый", "Всеми")
    await standin.control.reset()
    async with Caller(standin.url) as caller:
        assert "error" in await caller.web_token(person.cookie)
