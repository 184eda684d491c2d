"""What the key of a login to Sferum looks like when somebody pastes it. Pure.

The key is a cookie and opens the whole account, so it is known for what it is wherever it was
written, also by somebody who was not asked for it: the message is taken away first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape
from typing import Any

from sferum_bridge.school import kinship

_MOST_CHARACTERS = 60_000
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]"
)
# By its name, as a header, a table of a browser or a sentence has it; or by how it begins.
_NAMED = re.compile(
    r"remixdsid[\"'«»]?[\s=:]+[\"'«]?([\x21\x23-\x26\x28-\x3a\x3c-\x7e]{16,})", re.IGNORECASE
)
_BEGINS = re.compile(r"(?<!\w)vk1\.a\.[\w\-.~+/=%]{8,}")
# Where one was asked for, it need not say its name.
_BARE = re.compile(r"(?<!\S)[\x21-\x7e]{20,}(?!\S)")
_TAG = re.compile(r"<[^<>]{0,2500}>")


def find(text: str) -> str:
    """Return the key in a text, empty where there surely is none."""
    text = _UNSEEN.sub("", text[:_MOST_CHARACTERS])
    if named := _NAMED.search(text):
        return named[1]
    begins = _BEGINS.search(text)
    return begins[0] if begins else ""


def find_in(content: Any) -> str:
    """Return the key in any text of an event's content, empty where there surely is none.

    In what place it stands is all one: a caption, a file's name, the words of a poll, formatting
    that goes through its middle. Whatever of it is shown to anybody would give it away.
    """
    left = [content]
    while left:
        value = left.pop()
        if isinstance(value, Mapping):
            left += value.values()
        elif isinstance(value, list):
            left += value
        elif isinstance(value, str):
            readings = {value}
            if "<" in value or "&" in value:
                readings |= {unescape(_TAG.sub(gap, value)) for gap in ("", " ")}
            for text in readings:
                if found := find(text):
                    return found
    return ""


def find_bare(text: str) -> str:
    """Return what may be the key somebody was asked for, empty for a text that holds none.

    A wrong cookie is a secret too, so whatever looks like any counts, but addresses and codes of
    invites.
    """
    if named := find(text):
        return named
    text = _UNSEEN.sub("", text[:_MOST_CHARACTERS])
    found = _BARE.findall(text)
    pieces = [one for one in found if "://" not in one and not kinship.read_code(one)]
    return max(pieces, key=len, default="")
