"""People of a running school who talk to its bot: what the scenario tests are written in.

Every scenario makes its own family in the one school of the run, so they do not get into each
other's way. What people read is what their client shows: nothing here looks into the bot.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import insert, select, update

from sferum_bridge.app import opened_homeserver, registrar
from sferum_bridge.school import kinship
from sferum_bridge.store import accounts, audit, invites, kin, schools, tables
from tests.support.bridge import BOT, SECONDS, BridgedSchool, Client, until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AsyncExitStack
    from datetime import date

    from sferum_bridge.matrix.accounts import Registrar
    from sferum_bridge.school.kinship import Invite
    from sferum_bridge.school.people import ParentLink
    from sferum_bridge.store.database import Database, Tx


@dataclass(frozen=True, slots=True)
class Reply:
    """A message of the bot as a client sees it."""

    event_id: str
    body: str
    content: dict[str, Any]

    @property
    def code(self) -> str:
        """Return the code in it, as shown; fails when there is none."""
        return next(line for line in self.body.splitlines() if kinship.read_code(line))


@dataclass(slots=True)
class Who:
    """Somebody at a Matrix client, with a direct chat with the bot."""

    town: Town
    person_id: str
    """Empty for an account that nobody at the school knows."""
    mxid: str
    password: str
    client: Client
    chat: str = ""
    _seen: set[str] = field(default_factory=set)

    async def say(self, text: str, **more: Any) -> list[Reply]:
        """Write to the bot; return what it answers here."""
        await self.news()
        event_id = await self.client.say(self.chat, text, **more)
        await self.town.worked_off(event_id)
        return await self.news()

    async def ask(self, text: str) -> Reply:
        """Write to the bot; return its one answer (pictures aside)."""
        replies = [r for r in await self.say(text) if r.content.get("msgtype") != "m.image"]
        assert len(replies) == 1, [r.body for r in replies]
        return replies[0]

    async def tap(self, reply: Reply, emoji: str) -> list[Reply]:
        """Put a reaction under a message of the bot; return what it answers here."""
        await self.news()
        relation = {"rel_type": "m.annotation", "event_id": reply.event_id, "key": emoji}
        where = f"rooms/{self.chat}/send/m.reaction/{secrets.token_hex(8)}"
        status, answer = await self.client.call("PUT", where, {"m.relates_to": relation})
        assert status == 200, answer
        await self.town.worked_off(str(answer["event_id"]))
        return await self.news()

    async def news(self) -> list[Reply]:
        """Return what the bot has said here since last time, the oldest first."""
        where = f"rooms/{self.chat}/messages"
        _, answer = await self.client.call("GET", where, dir="b", limit="100")
        new = [
            Reply(event["event_id"], event["content"].get("body", ""), event["content"])
            for event in reversed(answer.get("chunk", ()))
            if event["type"] == "m.room.message"
            and event["sender"] == BOT
            and event["event_id"] not in self._seen
        ]
        self._seen |= {reply.event_id for reply in new}
        return new

    async def hears(self, *words: str) -> Reply:
        """Return the first news that holds all these words; fails when none comes in time."""

        async def found() -> Reply | None:
            for reply in await self.news():
                if all(word in reply.body for word in words):
                    return reply
            return None

        return await until(found)  # type: ignore[no-any-return]  # until returns what was found

    async def is_in(self, kind: str, class_name: str = "") -> bool:
        """Tell whether the account is in a school room now."""
        return await self.town.bridged.room(kind, class_name) in await self.client.joined()

    async def gets_into(self, kind: str, class_name: str = "") -> None:
        """Wait until the account is in a school room."""
        await until(lambda: self.is_in(kind, class_name), 60)

    async def gets_out_of(self, kind: str, class_name: str = "") -> None:
        """Wait until the account is no longer in a school room."""

        async def out() -> bool:
            return not await self.is_in(kind, class_name)

        await until(out, 60)

    async def links(self) -> Sequence[ParentLink]:
        """Return the live parent links of this child."""
        return (await self.town.links_of(self.person_id))[0]


class Town:
    """A running school with two classes more people can be brought into."""

    def __init__(self, bridged: BridgedSchool, db: Database, maker: Registrar) -> None:
        self.bridged = bridged
        self.db = db
        self._maker = maker
        self._everybody: dict[str, Who] = {}

    @classmethod
    async def open(cls, bridged: BridgedSchool, stack: AsyncExitStack) -> Self:
        """Use a settled school; `stack` closes what is opened."""
        db = await stack.enter_async_context(bridged.database())
        homeserver = await stack.enter_async_context(opened_homeserver(bridged.config))
        return cls(bridged, db, registrar(bridged.config, db, homeserver))

    async def school_id(self) -> str:
        """Return the id of the first school."""
        async with self.db.read() as tx:
            return (await schools.records(tx))[0].id

    # --- people -----------------------------------------------------------------------------

    async def school(self, name: str, class_name: str) -> str:
        """Open a further school with one class; return its id."""
        async with self.db.write() as tx:
            school_id = await schools.add(tx, name, "Europe/Moscow", "ru")
            row = {"id": schools.new_id(), "school_id": school_id, "name": class_name}
            await tx.run(insert(tables.classes).values(**row, year="2026/2027"))
        return school_id

    async def pupil(
        self,
        given: str,
        family: str,
        class_name: str = "5А",
        *,
        born: date | None = None,
        school: str = "",
    ) -> Who:
        """Bring a pupil with an account into a class, and wait until they are in its rooms."""
        async with self.db.write() as tx:
            person_id = await self.person(tx, given, family, born)
            await self.enrol(tx, person_id, class_name, school=school)
        who = await self._with_account(person_id)
        await who.gets_into("pupils", class_name)
        return who

    async def move(self, child: Who, class_name: str, *, school: str = "") -> None:
        """End a pupil's place in a class yesterday, and give them one from today; "" for none."""
        c = tables.assignments.c
        async with self.db.write() as tx:
            record = next(r for r in await schools.records(tx) if r.id == school or not school)
            today = record.day(tx.now)
            old = (c.person_id == child.person_id, c.kind == "enrolment", c.until.is_(None))
            rows = await tx.all(select(c.school_id).where(*old).distinct())
            ended = update(tables.assignments).where(*old)
            await tx.run(ended.values(until=today - timedelta(days=1)))
            for row in rows:
                await schools.changed(tx, row.school_id)
                audit.record(tx, "test", "roster.apply", child.person_id, school=row.school_id)
            if class_name:
                await self.enrol(tx, child.person_id, class_name, school=school, since=today)

    async def guardian(self, child: Who, given: str, family: str, *, access: bool = True) -> Who:
        """Name a guardian with an account of the school in the child's roster entry."""
        async with self.db.write() as tx:
            person_id = await self.person(tx, given, family)
            await self.expect(tx, child.person_id, person_id, access=access)
        return await self._with_account(person_id)

    async def expected(self, child: Who, parent: Who) -> None:
        """Name somebody who is there already as a guardian of one more child."""
        async with self.db.write() as tx:
            await self.expect(tx, child.person_id, parent.person_id)

    async def staff(
        self, given: str, family: str, post: str = "teacher", *, leads: str = ""
    ) -> Who:
        """Bring somebody in who works at the school."""
        async with self.db.write() as tx:
            person_id = await self.person(tx, given, family)
            await self.assign(tx, person_id, "appointment", post=post)
            if leads:
                class_id = await self._class_id(tx, leads, "")
                await self.assign(tx, person_id, "leadership", class_id=class_id)
        who = await self._with_account(person_id)
        await who.gets_into("staff")
        return who

    async def outsider(self, name: str = "Прохожий") -> Who:
        """Make an account nobody at the school knows."""
        localpart, password = f"stranger-{secrets.token_hex(4)}", secrets.token_hex(12)
        mxid = await self._maker.register(localpart, name, password)
        return await self.signed_in("", mxid, password)

    async def account_of(self, person_id: str) -> Who:
        """Make an account for somebody of the roster, and sign in."""
        return await self._with_account(person_id)

    async def class_teacher(self, class_name: str) -> Who:
        """Return the class teacher the roster gave a class."""
        school = await self.bridged.school()
        [class_id] = [c.id for c in school.classes.values() if c.name == class_name]
        first = next(lead for lead in school.leaderships if lead.class_id == class_id)
        return await self._of_the_roster(first.person_id)

    async def administrator(self, number: int = 0) -> Who:
        """Return an administrator of the roster."""
        school = await self.bridged.school()
        ids = [a.person_id for a in school.appointments if a.post == "administrator"]
        return await self._of_the_roster(ids[number])

    async def _of_the_roster(self, person_id: str) -> Who:
        if person_id not in self._everybody:
            member = self.bridged.member(person_id)
            await self.signed_in(person_id, member.mxid, member.password)
        return self._everybody[person_id]

    async def _with_account(self, person_id: str) -> Who:
        async with self.db.read() as tx:
            person = await accounts.person(tx, person_id)
        assert person is not None
        mxid, password = await self._maker.create(person)
        return await self.signed_in(person_id, mxid, password)

    async def signed_in(self, person_id: str, mxid: str, password: str) -> Who:
        """Sign somebody in, and open their chat with the bot."""
        client = await self.sign_in(mxid, password)
        who = Who(self, person_id, mxid, password, client)
        who.chat = await client.direct_chat()
        await self.quiet()
        await who.news()
        self._everybody[person_id or mxid] = who
        return who

    async def sign_in(self, mxid: str, password: str) -> Client:
        """Sign an account in on a client of its own; fails when the homeserver refuses."""
        body = {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": mxid},
            "password": password,
        }
        url = self.bridged.synapse.url
        async with self.bridged.session.post(f"{url}/_matrix/client/v3/login", json=body) as answer:
            told = await answer.json()
            assert answer.status == 200, told
        return Client(self.bridged.session, url, mxid, told["access_token"])

    # --- the roster -------------------------------------------------------------------------

    async def person(self, tx: Tx, given: str, family: str, born: date | None = None) -> str:
        """Add a person; return the id."""
        person_id = await accounts.add_person(tx, family, given)
        born_then = update(tables.people).where(tables.people.c.id == person_id)
        await tx.run(born_then.values(birth_date=born))
        return person_id

    async def enrol(
        self, tx: Tx, person_id: str, class_name: str, *, school: str = "", **what: Any
    ) -> None:
        """Enrol somebody in a class."""
        class_id = await self._class_id(tx, class_name, school)
        await self.assign(tx, person_id, "enrolment", school=school, class_id=class_id, **what)

    async def assign(
        self, tx: Tx, person_id: str, kind: str, *, school: str = "", **what: Any
    ) -> None:
        """Give somebody an assignment, as a roster would."""
        school_id = school or (await schools.records(tx))[0].id
        row = {"id": schools.new_id(), "school_id": school_id, "person_id": person_id}
        await tx.run(insert(tables.assignments).values(**row, kind=kind, **what))
        audit.record(tx, "test", "roster.apply", person_id, school=school_id)
        await schools.changed(tx, school_id)

    async def expect(self, tx: Tx, child_id: str, parent_id: str, *, access: bool = True) -> None:
        """Write into the roster of the child's school that somebody is a guardian."""
        school_id = (await schools.of_pupil(tx, child_id))[0]
        row = {"school_id": school_id, "child_id": child_id, "parent_id": parent_id}
        row["ground"] = "" if access else "решение суда"
        await tx.run(insert(tables.expected_parents).values(**row, access=access))

    async def _class_id(self, tx: Tx, name: str, school: str) -> str:
        c = tables.classes.c
        school_id = school or (await schools.records(tx))[0].id
        query = select(c.id).where(c.school_id == school_id, c.name == name)
        return str(await tx.value(query))

    # --- looking behind the scenes ----------------------------------------------------------

    async def worked_off(self, event_id: str) -> None:
        """Wait until the bot has taken in an event, and all it said to anybody is sent."""
        c = tables.inbox.c

        async def done() -> bool:
            async with self.db.read() as tx:
                query = select(c.done_at).where(c.event_id == event_id)
                return await tx.value(query) is not None

        await until(done)
        await self.quiet()

    async def quiet(self) -> None:
        """Wait until the bridge has nothing left to do for the bot."""

        async def nothing_waits() -> bool:
            async with self.db.read() as tx:
                for table in (tables.inbox, tables.outbox):
                    waiting = select(table.c.id).where(table.c.done_at.is_(None)).limit(1)
                    if await tx.value(waiting) is not None:
                        return False
            return True

        async with asyncio.timeout(SECONDS):
            while not await nothing_waits():  # noqa: ASYNC110 - the bridge is another process
                await asyncio.sleep(0.03)

    async def links_of(self, child_id: str) -> tuple[list[ParentLink], list[Invite]]:
        """Return the live parent links of a child and its open invites."""
        c = tables.invites.c
        open_ = select(c.id).where(c.child_id == child_id, c.revoked_at.is_(None))
        async with self.db.read() as tx:
            found = [await invites.by_id(tx, row.id) for row in await tx.all(open_)]
            links = list(await kin.links_of_child(tx, child_id))
        return links, [invite for invite in found if invite is not None]

    async def actions_about(self, person_id: str) -> list[str]:
        """Return the actions the audit log has about somebody, the oldest first."""
        c = tables.audit.c
        async with self.db.read() as tx:
            rows = await tx.all(select(c.action).where(c.subject == person_id).order_by(c.id))
        return [row.action for row in rows]
