"""Sferum inside VK Messenger, spoken as its web client speaks it. `app` makes one `VkNetwork`.

    settings     where VK is, which versions we speak, the limits
    transport    one HTTP exchange: anything that is no answer becomes a `NetworkError`
    errors       VK's error codes as the errors of `network.base`
    login        cookie → access token of the educational profile, renewed when it dies
    api          one method call: pace, one renewal, the envelope taken off
    values       reading JSON of which nothing is taken for granted; pure
    text         texts with markup and styles, both ways; pure
    attachments  what is attached to a message; pure
    messages     message objects as `RemoteMessage` values; pure
    live         messages as the long poll tells them; pure
    updates      long-poll updates as events, or as what has to be asked for; pure
    reactions    VK's numbers for reactions, and who has which; pure
    chats        conversations and people as values; pure
    position     a place in the event stream (the cursor) and the server it is polled from
    longpoll     the event stream: polling, lost keys, gaps
    answers      what updates are once all that was asked for is there; pure
    archive      asks for stored messages, reactions, history
    directory    asks for chats, members, people
    writing      sends, edits, deletes, reacts, types, marks as read
    addresses    which addresses files are read from and sent to
    files        files, piece by piece, both ways
    uploads      a file's way into VK
    connector    `VkNetwork` and `VkConnector`, the two protocols of `network.base`

Nothing outside this folder knows VK. The cookie, access tokens, long-poll keys and message texts
are never logged and never part of an error.
"""

from sferum_bridge.network.vk.connector import VkNetwork
from sferum_bridge.network.vk.settings import MEDIA_HOSTS, REACTIONS, VkSettings

__all__ = ["MEDIA_HOSTS", "REACTIONS", "VkNetwork", "VkSettings"]
