"""Why something of Matrix did not go to the other network, beside what the network itself says.

All are `Refused`: final, and told to the sender by `text_key`.

    Refused
    ├── FileGone          the homeserver does not give the file
    ├── FileTooBig        larger than the school or the network lets through
    ├── FileKindRefused   of a kind the school does not let through (S-13)
    └── TooLate           the network lets nobody change or delete a message any more
"""

from __future__ import annotations

from sferum_bridge.network.base import Refused


class FileGone(Refused):
    """The homeserver does not give the file: it was deleted, or lies on another server."""

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
