"""A database that cannot be used is named, without its password, and with the next step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from sferum_bridge import config as settings
from sferum_bridge.cli import main
from tests.support.ports import reserve_port

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("command", [("run",), ("school", "list"), ("accounts", "list")])
@pytest.mark.parametrize("server", [True, False])
def test_it_is_said(tmp_path: Path, command: tuple[str, ...], *, server: bool) -> None:
    path = tmp_path / "config.yaml"
    yaml = YAML()
    written = yaml.load(settings.upgrade("", secret=lambda: "x" * 40))
    written["database"]["url"] = (
        f"postgresql://bridge:hidden@127.0.0.1:{reserve_port()}/bridge"
        if server
        else f"sqlite:///{tmp_path / 'gone' / 'bridge.db'}"
    )
    yaml.dump(written, path)
    ended = CliRunner().invoke(main, [*command, "--config", str(path)])
    assert ended.exit_code == 1
    assert isinstance(ended.exception, SystemExit), ended.exception
    assert "cannot be used (" in ended.stderr
    assert "database.url" in ended.stderr
    assert "hidden" not in ended.output
