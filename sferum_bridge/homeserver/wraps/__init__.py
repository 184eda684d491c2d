"""The wraps: one file a class of holes, each with its `POINTS` and `install`.

`ALL` is what the module installs after `events` and `uploads`; see `homeserver.wrapping` for how
they work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sferum_bridge.homeserver.wraps import (
    accounts,
    appservices,
    directory,
    federation,
    keys,
    media,
    membership,
    profiles,
    pushers,
    reading,
    rooms,
    searching,
    to_device,
    writing,
)

if TYPE_CHECKING:
    from types import ModuleType

ALL: tuple[ModuleType, ...] = (
    accounts,
    appservices,
    directory,
    federation,
    keys,
    media,
    membership,
    profiles,
    pushers,
    reading,
    rooms,
    searching,
    to_device,
    writing,
)
