"""The methods of Synapse that we stand before: they are there, and a change of one is noticed."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import synapse.app.generic_worker
import synapse.app.homeserver  # noqa: F401 — imports every part of Synapse there is to wrap
from synapse.module_api.errors import ConfigError

from sferum_bridge.homeserver import wraps
from sferum_bridge.homeserver.settings import parse
from sferum_bridge.homeserver.wrapping import Point, Wrapper, check

if TYPE_CHECKING:
    from types import ModuleType

    from sferum_bridge.school.contour import Facts

FILES = [
    importlib.import_module(f"{wraps.__name__}.{found.name}")
    for found in pkgutil.iter_modules(wraps.__path__)
]
POINTS = [
    pytest.param(point, id=f"{file.__name__.rpartition('.')[2]}:{point.method}")
    for file in FILES
    for point in file.POINTS
]


def real(point: Point) -> Any:
    """Find the method in the Synapse that is installed."""
    owner, _, name = point.method.rpartition(".")
    # Synapse has some names twice: the one that is wrapped is meant.
    named = [file for file in FILES if point in file.POINTS and hasattr(file, owner)]
    synapse = [m for m in list(sys.modules.values()) if m.__name__.startswith("synapse.")]
    found = {
        getattr(module, owner)
        for module in named or synapse
        if inspect.isclass(getattr(module, owner, None))
    }
    assert len(found) == 1, f"{owner} is {found}"
    method = inspect.getattr_static(found.pop(), name, None)
    # A cached method hides in a descriptor until it is asked of an object.
    return getattr(method, "orig", method)


@pytest.mark.parametrize("point", POINTS)
def test_the_installed_synapse_has_the_method_as_it_was_tried_on(point: Point) -> None:
    check(real(point), point)


@pytest.mark.parametrize("point", POINTS)
def test_a_release_that_changes_it_is_noticed_and_named(point: Point) -> None:
    original = real(point)
    gone = None
    changes = {
        "is gone": (gone, point),
        "takes (": (original, replace(point, parameters=(*point.parameters, "new"))),
        "coroutine function now": (original, replace(point, is_async=not point.is_async)),
    }
    for how, (method, expected) in changes.items():
        with pytest.raises(ConfigError) as caught:
            check(method, expected)
        assert point.method in str(caught.value)
        assert how in str(caught.value)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.__name__.rpartition(".")[2])
def test_every_file_is_installed_and_says_what_it_closes(file: ModuleType) -> None:
    assert file in wraps.ALL or file.__name__.endswith((".events", ".uploads"))
    assert callable(file.install)
    assert file.POINTS
    assert all(point.closes.endswith(".") for point in file.POINTS)


class Part:
    """A part of some Synapse."""

    async def answer(self, question: str) -> str:
        return f"answer to {question}"


POINT = Point("Part.answer", ("question",), closes="Anybody is answered.")


async def no_facts() -> Facts:
    raise AssertionError("not asked for here")


@pytest.fixture
def wrapper() -> Wrapper:
    settings = parse({"secret": "s" * 32, "bot": "@bot:school.example"})
    # The parts of a homeserver are for wraps; putting one before a method needs none.
    return Wrapper(None, no_facts, settings.bot, settings, None)  # type: ignore[arg-type]


def before(word: str) -> Any:
    def make(original: Any) -> Any:
        async def answer(part: Part, question: str) -> str:
            return f"{word} {await original(part, question)}"

        return answer

    return make


async def test_two_wraps_may_stand_before_one_method(wrapper: Wrapper) -> None:
    class Changed(Part):
        pass

    wrapper.put(Changed, POINT, before("inner"))
    wrapper.put(Changed, POINT, before("outer"))
    assert await Changed().answer("that") == "outer inner answer to that"
    assert await Part().answer("that") == "answer to that"


def test_nothing_is_put_before_a_method_that_changed(wrapper: Wrapper) -> None:
    class Changed(Part):
        async def answer(self, question: str, loudly: str = "") -> str:
            return question + loudly

    original = Changed.answer
    with pytest.raises(ConfigError, match=r"Part\.answer"):
        wrapper.put(Changed, POINT, before("inner"))
    assert Changed.answer is original
