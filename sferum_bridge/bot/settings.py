"""What an installation may decide about the bot. Lives as a value; `config` fills it."""

from __future__ import annotations

from dataclasses import dataclass

from sferum_bridge.school.kinship import AccessPolicy

_MINUTE = 60_000
_DAY = 24 * 60 * _MINUTE


@dataclass(frozen=True, slots=True)
class BotSettings:
    """Settings of the bot; lengths of time are milliseconds."""

    bot_mxid: str
    ghost_prefix: str
    """How the Matrix ids of the bridge's ghosts begin, as @sferum_."""
    public_url: str
    """Where the invite page is reached; an invite's link is `{public_url}/i/{code}`."""
    support_contact: str
    """Whom people write to who cannot get in; outsiders read it (S-41)."""
    prefix: str = "!"
    """What a command begins with in rooms of several people; optional in direct chats."""
    invite_life: int = 7 * _DAY
    confirm_grace: int = 30 * _MINUTE
    """How long after an invite's end a question asked before it may be answered (scenario 09)."""
    attempts: int = 10
    """Wrong codes within `attempts_window` after which nobody's next code is looked at."""
    attempts_window: int = 10 * _MINUTE
    access_policy: AccessPolicy = AccessPolicy.ROSTER_OR_APPROVAL
    default_language: str = "ru"
