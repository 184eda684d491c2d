"""What a demo says first: as much as its roster has, in both languages alike."""

from __future__ import annotations

import re

import pytest

from sferum_bridge.demo.words import LANGUAGES, first_steps

VALUES = {
    "homeserver": "http://127.0.0.1:8008",
    "bot": "@helper:school.example",
    "class_name": "5А",
    "newcomer": "Выдумкина Ася",
    "chat": "5А · ученики",
    "sferum": "sferum-bridge demo sferum",
}


def numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"^(\d+)\. ", text, re.MULTILINE)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_step_is_numbered_and_says_what_it_speaks_of(language: str) -> None:
    text = first_steps(language, **VALUES)
    assert numbers(text) == list(range(1, 9))
    assert len(text.splitlines()) == 10
    assert "{" not in text
    for value in VALUES.values():
        assert value in text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("missing", "steps"), [("newcomer", 7), ("class_name", 5)])
def test_what_is_not_there_is_not_proposed(language: str, missing: str, steps: int) -> None:
    text = first_steps(language, **VALUES | {missing: ""})
    assert numbers(text) == list(range(1, steps + 1))
    assert VALUES["bot"] in text
    assert "«»" not in text
    assert "“”" not in text
