"""One API call: who calls, by which version, with which parameters."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sferum_bridge.standin.errors import ApiError, Code, bad_parameter
from sferum_bridge.standin.values import CHAT_BASE

if TYPE_CHECKING:
    from collections.abc import Mapping

INT32 = 2**31
ANY = 2**62
"""A limit for numbers without one of their own: what the state file can hold."""


def parse_version(text: str) -> tuple[int, int]:
    """Return an API version such as `5.199` as numbers.

    Raises:
        ApiError: 8, when it is missing or not a version.
    """
    major, _, minor = text.partition(".")
    if not (major.isascii() and major.isdigit() and minor.isascii() and minor.isdigit()):
        raise ApiError(Code.INVALID_REQUEST, "v (version) is required")
    return int(major), int(minor)


@dataclass(frozen=True, slots=True)
class Call:
    """A call with the readers of its parameters; a bad one raises error 100 with its name."""

    user_id: int
    version: tuple[int, int]
    host: str
    params: Mapping[str, str]
    scheme: str = "http"

    @property
    def origin(self) -> str:
        """Return the address the caller reaches this server by."""
        return f"{self.scheme}://{self.host}"

    def has(self, name: str) -> bool:
        """Tell whether a parameter was given and is not empty."""
        return self.params.get(name, "") != ""

    def text(self, name: str, longest: int = ANY) -> str:
        """Return a text parameter; empty when it is absent."""
        text = self.params.get(name, "")
        if len(text) > longest:
            raise bad_parameter(name, "is too long")
        return text

    def number(
        self, name: str, default: int | None = None, low: int = -ANY, high: int = ANY
    ) -> int:
        """Return an integer parameter within its limits; without a default it is required."""
        if not self.has(name):
            if default is None:
                raise bad_parameter(name, "is undefined")
            return default
        try:
            value = int(self.params[name])
        except ValueError as error:
            raise bad_parameter(name, "not integer") from error
        if not low <= value <= high:
            raise bad_parameter(name)
        return value

    def degrees(self, name: str, most: int) -> float:
        """Return a coordinate."""
        try:
            value = float(self.params.get(name, ""))
        except ValueError as error:
            raise bad_parameter(name) from error
        if not -most <= value <= most:
            raise bad_parameter(name)
        return value

    def numbers(self, name: str, most: int) -> list[int]:
        """Return a comma-separated list of integers, at most so many; empty when absent."""
        try:
            values = [int(part) for part in self.params.get(name, "").split(",") if part.strip()]
        except ValueError as error:
            raise bad_parameter(name) from error
        if any(abs(value) > ANY for value in values):
            raise bad_parameter(name)
        if len(values) > most:
            raise bad_parameter(name, f"should contain at most {most} items")
        return values

    def flag(self, name: str) -> bool:
        """Return a boolean parameter: 1 and true are yes."""
        value = self.params.get(name, "").lower()
        if value not in {"", "0", "1", "true", "false"}:
            raise bad_parameter(name, "should be boolean")
        return value in {"1", "true"}

    def names(self, name: str) -> list[str]:
        """Return a comma-separated list of words."""
        return [part.strip() for part in self.params.get(name, "").split(",") if part.strip()]

    def choice(self, name: str, allowed: Mapping[str, Any], default: str) -> str:
        """Return one of the allowed words."""
        value = self.params.get(name, "") or default
        if value not in allowed:
            raise bad_parameter(name, f"should be one of: {', '.join(allowed)}")
        return value

    def structure(self, name: str) -> dict[str, Any]:
        """Return a JSON object given as text; empty when it is absent."""
        try:
            value = json.loads(self.params.get(name) or "{}")
        except ValueError as error:
            raise bad_parameter(name, "is not valid JSON") from error
        if not isinstance(value, dict):
            raise bad_parameter(name, "is not an object")
        return value

    def chat_peer(self) -> int:
        """Return the `peer_id` of the required parameter `chat_id`."""
        return CHAT_BASE + self.number("chat_id", low=0, high=100_000_000)
