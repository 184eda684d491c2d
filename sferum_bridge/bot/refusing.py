"""Telling somebody why the homeserver refused what they did, which most clients do not show.

The homeserver extension says it in its answer, and by an event of the bot in a gate room, where the
bot is alone: whose account, and the key of a text. The event's content is taken away when it was
read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.school.attachments import Refusal
from sferum_bridge.store import accounts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.bot.talk import Talk

NEWS = "refused"
TEXTS = frozenset(
    {"refused-third-party", "refused-invite", *(f"file-refused-{one}" for one in Refusal)}
)
"""What may be told; anything else is of another version and told by nobody."""


async def tell(talk: Talk, content: Mapping[str, Any]) -> None:
    """Tell the person, in their language, on the account that they used."""
    mxid, key = content.get("user"), content.get("why")
    if not isinstance(mxid, str) or key not in TEXTS:
        return
    person = await accounts.person_of(talk.tx, mxid)
    if person is None:
        return
    await talk.tell(mxid, talk.texts.text(await talk.language_of(person.id), key))
