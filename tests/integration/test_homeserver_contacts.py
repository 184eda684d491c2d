"""The contacts endpoint: the bridge learns what the homeserver has verified, nobody else does."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.synapse import Answer, request, sign

if TYPE_CHECKING:
    from tests.support.synapse import Homeserver

PATH = "/_synapse/client/sferum/v1/contacts"
pytestmark = pytest.mark.asyncio(loop_scope="session")


async def ask(
    server: Homeserver, user: str, *, moment: str = "", mac: str | None = None, signed: str = ""
) -> Answer:
    moment = moment or str(int(time.time()))
    right = sign(server.facts_secret, f"GET {PATH} {signed or user} {moment}".encode())
    headers = {
        "X-Sferum-User": user,
        "X-Sferum-Time": moment,
        "X-Sferum-Mac": right if mac is None else mac,
    }
    return await request("GET", server.process.url + PATH, headers=headers)


async def with_contacts(server: Homeserver, contacts: list[dict[str, Any]]) -> str:
    admin, person = await server.account("admin", admin=True), await server.account("parent")
    where = f"/_synapse/admin/v2/users/{person.user_id}"
    answer = await server.call("PUT", where, {"threepids": contacts}, by=admin)
    assert answer.status == 200, answer
    return str(person.user_id)


async def test_verified_contacts_are_told_to_the_bridge(homeserver: Homeserver) -> None:
    name = f"mama{time.time_ns()}@school.example"
    phone = f"7{time.time_ns() % 10**10:010}"
    contacts = [{"medium": "email", "address": name}, {"medium": "msisdn", "address": phone}]
    mother = await with_contacts(homeserver, contacts)
    assert await ask(homeserver, mother) == Answer(200, {"email": [name], "msisdn": [phone]})
    father = await with_contacts(homeserver, [])
    assert await ask(homeserver, father) == Answer(200, {"email": [], "msisdn": []})


async def test_nobody_else_is_told(homeserver: Homeserver) -> None:
    user = await with_contacts(homeserver, [])
    for mac in ("", "0" * 64, "код", sign("x" * 43, b"")):
        assert (await ask(homeserver, user, mac=mac)).status == 403
    for moment in (str(int(time.time()) - 3600), "0", "soon", "9" * 40):
        assert (await ask(homeserver, user, moment=moment)).status == 403
    # A question about one account is no permission to ask about another.
    other = await with_contacts(homeserver, [])
    assert (await ask(homeserver, other, signed=user)).status == 403
    assert (await ask(homeserver, "@somebody:elsewhere.example")).status == 404
    assert (await ask(homeserver, "")).status == 404
