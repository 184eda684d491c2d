"""What a figure is, what was measured of it, and the groups in which figures are measured."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.stage import Place


class FigureError(Exception):
    """Something could not be measured, or what was measured is not what it should be."""


@dataclass(frozen=True, slots=True)
class Figure:
    """Something that is measured.

    `goal` is the most the value may be, or with `at_least` the least; `None` where a figure is only
    reported. `about` says what is compared with what.
    """

    name: str
    unit: str
    goal: float | None
    about: str
    at_least: bool = False


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run found.

    `runs` counts what the value is taken over, `floor` is what the bare client needed, in the unit
    that `extra` names it by; `extra` is any JSON, such as the spread. Where something could not be
    measured on this machine, `not_run` says why, and there is no value.
    """

    figure: Figure
    value: float | None
    runs: int
    floor: float | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    not_run: str = ""

    @property
    def holds(self) -> bool | None:
        """Tell whether the goal is reached; `None` where there is none, or no value."""
        goal = self.figure.goal
        if goal is None or self.value is None:
            return None
        return self.value >= goal if self.figure.at_least else self.value <= goal


class Measure(Protocol):
    """Brings up what it needs, measures, and takes it down again."""

    async def __call__(self, place: Place, *, quick: bool) -> Sequence[Measured]:
        """Measure in `place`; `quick` asks for tiny sizes, to see that it runs.

        Raises:
            FigureError: What was to be measured did not happen, or not as it should.
        """


@dataclass(frozen=True, slots=True)
class Group:
    """Figures that one bring-up measures together."""

    name: str
    figures: Sequence[Figure]
    measure: Measure


def chosen(groups: Sequence[Group], names: Sequence[str]) -> Sequence[Group]:
    """Return the groups that are named, or hold a figure that is; all of them for no names.

    Raises:
        FigureError: A name is neither a group's nor a figure's.
    """
    known = {group.name for group in groups}
    known |= {figure.name for group in groups for figure in group.figures}
    unknown = sorted(set(names) - known)
    if unknown:
        raise FigureError(f"{unknown[0]}: no such figure. There are: {', '.join(sorted(known))}")
    wanted = set(names)
    return [
        group
        for group in groups
        if not names or wanted & {group.name, *(figure.name for figure in group.figures)}
    ]


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile (1 to 99) of at least one value, interpolated between neighbours."""
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def leaves(errors: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    """Return the errors of a group and of the groups in it."""
    found: list[BaseException] = []
    for error in errors.exceptions:
        found += leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
