"""The errors of the API, by the numbers of the public schema."""

from __future__ import annotations

from enum import IntEnum
from typing import Any


class Code(IntEnum):
    """The error codes that the stand-in gives of its own accord; faults may give any other."""

    UNKNOWN_METHOD = 3
    AUTH = 5
    TOO_MANY = 6
    INVALID_REQUEST = 8
    COMPILE = 12
    ACCESS = 15
    UPLOAD = 22
    PARAMETER = 100
    NOT_FOUND = 104
    SAVE_FILE = 105
    BAD_HASH = 121
    BAD_PHOTO = 129
    PTS_TOO_OLD = 907
    PTS_TOO_NEW = 908
    EDIT_EXPIRED = 909
    KEYBOARD = 911
    TOO_MANY_FORWARDS = 913
    TOO_LONG = 914
    CHAT_NO_ACCESS = 917
    NO_LINK = 919
    EDIT_KIND = 920
    LEFT_CHAT = 922
    NOT_FOR_ALL = 924
    NOT_ADMIN = 925
    LINK_NOT_YOURS = 931
    NOT_IN_CHAT = 935
    NO_CONTACT = 936
    UNKNOWN_REACTION = 1009
    NO_REACTIONS = 1010
    WRITING_DISABLED = 1012


TEXTS = {
    1: "Unknown error occurred",
    3: "Unknown method passed",
    5: "User authorization failed",
    6: "Too many requests per second",
    7: "Permission to perform this action is denied",
    8: "Invalid request",
    9: "Flood control",
    10: "Internal server error",
    12: "Unable to compile code",
    14: "Captcha needed",
    15: "Access denied",
    17: "Validation required",
    18: "User was deleted or banned",
    22: "Upload error",
    29: "Rate limit reached",
    100: "One of the parameters specified was missing or invalid",
    104: "Not found",
    105: "Couldn't save file",
    121: "Invalid hash",
    129: "Invalid photo",
    900: "Can't send messages for users from blacklist",
    901: "Can't send messages for users without permission",
    902: "Can't send messages to this user due to their privacy settings",
    907: "Value of ts or pts is too old",
    908: "Value of ts or pts is too new",
    909: "Can't edit this message, because it's too old",
    911: "Keyboard format is invalid",
    913: "Too many forwarded messages",
    914: "Message is too long",
    917: "You don't have access to this chat",
    919: "You can't see invite link for this chat",
    920: "Can't edit this kind of message",
    922: "You left this chat",
    924: "Can't delete this message for everybody",
    925: "You are not admin of this chat",
    931: "You can't change invite link for this chat",
    935: "User not found in chat",
    936: "Contact not found",
    945: "Chat was disabled",
    1009: "Unknown reaction passed",
    1010: "This reaction has been disabled",
    1012: "Writing is disabled for this chat",
}


class ApiError(Exception):
    """A call is refused: becomes `{"error": {...}}` with HTTP status 200.

    `fields` are added to the error object as they are (`captcha_sid`, `redirect_uri`, ...).
    """

    def __init__(self, code: int, detail: str = "", fields: dict[str, Any] | None = None) -> None:
        text = TEXTS.get(code, "Error")
        super().__init__(f"{text}: {detail}" if detail else text)
        self.code = int(code)
        self.fields = fields or {}


def bad_parameter(name: str, what: str = "is invalid") -> ApiError:
    """Return error 100 about one parameter."""
    return ApiError(Code.PARAMETER, f"{name} {what}")
