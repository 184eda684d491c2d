"""The stand-in's answers against the schema that VK publishes.

The schema is not part of this repository: `SFERUM_VK_SCHEMA` names its folder, or it lies beside
the checkout. As shipped it is not valid draft-07: `required` stands as a boolean on properties and
has to be moved into the parent's list.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.standin import (
    REPOSITORY,
    Caller,
    StandIn,
    running_standin,  # noqa: F401 - the fixture `standin`
)

if TYPE_CHECKING:
    from collections.abc import Callable

jsonschema = pytest.importorskip("jsonschema")
referencing = pytest.importorskip("referencing")
referencing_jsonschema = pytest.importorskip("referencing.jsonschema")

BESIDE = REPOSITORY.parent / "shared" / "vk-api-schema"
SCHEMA = Path(os.environ.get("SFERUM_VK_SCHEMA", BESIDE))
BASE = "https://schema.invalid/"


def repaired(node: Any) -> Any:
    """Return a part of the schema with boolean `required` moved into the parent's list."""
    if isinstance(node, list):
        return [repaired(item) for item in node]
    if not isinstance(node, dict):
        return node
    fixed = {
        name: repaired(value)
        for name, value in node.items()
        if not (name == "required" and isinstance(value, bool))
    }
    properties = node.get("properties")
    if isinstance(properties, dict):
        needed = [
            name
            for name, value in properties.items()
            if isinstance(value, dict) and value.get("required") is True
        ]
        if needed:
            fixed["required"] = needed
    return fixed


@pytest.fixture(scope="module")
def check() -> Callable[[str, dict[str, Any]], None]:
    """Give a function that validates an answer against a definition of the schema."""
    if not (SCHEMA / "messages" / "responses.json").exists():
        pytest.skip("VK's API schema is not here")
    resources = []
    for file in SCHEMA.rglob("*.json"):
        contents = repaired(json.loads(file.read_text(encoding="utf-8")))
        resource = referencing.Resource(contents, referencing_jsonschema.DRAFT7)
        resources.append((BASE + file.relative_to(SCHEMA).as_posix(), resource))
    registry = referencing.Registry().with_resources(resources)

    def validate(name: str, answer: dict[str, Any]) -> None:
        section = name.partition("_")[0]
        reference = {"$ref": f"{BASE}{section}/responses.json#/definitions/{name}"}
        validator = jsonschema.Draft7Validator(reference, registry=registry)
        errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(answer)]
        assert not errors, "\n".join(errors)

    return validate


async def test_the_schema_finds_what_is_wrong(check: Callable[..., None]) -> None:
    item = {"id": 1, "date": 1, "peer_id": 1, "text": 5, "out": 0}
    with pytest.raises(AssertionError, match="from_id"):
        check("messages_getHistory_response", {"response": {"count": 1, "items": [item]}})


async def test_answers_keep_to_the_schema(standin: StandIn, check: Callable[..., None]) -> None:
    control = standin.control
    teacher = await control.add_user("Анна", "Вымышленная", role="teacher")
    pupil = await control.add_user("Пётр", "Придуманный")
    chat = await control.add_chat("5А", teacher.user_id, [pupil.user_id])
    await control.post_to_user(pupil.user_id, teacher.user_id, "Здравствуйте")
    async with Caller(standin.url, version="5.199") as caller:
        await caller.log_in(teacher)

        async def ask(definition: str, method: str, **params: Any) -> Any:
            answer = await caller.raw(method, **params)
            check(definition, answer)
            return answer["response"]

        peer = {"peer_id": chat.peer_id}
        where = await ask(
            "messages_getLongPollServer_response", "messages.getLongPollServer", need_pts=1
        )
        sending = {**peer, "random_id": 1, "message": "Домашнее задание"}
        sent = await ask("messages_send_deprecated_response", "messages.send", **sending)
        many = {"peer_ids": f"{chat.peer_id},999999", "random_id": 2, "message": "Всем"}
        await ask("messages_send_user_ids_response", "messages.send", **many)
        reply = {**peer, "random_id": 3, "message": "Ответ", "reply_to": sent}
        answered = await ask("messages_send_deprecated_response", "messages.send", **reply)
        await ask("base_bool_response", "messages.edit", **peer, message_id=answered, message="И")
        await ask("base_ok_response", "messages.markAsRead", **peer)
        await ask("base_ok_response", "messages.setActivity", **peer, type="typing")
        extended = {"extended": 1, "fields": "domain,sex,educational_profile"}
        for definition, method, params in (
            ("messages_getConversations_response", "getConversations", {}),
            ("messages_getConversationsById_extended_response", "getConversationsById", {}),
            ("messages_getConversationMembers_response", "getConversationMembers", peer),
            ("messages_getHistory_extended_response", "getHistory", peer),
            (
                "messages_getById_extended_response",
                "getById",
                {"message_ids": f"{sent},{answered}"},
            ),
            (
                "messages_getByConversationMessageId_extended_response",
                "getByConversationMessageId",
                {**peer, "conversation_message_ids": "1,2,3"},
            ),
            (
                "messages_getLongPollHistory_response",
                "getLongPollHistory",
                {"pts": where["pts"], "lp_version": 19, "credentials": 1},
            ),
        ):
            given = {"peer_ids": chat.peer_id} if method == "getConversationsById" else params
            found = await ask(definition, f"messages.{method}", **given, **extended)
            assert found.get("items") or found["messages"]["items"]
        await ask("messages_delete_full_response", "messages.delete", message_ids=sent)
        made = await ask(
            "messages_createChat_withPeerIds_response",
            "messages.createChat",
            user_ids=pupil.user_id,
            title="Кружок",
        )
        member = {"chat_id": made["chat_id"], "user_id": pupil.user_id}
        await ask("base_ok_response", "messages.removeChatUser", **member)
        await ask("base_ok_response", "messages.addChatUser", **member)
        await ask("users_get_response", "users.get", fields="domain,sex,online")
        await ask("account_getProfileInfo_response", "account.getProfileInfo")
