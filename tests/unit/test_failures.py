"""What a log tells of an error nobody foresaw: its kind and place, and no word of anybody."""

from __future__ import annotations

import json
import logging

import pytest
from sqlalchemy import create_engine, text

from sferum_bridge.store import failures
from sferum_bridge.store.queues import Item

SECRET = "контрольная в пятницу, @vova:school.example"
log = logging.getLogger(__name__)


def _fail_by_key() -> None:
    row: dict[str, str] = {}
    assert row[SECRET]


def _fail_by_json() -> None:
    json.loads(f'{{"{SECRET}": ')


def _fail_with_cause() -> None:
    try:
        _fail_by_key()
    except KeyError as e:
        raise ValueError(SECRET) from e


def _fail_while_handling() -> None:
    try:
        _fail_by_json()
    except ValueError:
        _fail_by_key()


def _fail_in_a_group() -> None:
    raise ExceptionGroup(SECRET, [KeyError(SECRET), ValueError(SECRET)])


def _fail_in_the_database() -> None:
    with create_engine("sqlite://").connect() as connection:
        connection.execute(text("SELECT :said FROM nowhere"), {"said": SECRET})


def _fail_with_a_row() -> None:
    raise TypeError(repr(Item(1, "lane", "name", {"body": SECRET}, 0)))


def _fail_with_a_note() -> None:
    e = RuntimeError()
    e.add_note(SECRET)
    raise e


@pytest.mark.parametrize(
    "fail",
    [
        _fail_by_key,
        _fail_by_json,
        _fail_with_cause,
        _fail_while_handling,
        _fail_in_a_group,
        _fail_in_the_database,
        _fail_with_a_row,
        _fail_with_a_note,
    ],
)
def test_no_error_brings_its_words_into_a_log(
    fail: object, caplog: pytest.LogCaptureFixture
) -> None:
    assert callable(fail)
    try:
        fail()
    except Exception as e:  # noqa: BLE001 - of any kind
        failures.report(log, e, "row %s failed", 7)
        kind = type(e).__name__
    line = caplog.text
    assert "row 7 failed" in line
    assert kind in line
    assert "test_failures.py:" in line
    assert not any(word in line for word in (SECRET, "контрольная", "vova"))


def test_the_innermost_place_comes_first_and_a_cause_behind_it() -> None:
    try:
        _fail_with_cause()
    except ValueError as e:
        placed = failures.placed(e)
    first, cause = placed.split(" after ")
    assert first.startswith("ValueError at test_failures.py:")
    assert cause.startswith("KeyError at test_failures.py:")
    assert first.count("test_failures.py") == 2
    assert failures.placed(ValueError(SECRET)) == "ValueError at ?"
