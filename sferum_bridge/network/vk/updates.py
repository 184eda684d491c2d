"""Long-poll updates as events of `network.base`. Pure: no I/O, no log.

The layout of an update follows from its code, not from the version that was asked for: 4 is a new
message of the old layout (version 3), 10004 of the new one. What an update does not tell comes out
as `Ask`, to be asked for before the batch is given out:

    a whole message   one with attachments, forwards, a template: updates have only hints of them;
                      one whose update cannot be read; every message of the old layout, which has no
                      number in its chat that all accounts share
    a number          deletions and read marks of the old layout
    reactions         where not everybody is named

What cannot be read at all never raises here: it is counted by its code, and the rest goes on.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum, auto, unique
from typing import TYPE_CHECKING, Any

from sferum_bridge.network.base import (
    RemoteChange,
    RemoteDeletion,
    RemoteEdit,
    RemoteEvent,
    RemoteMessage,
    RemoteRead,
    RemoteTyping,
)
from sferum_bridge.network.vk.live import read_live
from sferum_bridge.network.vk.reactions import Reactions, read_event
from sferum_bridge.network.vk.values import (
    CHAT_BASE,
    MalformedError,
    code_of,
    code_word,
    ident,
    integer,
    is_chat,
    place_number,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_SPAM = 64
_DELETED, _DELETED_FOR_ALL = 128, 131072
_GONE = _DELETED | _DELETED_FOR_ALL

# Of the changes of a chat that update 52 tells: title, photo, pinned message, who is in it.
_CHANGES = frozenset({1, 2, 3, 5, 6, 7, 8, 9})


@unique
class Want(Enum):
    """What has to be asked for, and what it is then."""

    MESSAGE = auto()
    EDIT = auto()
    DELETION = auto()
    DELETION_FOR_ALL = auto()
    READ_BY_ME = auto()
    READ_BY_PEER = auto()
    REACTIONS = auto()


@dataclass(frozen=True, slots=True)
class Ask:
    """Something to be asked for: by `cmid` in `peer_id`, or by `message_id`, which has no chat.

    `hint` is what the update told of a message, for the case that VK refuses to tell more.
    """

    want: Want
    peer_id: int = 0
    cmid: int = 0
    message_id: int = 0
    hint: RemoteMessage | None = None


@dataclass(frozen=True, slots=True)
class Reacted:
    """Who has which reaction to a message now."""

    peer_id: int
    cmid: int
    by: Reactions


Entry = RemoteEvent | Ask | Reacted

_NEW = 10004
_NEW_LAYOUT = {_NEW: Want.MESSAGE, 10005: Want.EDIT, 10018: Want.EDIT}
_OLD_READ_BY_ME = 6
# How long a message is when it is whole; a shorter one is of a message that is gone.
_WHOLE_NEW, _WHOLE = 12, 11


@dataclass(slots=True)
class Parsed:
    """What was read, in order. `malformed` has the codes of updates that could not be."""

    entries: list[Entry] = field(default_factory=list)
    malformed: list[str] = field(default_factory=list)


def parse_updates(updates: Any, account_id: str) -> Parsed:
    """Read the `updates` of a long-poll reply to the account `account_id`."""
    return _parsed(updates, account_id, brief=False)


def parse_history(history: Any, account_id: str) -> Parsed:
    """Read the `history` of `messages.getLongPollHistory`, whose messages are all to be asked for.

    There they are cut to `[code, number, flags, peer_id]`.
    """
    return _parsed(history, account_id, brief=True)


def _parsed(updates: Any, account_id: str, *, brief: bool) -> Parsed:
    parsed = Parsed()
    for update in updates if isinstance(updates, list) else []:
        try:
            entry = _update(update, account_id, brief=brief)
        except Exception:  # noqa: BLE001 - one update must not make a login deaf to the others
            parsed.malformed.append(code_word(update))
        else:
            if entry is not None:
                parsed.entries.append(entry)
    return parsed


def _update(update: Any, account_id: str, *, brief: bool) -> Entry | None:
    code = code_of(update)
    if code in _NEW_LAYOUT:
        return _message(code, update, account_id, brief=brief)
    reader = _READERS.get(code)
    return reader([*update, *[None] * _WHOLE_NEW], account_id) if reader else None


def _read_by_me(update: list[Any], account_id: str) -> Entry:
    """Read `[10006, peer_id, cmid, …]`."""
    return read_mark(*_place(update), account_id, by_me=True)


def _read_by_peer(update: list[Any], account_id: str) -> Entry:
    """Read `[10007, peer_id, cmid, …]`."""
    return read_mark(*_place(update), account_id, by_me=False)


def _old_read(update: list[Any], _: str) -> Entry:
    """Read `[6 or 7, peer_id, message_id]`."""
    want = Want.READ_BY_ME if update[0] == _OLD_READ_BY_ME else Want.READ_BY_PEER
    return Ask(want, message_id=integer(update[2], at_least=1))


def _place(update: list[Any]) -> tuple[int, int]:
    return integer(update[1]), place_number(update[2])


def read_mark(peer_id: int, cmid: int, account_id: str, *, by_me: bool) -> RemoteRead:
    """Return that somebody has read up to a message; in a chat VK does not say who."""
    other = "" if is_chat(peer_id) else str(peer_id)
    return RemoteRead(str(peer_id), account_id if by_me else other, str(cmid))


def _old_change(update: list[Any], _: str) -> Entry:
    """Read `[51, chat_id, …]`."""
    return RemoteChange(str(CHAT_BASE + integer(update[1], at_least=1)))


def _change(update: list[Any], _: str) -> Entry | None:
    """Read `[52, type, peer_id, extra]`."""
    peer_id = integer(update[2])
    return RemoteChange(str(peer_id)) if integer(update[1]) in _CHANGES else None


def _typing(update: list[Any], account_id: str) -> Entry | None:
    """Read `[63 to 68, peer_id, [user_ids], total, ts]`."""
    # Clients disagree about the order of the two.
    peer_id, users = update[1:3] if isinstance(update[2], list) else (update[2], update[1])
    return _writing(integer(peer_id), users, account_id)


def _old_typing(update: list[Any], account_id: str) -> Entry | None:
    """Read `[61, user_id, flags]`."""
    return _writing(integer(update[1], at_least=1), [update[1]], account_id)


def _old_typing_in_chat(update: list[Any], account_id: str) -> Entry | None:
    """Read `[62, user_id, chat_id]`."""
    return _writing(CHAT_BASE + integer(update[2], at_least=1), [update[1]], account_id)


def _writing(peer_id: int, users: Any, account_id: str) -> RemoteTyping | None:
    if not isinstance(users, list):
        raise MalformedError
    others = tuple(str(user) for one in users if (user := ident(one)) and str(user) != account_id)
    return RemoteTyping(str(peer_id), others) if others else None


def _reacted(update: list[Any], _: str) -> Entry:
    peer, cmid, by = read_event(update)
    return Ask(Want.REACTIONS, peer, cmid) if by is None else Reacted(peer, cmid, by)


def _flags_set(update: list[Any], _: str) -> Entry | None:
    """Read `[10002, cmid, mask, peer_id]`: of the flags, only deletion matters."""
    flags = integer(update[2])
    if not flags & _GONE:
        return None
    cmid, peer_id = place_number(update[1]), integer(update[3])
    return RemoteDeletion(str(peer_id), str(cmid), bool(flags & _DELETED_FOR_ALL))


def _old_flags_set(update: list[Any], _: str) -> Entry | None:
    """Read `[2, message_id, mask, …]`."""
    flags = integer(update[2])
    if not flags & _GONE:
        return None
    want = Want.DELETION_FOR_ALL if flags & _DELETED_FOR_ALL else Want.DELETION
    return Ask(want, message_id=integer(update[1], at_least=1))


def _flags_cleared(update: list[Any], _: str) -> Entry | None:
    """Read `[10003, cmid, flags, peer_id?]`, or a whole message that is deleted no more."""
    cmid, mask, peer_id = place_number(update[1]), ident(update[2]), ident(update[3])
    whole = update[_WHOLE - 1] is not None
    if not peer_id or not (whole or mask & (_GONE | _SPAM)):
        return None
    return Ask(Want.EDIT, peer_id, cmid)


def _fetch_again(update: list[Any], _: str) -> Entry:
    """Read `[10019, number]` or `[10019, cmid, peer_id]`: a message changed without an edit.

    A lone number is no place in a chat, since no chat is named: it can only be the account's own.
    """
    number, peer_id = integer(update[1], at_least=1), ident(update[2])
    return Ask(Want.EDIT, peer_id, number) if peer_id else Ask(Want.EDIT, message_id=number)


def _old_new(update: list[Any], _: str) -> Entry | None:
    """Read `[4, message_id, flags, …]`. Of deletions 2 tells."""
    message_id = integer(update[1], at_least=1)
    return None if ident(update[2]) & _GONE else Ask(Want.MESSAGE, message_id=message_id)


def _old_edit(update: list[Any], _: str) -> Entry | None:
    """Read `[5, message_id, mask, …]`."""
    message_id = integer(update[1], at_least=1)
    return None if ident(update[2]) & _GONE else Ask(Want.EDIT, message_id=message_id)


def _message(code: int, update: list[Any], account_id: str, *, brief: bool) -> Entry | None:
    """Read `[code, cmid, flags, (minor_id,) peer_id, …]`; only new messages have a `minor_id`."""
    is_new = code == _NEW
    whole = len(update) >= (_WHOLE_NEW if is_new else _WHOLE)
    fields = [*update, *[None] * _WHOLE_NEW]
    tail = fields[4 if is_new and (whole or not brief) else 3 :]
    cmid, flags, peer_id = place_number(fields[1]), ident(fields[2]), ident(tail[0])
    if flags & _GONE:
        # Of one that was never delivered no chat may be named. One that is may come a second time.
        for_all = bool(flags & _DELETED_FOR_ALL)
        return RemoteDeletion(str(peer_id), str(cmid), for_all) if peer_id else None
    if not peer_id:
        raise MalformedError
    ask = Ask(_NEW_LAYOUT[code], peer_id, cmid)
    if not whole:
        return ask
    try:
        live, complete = read_live(tail, cmid, flags, account_id)
    except MalformedError:
        return ask
    if live is None:
        return RemoteDeletion(str(peer_id), str(cmid), for_all=True)
    if not complete:
        return replace(ask, hint=live)
    return live if is_new else RemoteEdit(live)


_READERS: dict[int, Callable[[list[Any], str], Entry | None]] = {
    2: _old_flags_set,
    4: _old_new,
    5: _old_edit,
    _OLD_READ_BY_ME: _old_read,
    7: _old_read,
    51: _old_change,
    52: _change,
    61: _old_typing,
    62: _old_typing_in_chat,
    **dict.fromkeys(range(63, 69), _typing),
    601: _reacted,
    10002: _flags_set,
    10003: _flags_cleared,
    10006: _read_by_me,
    10007: _read_by_peer,
    10019: _fetch_again,
}
