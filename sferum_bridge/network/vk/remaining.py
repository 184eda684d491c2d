"""What an edit of a message has to name again, so that the rest of it stays as it is. No I/O."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sferum_bridge.network.base import Refused
from sferum_bridge.network.content import File, Page, Place
from sferum_bridge.network.vk.attachments import name_of, read_attachments
from sferum_bridge.network.vk.messages import read_message
from sferum_bridge.network.vk.values import MalformedError, dicts, part, text, word

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from sferum_bridge.network.content import Content, Part

    IsIt = Callable[[File], Awaitable[bool]]

Params = dict[str, str | int]

_SNIPPETS = frozenset({"link"})
"""What is attached by itself, because of a word in the text, and stays or goes with it."""


def attached(item: Any) -> list[tuple[str, dict[str, Any]]]:
    """Return what is attached to a message, each with the name it is attached by (may be empty)."""
    return [
        (name_of(kind, part(attachment, kind)), attachment)
        for attachment in dicts(item.get("attachments"))
        if (kind := word(attachment.get("type")))
    ]


def staying(item: Any) -> Params:
    """Return what has an edit leave alone what is neither words nor attached."""
    params: Params = {"keep_forward_messages": 1, "keep_snippets": 1}
    if point := part(item.get("geo"), "coordinates"):
        params |= {"lat": str(point.get("latitude")), "long": str(point.get("longitude"))}
    return params


def without_words(item: Any) -> Params | None:
    """Return what is left of a message without its text, `None` where it has none.

    Raises:
        Refused: If something attached has no name to be kept by.
    """
    found = attached(item)
    if not text(item.get("text")) and not any(_is_snippet(one) for _, one in found):
        return None
    return {**staying(item), "message": "", "keep_snippets": 0, **_named(found)}


async def without_file(item: Any, is_it: IsIt) -> Params | None:
    """Return what is left of a message without a file, `None` where it is not attached.

    Raises:
        Refused: If something else attached has no name to be kept by.
    """
    found = attached(item)
    for place, (_, attachment) in enumerate(found):
        if await _is_any(attachment, is_it):
            params = {**staying(item), "message": text(item.get("text"))}
            if styles := item.get("format_data"):
                params["format_data"] = styles if isinstance(styles, str) else json.dumps(styles)
            return params | _named([*found[:place], *found[place + 1 :]])
    return None


async def look_for_more(item: Any, account_id: str, is_it: IsIt | None) -> None:
    """Look through all that is shown of a message for a file, or for words besides its text.

    Raises:
        Refused: If there is such, which nothing can be done about, or the message is not readable.
    """
    try:
        message = read_message(item, account_id).message
    except MalformedError as error:
        raise Refused("messages.getById: a message that cannot be read") from error
    if message is None:
        return
    content = message.content
    if is_it is None:
        if content.quotes or any(_is_said(one) for one in content.parts):
            raise Refused("messages.edit: what is said beside the text stays")
        return
    for file in _files(content):
        if await is_it(file):
            raise Refused("messages.edit: a file in something that cannot be changed")


def _named(found: list[tuple[str, dict[str, Any]]]) -> Params:
    if any(not name and not _is_snippet(one) for name, one in found):
        raise Refused("messages.edit: something else in the message would go too")
    names = ",".join(name for name, _ in found if name)
    return {"attachment": names} if names else {}


async def _is_any(attachment: Any, is_it: IsIt) -> bool:
    """Tell whether it is what is attached; a post stays or goes as a whole."""
    if word(attachment.get("type")) == "wall":
        return False
    for one in read_attachments([attachment]):
        if isinstance(one, File) and await is_it(one):
            return True
    return False


def _is_snippet(attachment: Any) -> bool:
    return word(attachment.get("type")) in _SNIPPETS


def _is_said(one: Part) -> bool:
    """Tell whether something attached is shown in words, which stay when the text is gone."""
    is_snippet = isinstance(one, Page) and one.kind in _SNIPPETS
    return not (is_snippet or isinstance(one, File | Place))


def _files(content: Content) -> Iterator[File]:
    yield from (one for one in content.parts if isinstance(one, File))
    for quote in content.quotes:
        yield from _files(quote.content)
