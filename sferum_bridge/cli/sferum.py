"""`sferum-bridge sferum`: logins to Sferum and linked chats, from the server's side."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from sferum_bridge.cli.common import (
    carry_out,
    config_option,
    database,
    json_option,
    show,
    show_json,
)

if TYPE_CHECKING:
    from pathlib import Path

    from sferum_bridge.store.database import Tx


# Rooms in which ghosts could not write, or nobody may be but the bot.
_NO_TALK = frozenset({"gate", "school", "class", "announcements", "materials"})


@click.group()
def sferum() -> None:
    """Connect accounts of Sferum and link its chats to rooms."""


@sferum.command()
@config_option
@click.option("--owner", default="", help="The Matrix account whose Sferum account it is.")
def login(config_path: Path, owner: str) -> None:
    """Store a login to Sferum. The cookie `remixdsid` is asked for, never given on the line."""
    cookie = click.prompt("remixdsid", hide_input=True)
    name = carry_out(_login(config_path, owner, cookie.strip()))
    click.echo(f"Connected as {name}.")


async def _login(config_path: Path, owner: str, cookie: str) -> str:
    from sferum_bridge.app import network
    from sferum_bridge.network.base import NetworkError
    from sferum_bridge.store import chats, logins

    async with database(config_path) as (config, db):
        remote = network(config)
        try:
            session = await remote.log_in(cookie)
        except NetworkError as e:
            if e.retry:
                raise click.ClickException(
                    f"Sferum cannot be reached now ({e.detail}), so nothing was stored. Try again "
                    "later; is this machine let out to the hosts under `sferum` in the settings?"
                ) from e
            raise click.ClickException(
                f"Sferum did not accept this login ({e.detail}). Sign in to web.vk.me again and "
                "copy the cookie remixdsid anew."
            ) from e
        finally:
            await remote.close()
        async with db.write() as tx:
            login_id = await chats.save_login(
                tx, logins.SFERUM, session.account_id, session.name, owner, session.secret
            )
            await logins.begin(tx, login_id)
            await _record(tx, "sferum.login", owner)
        return session.name


async def _record(tx: Tx, action: str, owner: str) -> None:
    """Write into the log of each school the owner has to do with, or of none, what was done."""
    from sferum_bridge.store import accounts, audit

    person = await accounts.person_of(tx, owner) if owner else None
    schools = await accounts.schools_of(tx, person.id) if person else ()
    for school_id in sorted(schools) or [""]:
        audit.record(tx, "console", action, person.id if person else owner, school=school_id)


@sferum.command()
@config_option
@json_option
def status(config_path: Path, *, as_json: bool) -> None:
    """Show every login: whose it is, since when, when Sferum last answered it."""
    rows = carry_out(_status(config_path))
    keys = ("login", "account", "owner", "state", "since", "heard", "chats")
    if as_json:
        show_json([dict(zip(keys, row, strict=True)) for row in rows])
    else:
        show("Logins", tuple(key.capitalize() for key in keys), rows)


async def _status(config_path: Path) -> list[tuple[str, str, str, str, str, str, int]]:
    from sferum_bridge.store import chats as stored
    from sferum_bridge.store import logins

    rows = []
    async with database(config_path) as (_, db), db.read() as tx:
        for one in await stored.all_logins(tx):
            standing = await logins.standing(tx, one.id)
            linked = len(await logins.chats_of(tx, one.id))
            state = "needs a new login" if one.expired else "works" if standing.heard else "new"
            times = (_moment(standing.since), _moment(standing.heard))
            rows.append((one.id, one.name, one.mxid, state, *times, linked))
    return rows


def _moment(at: int) -> str:
    """Return milliseconds as UTC, empty for never."""
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M} UTC" if at else ""


@sferum.command()
@config_option
@click.option("--login", "login_id", required=True, help="The login, as `status` shows it.")
def logout(config_path: Path, login_id: str) -> None:
    """Forget a login: its secret is erased, the chats linked through it are unlinked."""
    count = carry_out(_logout(config_path, login_id))
    click.echo(f"Forgotten; chats unlinked: {count}.")


async def _logout(config_path: Path, login_id: str) -> int:
    from sferum_bridge.store import chats as stored
    from sferum_bridge.store import logins

    async with database(config_path) as (_, db), db.write() as tx:
        login = next((one for one in await stored.all_logins(tx) if one.id == login_id), None)
        if login is None:
            raise click.ClickException("There is no such login. See: sferum-bridge sferum status")
        linked = await logins.chats_of(tx, login_id)
        for chat in linked:
            await logins.unlink(tx, chat.room_id)
        await logins.forget(tx, login_id)
        await _record(tx, "sferum.logout", login.mxid)
        return len(linked)


@sferum.command()
@config_option
@json_option
def chats(config_path: Path, *, as_json: bool) -> None:
    """List the chats of every login, and the room each is linked to."""
    rows = carry_out(_chats(config_path))
    if as_json:
        keys = ("login", "account", "chat", "title", "members", "room")
        show_json([dict(zip(keys, row, strict=True)) for row in rows])
    else:
        show("Chats", ("Login", "Account", "Chat", "Title", "Members", "Room"), rows)


async def _chats(config_path: Path) -> list[tuple[str, str, str, str, int, str]]:
    from sferum_bridge.app import network
    from sferum_bridge.network.base import NetworkError
    from sferum_bridge.store import chats as stored

    rows = []
    async with database(config_path) as (config, db):
        remote = network(config)
        try:
            async with db.read() as tx:
                logins = [
                    (one, await stored.login_secret(tx, one.id))
                    for one in await stored.all_logins(tx)
                ]
                rooms = {(c.login_id, c.chat_id): c.room_id for c in await stored.all_chats(tx)}
            for one, secret in logins:
                connector = await remote.connect(secret)
                for chat in await connector.chats():
                    room = rooms.get((one.id, chat.id), "")
                    size = chat.member_count
                    rows.append((one.id, one.name, chat.id, chat.title, size, room))
                await connector.close()
        except NetworkError as e:
            raise click.ClickException(f"Sferum did not answer: {e.detail}") from e
        finally:
            await remote.close()
    return rows


@sferum.command()
@config_option
@click.option("--login", "login_id", required=True, help="The login, as `chats` shows it.")
@click.option("--chat", "chat_id", required=True, help="The chat, as `chats` shows it.")
@click.option("--room", "room_id", required=True, help="The Matrix room id.")
@click.option(
    "--relay/--no-relay",
    default=False,
    show_default=True,
    help="Let members without a Sferum login be heard through this one, named in front.",
)
def link(config_path: Path, login_id: str, chat_id: str, room_id: str, *, relay: bool) -> None:
    """Link a Sferum chat to a school room."""
    carry_out(_link(config_path, login_id, chat_id, room_id, relay=relay))
    click.echo(f"Linked chat {chat_id} and room {room_id}.")


async def _link(
    config_path: Path, login_id: str, chat_id: str, room_id: str, *, relay: bool
) -> None:
    from sferum_bridge.store import audit
    from sferum_bridge.store import chats as stored
    from sferum_bridge.store import rooms as stored_rooms

    async with database(config_path) as (_, db), db.write() as tx:
        if login_id not in {one.id for one in await stored.all_logins(tx)}:
            raise click.ClickException("There is no such login. See: sferum-bridge sferum chats")
        room = await stored_rooms.by_room_id(tx, room_id)
        if room is None or room.kind in _NO_TALK:
            raise click.ClickException(
                "That is no room where a school here talks. See: sferum-bridge roster rooms"
            )
        await stored.link(tx, stored.Chat(login_id, chat_id, room_id, relay))
        audit.record(tx, "console", "chat.link", room_id, f"chat {chat_id}")
