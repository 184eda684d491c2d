"""The appservice registrations: ours as we would write them, and nobody else's over our people.

An appservice whose namespace covers an account is sent all that happens in the account's rooms, may
act in its name, and passes most callbacks of Synapse: no contour holds against it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sferum_bridge.doctor.files import FileError, entries, mapping, named
from sferum_bridge.doctor.report import Finding, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from sferum_bridge.config import Config
    from sferum_bridge.doctor.files import Process

FILES = "app_service_config_files"
_DOUBLE_PUPPET = "sferum-bridge-double-puppet"


@dataclass(frozen=True, slots=True)
class Known:
    """What the bridge's database knows that no other program may have to do with."""

    accounts: Sequence[str] = ()
    """Matrix ids of the school's people."""
    rooms: Sequence[str] = ()
    """Ids of the school's rooms."""
    readable: bool = True
    """Whether the database could be read at all."""


def look(
    found: Sequence[Process],
    settings: Config,
    wanted: Mapping[str, Mapping[str, Any]],
    known: Known,
    folder: Path,
) -> Iterator[Finding]:
    """Compare the registrations that Synapse reads with `wanted` (file name → content)."""
    main = found[0]
    listed = main.config.get(FILES)
    paths = [named(one, main.where) for one in listed] if isinstance(listed, list) else []
    read: dict[Path, Mapping[str, Any]] = {}
    for path in paths:
        try:
            read[path] = mapping(path)
        except FileError as e:
            yield Finding(State.UNKNOWN, FILES, e.key, str(path), values={"file": str(path)})
    ids = {content["id"]: name for name, content in wanted.items()}
    for registration_id, name in ids.items():
        at = next((p for p, one in read.items() if one.get("id") == registration_id), None)
        if at is None:
            add = [*(str(one) for one in listed or ()), str(folder.resolve() / name)]
            yield Finding(
                State.WRONG, FILES, "registration-missing", name, where=main.where, fix={FILES: add}
            )
        else:
            yield _ours(at, read[at], wanted[name])
    for path, content in read.items():
        if content.get("id") not in ids:
            yield from _foreign(path, content, settings, known)
    if not known.readable:
        yield Finding(State.UNKNOWN, FILES, "accounts-unread")


def _ours(path: Path, content: Mapping[str, Any], wanted: Mapping[str, Any]) -> Finding:
    # Of the double-puppet registration Synapse demands a token that is never used.
    unused = {"hs_token"} if wanted["id"] == _DOUBLE_PUPPET else set()
    differing = sorted(
        key
        for key in (content.keys() | wanted.keys()) - unused
        if content.get(key) != wanted.get(key)
    )
    state = State.WRONG if differing else State.OK
    return Finding(
        state, str(wanted["id"]), "registration-file", ", ".join(differing), where=str(path)
    )


def _foreign(
    path: Path, content: Mapping[str, Any], settings: Config, known: Known
) -> Iterator[Finding]:
    domain = settings.homeserver.domain
    ghost = f"@{settings.appservice.ghost_prefix}1:{domain}"
    bot = settings.bot_mxid
    name = str(content.get("id"))
    given = content.get("namespaces")
    spaces: Mapping[str, Any] = given if isinstance(given, dict) else {}
    users, rooms = _regexes(spaces.get("users")), _regexes(spaces.get("rooms"))
    if f"@{content.get('sender_localpart')}:{domain}" == bot:
        yield Finding(State.WRONG, name, "foreign-bot", bot, where=str(path))
    covered = False
    for regexes, targets, says in (
        (users, [bot], "foreign-bot"),
        (users, [ghost], "foreign-ghosts"),
        (users, known.accounts, "foreign-accounts"),
        (rooms, known.rooms, "foreign-rooms"),
    ):
        hit = sum(any(_covers(one, target) for one in regexes) for target in targets)
        if hit:
            covered = True
            shown = next(one for one in regexes if any(_covers(one, target) for target in targets))
            values = {"id": name, "number": str(hit)}
            yield Finding(State.WRONG, name, says, shown, where=str(path), values=values)
    if not covered:
        yield Finding(State.NOTE, name, "foreign", where=str(path), values={"id": name})


def _regexes(namespace: object) -> list[str]:
    return [str(one.get("regex", "")) for one in entries(namespace)]


def _covers(regex: str, target: str) -> bool:
    try:
        # As Synapse does: from the beginning, not to the end.
        return re.match(regex, target) is not None
    except re.error:
        return False
