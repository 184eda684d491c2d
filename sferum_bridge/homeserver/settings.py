"""The module's entry in homeserver.yaml, checked before Synapse starts."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synapse.module_api.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

MIN_SECRET_BYTES = 32
DEFAULT_MAX_BODY = 16 * 1024 * 1024
DEFAULT_CLOCK_SKEW = 60.0
DEFAULT_POLL = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the operator decides."""

    secret: bytes
    """Shared with the bridge; authenticates pushed facts."""
    bot: str
    """Matrix id of the bridge's bot."""
    max_body_bytes: int = DEFAULT_MAX_BODY
    """Largest push. 16 MiB hold about 150,000 people."""
    clock_skew_seconds: float = DEFAULT_CLOCK_SKEW
    """How far the clock of whoever asks for the generation may be off."""
    poll_seconds: float = DEFAULT_POLL
    """How often each process looks for facts that it was not told of."""

    def __repr__(self) -> str:
        """Leave the secret out: Synapse may print its modules' settings."""
        return f"Settings(bot={self.bot!r})"


def parse(config: Mapping[str, Any]) -> Settings:
    """Read the module's `config` section.

    Raises:
        ConfigError: Something is missing, unknown or out of bounds; says what to write instead.
    """
    if not isinstance(config, dict):
        raise _refuse("must be a mapping with at least `secret_file` and `bot`")
    known = {field.name for field in fields(Settings)} | {"secret_file"}
    if unknown := sorted(set(config) - known):
        raise _refuse(f"unknown setting `{unknown[0]}`; known are {', '.join(sorted(known))}")
    return Settings(
        secret=_secret(config),
        bot=_bot(config.get("bot")),
        max_body_bytes=int(_number(config, "max_body_bytes", DEFAULT_MAX_BODY, 1024, 2**30)),
        clock_skew_seconds=_number(config, "clock_skew_seconds", DEFAULT_CLOCK_SKEW, 1, 3600),
        poll_seconds=_number(config, "poll_seconds", DEFAULT_POLL, 0.1, 60),
    )


def _secret(config: Mapping[str, Any]) -> bytes:
    inline, path = config.get("secret"), config.get("secret_file")
    if (inline is None) == (path is None):
        raise _refuse("give either `secret_file` or `secret`, one of them")
    if path is not None:
        try:
            secret = Path(str(path)).read_bytes().strip()
        except OSError as error:
            raise _refuse(f"`secret_file` cannot be read: {error}") from error
    elif isinstance(inline, str):
        secret = inline.encode()
    else:
        raise _refuse("`secret` must be a text")
    if len(secret) < MIN_SECRET_BYTES:
        raise _refuse(
            f"the secret has {len(secret)} bytes, {MIN_SECRET_BYTES} are needed; make one with "
            "`openssl rand -hex 32`"
        )
    return secret


def _bot(value: object) -> str:
    if not isinstance(value, str) or not value.startswith("@") or ":" not in value:
        raise _refuse("`bot` must be the bot's Matrix id, as in `@sferumbot:school.example`")
    return value


def _number(config: Mapping[str, Any], name: str, default: float, low: float, high: float) -> float:
    value = config.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise _refuse(f"`{name}` must be a number from {low:g} to {high:g}")
    return float(value)


def _refuse(problem: str) -> ConfigError:
    return ConfigError(f"sferum_bridge.homeserver.SferumModule: {problem}")
