"""Reading a command: pure, in Russian and English alike.

A command begins with the prefix; in a direct chat it need not. Case, ё and е, spaces and a full
stop at the end do not matter. What changes something is taken only when nothing else was said:
«не мой» gives a child back, «не мой код не работает» asks for help.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from sferum_bridge.school import kinship


class Name(StrEnum):
    """The commands there are."""

    INVITE = "invite"
    CONFIRM = "confirm"
    NOT_MINE = "not-mine"
    CANCEL = "cancel"
    CHILDREN = "children"
    PARENTS = "parents"
    WHOAMI = "whoami"
    WHY = "why"
    HELP = "help"
    APPROVE = "approve"
    REJECT = "reject"
    LANGUAGE = "language"
    CODE = "code"
    """A code, alone or inside a sentence."""
    UNKNOWN = "unknown"
    """Nothing the bot knows, said to it in a direct chat."""


@dataclass(frozen=True, slots=True)
class Command:
    """What somebody wants."""

    name: Name
    language: str = ""
    """The language it was said in, empty when that cannot be told."""
    argument: str = ""
    code: str = ""
    """Of a `CODE`: its symbols; empty when it was meant as a code but is none."""
    prefixed: bool = False
    offered: bool = False
    """Whether it came by a reaction the bot had offered, so that its argument is the bot's own."""


# In each language the first word is the one that texts and offers use.
WORDS: dict[str, dict[Name, tuple[str, ...]]] = {
    "ru": {
        Name.INVITE: (
            "пригласить",
            "пригласить родителя",
            "пригласить родителей",
            "пригласить маму",
            "пригласить папу",
            "приглашение",
        ),
        Name.CONFIRM: ("подтвердить", "подтверждаю", "да"),
        Name.NOT_MINE: ("не мой", "не мой ребенок", "это не мой ребенок", "не моя", "это не мой"),
        Name.CANCEL: ("отмена", "отменить", "нет"),
        Name.CHILDREN: ("мои дети", "дети", "мой ребенок"),
        Name.PARENTS: ("мои родители", "родители"),
        Name.WHOAMI: ("кто я",),
        Name.WHY: ("почему",),
        # Who only greets is told what there is to say.
        Name.HELP: ("помощь", "справка", "помоги", "начать", "привет", "здравствуйте"),
        Name.APPROVE: ("одобрить",),
        Name.REJECT: ("отклонить",),
        Name.LANGUAGE: ("язык",),
    },
    "en": {
        Name.INVITE: ("invite", "invite parent", "invite a parent", "invite my parent"),
        Name.CONFIRM: ("confirm", "yes"),
        Name.NOT_MINE: ("not mine", "not my child", "this is not my child"),
        Name.CANCEL: ("cancel", "no"),
        Name.CHILDREN: ("children", "my children"),
        Name.PARENTS: ("parents", "my parents"),
        Name.WHOAMI: ("whoami", "who am i"),
        Name.WHY: ("why",),
        Name.HELP: ("help", "start", "hello", "hi"),
        Name.APPROVE: ("approve",),
        Name.REJECT: ("reject",),
        Name.LANGUAGE: ("language", "lang"),
    },
}

_WITH_ARGUMENT = {
    "подтвердить": Name.CONFIRM,
    "confirm": Name.CONFIRM,
    "почему": Name.WHY,
    "why": Name.WHY,
    "помощь": Name.HELP,
    "help": Name.HELP,
    "одобрить": Name.APPROVE,
    "approve": Name.APPROVE,
    "отклонить": Name.REJECT,
    "reject": Name.REJECT,
    "язык": Name.LANGUAGE,
    "language": Name.LANGUAGE,
    "lang": Name.LANGUAGE,
}
_BARE = {
    word: (name, language)
    for language, words in WORDS.items()
    for name, aliases in words.items()
    for word in aliases
}

_MOST_CHARACTERS = 4_000
_ENDING = " .,!?…"
_SHORTEST_CODE = 28
_CYRILLIC, _LATIN = re.compile("[а-я]"), re.compile("[a-z]")
# Cyrillic that no code on a Cyrillic keyboard is read from, so somebody wrote a word.
_SURELY_CYRILLIC = re.compile("[бгджийклпфцчшщъыьэюя]")
# Five groups between dashes, or the path of a link: a code, but a mistyped one.
_MEANT_AS_CODE = re.compile(r"/i/\S|(?:\w{2,6}[\-\u2010-\u2015]){4,}\w{2,6}", re.IGNORECASE)


def word(name: Name, language: str) -> str:
    """Return the word of a command in a language."""
    return WORDS[language][name][0]


def parse(text: str, *, prefix: str, direct: bool) -> Command | None:
    """Return what `text` asks of the bot; `None` when nothing, as most talk of a room does.

    `direct` is true in a direct chat with the bot, where the prefix may be left out and every
    message is meant for it.
    """
    text = text[:_MOST_CHARACTERS].strip()
    prefixed = bool(prefix) and text.startswith(prefix)
    said = text.removeprefix(prefix).strip() if prefixed else text
    if direct or prefixed:
        found = _command(said, prefixed=prefixed)
        if found is not None:
            return found
    code = find_code(said)
    if code:
        return Command(Name.CODE, _language_around_code(said), code=code, prefixed=prefixed)
    if not direct:
        return None
    if _MEANT_AS_CODE.search(said):
        return Command(Name.CODE, _language_around_code(said), prefixed=prefixed)
    return Command(Name.UNKNOWN, language_of(said), said, prefixed=prefixed)


def offered(text: str) -> Command | None:
    """Return the command an offer stands for: a word and what the bot put behind it."""
    for language, words in WORDS.items():
        for name, aliases in words.items():
            if text == aliases[0] or text.startswith(aliases[0] + " "):
                argument = text.removeprefix(aliases[0]).strip()
                return Command(name, language, argument, offered=True)
    return None


def find_code(text: str) -> str:
    """Return the symbols of a code anywhere in `text`, empty when there is none.

    A word long enough to be a whole code is looked at alone first: words before it may look like
    groups of a code themselves («code ABCD-…»).
    """
    for piece in text.split():
        if len(piece) >= _SHORTEST_CODE and (code := kinship.read_code(piece)):
            return code
    return kinship.read_code(text) or ""


def language_of(text: str) -> str:
    """Return the language a text is written in by its letters, empty when it has none."""
    folded = _folded(text)
    if _CYRILLIC.search(folded):
        return "ru"
    return "en" if _LATIN.search(folded) else ""


def _command(said: str, *, prefixed: bool) -> Command | None:
    folded = _folded(said)
    bare = _BARE.get(folded.strip(_ENDING))
    if bare is not None:
        return Command(bare[0], bare[1], prefixed=prefixed)
    first, _, rest = folded.partition(" ")
    name = _WITH_ARGUMENT.get(first.strip(":,"))
    if name is None:
        return None
    language = language_of(first)
    if name is Name.CONFIRM:
        code = find_code(said[len(first) :])
        if code or _MEANT_AS_CODE.search(rest) or any(c.isdigit() for c in rest):
            return Command(Name.CODE, language, rest, code, prefixed=prefixed)
    return Command(name, language, rest, prefixed=prefixed)


def _language_around_code(text: str) -> str:
    return "ru" if _SURELY_CYRILLIC.search(_folded(text)) else ""


def _folded(text: str) -> str:
    return " ".join(text.casefold().replace("ё", "е").split())
