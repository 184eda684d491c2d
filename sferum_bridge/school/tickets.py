"""What people ask of the school and complain of: who gets it, and what must not be in it. Pure.

A request goes to the administrators; a report of a message to the class teacher and to them, but
never to whoever wrote that message, nor back to who reports it (S-41, 120-ФЗ).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from sferum_bridge.school import kinship

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_EMOJI_STYLE = "\ufe0f"
FLAG = "🚩"
"""The reaction that reports a message."""
MOST_CHARACTERS = 2_000
HIDDEN = "[…]"
"""What stands where a secret was."""

_DASHED = re.compile(r"(?:\w{2,6}[\-\u2010-\u2015]){4,}\w{2,6}")
_LINK = re.compile(r"\S*/[ip]/\S+")
_SAID = re.compile(
    r"(парол\w*|passw\w*|пин-?код\w*|pin)(\s*[:=]\s*|\s+[-–—]\s+|\s+)(\S+)",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"(?<!\S)(?!https?://)[\x21-\x7e]{24,}(?!\S)")
_PERMALINK = re.compile(
    r"https://matrix\.to/#/(?P<room>(?:!|%21)[^/?\s]+)/(?P<event>(?:\$|%24)[^/?\s]+)"
    r"|matrix:roomid/(?P<room2>[^/?\s]+)/e/(?P<event2>[^/?\s]+)"
)


def is_flag(key: object) -> bool:
    """Tell whether a reaction reports a message: clients differ in the variation selector (U+FE0F).

    One that were not known as such would go to the other network, and show who reports.
    """
    return isinstance(key, str) and key.replace(_EMOJI_STYLE, "") == FLAG


def without_secrets(text: str) -> str:
    """Return what somebody wrote without codes of invites, passwords and tokens.

    An administrator needs none of them, and what nobody has cannot be passed on.
    """
    text = _LINK.sub(HIDDEN, text)
    text = _DASHED.sub(lambda m: HIDDEN if kinship.read_code(m[0]) else m[0], text)
    text = _SAID.sub(_without_password, text)
    text = _TOKEN.sub(HIDDEN, text)
    # A code written in groups with spaces between.
    return HIDDEN if kinship.read_code(text) else text


def _without_password(found: re.Match[str]) -> str:
    word, between, value = found.groups()
    # «пароль не подходит» says none.
    is_one = between.strip() in {":", "="} or any(c.isdigit() for c in value)
    return f"{word}{between}{HIDDEN}" if is_one else found[0]


def linked(text: str) -> tuple[str, str, str]:
    """Return room and event of a link to a message, and the text around it; empty for no link."""
    found = _PERMALINK.search(text)
    if found is None:
        return "", "", text.strip()
    around = f"{text[: found.start()]} {text[found.end() :]}"
    around = " ".join(re.sub(r"(?<!\S)\?via=\S*", " ", around).split())
    if found["room"]:
        return unquote(found["room"]), unquote(found["event"]), around
    return f"!{unquote(found['room2'])}", f"${unquote(found['event2'])}", around


def handlers(
    leaders: Collection[str],
    administrators: Sequence[str],
    *,
    about: str,
    opened_by: str,
) -> Sequence[str]:
    """Return who may take something up, those first who are nearest; person ids.

    Nobody decides about a complaint of their own words, nor about their own request.
    """
    nearest = dict.fromkeys([*sorted(leaders), *administrators])
    return [one for one in nearest if one not in {about, opened_by}]
