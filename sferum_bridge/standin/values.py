"""The things the stand-in keeps, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

CHAT_BASE = 2_000_000_000
"""A chat's `peer_id` is this plus its `chat_id`; everything below is a user."""

ORDINARY, EDUCATIONAL = 0, 2
"""The two kinds of profile one login may have."""


class Kind(StrEnum):
    """What happened, in an account's journal."""

    NEW = "new"
    EDIT = "edit"
    REFRESH = "refresh"
    """Changed without an edit: a snippet, a transcript."""
    RESTORED = "restored"
    FLAGS = "flags"
    REFETCH = "refetch"
    READ_BY_ME = "read_by_me"
    READ_BY_PEER = "read_by_peer"
    ACTIVITY = "activity"
    CHAT = "chat"
    PEER_FLAGS = "peer_flags"
    REACTION = "reaction"
    UNREAD_REACTIONS = "unread_reactions"
    WIPED = "wiped"
    CALL = "call"
    PUSH = "push"
    RAW = "raw"
    """An array of the test's own."""


WITH_MESSAGE = (Kind.NEW, Kind.EDIT, Kind.REFRESH, Kind.RESTORED)
"""The events that carry a message."""

PASSING = (Kind.ACTIVITY, Kind.CALL, Kind.RAW)
"""The events that `getLongPollHistory` does not know."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A messaging identity. `edu` holds `main_role_code` and `organizations` when it is known."""

    user_id: int
    profile_type: int
    first_name: str
    last_name: str
    domain: str
    edu: dict[str, Any] = field(default_factory=dict)
    photo: str = ""
    deactivated: str = ""


@dataclass(frozen=True, slots=True)
class Conversation:
    """A chat, or the dialog of two users. `id` is the stand-in's own number for it."""

    id: int
    is_chat: bool
    title: str
    owner_id: int
    last_cmid: int
    writing_disabled: bool
    description: str = ""
    photo: str = ""
    pinned_cmid: int = 0
    link: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """A user's part in a conversation. `peer_id` is what this user calls the conversation."""

    conversation_id: int
    user_id: int
    peer_id: int
    invited_by: int
    join_date: int
    is_admin: bool
    state: str
    read_cmid: int

    @property
    def present(self) -> bool:
        """Whether the user may read and write now."""
        return self.state == "in"


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody wants to post. `action` is not empty for service messages."""

    text: str = ""
    random_id: int = 0
    reply_cmid: int = 0
    forwards: tuple[dict[str, Any], ...] = ()
    attachments: tuple[dict[str, Any], ...] = ()
    action: dict[str, Any] = field(default_factory=dict)
    payload: str = ""
    format_data: dict[str, Any] = field(default_factory=dict)
    silent: bool = False
    geo: dict[str, Any] = field(default_factory=dict)
    keyboard: dict[str, Any] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to post."""
        return not (self.text or self.forwards or self.attachments or self.geo)


@dataclass(frozen=True, slots=True)
class Message:
    """A message, the same for all members: `cmid` is its number in the conversation."""

    conversation_id: int
    cmid: int
    from_id: int
    date: int
    update_time: int
    deleted: bool
    draft: Draft


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that can be downloaded. `name` is what people see, `size` counts bytes."""

    key: str
    name: str
    mime: str
    size: int


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of an account's journal. `pts` is the account's persistent count after it."""

    user_id: int
    ts: int
    pts: int
    persistent: bool
    kind: Kind
    conversation_id: int
    cmid: int
    data: dict[str, Any]
