"""Commands of the console, run in an installation whose homeserver is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from sferum_bridge import config as settings
from sferum_bridge.cli import main
from tests.support.ports import reserve_port

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the folder of an installation; a test module takes it by name."""
    text = settings.upgrade("", secret=lambda: "x" * 40)
    # Not the usual port: somebody's own Synapse may listen there.
    text = text.replace("http://127.0.0.1:8008", f"http://127.0.0.1:{reserve_port()}")
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def bridge(folder: Path, *words: str, ok: bool = True) -> Result:
    """Run a command there; fails when it does not end as expected."""
    result = CliRunner(env={"COLUMNS": "250"}).invoke(
        main, [*words, "--config", str(folder / "config.yaml")]
    )
    assert (result.exit_code == 0) is ok, result.output
    return result
