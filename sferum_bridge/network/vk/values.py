"""Reading what VK sends, of which nothing is taken for granted. Pure: no I/O, no log.

Two manners: the functions that raise `MalformedError` are for what a value cannot do without, the
others answer with an empty value. Whoever calls the former catches; it never leaves this folder.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

CHAT_BASE = 2_000_000_000
_MAX_CHAT = CHAT_BASE + 100_000_000
_INT64 = 2**63
_INT32 = 2**31
# What a length, a size, a count may be, so that nothing behind it overflows.
_MOST = 2**53
# In the year 2106: a later time is none, and what is dated by it no homeserver takes.
_LATEST = 2**32

_DIGITS = re.compile(r"-?[0-9]{1,19}")
_WORD = re.compile(r"[a-z0-9_]{1,40}")
_ADDRESS = re.compile(r"https?://[^\s<>\"\x00-\x1f]{1,4000}", re.ASCII | re.IGNORECASE)


class MalformedError(Exception):
    """Something is not what it is described to be. Never leaves `network.vk`."""


def is_chat(peer_id: int) -> bool:
    """Tell whether a peer is a chat of several people; its author has to be named then."""
    return CHAT_BASE < peer_id <= _MAX_CHAT


def integer(value: Any, *, at_least: int = -_INT64) -> int:
    """Return an int64 that may be written as text, as VK does in places.

    Raises:
        MalformedError: If it is none, or less than `at_least`.
    """
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if type(value) is not int or not at_least <= value < _INT64:
        raise MalformedError
    return value


def place_number(value: Any) -> int:
    """Return the number of a message in its chat, `cmid`.

    Raises:
        MalformedError: If it is none. A number that no chat has would put all that follows behind
            what was already seen.
    """
    found = integer(value, at_least=1)
    if found >= _INT32:
        raise MalformedError
    return found


def string(value: Any) -> str:
    """Return a text, storable.

    Raises:
        MalformedError: If it is none.
    """
    if not isinstance(value, str):
        raise MalformedError
    return storable(value)


def mapping(value: Any) -> dict[str, Any]:
    """Return a mapping; VK writes an empty one as `[]` at times, and may leave it out.

    Raises:
        MalformedError: If it is something else.
    """
    if isinstance(value, dict):
        return value
    if value in ([], None):
        return {}
    raise MalformedError


def text(value: Any) -> str:
    """Return a text, storable; empty for anything else."""
    return storable(value) if isinstance(value, str) else ""


def amount(value: Any) -> int:
    """Return a length, size or count; 0 for what is none."""
    if isinstance(value, float):
        value = int(value) if 0 <= value < _MOST else 0
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    return value if type(value) is int and 0 <= value < _MOST else 0


def moment(value: Any) -> int:
    """Return a unix time in seconds; 0 for what can be none."""
    found = amount(value)
    return found if found < _LATEST else 0


def ident(value: Any) -> int:
    """Return an id, which may be negative; 0 for what is none."""
    try:
        return integer(value)
    except MalformedError:
        return 0


def flag(value: Any) -> bool:
    """Tell whether something is on: VK writes true, 1 and "1"."""
    return value in (True, 1, "1")


def word(value: Any) -> str:
    """Return VK's own short word for something, `unknown` for what is no such word."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else "unknown"


def address(value: Any) -> str:
    """Return a web address, empty for what is none."""
    found = text(value).strip()
    return found if _ADDRESS.fullmatch(found) else ""


def number(value: Any) -> float:
    """Return a finite number that may be written as text.

    Raises:
        MalformedError: If it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise MalformedError
    try:
        found = float(value)
    except (ValueError, OverflowError):
        raise MalformedError from None
    if not abs(found) < _MOST:
        raise MalformedError
    return found


def inner(value: Any) -> Any:
    """Return JSON that VK writes as text in places; `None` for text that is no JSON."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def dicts(value: Any) -> list[dict[str, Any]]:
    """Return the objects in a list, passing by what is none; empty for no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def part(value: Any, name: str) -> dict[str, Any]:
    """Return an object inside an object; an empty one where there is none."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def items(reply: Any) -> list[dict[str, Any]]:
    """Return the `items` of a reply."""
    return dicts(reply.get("items") if isinstance(reply, dict) else None)


def cmid_of(message: Any) -> str:
    """Return the number in its chat that a message object has, empty for none."""
    try:
        return str(place_number(mapping(message).get("conversation_message_id")))
    except MalformedError:
        return ""


def random_id(value: Any) -> int:
    """Return the `random_id` of a message, 0 for none."""
    found = ident(value)
    return found if -_INT32 <= found < _INT32 else 0


def code_of(update: Any) -> int:
    """Return the code of an update.

    Raises:
        MalformedError: If it has none.
    """
    if not isinstance(update, list) or not update or type(update[0]) is not int:
        raise MalformedError
    return update[0]


def code_word(update: Any) -> str:
    """Return the code for the log; anything else in its place could be a text."""
    try:
        code = code_of(update)
    except MalformedError:
        return "none"
    return str(code) if abs(code) < _INT32 else "none"


def storable(value: str) -> str:
    """Replace what databases and UTF-8 cannot hold: NUL and halves of surrogate pairs.

    Each replacement is as long as what it replaces, in UTF-16 units.
    """
    whole = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return whole.replace("\x00", "\N{REPLACEMENT CHARACTER}")


def peer_of(chat_id: str) -> int:
    """Return a peer id, 0 for what is none."""
    digits = chat_id.removeprefix("-")
    # 16 digits: e-mail peers, the longest, have fewer.
    return int(chat_id) if digits.isascii() and digits.isdigit() and len(digits) < 16 else 0  # noqa: PLR2004 - see above


def listed(numbers: Iterable[int]) -> str:
    """Return numbers as VK takes an array of them."""
    return ",".join(str(one) for one in numbers)


def chunks_of(values: Sequence[int], size: int) -> Iterable[Sequence[int]]:
    """Cut into pieces of at most `size`."""
    return (values[start : start + size] for start in range(0, len(values), size))
