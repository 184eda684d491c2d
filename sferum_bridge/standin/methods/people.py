"""users.get, account.getProfileInfo and groups.getById."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.standin.errors import ApiError, Code, bad_parameter

if TYPE_CHECKING:
    from sferum_bridge.standin.methods.call import Call
    from sferum_bridge.standin.objects import Objects
    from sferum_bridge.standin.people import People

MOST_USERS = 1000
LONGEST_NUMBER = 18


class PeopleMethods:
    """Methods about users."""

    def __init__(self, people: People, objects: Objects) -> None:
        self._people = people
        self._objects = objects

    def get(self, call: Call) -> list[dict[str, Any]]:
        """users.get: users by number or short name, the caller when none is named."""
        names = call.names("user_ids")
        if len(names) > MOST_USERS:
            raise bad_parameter("user_ids", f"should contain at most {MOST_USERS} items")
        user_ids = []
        for name in names:
            if name.isascii() and name.isdigit() and len(name) <= LONGEST_NUMBER:
                user_ids.append(int(name))
            elif profile := self._people.find_domain(name):
                user_ids.append(profile.user_id)
        if not names:
            user_ids = [call.user_id]
        return self._objects.users(user_ids, call.names("fields"))

    def groups(self, call: Call) -> dict[str, Any]:
        """groups.getById: there are none."""
        call.names("group_ids")
        return {"groups": [], "profiles": []}

    def profile_info(self, call: Call) -> dict[str, Any]:
        """account.getProfileInfo: the caller's own profile."""
        profile = self._people.find(call.user_id)
        if profile is None:
            raise ApiError(Code.AUTH)
        return {
            **self._objects.user(profile),
            "home_town": "",
            "status": "",
            "screen_name": profile.domain,
            "sex": 0,
            "bdate_visibility": 0,
            "is_service_account": False,
        }
