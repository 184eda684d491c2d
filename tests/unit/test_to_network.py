"""What a Matrix event says, for the other network."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sferum_bridge.network.content import FileKind, Place, Span, Style
from sferum_bridge.network.vk.text import units
from sferum_bridge.relay.outward import splitting, to_network
from sferum_bridge.relay.outward.html import Styled
from sferum_bridge.relay.outward.to_network import Attachment, Message, NotCarried

MXC = "mxc://school.example/AbC-1"
VOICE: dict[str, Any] = {"org.matrix.msc3245.voice": {}}


def read(content: Any, event_type: str = "m.room.message") -> Message | NotCarried:
    return to_network.from_matrix(event_type, content, lambda _: "")


def message(content: Any, event_type: str = "m.room.message") -> Message:
    found = read(content, event_type)
    assert isinstance(found, Message), found
    return found


def text(body: Any, **more: Any) -> dict[str, Any]:
    return {"msgtype": "m.text", "body": body, **more}


def html(body: Any) -> dict[str, Any]:
    return {"format": "org.matrix.custom.html", "formatted_body": body}


def file(msgtype: str, mime: str, **more: Any) -> dict[str, Any]:
    return {"msgtype": msgtype, "body": "имя", "url": MXC, "info": {"mimetype": mime}, **more}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (text(" да "), "да"),
        ({"msgtype": "m.emote", "body": "машет"}, "* машет"),
        ({"msgtype": "m.notice", "body": "от бота"}, "от бота"),
        (text("a\r\nb\rc"), "a\nb\nc"),
        (text("\x00\x07a\ud800b"), "a\ufffdb"),
        (text("звёзды **", **html("<b>звёзды</b>")), "звёзды"),
        (text("тело", **html("<script>x</script>")), "тело"),
        (text("тело", **html(7)), "тело"),
        (text("тело", format="другой", formatted_body="<b>x</b>"), "тело"),
    ],
)  # fmt: skip
def test_words(content: dict[str, Any], expected: str) -> None:
    assert message(content).said.text == expected


@pytest.mark.parametrize(
    "content", [text("  "), text(5), text("\x00"), {"msgtype": "m.emote", "body": ""}]
)
def test_nothing_said_is_nothing(content: dict[str, Any]) -> None:
    assert read(content) == to_network.NOTHING


@pytest.mark.parametrize("kind", ["m.room.message", "m.sticker", "m.poll.start"])
def test_what_was_deleted_before_it_came_is_nothing_and_no_unknown_kind(kind: str) -> None:
    assert to_network.from_matrix(kind, {}, str) is to_network.NOTHING


def test_an_answer_names_its_event_and_loses_the_quotation_above_it() -> None:
    relation = {"m.in_reply_to": {"event_id": "$a"}}
    said = message(text("> <@a:b> вопрос\n> длинный\n\nответ", **{"m.relates_to": relation}))
    assert (said.said.text, said.reply_to) == ("ответ", "$a")
    assert message(text("> своя цитата", **{"m.relates_to": relation})).said.text == "> своя цитата"
    assert message(text("> <@a:b> без ответа")).said.text == "> <@a:b> без ответа"


def test_in_a_thread_its_first_message_is_answered() -> None:
    relation = {"rel_type": "m.thread", "event_id": "$root", "is_falling_back": True}
    relation["m.in_reply_to"] = {"event_id": "$last"}
    assert message(text("x", **{"m.relates_to": relation})).reply_to == "$root"


def test_an_edit_is_what_it_is_changed_to() -> None:
    relation = {"rel_type": "m.replace", "event_id": "$a"}
    content = text("* новое", **{"m.new_content": text("новое"), "m.relates_to": relation})
    assert (message(content).said.text, message(content).edits) == ("новое", "$a")


def test_everybody_is_called_only_where_the_sender_means_it() -> None:
    said = message(text("эй, @room!", **{"m.mentions": {"room": True}})).said
    assert said.spans == (Span(4, 5, Style.MENTION),)
    assert not message(text("эй, @room!")).said.spans
    assert not to_network.without_mentions_of_all(said).spans


@pytest.mark.parametrize(
    ("content", "kind", "name"),
    [
        (file("m.image", "image/jpeg"), FileKind.PHOTO, "имя.jpg"),
        (file("m.image", "image/svg+xml"), FileKind.DOCUMENT, "имя.svg"),
        (file("m.image", "image/gif", body="a.gif"), FileKind.DOCUMENT, "a.gif"),
        (file("m.video", "video/mp4", body="a.mp4"), FileKind.VIDEO, "a.mp4"),
        (file("m.audio", "audio/mpeg", body="a.mp3"), FileKind.AUDIO, "a.mp3"),
        (file("m.audio", "audio/ogg", body="a.ogg", **VOICE), FileKind.VOICE, "a.ogg"),
        (file("m.audio", "audio/mp4", body="a.m4a", **VOICE), FileKind.AUDIO, "a.m4a"),
        (file("m.file", "application/pdf", body="../../a.pdf"), FileKind.DOCUMENT, "a.pdf"),
        (file("m.file", "чушь", body="a\u202efdp.exe"), FileKind.DOCUMENT, "afdp.exe"),
    ],
)  # fmt: skip
def test_files(content: dict[str, Any], kind: FileKind, name: str) -> None:
    found = message(content)
    assert found.file is not None
    assert (found.file.kind, found.file.name) == (kind, name)
    assert (found.file.server, found.file.media_id) == ("school.example", "AbC-1")
    assert not found.said.text


def test_a_caption_goes_with_its_file() -> None:
    content = file("m.image", "image/png", body="вот *он*", filename="кот.png")
    content |= {"format": "org.matrix.custom.html", "formatted_body": "вот <i>он</i>"}
    found = message(content)
    assert found.said == Styled("вот он", (Span(4, 2, Style.ITALIC),))
    assert found.file == Attachment(
        "school.example", "AbC-1", FileKind.PHOTO, "кот.png", "image/png"
    )


def test_a_sticker_is_a_picture() -> None:
    found = message(
        {"body": "ура", "url": MXC, "info": {"mimetype": "image/webp", "size": 9}}, "m.sticker"
    )
    assert found.file is not None
    assert (found.file.kind, found.file.size, found.said.text) == (FileKind.PHOTO, 9, "")


@pytest.mark.parametrize(
    "url", [None, 5, "", "https://x/y", "mxc://x", "mxc://x/../../y", "mxc://x/a?b", "mxc:///a"]
)
def test_a_file_from_nowhere_is_none(url: Any) -> None:
    assert read({"msgtype": "m.file", "body": "a.pdf", "url": url}) == NotCarried("unknown")


def test_an_encrypted_file_cannot_be_read() -> None:
    assert read({"msgtype": "m.image", "body": "x", "file": {"url": MXC}}) == NotCarried(
        "encrypted"
    )


@pytest.mark.parametrize("size", [-1, "9", True, 1.5, None])
def test_a_size_that_is_none_is_not_known(size: Any) -> None:
    content = {"msgtype": "m.file", "body": "a.pdf", "url": MXC, "info": {"size": size}}
    found = message(content).file
    assert found is not None
    assert found.size == 0


def test_a_place() -> None:
    content = {"msgtype": "m.location", "body": "Location: …", "geo_uri": "geo:55.75,37.61;u=10"}
    assert message(content).place == Place(55.75, 37.61)
    newer = {**content, "m.location": {"uri": "geo:-1.5,2", "description": "Тут"}}
    assert (message(newer).place, message(newer).said.text) == (Place(-1.5, 2.0, "Тут"), "Тут")
    for uri in ("geo:91,0", "geo:0,181", "geo:,", "geo:nan,0", "55,37", None):
        assert read({**content, "geo_uri": uri}) == NotCarried("unknown")


@pytest.mark.parametrize("stable", [True, False])
def test_a_poll_goes_as_text(stable: bool) -> None:  # noqa: FBT001 - a case
    def words(said: str) -> dict[str, Any]:
        return {"m.text": [{"body": said}]} if stable else {"org.matrix.msc1767.text": said}

    poll = {"question": words("Когда?"), "answers": [words("завтра"), words("в\nпятницу")]}
    kind = "m.poll.start" if stable else "org.matrix.msc3381.poll.start"
    found = message({"m.poll" if stable else kind: poll}, kind)
    assert found.said.text == "📊 Когда?\n1. завтра\n2. в пятницу"
    assert read({kind: {"question": 5, "answers": 7}}, kind) == NotCarried("unknown")


KEYS = st.sampled_from(
    [
        *("msgtype", "body", "formatted_body", "format", "url", "info", "filename", "mimetype"),
        *("m.relates_to", "m.in_reply_to", "event_id", "rel_type", "m.new_content", "m.mentions"),
        *(
            "geo_uri",
            "m.location",
            "uri",
            "m.poll",
            "question",
            "answers",
            "m.text",
            "file",
            "size",
        ),
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
TYPES = st.sampled_from(["m.room.message", "m.sticker", "m.poll.start", "m.чушь"])
MSGTYPES = st.sampled_from(["m.text", "m.image", "m.file", "m.location", "m.emote", "m.чушь"])


@given(st.dictionaries(KEYS, JSON, max_size=6), TYPES, MSGTYPES | JSON)
def test_whatever_comes_nothing_raises(content: dict[str, Any], kind: str, msgtype: Any) -> None:
    found = read({**content, "msgtype": msgtype}, kind)
    assert isinstance(found, Message | NotCarried)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Кнопка Цветочная", "Кнопка Цветочная: "),
        ("Злой\nДиректор: всем домой", "Злой Директор всем домой: "),
        ("\u202eперевёрнутый\u0000", "перевёрнутый: "),
        ("Я" * 500, "Я" * 64 + ": "),
    ],
)
def test_a_name_in_front_is_only_a_name(name: str, shown: str) -> None:
    assert splitting.prefix(name) == shown


@pytest.mark.parametrize(
    ("key", "emoji"),
    [
        ("❤️", "❤"),
        ("❤", "❤"),
        ("👍🏽", "👍"),
        ("👍", "👍"),
        ("🤔", ""),
        ("", ""),
        (5, ""),
        (None, ""),
    ],
)
def test_reactions_are_known_in_every_colour(key: Any, emoji: str) -> None:
    assert to_network.reaction(key, frozenset({"❤", "👍"})) == emoji


TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]))


@given(TEXT, st.integers(2, 50))
def test_splitting_keeps_every_word_and_the_limit(said: str, most: int) -> None:
    parts = splitting.split(Styled(said), most)
    assert all(splitting.units(part.text) <= most for part in parts)
    assert "".join("".join(p.text for p in parts).split()) == "".join(said.split())


def test_splitting_keeps_styles_where_they_belong() -> None:
    said = Styled("один два три", (Span(0, 8, Style.BOLD), Span(9, 3, Style.LINK, "https://x")))
    one, two = splitting.split(said, 8)
    assert one == Styled("один два", (Span(0, 8, Style.BOLD),))
    assert two == Styled("три", (Span(0, 3, Style.LINK, "https://x"),))


def test_what_the_network_writes_around_a_mention_counts() -> None:
    """A mention becomes markup there, and a typed @all is taken apart: both are longer then."""
    names = tuple(Span(n * 6, 5, Style.MENTION, "1234567") for n in range(100))
    said = Styled("Знайк " * 100 + "@all " * 100, names)
    parts = splitting.split(said, 120, units, "Имя: ")
    assert len(parts) > 10
    assert all(units(part.text, part.spans) <= 120 for part in parts)
    assert all(part.text.startswith("Имя: ") for part in parts)
    mentions = [part.text[s.start : s.start + s.length] for part in parts for s in part.spans]
    assert mentions == ["Знайк"] * 100


def test_a_name_that_is_mentioned_is_not_cut_in_two() -> None:
    said = Styled("один два Знайка Лунный", (Span(9, 13, Style.MENTION, "5"),))
    assert [part.text for part in splitting.split(said, 18)] == ["один два", "Знайка Лунный"]
    # Only where it is longer than a part by itself.
    long = Styled("Я" * 30, (Span(0, 30, Style.MENTION, "5"),))
    assert [len(part.text) for part in splitting.split(long, 20)] == [20, 10]


PIECES = st.sampled_from(["@all ", "@room", "[id5|", "]", "😀", "слово ", "\n", "Знайка Лунный"])
MENTIONED = st.builds(
    Span, st.integers(0, 80), st.integers(1, 20), st.just(Style.MENTION), st.just("7")
)


@given(st.lists(PIECES, max_size=30).map("".join), st.lists(MENTIONED, max_size=5))
def test_no_part_is_longer_as_it_is_written(said: str, spans: list[Span]) -> None:
    cut = Styled(said, tuple(spans)).cut(0, len(said))
    parts = splitting.split(cut, 60, units, "@все: ")
    assert all(units(part.text, part.spans) <= 60 for part in parts)
    words = "".join("".join(p.text.removeprefix("@все:") for p in parts).split())
    assert words == "".join(said.split())


@pytest.mark.parametrize("said", ["", "привет"])
def test_there_is_always_a_first_part(said: str) -> None:
    assert splitting.split(Styled(said), 4096) == [Styled(said)]
