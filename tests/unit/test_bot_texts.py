"""The catalogue of texts: complete in both languages, and closed to whatever a name contains."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from fluent.syntax import FluentParser, visitor
from fluent.syntax.ast import (
    Junk,
    Message,
    MessageReference,
    SelectExpression,
    Term,
    TermReference,
    VariableReference,
)
from hypothesis import given
from hypothesis import strategies as st

import sferum_bridge.bot
from sferum_bridge.bot import texts as texts_module
from sferum_bridge.bot.reach import Action
from sferum_bridge.bot.texts import LANGUAGES, Text, TextMissingError, Texts, harmless
from sferum_bridge.school.access import Role
from sferum_bridge.school.kinship import Answer
from sferum_bridge.school.layout import Kind
from sferum_bridge.school.people import SchoolClass
from sferum_bridge.store import tickets
from sferum_bridge.store.mails import Cause

TEXTS = Texts()
WHEN = datetime(2026, 9, 14, 10, 32, tzinfo=UTC)
SPECIAL: dict[str, Any] = {"until": WHEN, "minutes": 3, "action": Action.INVITE, "has_subject": 1}
SPECIAL |= {"at": WHEN, "cause": Cause.FULL, "typed": 1, "creates": 1, "count": 3, "least": 10}
SPECIAL |= {"heard": WHEN, "outside": 3, "here": 3, "kind": tickets.Kind.REPORT}
SPECIAL |= {"given": WHEN, "withdrawn": WHEN, "since": WHEN, "day": WHEN}
SPECIAL |= {"end": WHEN, "clock": WHEN}


class _Variables(visitor.Visitor):  # type: ignore[misc]  # untyped library
    def __init__(self) -> None:
        self.found: set[str] = set()

    def visit_VariableReference(self, node: VariableReference) -> None:  # noqa: N802 - its name
        self.found.add(node.id.name)

    def visit_MessageReference(self, node: MessageReference) -> None:  # noqa: N802 - its name
        pytest.fail(f"a text is made of {node.id.name}, and each is parsed alone")

    def visit_TermReference(self, node: TermReference) -> None:  # noqa: N802 - its name
        pytest.fail(f"a text is made of {node.id.name}, and each is parsed alone")

    def visit_SelectExpression(self, node: SelectExpression) -> None:  # noqa: N802 - its name
        self.generic_visit(node)


@cache
def catalogue(language: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for file_name in texts_module.sources(language):
        for entry in messages(language, file_name):
            assert entry.id.name not in found, f"{entry.id.name} is there twice"
            variables = _Variables()
            variables.visit(entry)
            found[entry.id.name] = variables.found
    return found


def messages(language: str, file_name: str) -> list[Message]:
    body = FluentParser().parse(texts_module.sources(language)[file_name]).body
    odd = [entry for entry in body if isinstance(entry, Junk | Term)]
    assert not odd, f"{language}/{file_name} cannot be read"
    return [entry for entry in body if isinstance(entry, Message)]


def test_both_languages_say_the_same_things_of_the_same_things() -> None:
    assert catalogue("ru") == catalogue("en")


def test_every_rule_room_and_role_has_a_text() -> None:
    keys = set(catalogue("ru"))
    wanted = {answer.value.lower() for answer in Answer}
    wanted |= {f"room-{kind.value}" for kind in Kind} | {f"reason-{role.value}" for role in Role}
    wanted |= {"e-rate", "e-out"}
    assert wanted <= keys


def test_no_text_of_the_bot_is_idle() -> None:
    # Rooms and reasons are named by their kind, refusals by the rule's answer.
    folder = Path(sferum_bridge.bot.__file__).parent
    code = "\n".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    used = set(re.findall(r'"([a-z]+(?:-[a-z]+)*)"', code))
    used |= {answer.value.lower() for answer in Answer}
    for file_name in ("general.ftl", "kinship.ftl", "inviting.ftl", "enlisting.ftl"):
        assert {entry.id.name for entry in messages("ru", file_name)} <= used


def test_no_text_leaks() -> None:
    # Nothing of the child, of the parents, of the school: whoever gets these is nobody here yet.
    for language in LANGUAGES:
        variables = catalogue(language)
        for text_key in ("e-full", "e-unknown", "e-pupil", "e-expired"):
            assert variables[text_key] == set()
        assert variables["e-self"] == {"until"}
        assert variables["e-out"] == {"contact"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("text_key", sorted(catalogue("ru")))
def test_every_text_renders(text_key: str, language: str) -> None:
    values = {name: SPECIAL.get(name, f"<{name}>") for name in catalogue(language)[text_key]}
    text = TEXTS.text(language, text_key, **values)
    for name in values.keys() - SPECIAL.keys():
        assert f"<{name}>" in text.body
        assert f"&lt;{name}&gt;" in text.html
    assert "**" not in text.body
    assert "`" not in text.body
    assert ".." not in text.body
    assert not re.search("[\ue000-\ue0ff\u2068\u2069]", text.body + text.html)


def test_a_missing_text_or_value_is_an_error() -> None:
    with pytest.raises(TextMissingError):
        TEXTS.text("ru", "no-such-text")
    with pytest.raises(TextMissingError):
        TEXTS.text("ru", "e-self")


def test_russian_plurals() -> None:
    said = [TEXTS.text("ru", "e-rate", minutes=n).body for n in (1, 3, 10, 21)]
    assert [s.rpartition("через ")[2] for s in said] == [
        "1 минуту.",
        "3 минуты.",
        "10 минут.",
        "21 минуту.",
    ]


def test_room_names() -> None:
    names = {
        kind: TEXTS.room_name(kind, SchoolClass("5a", "5А", ""), "СОШ № 0", "ru") for kind in Kind
    }
    assert names[Kind.PUPILS] == "5А · ученики"
    assert names[Kind.SCHOOL] == "СОШ № 0"
    assert TEXTS.room_name(Kind.CLASS, SchoolClass("1", "1*_А_*", ""), "", "en") == "1*_А_*"


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        assert not attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def tags(text: Text) -> list[str]:
    parser = _Tags()
    parser.feed(text.html)
    return parser.tags


@given(name=st.text(max_size=80) | st.text(alphabet="*_`[]()<>#!\\&\n\u202e-1. aя", max_size=60))
def test_nothing_in_a_name_becomes_markup(name: str) -> None:
    values = {"class": "5А", "child": name, "school": name}
    hostile = TEXTS.text("ru", "confirm-ask", **values)
    plain = TEXTS.text("ru", "confirm-ask", **{**values, "child": "x", "school": "x"})
    assert tags(hostile) == tags(plain)
    assert hostile.body.count("\n") == plain.body.count("\n")
    assert harmless(name) in hostile.body


def test_the_content_of_a_message() -> None:
    content = Text("a", "<b>a</b>").content()
    assert content["msgtype"] == "m.text"
    assert content["format"] == "org.matrix.custom.html"
    assert content["m.mentions"] == {}
    assert Text("a", "a").content(notice=True)["msgtype"] == "m.notice"
