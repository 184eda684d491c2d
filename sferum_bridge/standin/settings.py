"""The limits of the messenger, each of them a setting."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """What the stand-in allows and for how long. Times are seconds.

    Tests shorten the times; `calls_per_second` 0 lifts the rate limit for measurements.
    """

    app_id: int = 8202606
    """The only application id that `web_token` answers."""
    calls_per_second: int = 3
    """API calls a token may make within one second; 0 means any number."""
    token_seconds: int = 3600
    """How long an access token lives."""
    expires_as_duration: bool = False
    """Whether `expires` of `web_token` counts seconds to live; otherwise it is unix time. What the
    service does is not published, so a client has to cope with both."""
    key_seconds: int = 3600
    """How long a long-poll key lives."""
    longest_wait: int = 90
    """The most seconds one long poll may be held."""
    repeat_seconds: int = 3600
    """For how long a repeated `random_id` gives the first message instead of a second one."""
    change_seconds: int = 86400
    """For how long a message can be edited or deleted for everybody."""
    text_limit: int = 9000
    """The longest message, in code points."""
    most_attachments: int = 10
    """The most attachments of one message."""
    file_limit: int = 200 * 1024 * 1024
    """The largest file that is taken, in bytes."""
    video_files: bool = True
    """Whether a video names its files; the service often names only a page that plays it."""
    edit_drops: bool = True
    """Whether an edit takes away the attachments it does not name again. Not published; this is
    the case a client has to be ready for."""
    named_reactions: int = 20
    """With more reactions than this an event counts them without saying whose they are."""
    poll_depth: int = 256
    """How many events a long poll may lie behind before it is told `failed: 1`."""
    history_depth: int = 100_000
    """How many `pts` steps `getLongPollHistory` looks back before it answers error 907."""
    history_events: int = 1000
    """The most events in one page of `getLongPollHistory`."""
    history_messages: int = 200
    """The most message events in one page of `getLongPollHistory`."""
    shared_chat_ids: bool = True
    """Whether a chat has one `peer_id` for all its members; otherwise each account numbers its
    chats on its own."""
