"""Sferum inside VK Messenger, spoken as its web client speaks it. `app` makes one `VkNetwork`.

    settings     where VK is, which versions we speak, the limits
    transport    one HTTP exchange: anything that is no answer becomes a `NetworkError`
    errors       VK's error codes as the errors of `network.base`
    login        cookie → access token of the educational profile, renewed when it dies
    api          one method call: pace, one renewal, the envelope taken off
    parse        updates and message objects as `RemoteMessage` values; pure
    position     a place in the event stream (the cursor) and the server it is polled from
    longpoll     the event stream: polling, lost keys, gaps
    connector    `VkNetwork` and `VkConnector`, the two protocols of `network.base`

Nothing outside this folder knows VK. The cookie, access tokens, long-poll keys and message texts
are never logged and never part of an error.
"""

from sferum_bridge.network.vk.connector import VkNetwork
from sferum_bridge.network.vk.settings import VkSettings

__all__ = ["VkNetwork", "VkSettings"]
