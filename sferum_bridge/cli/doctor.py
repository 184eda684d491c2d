"""`sferum-bridge doctor`: is the homeserver set up so that the school's contour holds?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sferum_bridge.cli.common import carry_out, config_option, json_option, show_json
from sferum_bridge.demo import words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sferum_bridge.doctor.examination import Report
    from sferum_bridge.doctor.report import Finding, Host

_SICK, _CANNOT = 1, 2
_COLOURS = {"ok": "green", "note": "yellow", "wrong": "red", "unknown": "magenta"}
_file = click.Path(path_type=Path)


class _CannotRun(click.ClickException):
    """There is nothing to look at, or it cannot be read."""

    exit_code = _CANNOT


@click.command()
@config_option
@click.option(
    "--homeserver-yaml",
    "shared",
    type=_file,
    multiple=True,
    metavar="PATH",
    help="Synapse's settings: a file or a folder, repeated in Synapse's order. Default: the one "
    "beside the bridge's settings, in synapse/ below, or in /etc/matrix-synapse.",
)
@click.option(
    "--worker-yaml",
    "workers",
    type=_file,
    multiple=True,
    metavar="PATH",
    help="The file of a worker; may be repeated.",
)
@click.option("--fix", is_flag=True, help="Print only what to paste into homeserver.yaml.")
@click.option(
    "--lang", type=click.Choice(words.LANGUAGES), help="Default: what LANG says, else ru."
)
@json_option
def doctor(
    config_path: Path,
    shared: Sequence[Path],
    workers: Sequence[Path],
    lang: str | None,
    *,
    fix: bool,
    as_json: bool,
) -> None:
    """Look whether Synapse is set up so that outsiders stay outside; changes nothing.

    Reads homeserver.yaml and asks the running server. Ends with 0 when all is well, with 1 when
    something is wrong or could not be told, with 2 when there is nothing to look at.
    """
    from sferum_bridge.bot.texts import Texts

    texts, language = Texts(), lang or words.language_of_environment()

    def say(key: str, values: Mapping[str, str] | None = None) -> str:
        return texts.text(language, f"doctor-{key}", **(values or {})).body

    report, address = _examine(config_path, shared, workers, say)
    if fix:
        click.echo(_block(report, say), nl=False)
    elif as_json:
        show_json(_for_programs(report, say))
    else:
        _print(report, address, say)
    if not report.healthy:
        raise click.exceptions.Exit(_SICK)


def _examine(
    config_path: Path,
    shared: Sequence[Path],
    workers: Sequence[Path],
    say: Callable[..., str],
) -> tuple[Report, str]:
    from ruamel.yaml import YAML

    from sferum_bridge.cli.setup import registrations
    from sferum_bridge.config import ConfigError, load
    from sferum_bridge.doctor.examination import NothingToSee, examine
    from sferum_bridge.doctor.files import FileError, usual

    folder = config_path.parent
    try:
        config = load(config_path)
        yaml = YAML(typ="safe")
        wanted = {name: yaml.load(text) for name, text in registrations(config).items()}
        files = shared or usual(folder)
        found = carry_out(examine(config, folder, wanted, files, workers))
    except ConfigError as e:
        raise _CannotRun(str(e)) from e
    except FileError as e:
        raise _CannotRun(say(e.key, {"file": str(e.path), "line": str(e.line)})) from e
    except NothingToSee as e:
        address = config.homeserver.address
        raise _CannotRun(say("nothing-to-see", {"address": address})) from e
    return found, config.homeserver.address


def _print(report: Report, address: str, say: Callable[..., str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    table = Table(title=say("title", {"server": address}), title_justify="left")
    for column in ("state", "what", "found", "why", "write"):
        table.add_column(say(f"column-{column}"), overflow="fold")
    for one in report.findings:
        state = Text(say(f"state-{one.state.value}"), style=_COLOURS[one.state.value])
        told = (_what(one, report), _found(one, say), say(one.says, one.values), _lines(one))
        table.add_row(state, *(Text(cell) for cell in told))
    console.print(table)
    console.print(_outbound(report.hosts, say))
    where = say("read", {"file": report.where}) if report.where else say("no-yaml-given")
    click.echo(where, err=True)
    click.echo(_sum(report, say), err=True)


def _outbound(hosts: Sequence[Host], say: Callable[..., str]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=say("outbound-title"), title_justify="left")
    for column in ("host", "purpose", "outside", "setting"):
        table.add_column(say(f"column-{column}"), overflow="fold")
    for one in hosts:
        host = say("any-host") if one.host == "*" else one.host
        outside = say("yes" if one.outside else "no")
        cells = (host, say(f"for-{one.purpose}"), outside, one.setting)
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _what(one: Finding, report: Report) -> str:
    return one.what if one.where in {"", report.where} else f"{one.what} ({one.where})"


def _found(one: Finding, say: Callable[..., str]) -> str:
    if not one.absent:
        return one.found
    return say("absent-default", {"value": one.found}) if one.found else say("absent")


def _lines(one: Finding) -> str:
    from sferum_bridge.doctor.fix import line
    from sferum_bridge.doctor.report import State

    return line(one.fix) if one.fix and one.state is not State.OK else ""


def _sum(report: Report, say: Callable[..., str]) -> str:
    if report.healthy:
        return say("healthy")
    states = [one.state.value for one in report.findings]
    numbers = {name: str(states.count(name)) for name in ("wrong", "unknown")}
    return say("sick", numbers)


def _block(report: Report, say: Callable[..., str]) -> str:
    from sferum_bridge.doctor.fix import block
    from sferum_bridge.doctor.report import State

    wrong = [one for one in report.findings if one.state is State.WRONG]
    made = block(wrong, report.config, lambda key, values: [say(key, values)])
    return f"# {say('fix-head')}\n{made}" if made else f"# {say('nothing-to-fix')}\n"


def _for_programs(report: Report, say: Callable[..., str]) -> dict[str, Any]:
    return {
        "healthy": report.healthy,
        "homeserver_yaml": report.where,
        "findings": [
            {
                "state": one.state.value,
                "what": one.what,
                "check": one.says,
                "found": one.found,
                "set": not one.absent,
                "where": one.where,
                "why": say(one.says, one.values),
                "write": _lines(one),
            }
            for one in report.findings
        ],
        "outbound": [
            {
                "host": one.host,
                "purpose": one.purpose,
                "setting": one.setting,
                "outside": one.outside,
            }
            for one in report.hosts
        ],
    }
