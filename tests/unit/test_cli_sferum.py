"""`sferum-bridge sferum`: how the logins are, and closing one its owner cannot close."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from sqlalchemy import insert, select

from sferum_bridge import config as settings
from sferum_bridge.app import opened_database
from sferum_bridge.cli import main
from sferum_bridge.store import chats, logins, tables
from tests.support.bot import TEACHER, settle

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

KEY = "vk1.a.AnInventedKeyThatOpensNothing_at-all.0123456789"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give an installation with one login, through which one room is linked."""
    text = settings.upgrade("", secret=lambda: "x" * 40)
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")

    async def fill() -> None:
        config = settings.load(tmp_path / "config.yaml")
        async with opened_database(config, tmp_path) as db, db.write() as tx:
            ids: dict[str, str] = {}
            await settle(tx, ids)
            login = await chats.save_login(tx, logins.SFERUM, "7", "Анна Н.", TEACHER, KEY)
            await logins.begin(tx, login)
            row = {"key": "parents/class-5a", "school_id": ids["school"], "kind": "parents"}
            await tx.run(insert(tables.rooms).values(**row, room_id="!parents:school.example"))
            await chats.link(tx, chats.Chat(login, "1", "!parents:school.example", relay=True))

    asyncio.run(fill())
    return tmp_path


def run(folder: Path, *words: str, code: int = 0) -> Result:
    config = str(folder / "config.yaml")
    result = CliRunner(env={"COLUMNS": "200"}).invoke(main, ["sferum", *words, "--config", config])
    assert result.exit_code == code, result.output
    return result


def test_status_shows_whose_it_is_and_how(folder: Path) -> None:
    [row] = json.loads(run(folder, "status", "--json").stdout)
    assert (row["account"], row["owner"], row["state"]) == ("Анна Н.", TEACHER, "new")
    assert row["since"].endswith("UTC")
    assert (row["heard"], row["chats"]) == ("", 1)
    assert KEY not in run(folder, "status").output


def test_logout_erases_and_unlinks(folder: Path) -> None:
    [row] = json.loads(run(folder, "status", "--json").stdout)
    assert "chats unlinked: 1" in run(folder, "logout", "--login", row["login"]).output
    assert json.loads(run(folder, "status", "--json").stdout) == []
    assert "There is no such login" in run(folder, "logout", "--login", row["login"], code=1).output

    async def left() -> None:
        config = settings.load(folder / "config.yaml")
        async with opened_database(config, folder) as db, db.read() as tx:
            assert await chats.login_secret(tx, row["login"]) == ""
            assert not await chats.all_chats(tx)
            c = tables.audit.c
            [record] = await tx.all(select(c.actor, c.school_id).where(c.action == "sferum.logout"))
            assert record.actor == "console"
            assert record.school_id

    asyncio.run(left())
