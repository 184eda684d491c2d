"""The harness of the benchmarks: choosing, keeping and showing figures, and reading /proc."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.__main__ import GROUPS, arguments, main
from benchmarks.bare import Arrivals
from benchmarks.figures import Figure, FigureError, Group, Measured, chosen, percentile
from benchmarks.peers import measuring
from benchmarks.peers.installed import folder_of
from benchmarks.stage import cpu_ticks, memory_of

SPEED = Figure("ways.speed", "ms", 10, "How fast it goes.")
WEIGHT = Figure("ways.weight", "MiB", None, "How heavy it is.")
SHARE = Figure("ways.share", "", 0.95, "How much of it goes through.", at_least=True)
COUNT = Figure("rooms.count", "", 1.05, "How many there are.")
MACHINE = {"cores": 2, "memory_gib": 4, "python": "3.11", "synapse": "1", "database": "SQLite"}


async def not_measured(place: object, *, quick: bool) -> list[Measured]:
    return []


WAYS = Group("ways", (SPEED, WEIGHT), not_measured)
ROOMS = Group("rooms", (COUNT,), not_measured)


def test_no_figure_has_two_entries() -> None:
    names = [figure.name for group in GROUPS for figure in group.figures]
    assert len(names) == len(set(names))
    assert not {group.name for group in GROUPS} & set(names)


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        ([], [WAYS, ROOMS]),
        (["ways"], [WAYS]),
        (["ways.weight"], [WAYS]),
        (["rooms.count", "ways.speed"], [WAYS, ROOMS]),
    ],
)
def test_a_group_is_chosen_by_its_name_or_a_figures(names: list[str], groups: list[Group]) -> None:
    assert chosen((WAYS, ROOMS), names) == groups


def test_an_unknown_name_is_answered_with_those_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(FigureError, match=r"speed: no such figure.*ways\.speed"):
        chosen((WAYS, ROOMS), ["speed"])
    assert main(["no.such.figure"]) == 1
    assert "no.such.figure: no such figure" in capsys.readouterr().err


def test_the_command_line_takes_names_and_options() -> None:
    options = arguments(["relay", "--quick", "--sqlite", "--json"])
    assert (options.names, options.quick, options.sqlite, options.json) == (
        ["relay"], True, True, True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("figure", "value", "holds"),
    [
        *((SPEED, 10, True), (SPEED, 10.01, False), (SPEED, -3, True), (WEIGHT, 99, None)),
        *((SHARE, 0.95, True), (SHARE, 0.94, False), (SHARE, 1.2, True)),
    ],
)
def test_a_goal_is_the_most_a_value_may_be_or_the_least(
    figure: Figure, value: float, *, holds: bool | None
) -> None:
    assert Measured(figure, value, runs=1).holds is holds


def test_the_page_says_on_which_side_a_goal_lies() -> None:
    share = Group("share", (SHARE,), not_measured)
    found = report.entries([Measured(SHARE, 0.97, runs=5)], MACHINE)
    page = report.as_page(found, [share])
    assert "| ways.share | 0.97 | ≥ 0.95 | yes | 5 |" in page
    assert "at least" not in page


def test_an_entry_holds_what_was_promised() -> None:
    measured = Measured(SPEED, 7.123456, runs=4, floor=50.0, extra={"spread": [6.0, 8.0]})
    entry = report.entries([measured], MACHINE)["ways.speed"]
    assert len(entry.pop("when")) == len("2026-09-01")
    assert entry == {
        "value": 7.1235,
        "unit": "ms",
        "goal": 10,
        "holds": True,
        "runs": 4,
        "floor": 50.0,
        "spread": [6.0, 8.0],
        "machine": MACHINE,
    }


def test_figures_not_run_keep_their_entry(tmp_path: Path) -> None:
    results, page = tmp_path / "results.json", tmp_path / "RESULTS.md"
    first = report.entries(
        [Measured(SPEED, 7, runs=4), Measured(COUNT, 1.01, runs=1, floor=90)], MACHINE
    )
    report.keep(first, (WAYS, ROOMS), results, page)
    second = report.entries([Measured(SPEED, 12, runs=4)], MACHINE)
    report.keep(second, (WAYS, ROOMS), results, page)
    kept = json.loads(results.read_text("utf-8"))
    assert kept == {**first, **second}
    text = page.read_text("utf-8")
    assert "| ways.speed | 12 ms | ≤ 10 | NO | 4 |" in text
    assert "| rooms.count | 1.01 | ≤ 1.05 | yes | 1 | 90 |" in text
    assert "`python -m benchmarks rooms`" in text
    assert WEIGHT.about not in text


def test_what_is_no_results_file_is_left_alone(tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    results.write_text("[]", "utf-8")
    with pytest.raises(ValueError, match=r"results.json holds no figures"):
        report.keep({}, (WAYS,), results, tmp_path / "RESULTS.md")
    assert results.read_text("utf-8") == "[]"


def test_the_page_is_the_one_made_of_the_results() -> None:
    if not report.RESULTS.exists():
        pytest.skip("nothing has been measured yet")
    results = json.loads(report.RESULTS.read_text("utf-8"))
    assert report.as_page(results, GROUPS) == report.PAGE.read_text("utf-8")


def test_a_figure_without_goal_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    entry = report.entries([Measured(WEIGHT, 99, runs=1, extra={"peak": 101.5})], MACHINE)
    page = report.as_page(entry, (WAYS,))
    assert "| ways.weight | 99 MiB | — | reported | 1 | — |" in page
    assert "- peak: 101.5" in page
    assert report.as_table(entry).row_count == 1


def test_percentiles_lie_between_neighbours() -> None:
    assert percentile([5.0], 95) == 5
    assert percentile([4.0, 1.0, 3.0, 2.0], 50) == 2.5
    assert percentile([float(n) for n in range(101)], 95) == 95


def test_processor_time_is_read_past_a_name_with_spaces_and_brackets() -> None:
    before = " ".join(str(n) for n in range(3, 14))
    assert cpu_ticks(f"17 (a (b) c) S {before[2:]} 250 50 0 0 20") == 300


def test_the_numbers_of_this_process_can_be_read() -> None:
    assert cpu_ticks(Path("/proc/self/stat").read_text("ascii")) >= 0
    held = memory_of(Path(f"/proc/{os.getpid()}/status").read_text("ascii"))
    assert 1 < held.now <= held.peak


async def test_the_first_arrival_of_a_text_counts() -> None:
    arrivals = Arrivals()
    arrivals.note("a")
    first = await arrivals.when("a")
    arrivals.note("a")
    assert await arrivals.when("a") == first


# --- other bridges --------------------------------------------------------------------------


@pytest.mark.parametrize("sides", [2, 3, 4])
def test_every_side_goes_first_and_after_every_other_equally_often(sides: int) -> None:
    names = "abcd"[:sides]
    turns = [measuring.in_turn(names, turn) for turn in range(2 * sides)]
    assert all(sorted(turn) == list(names) for turn in turns)
    places = [[turn.index(name) for turn in turns] for name in names]
    assert all(sorted(place) == sorted([*range(sides)] * 2) for place in places)
    followed = [(a, b) for turn in turns for a, b in itertools.pairwise(turn)]
    assert all(followed.count((a, b)) == followed.count((b, a)) for a, b in followed)


def test_a_ways_figure_is_the_median_of_the_rounds_differences() -> None:
    ours = [[10.0, 12.0, 50.0], [20.0, 22.0, 24.0], [31.0, 31.0, 31.0]]
    bare = [[9.0, 10.0, 11.0], [21.0, 21.0, 21.0], [21.0, 21.0, 21.0]]
    measured = measuring.over_floor(SPEED, ours, bare)
    assert (measured.value, measured.runs, measured.floor) == (2, 3, 21)
    assert measured.extra["spread"] == [1, 10]
    assert (measured.extra["p50"], measured.extra["messages"]) == (24, 9)


def test_a_bridge_that_cannot_be_had_is_not_run_and_the_page_says_why() -> None:
    (first, *others) = measuring.not_run({"heisenbridge": "ngircd is not installed"})
    assert len(others) == 2
    assert all(one.figure in measuring.GROUP.figures for one in (first, *others))
    assert (first.value, first.holds) == (None, None)
    found = report.entries([first], MACHINE)
    assert json.loads(json.dumps(found)) == found
    page = report.as_page(found, [measuring.GROUP])
    name = "peers.heisenbridge.in_p50_over_floor_ms"
    assert f"| {name} | not run: ngircd is not installed | — | reported | 0 | — |" in page
    assert report.as_table(found).row_count == 1


def test_a_goal_that_nothing_was_measured_of_neither_holds_nor_fails() -> None:
    assert Measured(SPEED, None, runs=0, not_run="left out").holds is None


def test_versions_of_a_bridge_have_environments_of_their_own(tmp_path: Path) -> None:
    one, other = [folder_of(f"peer[extra]=={number}", tmp_path) for number in ("1.0", "1.1")]
    assert one != other
    assert {one.parent, other.parent} == {tmp_path}
    assert not set("[]=") & set(one.name)
