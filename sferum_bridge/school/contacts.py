"""E-mail addresses and phone numbers in the one form in which they are stored and compared."""

from __future__ import annotations

import re

# None of what mail programs read as a comment, a list, a group or a quotation: such an address is
# another one to them than to whoever compares it. Nor anything that ends a line or is unseen.
_SIGN = r"[^@\s,;:<>()\[\]\\\"\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e]"
_EMAIL = re.compile(rf"{_SIGN}+@{_SIGN}+\.(?:(?!\.){_SIGN})+")
_PHONE = re.compile(r"\+?[\d\s().-]+")
_PHONE_DIGITS = range(8, 16)
_RUSSIAN_LOCAL, _RUSSIAN_FULL = 10, 11


def email(written: str) -> str:
    """Return an address as it is stored, empty when the text is none."""
    return written.lower() if _EMAIL.fullmatch(written) else ""


def phone(written: str) -> str:
    """Return a number as it is stored, +70000000001; empty when the text is none.

    Without a country's code it is a Russian one.
    """
    digits = "".join(char for char in written if char in "0123456789")
    if not _PHONE.fullmatch(written) or len(digits) not in _PHONE_DIGITS:
        return ""
    if written.startswith("+"):
        return f"+{digits}"
    if len(digits) == _RUSSIAN_LOCAL:
        return f"+7{digits}"
    if len(digits) == _RUSSIAN_FULL and digits[0] in "78":
        return f"+7{digits[1:]}"
    return ""
