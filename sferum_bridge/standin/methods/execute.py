"""The method `execute`, as far as clients use it to pack calls: `return [API.x({...}), ...];`.

Of VK's script language that is all: a list of calls, or one call, with JSON for their parameters.
Anything else is error 12. A call that fails gives `false` and an entry in `execute_errors`.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sferum_bridge.standin.errors import ApiError, Code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sferum_bridge.standin.methods.call import Call

MOST_CALLS = 25
RETURN = re.compile(r"\s*return\s*(\[)?")
BEGIN = re.compile(r"\s*API\.([A-Za-z]+\.[A-Za-z]+)\(\s*")
AFTER = re.compile(r"\s*\)\s*")
END = re.compile(r"\s*;?\s*")
SCANNER = json.JSONDecoder()


def carry_out(call: Call, carry: Callable[[str, Call], Any]) -> dict[str, Any]:
    """Return the body of the answer; `carry` makes one call by its name."""
    is_list, calls = _parsed(call.text("code"))
    values: list[Any] = []
    errors = []
    for name, params in calls:
        try:
            values.append(carry(name, replace(call, params=params)))
        except ApiError as error:
            values.append(False)
            errors.append({"method": name, "error_code": error.code, "error_msg": str(error)})
    body: dict[str, Any] = {"response": values if is_list else values[0]}
    if errors:
        body["execute_errors"] = errors
    return body


def _parsed(code: str) -> tuple[bool, list[tuple[str, dict[str, str]]]]:
    start = RETURN.match(code)
    if start is None:
        raise ApiError(Code.COMPILE)
    is_list = start.group(1) is not None
    calls = []
    at = start.end()
    while True:
        name, params, at = _one(code, at)
        calls.append((name, params))
        if not (is_list and code.startswith(",", at)):
            break
        at += 1
    if is_list:
        if not code.startswith("]", at):
            raise ApiError(Code.COMPILE)
        at += 1
    if END.fullmatch(code, at) is None or len(calls) > MOST_CALLS:
        raise ApiError(Code.COMPILE)
    return is_list, calls


def _one(code: str, at: int) -> tuple[str, dict[str, str], int]:
    begin = BEGIN.match(code, at)
    if begin is None:
        raise ApiError(Code.COMPILE)
    at = begin.end()
    given: Any = {}
    if not code.startswith(")", at):
        try:
            given, at = SCANNER.raw_decode(code, at)
        except ValueError as error:
            raise ApiError(Code.COMPILE) from error
    after = AFTER.match(code, at)
    if after is None or not isinstance(given, dict):
        raise ApiError(Code.COMPILE)
    return begin.group(1), dict(_as_text(given)), after.end()


def _as_text(given: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in given.items():
        if isinstance(value, bool):
            yield name, str(int(value))
        elif isinstance(value, list):
            yield name, ",".join(map(str, value))
        elif isinstance(value, dict):
            yield name, json.dumps(value)
        elif value is not None:
            yield name, str(value)
