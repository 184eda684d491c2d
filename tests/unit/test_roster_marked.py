"""The marked copy of a list: bounded in cells, in memory and in time, and written over nothing."""

from __future__ import annotations

import io
import json
import resource
import sys
from typing import TYPE_CHECKING

import openpyxl
import pytest
from click.testing import CliRunner

from sferum_bridge.bot import import_reading
from sferum_bridge.cli.roster import roster
from sferum_bridge.roster import marked as copy
from sferum_bridge.roster import read
from sferum_bridge.roster.sheets import Limits
from tests.support.lists import PUPILS, workbook

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a list whose last pupil is in a class that there is not."""
    found = tmp_path / "list.xlsx"
    found.write_bytes(workbook([*PUPILS, ["3", "Новиков", "Лев", "", "", "99Я"]]))
    return found


def test_beyond_the_bound_only_cells_with_a_finding_are_written(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copy, "MOST_CELLS", 12)
    written = copy.marked(path, read(path), "ru")
    sheet = openpyxl.load_workbook(io.BytesIO(written))["Ученики"]
    cells = {cell.coordinate: cell for row in sheet.iter_rows() for cell in row if cell.value}
    assert [name for name in cells if int(name[1:]) > 2] == ["F4"]
    assert cells["F4"].comment is not None


def test_the_process_that_writes_it_bounds_itself_first(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bounds: dict[int, tuple[int, int]] = {}
    monkeypatch.setattr(resource, "setrlimit", bounds.__setitem__)
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps({"school": "", "class_ids": {}})))
    out = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(sys, "stdout", out)
    copy.main(str(path), "ru", "rejected")
    memory, seconds = 2 * Limits().memory_bytes, 2 * Limits().seconds
    assert bounds == {
        resource.RLIMIT_AS: (memory, memory),
        resource.RLIMIT_CPU: (seconds, seconds),
    }
    assert openpyxl.load_workbook(out.buffer)["Ученики"].max_row == 2


async def test_a_copy_that_takes_too_long_is_none(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_reading, "_MARKING_SECONDS", 0)
    assert await import_reading._marked(path, {}, "ru", rejected=False) == b""


@pytest.mark.parametrize("command", [("check", "--marked"), ("apply", "--rejected")])
def test_nothing_is_written_over(path: Path, command: tuple[str, str]) -> None:
    before = path.read_bytes()
    name, option = command
    ended = CliRunner().invoke(roster, [name, str(path), option, str(path)])
    assert ended.exit_code == 1
    assert "is there already" in ended.output
    assert path.read_bytes() == before
