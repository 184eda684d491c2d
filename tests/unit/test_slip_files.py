"""The files of login slips: their names fit, and nothing of them is left behind."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from sferum_bridge import config as settings
from sferum_bridge.bot.texts import Texts
from sferum_bridge.cli.login_slips import Card, Kind, Page, Printer
from sferum_bridge.matrix.issuing import Issued
from sferum_bridge.store.first_passwords import FirstPassword
from sferum_bridge.store.schools import SchoolRecord

if TYPE_CHECKING:
    from pathlib import Path

LONG = "Муниципальное бюджетное общеобразовательное учреждение «Школа № 0» " * 4


@pytest.mark.parametrize("school", [LONG, "Школа № 0"])
def test_a_school_with_a_long_name_gets_a_page_for_each_class(tmp_path: Path, school: str) -> None:
    config = settings.check({}, "settings")
    records = {
        each: SchoolRecord(each, school, "Europe/Moscow", "ru", 0, 0) for each in ("s", "other")
    }
    printer = Printer(tmp_path, config, Texts(), records)
    written = []
    for class_name in ("5А", "5Б", "Дополнительное образование, " * 12):
        page = Page("s", Kind.PARENTS, class_name)
        issued = Issued(FirstPassword("1", "x", "@abcdefgh:s"), f"password {class_name[:2]}")
        written.append(printer.write(page, [(Card("1", "Ася Выдумкина", page), issued)]))
    assert len(set(written)) == 3
    assert "5А" in written[0].name
    assert "5Б" in written[1].name
    assert "Школа" in written[2].name or "Муниципальное" in written[2].name


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        settings.write_private(tmp_path / "5А.html", b"passwords")
    assert list(tmp_path.iterdir()) == []


def test_what_a_kill_left_is_gone_with_the_next_write(tmp_path: Path) -> None:
    path = tmp_path / "[5А].html"
    abandoned, under_way = tmp_path / ".[5А].html.0a1b2c3d", tmp_path / ".[5А].html.00000000"
    for each in (abandoned, under_way):
        each.write_bytes(b"passwords")
    before = time.time() - 2 * 3600
    os.utime(abandoned, (before, before))
    settings.write_private(path, b"passwords")
    assert set(tmp_path.iterdir()) == {path, under_way}
