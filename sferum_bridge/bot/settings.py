"""What an installation may decide about the bot. Lives as a value; `config` fills it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sferum_bridge.school.calls import Meetings
from sferum_bridge.school.documents import Rules
from sferum_bridge.school.kinship import AccessPolicy

if TYPE_CHECKING:
    from sferum_bridge.school.quiet import QuietHours

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
    single_use: bool = False
    """Whether the first parent uses an invite up (scenario 08)."""
    consent_age: int = 14
    """From how many full years on the pupil is asked too (scenario 24)."""
    undo_life: int = _DAY
    """How long the end of a parent link can be taken back (scenario 16)."""
    batch_life: int = 30 * _DAY
    """How long an import can be undone as a whole."""
    kept_days: int = 365
    """For how many days the rooms of a class that graduated or was merged can be read."""
    import_megabytes: int = 10
    """How large a list may be that is sent to the bot."""
    import_percents: tuple[float, float, float] = (10, 75, 30)
    """From where on an import is held back, as `roster.guards.Limits` takes it."""
    pupil_invite_life: int = 14 * _DAY
    creates_accounts: bool = True
    """Whether the page of a pupil's invite makes accounts; else pupils bring one they have."""
    sends_mail: bool = False
    """Whether there is a mail server for pupils' invites."""
    applications: int = 3
    """Applications an account may make within `applications_window` (scenario 21)."""
    applications_window: int = _DAY
    sferum: bool = False
    """Whether people may log in to Sferum and link its chats."""
    personal_chats: bool = False
    """Whether their personal chats may be linked too."""
    sferum_calls: bool = True
    """Whether who logged in starts calls of Sferum in linked rooms."""
    meetings: Meetings = field(default_factory=Meetings)
    """What the school meets with elsewhere."""
    call_life: int = 4 * 60 * _MINUTE
    """After how long a call or broadcast that nobody ends counts as over."""
    broadcast_hosts: frozenset[str] = frozenset()
    """Where broadcasts may be watched."""
    default_language: str = "ru"
    quiet_hours: QuietHours | None = None
    """When announcements that are not urgent are held back; `None`: never."""
    documents: Rules = field(default_factory=Rules)
    """Whose documents are kept, how many and how large."""

    @property
    def calls_in_sferum(self) -> bool:
        """Whether whoever logged in may start calls of Sferum."""
        return self.sferum and self.sferum_calls

    def is_ours(self, mxid: str) -> bool:
        """Tell whether an account is the bot's or a ghost's, and so nobody's."""
        is_ghost = bool(self.ghost_prefix) and mxid.startswith(self.ghost_prefix)
        return mxid == self.bot_mxid or is_ghost

    def is_elsewhere(self, mxid: str) -> bool:
        """Tell whether an account is of another server, and so no school account can come of it."""
        return mxid.partition(":")[2] != self.bot_mxid.partition(":")[2]
