"""What people are to hear of, put into the bot's inbox by whatever did it.

A roster applied from the command line moves children between classes; the bridge that runs beside
it tells the class teachers. News are a row of the inbox like any other: told once, after a crash
too. The appservice lets no event of this type in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.store import queues, schools

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.store.database import Tx

NEWS = "sferum.news"
_LANE = "bot/news"


async def put(tx: Tx, kind: str, content: Mapping[str, Any], once: str = "") -> None:
    """Have the bot tell what happened; `bot.topics` says who tells news of a kind.

    What may be put twice has a name `once`, by which it is told once.
    """
    row = {"type": NEWS, "kind": kind, "content": dict(content)}
    await queues.put(tx, queues.INBOX, _LANE, f"news.{once or schools.new_id()}", row)
