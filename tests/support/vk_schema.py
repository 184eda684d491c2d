"""VK's published schema of its API, as an oracle for answers and requests.

The schema is not part of this repository: `SFERUM_VK_SCHEMA` names its folder, or it lies beside
the checkout; where it is not, what asks for it is skipped. As shipped it is not valid draft-07:
`required` stands as a boolean on properties and has to be moved into the parent's list.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import referencing
import referencing.jsonschema

from tests.support.standin import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Mapping

BESIDE = REPOSITORY.parent / "shared" / "vk-api-schema"
BASE = "https://schema.invalid/"

COMMON = frozenset(("v", "lang", "access_token"))
UNPUBLISHED = {
    "messages.send": {"format_data", "silent"},
    "messages.edit": {"format_data"},
    "messages.getHistory": {"start_cmid", "fwd_extended"},
    "photos.saveMessagesPhoto": {"upload_v2"},
}
"""What clients of VK send that the schema does not know."""


class VkSchema:
    """The schema in a folder."""

    def __init__(self, folder: Path) -> None:
        resources = []
        self._methods: dict[str, dict[str, dict[str, Any]]] = {}
        for file in folder.rglob("*.json"):
            contents = repaired(json.loads(file.read_text(encoding="utf-8")))
            resource = referencing.jsonschema.DRAFT7.create_resource(contents)
            resources.append((BASE + file.relative_to(folder).as_posix(), resource))
            if file.name == "methods.json":
                self._learn(json.loads(file.read_text(encoding="utf-8")))
        self._registry = referencing.Registry().with_resources(resources)

    @classmethod
    def here(cls) -> VkSchema:
        """Return the schema of this machine, or skip."""
        folder = Path(os.environ.get("SFERUM_VK_SCHEMA", BESIDE))
        if not (folder / "messages" / "responses.json").exists():
            pytest.skip("VK's API schema is not here")
        return cls(folder)

    def check_answer(self, name: str, answer: dict[str, Any]) -> None:
        """Fail unless an answer is what a definition of `responses.json` says."""
        section = name.partition("_")[0]
        reference = {"$ref": f"{BASE}{section}/responses.json#/definitions/{name}"}
        validator = jsonschema.Draft7Validator(reference, registry=self._registry)
        errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(answer)]
        if errors:
            pytest.fail("\n".join(errors))

    def check_request(self, method: str, params: Mapping[str, str]) -> None:
        """Fail unless the parameters of a call are known and of the right form."""
        known = self._methods[method]
        for name, value in params.items():
            if name in COMMON or name in UNPUBLISHED.get(method, ()):
                continue
            if name not in known:
                pytest.fail(f"{method}: there is no parameter {name}")
            self._check_value(f"{method} {name}", known[name], value)
        missing = [
            name for name, one in known.items() if one.get("required") and name not in params
        ]
        if missing:
            pytest.fail(f"{method}: without {missing}")

    def _check_value(self, where: str, parameter: dict[str, Any], value: str) -> None:
        given: Any = value
        kind = parameter.get("type")
        if kind == "array":
            parts = value.split(",")
            if len(parts) > parameter.get("maxItems", len(parts)):
                pytest.fail(f"{where}: {len(parts)} items")
            if parameter["items"].get("type") == "integer":
                for part in parts:
                    self._check_value(where, parameter["items"], part)
            return
        if kind in {"integer", "number"}:
            given = float(value) if kind == "number" else int(value)
        elif kind == "boolean":
            given = {"0": False, "1": True}.get(value, value)
        wanted = {key: part for key, part in parameter.items() if key in CHECKED}
        for error in jsonschema.Draft7Validator(wanted).iter_errors(given):
            pytest.fail(f"{where}: {error.message}")

    def _learn(self, contents: dict[str, Any]) -> None:
        for method in contents["methods"]:
            parameters = method.get("parameters", [])
            self._methods[method["name"]] = {one["name"]: one for one in parameters}


CHECKED = frozenset(("type", "enum", "minimum", "maximum", "minLength", "maxLength"))


def repaired(node: Any) -> Any:
    """Return a part of the schema with boolean `required` moved into the parent's list."""
    if isinstance(node, list):
        return [repaired(item) for item in node]
    if not isinstance(node, dict):
        return node
    fixed = {
        name: repaired(value)
        for name, value in node.items()
        if not (name == "required" and isinstance(value, bool))
    }
    properties = node.get("properties")
    if isinstance(properties, dict):
        needed = [
            name
            for name, value in properties.items()
            if isinstance(value, dict) and value.get("required") is True
        ]
        if needed:
            fixed["required"] = needed
    return fixed
