"""Why something of Matrix did not go to the other network, beside what the network itself says.

Told to the sender by `text_key`; all but the last are `Refused`: final.

    Refused
    ├── NotTaken          the network works, and fails at this all the same
    ├── TakenBack         it was deleted here while it waited: nobody has to be told
    ├── FileGone          the homeserver does not give the file, or not to its sender
    ├── FileTooBig        larger than the school or the network lets through
    ├── FileKindRefused   of a kind the school does not let through (S-13)
    └── TooLate           the network lets nobody change or delete a message any more
    Unavailable
    └── FileAway          the homeserver, not the network, could not answer now
"""

from __future__ import annotations

from sferum_bridge.network.base import Refused, Unavailable

OWN_LOGIN_EXPIRED = "network-own-login-expired"
"""The text for a sender whose own login it is that expired: they mend it themselves."""
UNLINKED = "sending-unlinked"
"""The text for the sender of what still waited when its room was unlinked."""


class NotTaken(Refused):
    """The network answers other requests, and failed at this one as often as it was made."""

    text_key = "network-not-taken"


class TakenBack(Refused):
    """It was deleted here while it waited.

    Of a part that is to be sent it is certain that it is not there. Another request may have had
    its effect where this is not `certain`.
    """


class FileGone(Refused):
    """The homeserver does not give it: it was deleted, or its sender may not read it."""

    text_key = "sending-file-gone"


class FileTooBig(Refused):
    """The file is larger than may pass."""

    text_key = "sending-file-too-big"


class FileKindRefused(Refused):
    """The file is of a kind that does not pass."""

    text_key = "sending-file-kind"


class TooLate(Refused):
    """The network's time for changing or deleting a message is over."""

    text_key = "sending-edit-too-late"

    def __init__(self, detail: str, text_key: str) -> None:
        super().__init__(detail)
        self.text_key = text_key


class FileAway(Unavailable):
    """The homeserver could not give a file now. Repeat it."""
