"""Putting files up: each is looked at before it is kept, or noted as not looked at (S-13).

Synapse's own callback for this is asked when the file is stored, of thumbnails and of other
servers' files too, and knows neither who puts it up nor what it is called; and its refusal is
"Bad content" to everybody.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

from synapse.media.media_repository import MediaRepository

from sferum_bridge.homeserver.wrapping import Point, Wrapper

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from synapse.types import UserID

    Check = Callable[[str, str, str, IO[bytes]], Awaitable[bool]]
    Note = Callable[[str], Awaitable[None]]

POINT = Point(
    "MediaRepository.create_or_update_content",
    ("media_type", "upload_name", "content", "content_length", "auth_user", "media_id"),
    closes="Anybody puts up a program, an archive of programs or a virus, and shows it in class.",
)
POINTS = (POINT,)


def install(wrapper: Wrapper, check: Check, note: Note) -> None:
    """Have `check` look at every file: whose it is, its name, its type, and the file itself.

    Of which it says that it did not, the media id is given to `note`.
    """

    def make(original: Any) -> Any:
        async def create_or_update_content(
            repository: Any,
            media_type: str,
            upload_name: str | None,
            content: IO[bytes],
            content_length: int,
            auth_user: UserID,
            media_id: str | None = None,
        ) -> Any:
            seen = await check(auth_user.to_string(), upload_name or "", media_type, content)
            if not seen and media_id is not None:
                await note(media_id)  # before: the id is known, and may be shown at once
            made = await original(
                repository, media_type, upload_name, content, content_length, auth_user, media_id
            )
            if not seen and media_id is None:
                await note(made.media_id)
            return made

        return create_or_update_content

    wrapper.put(MediaRepository, POINT, make)
