"""What the doctor found, one value a look."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class State(StrEnum):
    """How it stands with one thing."""

    OK = "ok"
    NOTE = "note"
    """It holds, and whoever runs the server should know of it."""
    WRONG = "wrong"
    UNKNOWN = "unknown"
    """It cannot be told from what there is to read."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    state: State
    what: str
    """The setting, as homeserver.yaml spells it, or what else was looked at."""
    says: str
    """Which text says why it matters; `doctor-` stands before it."""
    found: str = ""
    """What is there, in YAML's words; never a secret."""
    absent: bool = False
    """Whether the setting is not written, so that `found` is Synapse's default."""
    where: str = ""
    """The file it is about."""
    values: Mapping[str, str] = field(default_factory=dict)
    """What the text speaks of."""
    fix: Mapping[str, Any] | None = None
    """What homeserver.yaml has to say instead."""


@dataclass(frozen=True, slots=True)
class Host:
    """A host that the settings make Synapse, the bridge or people's clients speak to (S-14)."""

    host: str
    """`*`: any host."""
    purpose: str
    """Which text says for what; `doctor-for-` stands before it."""
    setting: str
    outside: bool
    """Whether it lies beyond this machine, its private network and the server's own domain."""
