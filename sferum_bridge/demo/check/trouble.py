"""Chapters 7 to 9: the other language, bad rosters, and a stop and start of everything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openpyxl import load_workbook

from sferum_bridge.demo import parts
from sferum_bridge.demo.check.story import hold
from sferum_bridge.roster import read

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from sferum_bridge.demo.check.story import Story
    from sferum_bridge.demo.school import Ready

_CREATING = ("createRoom", "join", "invite", "register", "set_state", "account", "device")


async def play_languages(story: Story) -> None:
    """Commands in English are answered in English; a room is explained to who is in it."""
    english = {
        "second_parent": (("!children", "Your children"), ("!help", "You are a parent")),
        "pupil": (
            ("!parents", "Your parents"),
            ("!whoami", "you are a pupil"),
            ("!why", "This is why"),
            ("!slips", "You have no right to do this"),
        ),
        "class_teacher": (("!invite", "Who is the invite for?"),),
    }
    with story.step("7.1", "English commands are answered in English"):
        for part, asked in english.items():
            client, chat = await story.client(part), await story.direct_chat(part)
            for command, expected in asked:
                await client.ask(chat, command, story.bot, expected)
    with story.step("7.2", "«!почему» in a room says in the direct chat why one is in it"):
        pupil = await story.client("pupil")
        room_id = await story.room("pupil", story.ready.chat.title)
        answer = await pupil.ask(room_id, "!почему", story.bot, "вы учитесь")
        hold(answer.room_id != room_id, "the answer came in front of everybody")
        hold(story.ready.chat.title in answer.body, "the room is not named")
    with story.step("7.3", "«кто я» and «помощь» answer everybody in Russian"):
        teacher, chat = (
            await story.client("class_teacher"),
            await story.direct_chat("class_teacher"),
        )
        await teacher.ask(chat, "кто я", story.bot, "вы классный руководитель")
        await teacher.ask(chat, "!помощь", story.bot, "Вы классный руководитель")
    with story.step("7.4", "a command is no talk: none of it went to Sferum"):
        texts = await story.sferum_texts()
        hold(not [text for text in texts if "почему" in text], f"in Sferum: {texts}")


async def play_rosters(story: Story, sample: Path) -> None:
    """Rosters that cannot be read are refused whole, bad rows are named one by one."""
    before = sorted(story.logins)
    with story.step("8.1", "a file that is no sheet, and one without a column, are refused"):
        no_sheet = sample.with_name("no-sheet.xlsx")
        no_sheet.write_text("это не таблица", encoding="utf-8")
        without = _changed(sample, "without.xlsx", lambda rows: rows.delete_cols(2))
        for path in (no_sheet, without):
            status, report = await _import(story, path)
            hold(status != 0, f"{path.name} was imported")
            hold("Traceback" not in report, report)
        hold(sorted(story.logins) == before, "somebody was added")
    with story.step("8.2", "a bad date, an unknown class, a repeated id: each named with its row"):
        reading = read(_changed(sample, "rows.xlsx", _spoil))
        named = {(problem.row, problem.column) for problem in reading.problems}
        for place in ((2, "Дата рождения"), (3, "Класс"), (4, "Ид")):
            hold(
                any(row == place[0] and column.rstrip("*") == place[1] for row, column in named),
                f"row {place[0]}, «{place[1]}» is not named, only {sorted(named)}",
            )
        hold(not reading.fatal, "the good rows are refused too")


def _spoil(pupils: Any) -> None:
    pupils.cell(row=2, column=5, value="31.02.2014")
    pupils.cell(row=3, column=6, value="99Ъ")
    pupils.cell(row=4, column=1, value="0004")


def _changed(sample: Path, name: str, change: Callable[[Any], object]) -> Path:
    book = load_workbook(sample)
    change(book["Ученики"])
    path = sample.with_name(name)
    book.save(path)
    return path


async def _import(story: Story, path: Path) -> tuple[int, str]:
    child = parts.roster_import(story.school.folder, path, "ru")
    child.start()

    async def over() -> bool:
        return not child.running

    try:
        await child.wait_until(over, timeout=120)
    finally:
        await child.kill()
    return child.returncode or 0, child.log_tail(200)


async def play_second_start(
    story: Story,
    again: Callable[[], Awaitable[Ready]],
    status: Callable[[], Awaitable[dict[str, Any]]],
) -> None:
    """Everything is stopped and started again; nothing is made twice."""
    pupil = await story.client("pupil")
    rooms, logins, state = await pupil.rooms(), story.logins, story.read_state()
    children = story.school
    with story.step("9.1", "everything ends when asked to"):
        await children.stop()
        codes = {
            "the bridge": children.bridge.returncode,
            "the stand-in": children.standin.returncode,
        }
        hold(set(codes.values()) == {0}, f"they ended with {codes}")
        hold(not children.synapse.running, "Synapse goes on")
    with story.step("9.2", "a second start goes on with the same people, rooms and ports"):
        ready = await again()
        hold(ready == story.ready, f"{ready} instead of {story.ready}")
        hold(story.logins == logins, "the logins changed")
        hold(story.read_state() == state, "what the demo remembers changed")
        hold(await pupil.rooms() == rooms, "the pupil's rooms changed")
    with story.step("9.3", "and makes nothing new"):
        requests = (await status()).get("requests", {})
        made = {kind: n for kind, n in requests.items() if kind in _CREATING}
        hold(requests and not made, f"it made {made or requests}")
