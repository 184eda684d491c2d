"""Files of people: looked at when they are put up, and when a message shows them (S-13).

    upload ─► a program by name or type? ─► what it holds (`school.contents`) ─► clamd, if set
    message ─► of this server, looked at, the writer's to read?
        in a school room ─► `school.attached`: what it says, what is kept ─► that room's policy

An upload is looked at in a thread, one at a time of each account. Those of outsiders are not, who
are not to be disturbed; but they may be of the school tomorrow and show what they put up, so that
is noted (`unseen`) and refused then. Nor may people of the school show what another server keeps,
what is not there yet, and what they may not read: nobody knows what it is, or will be. Which
endings and sizes pass depends on the room, so that waits for the message. What is encrypted nobody
can look into; it is refused in school rooms, which are not, and passes in rooms of people's own.
What is refused is told in the answer and by the bot.
"""

from __future__ import annotations

import logging
import re
from contextlib import nullcontext, suppress
from http import HTTPStatus
from typing import IO, TYPE_CHECKING, Any

from synapse.api.errors import SynapseError
from synapse.util.async_helpers import Linearizer
from twisted.python.threadpool import ThreadPool

from sferum_bridge.homeserver import clamd
from sferum_bridge.homeserver.files import addresses
from sferum_bridge.school import attached, contents
from sferum_bridge.school.attached import Attached, Kept
from sferum_bridge.school.attachments import Policies, Policy, Refusal, is_program, mime_for
from sferum_bridge.school.contents import Inside
from sferum_bridge.school.contour import Side

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping

    from synapse.events import EventBase
    from synapse.module_api import ModuleApi
    from synapse.server import HomeServer

    from sferum_bridge.homeserver.files import Files
    from sferum_bridge.homeserver.settings import Scanner
    from sferum_bridge.homeserver.telling import Telling
    from sferum_bridge.homeserver.unseen import Unseen
    from sferum_bridge.school.contour import Facts

logger = logging.getLogger(__name__)

THREADS = 4
"""Files looked at side by side; others wait, and nothing else of Synapse does."""
MOST = 20
"""Files of one message that are looked at; one with more is refused."""
BRIDGE = frozenset({Side.SERVICE, Side.GHOST})

# Clients show these as they are, and know no language to ask for.
TEXTS: Mapping[Refusal, str] = {
    Refusal.WRONG_KIND: "Файлы такого вида школа не пропускает. Отправьте его в другом виде, "
    "например PDF. Files of this kind do not pass here; send it as another kind, such as PDF.",
    Refusal.TOO_BIG: "Файл больше, чем можно в этом чате. Уменьшите его или поделитесь ссылкой. "
    "The file is larger than this room allows; make it smaller or share a link.",
    Refusal.ENCRYPTED: "В школьный чат файлы отправляют без шифрования: отправьте его обычным "
    "образом. Files go into a school room unencrypted; send it the ordinary way.",
    Refusal.PROGRAM: "Это программа, а программы в школе не пересылают. Если она нужна на уроке, "
    "спросите учителя. This is a program, and programs are not passed on here; ask your teacher.",
    Refusal.HOLDS_PROGRAM: "В архиве или документе есть программа или макрос. Отправьте его без "
    "них. The archive or document holds a program or a macro; send it without.",
    Refusal.SEALED: "В этот архив нельзя заглянуть: он с паролем, повреждён или не ZIP. Упакуйте "
    "файлы в обычный ZIP без пароля. Nobody can look into this archive; pack an ordinary ZIP "
    "without a password.",
    Refusal.VIRUS: "В файле найден вирус, поэтому он не принят. Проверьте своё устройство "
    "антивирусом. A virus was found in the file; check your device.",
    Refusal.UNSCANNED: "Проверка на вирусы сейчас не отвечает, и файл не принят. Попробуйте ещё "
    "раз позже. The virus scanner does not answer now; try again later.",
    Refusal.ANEW: "Этот файл здесь не проверен или ещё не загружен. Загрузите его сами заново. "
    "This file was not checked here, or is not there yet; upload it yourself anew.",
}
_OF_INSIDE: Mapping[Inside, Refusal] = {
    Inside.PROGRAM: Refusal.PROGRAM,
    Inside.HOLDS_PROGRAM: Refusal.HOLDS_PROGRAM,
    Inside.SEALED: Refusal.SEALED,
}


class Uploads:
    """Looks at files. `facts` raises `SynapseError` while they cannot be read."""

    def __init__(
        self,
        api: ModuleApi,
        homeserver: HomeServer,
        facts: Callable[[], Awaitable[Facts]],
        scanner: Scanner | None,
        telling: Telling,
        files: Files,
        unseen: Unseen,
    ) -> None:
        self._api = api
        # Its cached methods are typed as if unbound.
        self._store: Any = homeserver.get_datastores().main
        self._here = re.compile(f"mxc://{re.escape(homeserver.hostname)}/([A-Za-z0-9_-]+)")
        self._facts = facts
        self._scanner = scanner
        self._telling = telling
        self._files = files
        self._unseen = unseen
        self._turns = Linearizer("sferum_files", homeserver.get_clock())
        self._is_away = False
        self._threads = ThreadPool(minthreads=0, maxthreads=THREADS, name="sferum_files")
        self._threads.start()
        homeserver.register_sync_shutdown_handler(
            phase="during", eventType="shutdown", shutdown_func=self._threads.stop
        )

    # --- put up -----------------------------------------------------------------------------

    async def check_file(self, user: str, name: str, mime: str, file: IO[bytes]) -> bool:
        """Look at a file before it is kept; it is left at its beginning.

        Returns whether it was looked at.

        Raises:
            SynapseError: It is refused; the text says why. 503 where it may be tried again.
        """
        try:
            facts = await self._facts()
        except SynapseError:
            return False  # as what people write, it goes on without facts
        policies = [school.files for school in facts.schools.values()]
        if not policies:
            return True  # as what was there before there was a school
        side = facts.side(user)
        if side is Side.OUTSIDER:
            return False
        passing = frozenset[str]().union(*(one.passing for one in policies))
        # What the bot puts up is made here: papers to print are pages of HTML.
        if side is not Side.SERVICE and is_program(name, mime_for(name, mime), passing):
            raise self._refused(user, Refusal.PROGRAM)
        sealed_pass = any(one.sealed_pass for one in policies)
        # The bridge puts up what many people sent.
        async with nullcontext() if side in BRIDGE else self._turns.queue(user):
            refusal = await self._api.defer_to_threadpool(
                self._threads, self._look, file, name, passing, sealed_pass=sealed_pass
            )
        if file.closed:
            raise SynapseError(HTTPStatus.BAD_REQUEST, "The connection was closed.")
        if refusal is not None:
            raise self._refused(user, refusal)
        return True

    def _look(
        self, file: IO[bytes], name: str, passing: frozenset[str], *, sealed_pass: bool
    ) -> Refusal | None:
        """Look into a file, in a thread."""
        refusal = _OF_INSIDE.get(contents.look(file, name, passing=passing))
        if refusal is not None and not (refusal is Refusal.SEALED and sealed_pass):
            return refusal
        try:
            return self._scan(file, self._scanner) if self._scanner else None
        except ValueError:
            if not file.closed:  # by Synapse, when whoever put it up went away
                raise
            return None
        finally:
            with suppress(ValueError):
                file.seek(0)

    def _scan(self, file: IO[bytes], scanner: Scanner) -> Refusal | None:
        try:
            virus = clamd.scan(scanner, file)
        except clamd.TooLargeError:
            self._is_away = False
            logger.warning("The scanner takes no file so large: see its StreamMaxLength")
            return Refusal.TOO_BIG
        except clamd.NoAnswerError as error:
            if not self._is_away:
                logger.warning("The scanner does not answer: %s", error)
            self._is_away = True
            return Refusal.UNSCANNED if scanner.required else None
        if self._is_away:
            logger.warning("The scanner answers again")
        self._is_away = False
        if virus:
            logger.warning("The scanner found %s in a file, which is refused", virus)
        return Refusal.VIRUS if virus else None

    # --- shown ------------------------------------------------------------------------------

    async def check_event(self, event: EventBase, *, by_bridge: bool) -> None:
        """Look at the files that an event would show in a school room, or somebody of a school.

        `by_bridge`: it asked for the event, be it in the name of a school account.

        Raises:
            SynapseError: They may not be shown there; the text says why.
        """
        if event.is_state():
            return
        found = list(attached.attached(event.content, event.type))
        named = dict.fromkeys(addresses(event.content))
        if not found and not named:
            return
        try:
            facts = await self._facts()
        except SynapseError:
            return
        room = facts.rooms.get(event.room_id)
        side = facts.side(event.sender)
        # What the bridge shows as its own, the relay has judged.
        if side in BRIDGE or (room is None and side is Side.OUTSIDER):
            return
        if not by_bridge:
            shown = {one.address for one in found} if room else frozenset[str]()
            await self._check_named(event.sender, named, shown)
        if room is not None:
            school = facts.schools.get(room.school)
            policy = (school.files if school else Policies()).of_room(room.kind)
            await self._check_found(event.sender, found, policy)

    async def _check_named(self, user: str, named: Collection[str], shown: Collection[str]) -> None:
        """Look at whose the files are that are named, thumbnails too; `shown` may be no mxc:."""
        if len(named) > 2 * MOST:  # each with its thumbnail
            raise self._refused(user, Refusal.TOO_BIG)
        for address in named:
            is_file = address in shown or address.lower().startswith("mxc:")
            if is_file and not await self._may_show(user, address):
                raise self._refused(user, Refusal.ANEW)

    async def _check_found(self, user: str, found: Collection[Attached], policy: Policy) -> None:
        """Look at what kind of files those of a school room are."""
        if len(found) > MOST:
            raise self._refused(user, Refusal.TOO_BIG)
        for one in found:
            refusal = attached.refusal(one, await self._kept(one.address), policy)
            if refusal is not None:
                raise self._refused(user, refusal)

    async def _may_show(self, user: str, address: str) -> bool:
        here = self._here.fullmatch(address)
        if here is None:
            return False
        media = await self._store.get_local_media(here[1])
        if media is None:
            return True  # nobody sees anything there
        if media.media_length is None or await self._unseen.has(here[1]):
            return False
        return await self._files.let(user, here[1])

    async def _kept(self, address: str) -> Kept | None:
        here = self._here.fullmatch(address)
        media = await self._store.get_local_media(here[1]) if here else None
        if media is None:
            return None
        return Kept(media.upload_name or "", media.media_type or "", media.media_length or 0)

    def _refused(self, user: str, refusal: Refusal) -> SynapseError:
        logger.info("Refused a file of %s: %s", user, refusal)
        self._telling.tell(user, f"file-refused-{refusal}")
        waits = refusal is Refusal.UNSCANNED
        status = HTTPStatus.SERVICE_UNAVAILABLE if waits else HTTPStatus.FORBIDDEN
        return SynapseError(status, TEXTS[refusal], refusal.errcode)
