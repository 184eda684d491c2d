"""The command `sferum-bridge`, one file a command. The only place that ends the process.

Output people read is a table, output programs read is `--json`. A command imports what it needs
when it runs.
"""

from __future__ import annotations

import os

import click

from sferum_bridge import __version__
from sferum_bridge.cli.accounts import accounts
from sferum_bridge.cli.audit import audit
from sferum_bridge.cli.contour import contour
from sferum_bridge.cli.demo import demo
from sferum_bridge.cli.doctor import doctor
from sferum_bridge.cli.privacy import privacy
from sferum_bridge.cli.rooms import rooms
from sferum_bridge.cli.roster import roster
from sferum_bridge.cli.run import run
from sferum_bridge.cli.school import school
from sferum_bridge.cli.setup import config, registration
from sferum_bridge.cli.sferum import sferum


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Bring Sferum, the school messenger, to Matrix."""
    # Whatever a command writes (the database above all) is for its owner alone.
    os.umask(0o077)


_commands = (
    *(accounts, audit, config, contour, demo, doctor, privacy, registration, roster, rooms, run),
    *(school, sferum),
)
for command in _commands:
    main.add_command(command)
