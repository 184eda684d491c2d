"""Puts the parts of the stand-in together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from sferum_bridge.standin.chats import Chats
from sferum_bridge.standin.control import Control
from sferum_bridge.standin.faults import Faults
from sferum_bridge.standin.journal import Journal
from sferum_bridge.standin.longpoll import LongPoll
from sferum_bridge.standin.messages import Messages
from sferum_bridge.standin.messenger import Messenger
from sferum_bridge.standin.methods.chats import ChatMethods
from sferum_bridge.standin.methods.people import PeopleMethods
from sferum_bridge.standin.methods.polling import PollingMethods
from sferum_bridge.standin.methods.reading import ReadingMethods
from sferum_bridge.standin.methods.registry import registry
from sferum_bridge.standin.methods.sending import SendingMethods
from sferum_bridge.standin.objects import Objects
from sferum_bridge.standin.people import People
from sferum_bridge.standin.updates import Updates
from sferum_bridge.standin.web import Web

if TYPE_CHECKING:
    from collections.abc import Callable

    from sferum_bridge.standin.database import Database
    from sferum_bridge.standin.settings import Settings


def build(
    database: Database, settings: Settings, clock: Callable[[], float], control_key: str
) -> web.Application:
    """Return the server as an aiohttp application; `clock` gives unix time in seconds."""
    people = People(database, settings, clock)
    chats = Chats(database, settings, clock)
    messages = Messages(database, clock)
    journal = Journal(database)
    messenger = Messenger(database, people, chats, messages, journal, settings, clock)
    objects = Objects(people, chats, messages)
    updates = Updates(chats, messages)
    faults = Faults()
    longpoll = LongPoll(database, journal, updates, faults, settings, clock)
    methods = registry(
        PeopleMethods(people, objects),
        SendingMethods(messenger, people, messages, objects),
        ReadingMethods(messenger, chats, messages, objects),
        ChatMethods(messenger, chats),
        PollingMethods(longpoll, journal, updates, chats, messages, objects, settings),
    )
    control = Control(
        control_key, database, people, chats, messages, messenger, journal, longpoll, faults
    )
    application = web.Application()
    application.add_routes(Web(people, longpoll, methods, faults, settings).routes())
    application.add_routes(control.routes())

    async def stop(_: web.Application) -> None:
        journal.stop()

    application.on_shutdown.append(stop)
    return application
