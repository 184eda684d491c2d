"""Roster files that nobody sends by mistake: a reading with words, in bounded time and memory.

Workbooks are damaged and cut; sheets and OneRoster zips are made of odd texts. `make fuzz` takes
`SFERUM_FUZZ` times as many.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sferum_bridge.roster import Limits, problems_json, problems_table, read
from sferum_bridge.roster import oneroster_columns as columns
from sferum_bridge.roster.findings import Findings
from sferum_bridge.roster.model import Form
from sferum_bridge.roster.oneroster import read as read_oneroster
from sferum_bridge.roster.reader import read_grids
from sferum_bridge.roster.sheets import Grid
from tests.support import hostile

if TYPE_CHECKING:
    import pytest

    from sferum_bridge.roster import Reading

CONFIG = Path(__file__).parents[2] / "config"
SMALL = Limits(file_bytes=1 << 20, unpacked_bytes=4 << 20, rows=2000, seconds=20)
TEXTS = st.sampled_from(
    [*(text[:700] for text in hostile.TEXTS), "5А", "V А", "учитель", "01", "31.02.2014", "",
     "=1+1", "'=1", "Иванов И.И.", "2026/2027", "tobedeleted", "active", "s", "u", "Всего: 27",
     "homeroom", "student", "true", "9" * 400, "1e9"]
)  # fmt: skip
CELLS = st.one_of(TEXTS, st.text(max_size=8), st.floats(), st.integers(), st.booleans(), st.dates())
TITLES = st.sampled_from(
    ["ФИО", "Фамилия", "Имя", "Класс", "Родитель 1", "Телефон матери", "E-mail", "Параллель",
     "Литера", "СНИЛС", "Ид", "Учебный год", "Роль", "Кем приходится", "№", "x" * 300, "\u202e"]
)  # fmt: skip


def quick(count: int) -> settings:
    return settings(
        max_examples=count * (hostile.MORE or 50), deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip


def said(reading: Reading) -> Reading:
    for lang in ("ru", "en"):
        problems_table(reading, lang)
    json.dumps(problems_json(reading))
    assert not (reading.fatal and reading.roster.people)
    return reading


@quick(40)
@given(st.lists(TITLES, max_size=8), st.lists(st.lists(CELLS, max_size=9), max_size=6))
def test_a_sheet_of_anything(titles: list[str], rows: list[list[Any]]) -> None:
    said(read_grids([Grid("5А", [["2026/2027"], titles, *rows])]))
    said(read_grids([Grid("Ученики", [titles, *rows])], form=Form.TEMPLATE))


@quick(40)
@given(st.data())
def test_a_oneroster_zip_of_anything(data: st.DataObject) -> None:
    version = data.draw(st.sampled_from([columns.V11, columns.V12]))
    mode = data.draw(st.sampled_from(["bulk", "delta"]))
    manifest = f"propertyName,value\nmanifest.version,1.0\noneroster.version,{version}\n"
    files = {}
    for name, titles in columns.TABLES[version].items():
        manifest += f"file.{name},{mode}\n"
        line = st.lists(TEXTS, min_size=len(titles), max_size=len(titles))
        written = [",".join(title.lstrip("*") for title in titles)]
        for cells in data.draw(st.lists(line, max_size=3)):
            quoted = ['"{}"'.format(cell.replace('"', '""')) for cell in cells]
            written.append(",".join(quoted))
        files[f"{name}.csv"] = "\n".join(written).encode("utf-8", "replace")
    files["manifest.csv"] = manifest.encode()
    said(read_oneroster(files, Findings(), "", {}))


@quick(60)
@given(st.binary(max_size=300), st.sampled_from(["a.csv", "a.xlsx", "a.zip", "a.xls", "a.ods"]))
def test_bytes_of_any_kind(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, name: str
) -> None:
    path = tmp_path_factory.mktemp("any") / name
    path.write_bytes(data)
    assert said(read(path, SMALL)).fatal


def test_a_workbook_damaged_anywhere(tmp_path: Path) -> None:
    good = (CONFIG / "demo-school.xlsx").read_bytes()
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    dice = Random(7)  # noqa: S311 - damage, no secret
    for number in range(6 * (hostile.MORE or 50)):
        name = dice.choice([each for each in parts if each.startswith("xl/") or "rels" in each])
        damaged = bytearray(parts[name])
        for _ in range(dice.randrange(1, 30)):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        cut = damaged[: dice.randrange(1, len(damaged) + 1)] if number % 2 else damaged
        path = tmp_path / "a.xlsx"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for each, data in {**parts, name: bytes(cut)}.items():
                archive.writestr(each, data)
        said(read(path, SMALL))
