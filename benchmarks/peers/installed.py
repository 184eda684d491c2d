"""A peer's environment: made once, below the user's cache, with nothing of the project in it."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

_STAMP = "installed"


class NotHere(Exception):
    """A peer cannot run on this machine; the text says why."""


def folder_of(requirement: str, cache: Path) -> Path:
    """Return where the environment for a requirement lies; another Python has another."""
    name = re.sub(r"[^0-9A-Za-z.]+", "-", requirement)
    return cache / f"{name}-py{sys.version_info.major}.{sys.version_info.minor}"


def cache_folder() -> Path:
    """Return where the environments lie (XDG base directories)."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "sferum-bridge" / "peers"


async def installed(requirement: str) -> Path:
    """Return the Python of an environment that holds `requirement`; made if there is none.

    Raises:
        NotHere: It cannot be made, for want of a network say.
    """
    folder = folder_of(requirement, cache_folder())
    python = folder / "bin" / "python"
    if not (folder / _STAMP).exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        await _run(requirement, sys.executable, "-m", "venv", "--clear", str(folder))
        quiet = ("--quiet", "--disable-pip-version-check")
        await _run(requirement, str(python), "-m", "pip", "install", *quiet, requirement)
        (folder / _STAMP).touch()
    return python


async def _run(requirement: str, *command: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        said = output.decode(errors="replace").strip().splitlines()
        raise NotHere(f"{requirement} could not be installed: {said[-1] if said else 'silence'}")
