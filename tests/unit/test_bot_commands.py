"""Commands as people type them, and codes as they pass them on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sferum_bridge.bot import commands
from sferum_bridge.bot.commands import Command, Name, find_code, parse
from sferum_bridge.bot.events import What, read
from sferum_bridge.school import kinship


def direct(text: str) -> Command:
    found = parse(text, prefix="!", direct=True)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "name", "language"),
    [
        ("пригласить", Name.INVITE, "ru"),
        ("!Пригласить  родителя", Name.INVITE, "ru"),
        ("! invite", Name.INVITE, "en"),
        ("ПОДТВЕРДИТЬ", Name.CONFIRM, "ru"),
        ("confirm", Name.CONFIRM, "en"),
        ("Да!", Name.CONFIRM, "ru"),
        ("yes", Name.CONFIRM, "en"),
        ("не мой", Name.NOT_MINE, "ru"),
        ("Это не мой ребёнок.", Name.NOT_MINE, "ru"),
        ("not mine", Name.NOT_MINE, "en"),
        ("мои\u00a0дети", Name.CHILDREN, "ru"),
        ("!children", Name.CHILDREN, "en"),
        ("мои родители", Name.PARENTS, "ru"),
        ("!parents", Name.PARENTS, "en"),
        ("кто я?", Name.WHOAMI, "ru"),
        ("whoami", Name.WHOAMI, "en"),
        ("почему", Name.WHY, "ru"),
        ("why am I here", Name.WHY, "en"),
        ("помощь", Name.HELP, "ru"),
        ("help me please", Name.HELP, "en"),
        ("одобрить a b", Name.APPROVE, "ru"),
        ("reject a b", Name.REJECT, "en"),
        ("отмена", Name.CANCEL, "ru"),
        ("no", Name.CANCEL, "en"),
        ("язык en", Name.LANGUAGE, "ru"),
        ("не мой код не работает", Name.UNKNOWN, "ru"),
        ("да я хотела спросить", Name.UNKNOWN, "ru"),
        ("пригласить ученика 1А", Name.INVITE_PUPIL, "ru"),
        ("good morning", Name.UNKNOWN, "en"),
        ("👋", Name.UNKNOWN, ""),
        ("confirm:", Name.CONFIRM, "en"),
        ("«мои дети»", Name.CHILDREN, "ru"),
        ("“!my children”.", Name.CHILDREN, "en"),
        ("«найти Петрова»", Name.FIND, "ru"),
        ("\ufeffмои\u200b дети", Name.CHILDREN, "ru"),
        ("не мои\u0306", Name.NOT_MINE, "ru"),
        ("«да» или «нет»", Name.UNKNOWN, "ru"),
        ("подтвердить 1234", Name.CODE, "ru"),
        ("https://school.example/i/abc", Name.CODE, ""),
    ],
)
def test_commands(text: str, name: Name, language: str) -> None:
    found = direct(text)
    assert (found.name, found.language) == (name, language)


def test_every_command_has_words_in_both_languages() -> None:
    said = set(Name) - {Name.CODE, Name.UNKNOWN}
    assert set(commands.WORDS["ru"]) == set(commands.WORDS["en"]) == said
    for name in said:
        for language in ("ru", "en"):
            assert commands.offered(f"{commands.word(name, language)} x y") == Command(
                name, language, "x y", offered=True
            )


@pytest.mark.parametrize(
    "text", ["помощь", "да", "привет", "!", "!!!", "! важно", "", "confirm x", "«!почему»"]
)
def test_a_room_needs_the_prefix_and_a_known_word(text: str) -> None:
    assert parse(text, prefix="!", direct=False) is None


codes = st.binary(min_size=kinship.CODE_BYTES, max_size=kinship.CODE_BYTES).map(kinship.write_code)
CYRILLIC = str.maketrans("ABCEHKMPTXY", "АВСЕНКМРТХУ")


@given(code=codes, way=st.sampled_from(range(11)))
def test_a_code_is_read_however_it_was_passed_on(code: str, way: int) -> None:
    text = [
        code,
        code.lower(),
        code.replace("-", ""),
        code.replace("-", " "),
        code.replace("-", "–"),
        code.translate(CYRILLIC),
        code[:17] + "\n" + code[17:],
        f"Привет! Вот код для мамы: {code}, отправь ей.",
        f"here is my code {code} please",
        f"https://school.example/i/{code}?from=chat",
        f"зайди на https://school.example/i/{code} и всё",
    ][way]
    found = direct(text)
    assert (found.name, found.code) == (Name.CODE, code.replace("-", ""))


@given(code=codes)
def test_a_code_behind_the_command(code: str) -> None:
    found = direct(f"!confirm {code}")
    assert (found.name, found.language, found.code) == (Name.CODE, "en", code.replace("-", ""))


@given(text=st.text(max_size=300), direct=st.booleans())
def test_no_text_makes_the_parser_stumble(text: str, *, direct: bool) -> None:
    parse(text, prefix="!", direct=direct)
    find_code(text)


def test_the_quoted_message_of_a_reply_is_not_the_command() -> None:
    content = {
        "msgtype": "m.text",
        "body": "> <@helper:school.example> Это ваш ребёнок?\n> ...\n\nподтвердить",
        "m.relates_to": {"m.in_reply_to": {"event_id": "$q"}},
    }
    event = {"type": "m.room.message", "sender": "@a:b", "room_id": "!r", "content": content}
    incoming = read(event, "$e")
    assert incoming.what is What.MESSAGE
    assert direct(incoming.text).name is Name.CONFIRM
