"""Group calls: VK hosts them and gives out a link; who it is shown to is the caller's business."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sferum_bridge.network.base import RemoteCall, Unavailable
from sferum_bridge.network.vk.values import MalformedError, address, mapping, string

if TYPE_CHECKING:
    from sferum_bridge.network.vk.api import VkApi

_ID_LENGTH = 36


async def start(api: VkApi) -> RemoteCall:
    """Start a call that belongs to no chat. Raises `NetworkError`."""
    answer = await api.call("calls.start", {})
    try:
        content = mapping(answer)
        call_id, link = string(content.get("call_id")), address(content.get("join_link"))
    except MalformedError:
        call_id, link = "", ""
    if not 0 < len(call_id) <= _ID_LENGTH or not link.startswith("https://"):
        raise Unavailable("calls.start: no call with a link")
    return RemoteCall(call_id, link)


async def end(api: VkApi, call_id: str) -> None:
    """End a call. Raises `NetworkError`, `Refused` also for one that is over."""
    await api.call("calls.forceFinish", {"call_id": call_id})
