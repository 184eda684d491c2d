"""How a remote message looks in Matrix, whatever it holds."""

from __future__ import annotations

import json
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sferum_bridge.bot.texts import LANGUAGES, Texts
from sferum_bridge.network.base import RemoteMessage, Service, ServiceKind
from sferum_bridge.network.content import (
    Call,
    Content,
    File,
    FileKind,
    Other,
    Page,
    Part,
    Place,
    Poll,
    Quote,
    Span,
    Style,
)
from sferum_bridge.relay.inward import to_matrix, wording
from sferum_bridge.relay.inward.to_matrix import Uploaded
from sferum_bridge.relay.inward.wording import Look

TEXTS = Texts()
NAMES = {"1": "Ася", "2": "Боря"}
ZONE = ZoneInfo("Europe/Moscow")
MOST_EVENT = 65_536


def look(language: str = "ru") -> Look:
    say = partial(TEXTS.text, language)
    return Look(say, lambda i: NAMES.get(i, i), lambda i: f"@sferum_{i}:x", ZONE)


def message(content: Content | str = "", **more: Any) -> RemoteMessage:
    said = Content(content) if isinstance(content, str) else content
    return RemoteMessage("2000000001", "7", "1", said, 1_790_000_000, **more)


def bodies(content: Content | str, **more: Any) -> list[str]:
    return [
        one.content.get("body", "") for one in to_matrix.shown(message(content, **more), look())
    ]


def of(*parts: Part) -> Content:
    return Content(parts=parts)


def test_a_plain_text_has_no_html_and_mentions_nobody_by_itself() -> None:
    [one] = to_matrix.shown(message("привет, @room <b>"), look())
    assert one.content == {"msgtype": "m.text", "body": "привет, @room <b>", "m.mentions": {}}


@pytest.mark.parametrize(
    ("part", "body"),
    [
        (
            Call(is_over=False, join_url="https://call.example/1"),
            "Идёт звонок. Присоединиться: https://call.example/1",
        ),
        (Call(is_over=True, seconds=3725), "Звонок окончен, 1:02:05"),
        (Call(is_over=True, seconds=95, participants=4), "Звонок окончен, 1:35, участников: 4"),
        (Call(is_over=True, is_missed=True), "Пропущенный звонок"),
        (Call(is_over=True), "Звонок окончен"),
        (
            Page("https://a.example/", "Статья", "О чём-то"),
            "Ссылка: Статья (https://a.example/)\nО чём-то",
        ),
        (Page("https://a.example/", kind="video"), "Видео: https://a.example/"),
        (Page("javascript:1", "Жми", kind="wall"), "Ссылка: Жми javascript:1"),
        (Other("hologram"), "[вложение «hologram», его можно открыть в Сферуме]"),
        (Place(float("nan"), 5.0), "[вложение «geo», его можно открыть в Сферуме]"),
        (Place(55.75, 37.5), "Место на карте: 55.75000, 37.50000"),
    ],
)
def test_parts_in_words(part: Part, body: str) -> None:
    assert bodies(of(part)) == [body]


def test_a_preview_of_a_link_that_is_in_the_text_says_nothing_new() -> None:
    page = Page("https://a.example/", "Статья")
    assert bodies(Content("читайте https://a.example/", parts=(page,))) == [
        "читайте https://a.example/"
    ]


def test_buttons_and_nothing_at_all() -> None:
    assert bodies(Content("Выбирайте", buttons=("Да", "Нет\nили"))) == [
        "Выбирайте\nКнопки (нажать можно в Сферуме): [Да] [Нет или]"
    ]
    assert bodies("") == ["Пустое сообщение: в нём нет ничего, что можно показать."]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", list(ServiceKind))
def test_every_report_has_words(kind: ServiceKind, language: str) -> None:
    service = Service(kind, subject_id="2", title="5А", word="чудо")
    [one] = to_matrix.shown(message(service=service), look(language))
    assert one.content["msgtype"] == "m.notice"
    said = one.content["body"]
    assert ("Ася" in said) is (kind is not ServiceKind.OTHER)
    assert ("Боря" in said) is (kind in {ServiceKind.INVITED, ServiceKind.KICKED})


def test_who_removes_themselves_leaves() -> None:
    gone = Service(ServiceKind.KICKED, subject_id="1")
    assert bodies("", service=gone) == ["Ася больше не в чате"]


def test_files_of_forwards_are_shown_too_and_too_many_are_counted() -> None:
    photo = File(FileKind.PHOTO, "https://cdn/1")
    quote = Quote("2", 0, of(*[photo] * 40))
    shown = to_matrix.shown(message(Content("вот", quotes=(quote,))), look())
    assert len(shown) == 1 + to_matrix.MOST_FILES
    assert shown[0].content["body"].endswith("… ещё 10 файлов — в Сферуме")
    assert "> [фото]" in shown[0].content["body"]


def test_forwards_a_thousand_deep_and_a_thousand_wide() -> None:
    deep = Content("дно")
    for _ in range(1000):
        deep = Content("ещё", quotes=(Quote("2", 0, deep),))
    [one] = to_matrix.shown(message(deep), look())
    assert one.content["body"].endswith(f"… ещё {1000 - wording.MOST_DEPTH}")
    wide = Content(quotes=tuple(Quote("2", 0, Content("x" * 100)) for _ in range(1000)))
    [one] = to_matrix.shown(message(wide), look())
    assert one.content["body"].endswith(f"… ещё {1000 - wording.MOST_QUOTES}")
    assert one.content["formatted_body"].count("<blockquote>") == wording.MOST_QUOTES


@pytest.mark.parametrize("text", ["я" * 9000, "😀" * 9000, "<" * 9000, "\n" * 9000, "a" * 200_000])
def test_every_text_fits_into_an_event_and_its_edit(text: str) -> None:
    spans = (Span(0, 10, Style.BOLD), Span(5, len(text), Style.ITALIC))
    [one] = to_matrix.shown(message(Content(text, spans)), look())
    edit = to_matrix.edited(one.content, "$event")
    for content in (one.content, edit):
        assert len(json.dumps(content, ensure_ascii=False).encode()) < MOST_EVENT - 4000
    if len(text) <= 9000:
        assert one.content["body"] == text


def test_an_edit_replaces_and_notifies_nobody_anew() -> None:
    spans = (Span(0, 3, Style.MENTION, "2"),)
    [one] = to_matrix.shown(message(Content("Эй, ты", spans)), look())
    edit = to_matrix.edited(one.content, "$a")
    assert edit["m.relates_to"] == {"rel_type": "m.replace", "event_id": "$a"}
    assert edit["m.new_content"]["m.mentions"] == {"user_ids": ["@sferum_2:x"]}
    assert edit["m.mentions"] == {}


def test_the_permission_in_an_address_is_no_change_of_a_file() -> None:
    one, other = (
        to_matrix.Shown("photo", {}, File(FileKind.PHOTO, f"https://cdn/1?sign={n}")) for n in "ab"
    )
    assert one.said == other.said
    assert one.said != to_matrix.Shown("photo", {}, File(FileKind.PHOTO, "https://cdn/2")).said


def test_a_stored_file_comes_back_as_it_was() -> None:
    file = File(FileKind.VOICE, "https://cdn/1", "a.ogg", "audio/ogg", 1, 2, 3, 4, (1, 2), "да")
    assert to_matrix.restored(json.loads(json.dumps(to_matrix.stored(file)))) == file


def test_a_long_waveform_is_made_shorter_and_never_louder() -> None:
    file = File(FileKind.VOICE, "u", seconds=5, waveform=tuple(range(-50, 1000)))
    _, content = to_matrix.file_content(file, Uploaded("mxc://a/b", "audio/ogg", 5), "голос")
    waves = content["org.matrix.msc1767.audio"]["waveform"]
    assert len(waves) <= 120
    assert min(waves) >= 0
    assert max(waves) == 1024


TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40)
NUMBER = st.integers(-(2**63), 2**63)
FILES = st.builds(
    File,
    st.sampled_from(list(FileKind)),
    TEXT,
    TEXT,
    TEXT,
    *[NUMBER] * 4,
    st.lists(NUMBER, max_size=300).map(tuple),
    TEXT,
)
PARTS = st.one_of(
    FILES,
    st.builds(Place, st.floats(), st.floats(), TEXT),
    st.builds(Poll, TEXT, st.lists(st.tuples(TEXT, st.integers(0, 10**6)), max_size=60).map(tuple)),
    st.builds(Call, st.booleans(), TEXT, NUMBER, st.booleans(), st.booleans(), NUMBER),
    st.builds(Page, TEXT, TEXT, TEXT, TEXT),
    st.builds(Other, TEXT),
)
SPANS = st.lists(st.builds(Span, NUMBER, NUMBER, st.sampled_from(list(Style)), TEXT), max_size=5)


def contents(quotes: st.SearchStrategy[list[Quote]]) -> st.SearchStrategy[Content]:
    return st.builds(
        Content,
        TEXT,
        SPANS.map(tuple),
        st.lists(PARTS, max_size=4).map(tuple),
        quotes.map(tuple),
        st.lists(TEXT, max_size=3).map(tuple),
    )


QUOTES = st.recursive(
    st.builds(Quote, TEXT, NUMBER, contents(st.just([]))),
    lambda inner: st.builds(Quote, TEXT, NUMBER, contents(st.lists(inner, max_size=3))),
    max_leaves=4,
)


@settings(max_examples=150, deadline=None)
@given(contents(st.lists(QUOTES, max_size=3)), st.sampled_from(LANGUAGES), TEXT)
def test_whatever_a_message_holds_something_is_shown(
    content: Content, language: str, mime: str
) -> None:
    shown = to_matrix.shown(message(content), look(language))
    assert shown
    for one in shown:
        event = one.content
        if one.file is not None:
            _, event = to_matrix.file_content(one.file, Uploaded("mxc://a/b", mime, 1), "файл")
            assert to_matrix.restored(to_matrix.stored(one.file)) == one.file
        assert event["body"]
        assert len(json.dumps(event, ensure_ascii=False).encode()) < MOST_EVENT
