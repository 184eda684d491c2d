"""What the documents tell people to type exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from sferum_bridge.bot import commands
from sferum_bridge.bot.commands import Name
from sferum_bridge.cli import main

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def typed() -> list[tuple[str, list[str]]]:
    """Return document and words of every `sferum-bridge …` that stands in one."""
    found = []
    for document in DOCUMENTS:
        text = re.sub(r"\\\n\s*", "", document.read_text(encoding="utf-8"))
        lines = re.findall(r"^ {4,}(sferum-bridge .*)$", text, re.MULTILINE)
        found += [(document.name, shlex.split(line)) for line in lines]
        found += [
            (document.name, shlex.split(c)) for c in re.findall(r"`(sferum-bridge [^`]+)`", text)
        ]
    return found


@pytest.mark.parametrize(
    ("document", "words"), typed(), ids=lambda v: " ".join(v) if isinstance(v, list) else v
)
def test_every_command_exists_with_its_options(document: str, words: list[str]) -> None:
    command: click.Command = main
    rest = words[1:]
    while isinstance(command, click.Group) and rest:
        name = rest.pop(0)
        assert name in command.commands, f"{document}: there is no {name}"
        command = command.commands[name]
    known = {option for p in command.params for option in (*p.opts, *p.secondary_opts)}
    for word in rest:
        if word.startswith("-"):
            assert word in known, f"{document}: {' '.join(words)} has no {word}"


def test_every_make_target_exists() -> None:
    targets = set(
        re.findall(
            r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
        )
    )
    for document in DOCUMENTS:
        named = re.findall(r"\bmake ([a-z-]+)", document.read_text(encoding="utf-8"))
        assert set(named) <= targets, document.name


def test_every_link_leads_somewhere() -> None:
    for document in DOCUMENTS:
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text(encoding="utf-8")):
            if not link.startswith("http"):
                assert (document.parent / link).exists(), f"{document.name}: {link}"


def test_the_settings_of_the_readme_exist() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    example = (ROOT / "config" / "example-config.yaml").read_text(encoding="utf-8")
    for setting in ("extension_secret", "registration_shared_secret"):
        assert setting in text
        assert f"{setting}:" in example


def test_the_bot_knows_every_command_of_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    said = re.findall(r"`(![^`]+)`", text)
    assert len(said) > 15
    for each in said:
        if each == "!":
            continue
        command = commands.parse(each, prefix="!", direct=False)
        assert command is not None, each
        assert command.name is not Name.UNKNOWN, each
