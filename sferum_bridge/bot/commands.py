"""Reading a command: pure, in Russian and English alike.

A command begins with the prefix; in a direct chat it need not. Case, ё and е, spaces, characters
nobody sees and a full stop at the end do not matter, nor in a direct chat the quotes in which texts
without HTML show a command. What changes something is taken only when nothing else was said:
«не мой» gives a child back, «не мой код не работает» asks for help.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from sferum_bridge.school import kinship


class Name(StrEnum):
    """The commands there are."""

    INVITE = "invite"
    REVOKE = "revoke"
    SLIPS = "slips"
    INVITE_PUPIL = "invite-pupil"
    CONFIRM = "confirm"
    NOT_MINE = "not-mine"
    CORRECT = "correct"
    CANCEL = "cancel"
    CHILDREN = "children"
    PARENTS = "parents"
    NOT_PARENT = "not-parent"
    LEAVE = "leave"
    UNLINK = "unlink"
    RESTORE = "restore"
    EXCEPTION = "exception"
    WHOAMI = "whoami"
    WHY = "why"
    HELP = "help"
    APPROVE = "approve"
    REJECT = "reject"
    APPLY = "apply"
    RECAST = "recast"
    APPOINT = "appoint"
    DISMISS = "dismiss"
    HAND_OVER = "hand-over"
    TRANSFER = "transfer"
    YEAR = "year"
    FIND = "find"
    JOURNAL = "journal"
    EXPORT = "export"
    ERASE = "erase"
    CONSENTS = "consents"
    WITHDRAW = "withdraw"
    LANGUAGE = "language"
    COME_BACK = "come-back"
    REPLACE = "replace"
    SFERUM = "sferum"
    SFERUM_LOGIN = "sferum-login"
    SFERUM_LOGOUT = "sferum-logout"
    CHATS = "chats"
    LINK = "link"
    UNLINK_CHAT = "unlink-chat"
    RELAY = "relay"
    ANNOUNCE = "announce"
    ANNOUNCEMENTS = "announcements"
    REQUEST = "request"
    REQUESTS = "requests"
    ANSWER = "answer"
    REPORT = "report"
    MATERIALS = "materials"
    CALL = "call"
    BROADCAST = "broadcast"
    IMPORT = "import"
    DOCUMENTS = "documents"
    DOCUMENT_GET = "document-get"
    DOCUMENT_RENAME = "document-rename"
    DOCUMENT_DELETE = "document-delete"
    DOCUMENT_SHARE = "document-share"
    PAUSE = "pause"
    RESUME = "resume"
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
    """What was said behind the command, as it was written: names keep their capitals."""
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
        Name.REVOKE: ("отозвать", "отозвать приглашение"),
        Name.SLIPS: ("листки", "листок"),
        Name.INVITE_PUPIL: ("пригласить ученика", "пригласить ученицу"),
        Name.CONFIRM: ("подтвердить", "подтверждаю", "да"),
        Name.NOT_MINE: ("не мой", "не мой ребенок", "это не мой ребенок", "не моя", "это не мой"),
        Name.CORRECT: ("исправить", "исправь", "исправление"),
        Name.CANCEL: ("отмена", "отменить", "нет"),
        Name.CHILDREN: ("мои дети", "дети", "мой ребенок"),
        Name.PARENTS: ("мои родители", "родители"),
        Name.NOT_PARENT: ("это не родитель", "не родитель", "это не мой родитель"),
        Name.LEAVE: ("выйти",),
        Name.UNLINK: ("отвязать родителя",),
        Name.RESTORE: ("вернуть",),
        Name.EXCEPTION: ("исключение",),
        Name.WHOAMI: ("кто я",),
        Name.WHY: ("почему",),
        # Who only greets is told what there is to say.
        Name.HELP: ("помощь", "справка", "помоги", "начать", "привет", "здравствуйте"),
        Name.APPROVE: ("одобрить", "заявки", "дела"),
        Name.REJECT: ("отклонить",),
        Name.APPLY: ("заявка", "подать заявку"),
        Name.RECAST: ("сменить роль",),
        Name.APPOINT: ("назначить",),
        Name.DISMISS: ("уволить",),
        Name.HAND_OVER: ("передать класс",),
        Name.TRANSFER: ("перевести",),
        Name.YEAR: ("год", "учебный год", "новый учебный год"),
        Name.FIND: ("найти",),
        Name.JOURNAL: ("журнал",),
        Name.EXPORT: ("экспорт",),
        Name.ERASE: ("удалить",),
        Name.CONSENTS: ("согласия", "мои согласия"),
        Name.WITHDRAW: ("отозвать согласие",),
        Name.LANGUAGE: ("язык",),
        Name.COME_BACK: ("вернуться", "войти", "вернуться в чат", "вернуться в чаты"),
        Name.REPLACE: ("сменить учетную запись", "сменить аккаунт", "новая учетная запись"),
        Name.SFERUM: ("сферум", "вход в сферум"),
        Name.SFERUM_LOGIN: ("сферум войти", "войти в сферум"),
        Name.SFERUM_LOGOUT: ("сферум выйти", "выйти из сферума"),
        Name.CHATS: ("чаты", "мои чаты", "чаты сферума", "сферум чаты"),
        Name.LINK: ("связать", "связать чат"),
        Name.UNLINK_CHAT: ("отвязать", "отвязать чат"),
        Name.RELAY: ("от имени",),
        Name.ANNOUNCE: ("объявление", "объявить"),
        Name.ANNOUNCEMENTS: ("объявления", "мои объявления"),
        Name.REQUEST: ("обращение", "обратиться"),
        Name.REQUESTS: ("обращения", "мои обращения"),
        Name.ANSWER: ("ответить",),
        Name.REPORT: ("пожаловаться", "жалоба"),
        Name.MATERIALS: ("материалы", "материалы класса"),
        Name.IMPORT: ("импорт", "импорт списков"),
        Name.DOCUMENTS: ("документы", "мои документы"),
        Name.DOCUMENT_GET: ("получить", "получить документ", "открыть документ"),
        Name.DOCUMENT_RENAME: ("переименовать", "переименовать документ"),
        Name.DOCUMENT_DELETE: ("удалить документ",),
        Name.DOCUMENT_SHARE: ("поделиться", "поделиться документом"),
        Name.CALL: ("звонок", "позвонить"),
        Name.BROADCAST: ("трансляция",),
        Name.PAUSE: ("пауза", "остановить чаты"),
        Name.RESUME: ("продолжить", "продолжить чаты"),
    },
    "en": {
        Name.INVITE: ("invite", "invite parent", "invite a parent", "invite my parent"),
        Name.REVOKE: ("revoke", "revoke invite"),
        Name.SLIPS: ("slips", "slip"),
        Name.INVITE_PUPIL: ("invite pupil", "invite a pupil"),
        Name.CONFIRM: ("confirm", "yes"),
        Name.NOT_MINE: ("not mine", "not my child", "this is not my child"),
        Name.CORRECT: ("correct", "correction"),
        Name.CANCEL: ("cancel", "no"),
        Name.CHILDREN: ("children", "my children"),
        Name.PARENTS: ("parents", "my parents"),
        Name.NOT_PARENT: ("not a parent", "this is not a parent", "not my parent"),
        Name.LEAVE: ("leave",),
        Name.UNLINK: ("unlink parent",),
        Name.RESTORE: ("restore",),
        Name.EXCEPTION: ("exception",),
        Name.WHOAMI: ("whoami", "who am i"),
        Name.WHY: ("why",),
        Name.HELP: ("help", "start", "hello", "hi"),
        Name.APPROVE: ("approve", "applications", "cases"),
        Name.REJECT: ("reject",),
        Name.APPLY: ("apply", "application"),
        Name.RECAST: ("change role",),
        Name.APPOINT: ("appoint",),
        Name.DISMISS: ("dismiss",),
        Name.HAND_OVER: ("hand over",),
        Name.TRANSFER: ("transfer",),
        Name.YEAR: ("year", "school year", "new school year"),
        Name.FIND: ("find",),
        Name.JOURNAL: ("journal",),
        Name.EXPORT: ("export",),
        Name.ERASE: ("erase",),
        Name.CONSENTS: ("consents", "my consents"),
        Name.WITHDRAW: ("withdraw consent",),
        Name.LANGUAGE: ("language", "lang"),
        Name.COME_BACK: ("come back", "rejoin"),
        Name.REPLACE: ("replace account", "change account", "new account"),
        Name.SFERUM: ("sferum",),
        Name.SFERUM_LOGIN: ("sferum login", "sferum log in", "login", "log in"),
        Name.SFERUM_LOGOUT: ("sferum logout", "sferum log out", "logout", "log out"),
        Name.CHATS: ("chats", "my chats", "sferum chats"),
        Name.LINK: ("link", "link chat"),
        Name.UNLINK_CHAT: ("unlink", "unlink chat"),
        Name.RELAY: ("relay",),
        Name.ANNOUNCE: ("announce", "announcement"),
        Name.ANNOUNCEMENTS: ("announcements", "my announcements"),
        Name.REQUEST: ("request", "ask the school"),
        Name.REQUESTS: ("requests", "my requests"),
        Name.ANSWER: ("answer",),
        Name.REPORT: ("report", "complain"),
        Name.MATERIALS: ("materials", "class materials"),
        Name.IMPORT: ("import", "import lists"),
        Name.DOCUMENTS: ("documents", "my documents"),
        Name.DOCUMENT_GET: ("get", "get document", "open document"),
        Name.DOCUMENT_RENAME: ("rename", "rename document"),
        Name.DOCUMENT_DELETE: ("delete document",),
        Name.DOCUMENT_SHARE: ("share", "share document"),
        Name.CALL: ("call",),
        Name.BROADCAST: ("broadcast",),
        Name.PAUSE: ("pause", "pause rooms"),
        Name.RESUME: ("resume", "resume rooms"),
    },
}

# After these more may be said; after the others a further word makes it a sentence, not a command.
_WITH_ARGUMENT = frozenset(
    {
        *(Name.CONFIRM, Name.WHY, Name.HELP, Name.APPROVE, Name.REJECT, Name.LANGUAGE),
        *(Name.INVITE, Name.INVITE_PUPIL, Name.SLIPS, Name.CORRECT, Name.NOT_PARENT, Name.LEAVE),
        *(Name.UNLINK, Name.RESTORE, Name.EXCEPTION, Name.APPLY, Name.RECAST, Name.APPOINT),
        *(Name.DISMISS, Name.HAND_OVER, Name.TRANSFER, Name.FIND, Name.JOURNAL, Name.EXPORT),
        Name.YEAR,
        *(Name.ERASE, Name.WITHDRAW, Name.REVOKE, Name.COME_BACK, Name.REPLACE),
        *(Name.SFERUM_LOGIN, Name.SFERUM_LOGOUT, Name.LINK, Name.UNLINK_CHAT, Name.RELAY),
        *(Name.ANNOUNCE, Name.REQUEST, Name.ANSWER, Name.REPORT, Name.CALL, Name.BROADCAST),
        *(Name.DOCUMENTS, Name.DOCUMENT_GET, Name.DOCUMENT_RENAME, Name.DOCUMENT_DELETE),
        *(Name.IMPORT, Name.DOCUMENT_SHARE, Name.MATERIALS),
    }
)
# Greetings and a bare yes are no beginning of a command that takes an argument.
_NEVER_BEFORE_ARGUMENT = frozenset(
    {*("да", "yes", "привет", "здравствуйте", "hello", "hi", "start", "начать", "подтверждаю")}
)
_BARE = {
    word: (name, language)
    for language, words in WORDS.items()
    for name, aliases in words.items()
    for word in aliases
}
_LONGEST_PHRASE = max(len(word.split()) for word in _BARE)

_MOST_CHARACTERS = 4_000
_UNSEEN = re.compile("[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
_QUOTES = "«»„“”‘’\"'`"
_QUOTED = re.compile(rf"[{_QUOTES}]+([^{_QUOTES}]+)[{_QUOTES}]+[\s.,:!?…]*")
_NUMBER = re.compile(r"([1-9])\ufe0f?\u20e3?[.)]?")
_ENDING = " .,:!?…"
_SHORTEST_CODE = 28
_CYRILLIC, _LATIN = re.compile("[а-я]"), re.compile("[a-z]")
# Cyrillic that no code on a Cyrillic keyboard is read from, so somebody wrote a word.
_SURELY_CYRILLIC = re.compile("[бгджийклпфцчшщъыьэюя]")
# Five groups between dashes, or the path of a link: a code, but a mistyped one.
_MEANT_AS_CODE = re.compile(r"/[ip]/\S|(?:\w{2,6}[\-\u2010-\u2015]){4,}\w{2,6}", re.IGNORECASE)


def word(name: Name, language: str) -> str:
    """Return the word of a command in a language."""
    return WORDS[language][name][0]


def parse(text: str, *, prefix: str, direct: bool) -> Command | None:
    """Return what `text` asks of the bot; `None` when nothing, as most talk of a room does.

    `direct` is true in a direct chat with the bot, where the prefix may be left out and every
    message is meant for it.
    """
    text = unicodedata.normalize("NFC", _UNSEEN.sub("", text[:_MOST_CHARACTERS])).strip()
    if direct and (quoted := _QUOTED.fullmatch(text)):
        text = quoted[1].strip()
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


def number(text: str) -> str:
    """Return the reaction a number stands for that somebody typed instead; empty for any other."""
    found = _NUMBER.fullmatch(text.strip())
    return f"{found[1]}\u20e3" if found else ""


def offered(text: str) -> Command | None:
    """Return the command an offer stands for: a word and what the bot put behind it."""
    found: list[tuple[int, Command]] = []
    for language, words in WORDS.items():
        for name, aliases in words.items():
            if text == aliases[0] or text.startswith(aliases[0] + " "):
                argument = text.removeprefix(aliases[0]).strip()
                found.append((len(aliases[0]), Command(name, language, argument, offered=True)))
    # The longest: one command's word may begin with another's.
    return max(found, key=lambda one: one[0])[1] if found else None


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
    for count in range(_LONGEST_PHRASE, 0, -1):
        phrase, rest = _split(said, count)
        if not rest or phrase in _NEVER_BEFORE_ARGUMENT:
            continue
        name, language = _BARE.get(phrase, (None, ""))
        if name in _WITH_ARGUMENT:
            return _with_argument(name, language, rest, prefixed=prefixed)
    return None


def _with_argument(name: Name, language: str, rest: str, *, prefixed: bool) -> Command:
    if name is Name.CONFIRM:
        code = find_code(rest)
        if code or _MEANT_AS_CODE.search(rest) or any(c.isdigit() for c in rest):
            return Command(Name.CODE, language, rest, code, prefixed=prefixed)
    return Command(name, language, rest, prefixed=prefixed)


def _split(said: str, count: int) -> tuple[str, str]:
    """Return the first `count` words, folded, and what stands behind them, as it was written."""
    found = re.match(rf"(?:\S+\s+){{{count - 1}}}\S+", said)
    if found is None:
        return "", ""
    return _folded(found.group()).rstrip(":,"), said[found.end() :].strip()


def _language_around_code(text: str) -> str:
    return "ru" if _SURELY_CYRILLIC.search(_folded(text)) else ""


def _folded(text: str) -> str:
    return " ".join(text.casefold().replace("ё", "е").split())
