"""A Synapse module that makes parts of ours fail on demand, to see what that opens: nothing.

`PUT PATH {"broken": what}` breaks from then on, in every callback and wrap: the "ledger", so that
the facts cannot be had and the error is none that anybody expects; the "decisions", which all
raise. With "" all is as before.
"""

from __future__ import annotations

import sys
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from synapse.http.servlet import parse_json_object_from_request
from synapse.logging.context import current_context
from synapse.module_api import DirectServeJsonResource

if TYPE_CHECKING:
    from collections.abc import Callable

    from synapse.http.site import SynapseRequest
    from synapse.module_api import ModuleApi

PATH = "/_synapse/client/sabotage"
RULES = ("sferum_bridge.school.contour", "sferum_bridge.school.shape")
OURS = "sferum_bridge.homeserver"
BOT = "@sferumbot:"


class SabotageError(Exception):
    """What comes out of everything that is broken."""


def _is_spared() -> bool:
    """Tell whether the bot asks: it sets the scene of an attack, and is nobody's victim."""
    request = getattr(current_context(), "request", None)
    return str(getattr(request, "requester", None)).startswith(BOT)


def _failing(original: Any) -> Any:
    def fail(*arguments: Any, **named: Any) -> Any:
        if _is_spared():
            return original(*arguments, **named)
        raise SabotageError

    return fail


def _failing_later(original: Any) -> Any:
    async def fail(*arguments: Any, **named: Any) -> Any:
        if _is_spared():
            return await original(*arguments, **named)
        raise SabotageError

    return fail


class Saboteur:
    """What Synapse loads, before or after our module."""

    def __init__(self, config: dict[str, Any], api: ModuleApi) -> None:
        del config
        self._undo: list[tuple[Any, str, Any]] = []
        api.register_web_resource(PATH, _Switch(api._clock, self))

    @staticmethod
    def parse_config(config: dict[str, Any]) -> dict[str, Any]:
        return config

    def break_(self, what: str) -> int:
        """Break something, and nothing else; return how many places that is."""
        for owner, name, value in reversed(self._undo):
            setattr(owner, name, value)
        self._undo.clear()
        if what == "ledger":
            self._replace(sys.modules[f"{OURS}.ledger"].Ledger, "facts", _failing_later)
        elif what == "decisions":
            contour = sys.modules[RULES[0]]
            for name in ("side", "belongs"):
                self._replace(contour.Facts, name, _failing)
            for module_name, module in list(sys.modules.items()):
                if module_name.startswith(OURS) or module_name in RULES:
                    self._break_rules(module)
        return len(self._undo)

    def _break_rules(self, module: Any) -> None:
        for name, value in list(vars(module).items()):
            is_function = callable(value) and not isinstance(value, type)
            # Its own helpers derive facts, too, when they are pushed.
            if (
                is_function
                and not name.startswith("_")
                and getattr(value, "__module__", "") in RULES
            ):
                self._replace(module, name, _failing)

    def _replace(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        original = vars(owner)[name]
        self._undo.append((owner, name, original))
        setattr(owner, name, make(original))


class _Switch(DirectServeJsonResource):
    def __init__(self, clock: Any, saboteur: Saboteur) -> None:
        super().__init__(clock=clock)
        self._saboteur = saboteur

    async def _async_render_PUT(self, request: SynapseRequest) -> tuple[int, dict[str, Any]]:  # noqa: N802 — the name Synapse looks for
        what = parse_json_object_from_request(request)["broken"]
        return HTTPStatus.OK, {"places": self._saboteur.break_(what)}
