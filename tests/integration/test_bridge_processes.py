"""The bridge at a homeserver of which a process is missing: people go, nobody comes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import update

from sferum_bridge.store import schools
from sferum_bridge.store.tables import assignments
from tests.support.bridge import BridgedSchool, until

if TYPE_CHECKING:
    from pathlib import Path


async def expect(bridged: BridgedSchool, *workers: str) -> None:
    """Restart Synapse as a school's with these workers."""
    await bridged.synapse.stop()
    settings = bridged.synapse.settings
    contour = {**(settings.contour or {}), "expected_processes": list(workers)}
    bridged.synapse.settings = replace(settings, contour=contour)
    await bridged.synapse.start()


async def test_grants_wait_for_a_missing_process_and_revocations_do_not(tmp_path: Path) -> None:
    bridged = await BridgedSchool.start(tmp_path, pupils=1)
    try:
        await expect(bridged, "worker9")
        school = await bridged.school()
        pupil = school.enrolments[-1]
        before = school.classes[pupil.class_id]
        after = next(c for c in school.classes.values() if c.id != before.id)
        left, entered = [await bridged.room("pupils", c.name) for c in (before, after)]
        client = await bridged.client(pupil.person_id)
        assert left in await client.joined()
        async with bridged.database() as db, db.write() as tx:
            person = assignments.c.person_id == pupil.person_id
            where = (person, assignments.c.kind == "enrolment")
            await tx.run(update(assignments).where(*where).values(class_id=after.id))
            for record in await schools.records(tx):
                await schools.changed(tx, record.id)

        async def is_said() -> bool:
            return "Processes of the homeserver do not report: worker9" in bridged.log()

        async def is_out() -> bool:
            return left not in await client.joined()

        await until(is_said)
        await until(is_out)
        status: Any = await bridged.status()
        assert status["facts"]["processes_missing"] == ["worker9"]
        assert not status["schools"][0]["settled"]
        assert entered not in await client.joined()
        assert bridged.log().count("do not report") == 1
        assert client.mxid not in bridged.log()

        await expect(bridged)
        await bridged.settled()
        assert entered in await client.joined()
        assert bridged.log().count("reports again") == 1
    finally:
        await bridged.stop()
