"""photos.*, docs.* and video.*: getting files into messages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sferum_bridge.standin.errors import ApiError, Code, bad_parameter
from sferum_bridge.standin.shapes import ALBUM
from sferum_bridge.standin.uploads import CHAT_PHOTO, PHOTO

if TYPE_CHECKING:
    from sferum_bridge.standin.media import Media
    from sferum_bridge.standin.messenger import Messenger
    from sferum_bridge.standin.methods.call import Call
    from sferum_bridge.standin.uploads import Uploads

DOCUMENT_KINDS = dict.fromkeys(("doc", "audio_message", "graffiti"))


class UploadingMethods:
    """Methods about uploads and what came of them."""

    def __init__(self, uploads: Uploads, media: Media, messenger: Messenger) -> None:
        self._uploads = uploads
        self._media = media
        self._messenger = messenger

    def photo_server(self, call: Call) -> dict[str, Any]:
        """photos.getMessagesUploadServer: where to post a photo for messages."""
        call.number("peer_id", 0)
        url = self._uploads.open(call.user_id, PHOTO, call.origin)
        return {
            "upload_url": url,
            "fallback_upload_url": url,
            "album_id": ALBUM,
            "user_id": call.user_id,
            "group_id": 0,
        }

    def save_photo(self, call: Call) -> list[dict[str, Any]]:
        """photos.saveMessagesPhoto: with `upload_v2`, `photo` is the whole reply of the upload."""
        photo, seal = call.text("photo"), call.text("hash")
        if call.flag("upload_v2"):
            try:
                reply = json.loads(photo)
                photo, seal = str(reply["photo"]), str(reply["hash"])
            except (ValueError, TypeError, KeyError) as error:
                raise ApiError(Code.BAD_PHOTO) from error
        saved = self._uploads.save_photo(call.user_id, photo, seal, call.origin)
        return [saved["photo"]]

    def photos(self, call: Call) -> list[dict[str, Any]]:
        """photos.getById."""
        return self._known(call, "photos", "photo")

    def chat_photo_server(self, call: Call) -> dict[str, str]:
        """photos.getChatUploadServer: where to post the photo of a chat."""
        peer_id = call.chat_peer()
        self._messenger.present_part(call.user_id, peer_id)
        return {"upload_url": self._uploads.open(call.user_id, CHAT_PHOTO, call.origin, peer_id)}

    def document_server(self, call: Call) -> dict[str, str]:
        """docs.getMessagesUploadServer: where to post a document, a recording or a drawing."""
        kind = call.choice("type", DOCUMENT_KINDS, "doc")
        return {"upload_url": self._uploads.open(call.user_id, kind, call.origin)}

    def save_document(self, call: Call) -> dict[str, Any]:
        """docs.save."""
        title = call.text("title", 128)
        return self._uploads.save_document(call.user_id, call.text("file"), title, call.origin)

    def documents(self, call: Call) -> list[dict[str, Any]]:
        """docs.getById."""
        return self._known(call, "docs", "doc")

    def save_video(self, call: Call) -> dict[str, Any]:
        """video.save: a video to be, and where to post it."""
        title = call.text("name", 128) or "video"
        return self._uploads.begin_video(call.user_id, title, call.origin)

    def videos(self, call: Call) -> dict[str, Any]:
        """video.get: those named by `videos`."""
        found = self._known(call, "videos", "video")
        return {"count": len(found), "items": found, "profiles": [], "groups": []}

    def _known(self, call: Call, parameter: str, kind: str) -> list[dict[str, Any]]:
        if not call.has(parameter):
            raise bad_parameter(parameter, "is undefined")
        named = (self._media.named(kind + name, call.user_id) for name in call.names(parameter))
        return [found[kind] for found in named if found and kind in found]
