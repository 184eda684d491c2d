"""People: adding them, changing them, logging them out."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from sferum_bridge.standin.control.base import Route, body_of, field, number_in
from sferum_bridge.standin.files import address
from sferum_bridge.standin.values import EDUCATIONAL, ORDINARY

if TYPE_CHECKING:
    from aiohttp import web

    from sferum_bridge.standin.files import Files
    from sferum_bridge.standin.people import People

ROLES = frozenset(("admin", "employee", "teacher", "parent", "student"))
SCHOOL_TYPE = "1"


class PeopleControl:
    """The handlers about people."""

    def __init__(self, people: People, files: Files) -> None:
        self._people = people
        self._files = files

    def routes(self) -> list[Route]:
        """Return what is served."""
        user = r"/control/users/{user:\d{1,18}}"
        return [
            ("POST", "/control/users", self.add),
            ("PATCH", user, self.change),
            ("POST", user + "/cookies", self.log_in),
            ("DELETE", user + "/cookies", self.log_out),
        ]

    async def add(self, request: web.Request) -> Any:
        """Add a person with one or two profiles."""
        body = await body_of(request)
        role = field(body, "role", str, "student")
        profiles = field(body, "profiles", list, [ORDINARY, EDUCATIONAL])
        if role not in ROLES or not profiles or not set(profiles) <= {ORDINARY, EDUCATIONAL}:
            raise ValueError("role or profiles")
        organization = field(body, "organization", str, "")
        edu: dict[str, Any] = {"main_role_code": role, "main_roles": role, "organizations": []}
        if organization:
            entry = {
                "organization_id": 1,
                "organization_name": organization,
                "organization_type": SCHOOL_TYPE,
                "roles": [{"role_code": role, "details": "", "order": 0}],
            }
            edu["organizations"] = [entry]
        cookie = field(body, "cookie", str, "vk1.a." + secrets.token_urlsafe(32))
        first_name, last_name = field(body, "first_name", str), field(body, "last_name", str)
        added = self._people.add(first_name, last_name, sorted(set(profiles)), cookie, edu)
        shown = [{"user_id": p.user_id, "profile_type": p.profile_type} for p in added]
        return {"cookie": cookie, "profiles": shown}

    async def change(self, request: web.Request) -> Any:
        """Give an account another name or photo, or deactivate it. Nobody is told."""
        user_id, body = number_in(request, "user"), await body_of(request)
        wanted: dict[str, str] = {
            name: field(body, name, str)
            for name in ("first_name", "last_name", "deactivated")
            if name in body
        }
        if "photo" in body:
            file = self._files.find(field(body, "photo", str))
            if file is None:
                raise LookupError("photo")
            wanted["photo"] = address(f"{request.scheme}://{request.host}", file)
        self._people.change(user_id, **wanted)
        return {}

    async def log_in(self, request: web.Request) -> Any:
        """Give the person one more cookie, as a new sign-in in a browser does."""
        cookie = "vk1.a." + secrets.token_urlsafe(32)
        self._people.add_cookie(number_in(request, "user"), cookie)
        return {"cookie": cookie}

    async def log_out(self, request: web.Request) -> Any:
        """Make the person's cookies invalid."""
        self._people.revoke_cookies(number_in(request, "user"))
        return {}
