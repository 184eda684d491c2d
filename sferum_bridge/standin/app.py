"""Puts the parts of the stand-in together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from sferum_bridge.standin.answering import Answering
from sferum_bridge.standin.calls import Calls
from sferum_bridge.standin.chats import Chats
from sferum_bridge.standin.control.base import guarded
from sferum_bridge.standin.control.chats import ChatControl
from sferum_bridge.standin.control.media import MediaControl
from sferum_bridge.standin.control.messages import MessageControl
from sferum_bridge.standin.control.people import PeopleControl
from sferum_bridge.standin.control.trouble import TroubleControl
from sferum_bridge.standin.depot import Depot
from sferum_bridge.standin.faults import Faults
from sferum_bridge.standin.files import Files
from sferum_bridge.standin.journal import Journal
from sferum_bridge.standin.longpoll import LongPoll
from sferum_bridge.standin.management import Management
from sferum_bridge.standin.media import Media
from sferum_bridge.standin.messages import Messages
from sferum_bridge.standin.messenger import Messenger
from sferum_bridge.standin.methods.calling import CallMethods
from sferum_bridge.standin.methods.chats import ChatMethods
from sferum_bridge.standin.methods.people import PeopleMethods
from sferum_bridge.standin.methods.polling import PollingMethods
from sferum_bridge.standin.methods.reacting import ReactingMethods
from sferum_bridge.standin.methods.reading import ReadingMethods
from sferum_bridge.standin.methods.registry import registry
from sferum_bridge.standin.methods.sending import SendingMethods
from sferum_bridge.standin.methods.uploading import UploadingMethods
from sferum_bridge.standin.objects import Objects
from sferum_bridge.standin.people import People
from sferum_bridge.standin.reactions import Reactions
from sferum_bridge.standin.updates import Updates
from sferum_bridge.standin.uploads import Uploads
from sferum_bridge.standin.web import Web

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sferum_bridge.standin.database import Database
    from sferum_bridge.standin.settings import Settings


def build(
    database: Database,
    folder: Path,
    settings: Settings,
    clock: Callable[[], float],
    control_key: str,
) -> web.Application:
    """Return the server as an aiohttp application.

    `folder` keeps the files, `clock` gives unix time in seconds.
    """
    people = People(database, settings, clock)
    chats = Chats(database, settings, clock)
    messages = Messages(database, clock)
    journal = Journal(database)
    files = Files(database, folder)
    media = Media(database)
    uploads = Uploads(database, files, media, settings, clock)
    messenger = Messenger(database, people, chats, messages, journal, settings, clock)
    management = Management(database, people, chats, messenger, journal)
    reactions = Reactions(database, messages, journal, settings)
    calls = Calls(database, chats, messages, messenger, journal, clock)
    objects = Objects(people, chats, messages, reactions)
    updates = Updates(chats, messages, reactions)
    faults = Faults()
    longpoll = LongPoll(database, journal, updates, faults, settings, clock)
    methods = registry(
        PeopleMethods(people, objects),
        SendingMethods(messenger, people, messages, media, objects, settings),
        ReadingMethods(messenger, chats, messages, objects),
        ChatMethods(management, messenger, chats, messages, objects, uploads, files, media),
        PollingMethods(longpoll, journal, updates, chats, messages, objects, settings),
        UploadingMethods(uploads, media, messenger),
        ReactingMethods(messenger, messages, reactions, objects),
        CallMethods(calls),
    )
    answering = Answering(faults)
    control = (
        *PeopleControl(people, files).routes(),
        *ChatControl(chats, messages, management, files, media, reactions).routes(),
        *MessageControl(chats, messages, messenger, reactions, calls, objects).routes(),
        *MediaControl(files, media, settings, clock).routes(),
        *TroubleControl(database, people, files, journal, longpoll, faults).routes(),
    )
    application = web.Application()
    application.add_routes(Web(people, longpoll, methods, faults, answering, settings).routes())
    application.add_routes(Depot(files, uploads, answering).routes())
    application.add_routes(guarded(control_key, control))

    async def stop(_: web.Application) -> None:
        journal.stop()

    application.on_shutdown.append(stop)
    return application
