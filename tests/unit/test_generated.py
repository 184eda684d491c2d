"""Documents that are made from code say what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import contour

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "contour.md"


def test_the_tables_of_the_contour_are_those_of_the_code() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert contour.filled(text) == text, "run `make config`"


def test_a_table_without_a_place_is_noticed() -> None:
    with pytest.raises(ValueError, match="no place for rights"):
        contour.filled("nothing")
