"""What is simulated of a region: always the same, and what docs/scale.md says of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import region

RATE = 53.0
"""Memberships a second: of the page."""
PAGE = Path(__file__).parents[2] / "docs" / "scale.md"


def test_the_same_rate_gives_the_same_outcome() -> None:
    assert region.simulate(50, RATE) == region.simulate(50, RATE)


def test_a_homeserver_twice_as_quick_imports_in_half_the_time() -> None:
    slow, quick = region.simulate(200, 50), region.simulate(200, 100)
    assert slow.busy == pytest.approx(2 * quick.busy)
    assert slow.median > 2 * quick.median, "schools wait for each other, too"
    assert (slow.pupils, slow.minute) == (quick.pupils, quick.minute)


def test_the_model_has_as_many_pupils_a_school_as_there_are() -> None:
    one = region.simulate(1000, RATE)
    assert one.pupils / 1000 == pytest.approx(455, rel=0.02)
    assert one.memberships / 1000 == pytest.approx(3500, rel=0.02)


@pytest.mark.parametrize("schools", [1, 10, 50, 200, 1000])
def test_the_page_says_what_the_simulation_gives(schools: int) -> None:
    one = region.simulate(schools, RATE)
    said = PAGE.read_text("utf-8").partition("## Simulated")[2]
    assert f"With {RATE:.0f} memberships a second" in said
    lines = said.splitlines()
    [row] = [line for line in lines if line.startswith(f"| {schools:,} |")]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[2] == region.spoken(one.busy)
    assert cells[3] == f"{region.spoken(one.median)}, {region.spoken(one.slowest)}"


def test_the_table_is_printed_for_given_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    assert region.main(["--rate", "137", "--carried", "38"]) == 0
    said = capsys.readouterr().out
    assert "137 memberships/s, 38 messages/s" in said
    assert len([line for line in said.splitlines() if line.startswith("│")]) == 5
