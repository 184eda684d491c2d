"""`sferum-bridge demo`: a whole school on this machine, and the proof that it works."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

import click

from sferum_bridge.cli.common import carry_out, json_option, show_json
from sferum_bridge.demo import words

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from rich.progress import TaskID

    from sferum_bridge.demo.folder import DemoFolder
    from sferum_bridge.demo.school import DemoSchool, Ready

_DEFAULT = Path(".demo")
_folder = click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=_DEFAULT,
    show_default=True,
    help="Where everything of the demo lies.",
)
_language = click.option(
    "--lang", type=click.Choice(words.LANGUAGES), help="Default: what LANG says, else ru."
)
_KILLED = 130
_LAST_MESSAGES, _LAST_LINES = 20, 30


@click.group()
def demo() -> None:
    """Run a whole school on this machine: Synapse, the bridge, a stand-in for Sferum."""


@demo.command()
@_folder
@click.option(
    "--roster",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A school's roster; default: the one already there, else invented people.",
)
@_language
@json_option
def up(folder: Path, roster: Path | None, lang: str | None, *, as_json: bool) -> None:
    """Start the school, or go on where it stopped; runs until Ctrl-C or SIGTERM."""
    from sferum_bridge.cli.setup import write_registrations
    from sferum_bridge.demo.folder import DemoFolder
    from sferum_bridge.demo.school import DemoSchool

    lang = lang or words.language_of_environment()
    place = DemoFolder(folder)
    with _Terminal(lang, quiet=as_json) as terminal:
        school = DemoSchool(place, terminal, write_registrations, roster=roster, language=lang)
        _end_plainly(_up(place, school, terminal, as_json=as_json))


async def _up(
    folder: DemoFolder, school: DemoSchool, terminal: _Terminal, *, as_json: bool
) -> None:
    running = asyncio.current_task()
    if running is None:
        raise RuntimeError("runs as a task")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    folder.open()
    with folder.locked():
        try:
            ready = await school.start()
            terminal.ready(ready, folder, as_json=as_json)
            await school.watch()
        except asyncio.CancelledError:
            # Asked to stop, so that is how it ends well. A second request breaks into `stop`.
            running.uncancel()
            terminal.step("stopping")
        finally:
            await school.stop()
        terminal.step("stopped")


@demo.command()
@_folder
def reset(folder: Path) -> None:
    """Delete the demo with everything in it; refuses while it runs."""
    from sferum_bridge.demo.folder import DemoFolder

    found = _end_plainly(DemoFolder(folder).reset())
    click.echo(f"{folder} is gone." if found else f"There is no {folder}.")


@demo.command()
@_folder
@click.argument("text", required=False)
def sferum(folder: Path, text: str | None) -> None:
    """Write TEXT into the linked chat as somebody in Sferum; without it, list what is there."""
    from sferum_bridge.demo.folder import DemoFolder

    for line in _end_plainly(_sferum(DemoFolder(folder), text)):
        click.echo(line)


async def _sferum(folder: DemoFolder, text: str | None) -> list[str]:
    import aiohttp

    from sferum_bridge.demo.folder import DemoError
    from sferum_bridge.demo.sferum import control, recall_chat

    chat = recall_chat(folder)
    if chat is None:
        raise DemoError("The demo has no chat in Sferum yet. Start it: sferum-bridge demo up")
    try:
        async with control(folder) as standin:
            if text:
                name, user_id = next(iter(chat.pupils.items()))
                await standin.post(user_id, chat.chat, text)
                return [f"{name}: {text}"]
            messages = await standin.messages(chat.chat)
    except aiohttp.ClientConnectionError:
        raise DemoError("The demo does not run. Start it: sferum-bridge demo up") from None
    names = {user_id: name for name, user_id in chat.pupils.items()}
    names[chat.teacher] = chat.teacher_name
    shown = [m for m in messages if m["text"] and not m["deleted"]]
    return [f"{names.get(m['from_id'], chat.title)}: {m['text']}" for m in shown[-_LAST_MESSAGES:]]


@demo.command()
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Play in this folder and leave it there; default: a temporary one.",
)
def check(keep: Path | None) -> None:
    """Play the whole story with matrix-nio in a school of its own; fail if anything fails."""
    try:
        from sferum_bridge.demo.check.play import play
    except ImportError as e:
        raise click.ClickException(
            f"{e.name} is missing. It comes with the test tools: uv sync --group test"
        ) from e
    from sferum_bridge.cli.setup import write_registrations
    from sferum_bridge.demo.check.story import StoryEndedError
    from sferum_bridge.demo.folder import DemoFolder

    with TemporaryDirectory(prefix="sferum-demo-") as temporary:
        place = DemoFolder(keep or Path(temporary))
        try:
            _end_plainly(_stoppable(play(place, write_registrations, click.echo)))
        except StoryEndedError as e:
            tail = place.bridge_log.read_text("utf-8").splitlines()[-_LAST_LINES:]
            click.echo("\n".join(["The end of the bridge's log:", *tail]), err=True)
            raise click.exceptions.Exit(1) from e


async def _stoppable(work: Coroutine[Any, Any, None]) -> None:
    """Carry out work that a signal cancels, so that it clears up after itself."""
    task = asyncio.ensure_future(work)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await task


def _end_plainly(work: Coroutine[Any, Any, Any]) -> Any:
    """Run it; errors of the demo end as a sentence, a second Ctrl-C with its status."""
    from sferum_bridge.config import ConfigError
    from sferum_bridge.demo.folder import DemoError
    from sferum_bridge.demo.processes import ChildFailedError

    try:
        return carry_out(work)
    except (DemoError, ChildFailedError, ConfigError) as e:
        raise click.ClickException(str(e)) from e
    except asyncio.CancelledError:
        raise click.exceptions.Exit(_KILLED) from None


class _Terminal:
    """Shows how far a start is; `quiet` leaves all out but what programs read."""

    def __init__(self, lang: str, *, quiet: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._lang = lang
        self._console = Console(quiet=quiet, highlight=False)
        columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn())
        self._bars = Progress(*columns, console=self._console, transient=True)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._bars.stop()

    def step(self, name: str, **values: object) -> None:
        """Say that a step begins."""
        self._bars.stop()
        text = words.STEPS[self._lang][name].format_map(values)
        self._console.print(f"• {text}", markup=False, soft_wrap=True)

    def progress(self, name: str, done: int, total: int) -> None:
        """Move a bar."""
        if not total:
            return
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(words.STEPS[self._lang][name])
            self._bars.start()
        self._bars.update(self._tasks[name], completed=done, total=total)
        if done >= total:
            self._bars.update(self._tasks[name], visible=False)

    def show(self, text: str) -> None:
        """Show what another command printed."""
        self._console.print(text, markup=False, soft_wrap=True)

    def ready(self, ready: Ready, folder: DemoFolder, *, as_json: bool) -> None:
        """Print where everything is and who can sign in."""
        self._bars.stop()
        if as_json:
            show_json(_for_programs(ready, folder))
            return
        from rich.table import Table

        said, cast = words.TABLE[self._lang], ready.cast
        table = Table(title=said["title"], title_justify="left")
        for column in ("role", "name", "login", "password"):
            table.add_column(said[column], overflow="fold")
        for part in _PARTS:
            login = getattr(cast, part)
            if login is not None:
                of_class = part in {"class_teacher", "pupil"} and cast.school_class
                place = f" {cast.school_class.name}" if of_class and cast.school_class else ""
                localpart = login.mxid[1:].partition(":")[0]
                table.add_row(f"{said[part]}{place}", login.name, localpart, login.password)
        self._console.print(table)
        for name, (preferred, used) in ready.moved.items():
            line = said["moved"].format(preferred=preferred, what=said[name], used=used)
            self._console.print(line, markup=False, soft_wrap=True)
        self._console.print(
            f"{said['homeserver']}: {ready.homeserver}", markup=False, soft_wrap=True
        )
        self._console.print(f"{said['bot']}: {ready.bot}", markup=False, soft_wrap=True)
        self._console.print(said["all"].format(path=folder.logins), markup=False, soft_wrap=True)
        where = "" if folder.path == _DEFAULT.resolve() else f" --folder {folder.path}"
        steps = words.first_steps(
            self._lang,
            homeserver=ready.homeserver,
            bot=ready.bot,
            class_name=cast.school_class.name if cast.school_class else "",
            newcomer=cast.newcomer,
            chat=ready.chat.title,
            sferum=f"{_command()} demo sferum{where}",
        )
        self._console.print(f"\n{steps}", markup=False, soft_wrap=True)


_PARTS = ("administrator", "class_teacher", "pupil", "parent", "second_parent", "outsider")


def _command() -> str:
    """Return how this command is called from here."""
    if Path(sys.argv[0]).stem == "__main__":
        return f"{_near(Path(sys.executable))} -m sferum_bridge"
    found = shutil.which("sferum-bridge")
    given = Path(sys.argv[0])
    return "sferum-bridge" if found and Path(found) == given.resolve() else _near(given)


def _near(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _for_programs(ready: Ready, folder: DemoFolder) -> dict[str, Any]:
    logins = {part: getattr(ready.cast, part) for part in _PARTS}
    return {
        "homeserver": ready.homeserver,
        "bot": ready.bot,
        "logins": {part: asdict(login) for part, login in logins.items() if login},
        "newcomer": ready.cast.newcomer,
        "all_logins": str(folder.logins),
        "moved_ports": {name: {"wanted": w, "used": u} for name, (w, u) in ready.moved.items()},
    }
