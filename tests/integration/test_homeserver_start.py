"""What keeps Synapse from starting: settings that are wrong, and a Synapse we do not fit."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pytest

from sferum_bridge.demo.processes import ChildFailedError
from sferum_bridge.demo.synapse import SynapseProcess
from tests.support.synapse import BOT, settings_for

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "a secret of at least 32 bytes, invented"

MUTATION = '''
from synapse.module_api.callbacks import third_party_event_rules_callbacks as callbacks

async def extended(self, event, context, requester):
    return True, None

class Mutation:
    """Changes a method as a later Synapse might, before our module looks at it."""

    def __init__(self, config, api):
        rules = callbacks.ThirdPartyEventRulesModuleApiCallbacks
        rules.check_event_allowed = extended

    @staticmethod
    def parse_config(config):
        return config
'''


with warnings.catch_warnings():
    # Synapse's imports in this process; one of them warns of Twisted's own doings.
    warnings.simplefilter("ignore", DeprecationWarning)
    from synapse.module_api.errors import ConfigError

    from sferum_bridge.homeserver import SferumModule


async def refusal(folder: Path, contour: dict[str, Any], **settings: Any) -> str:
    """Start a Synapse that must not start, and return what it says."""
    process = SynapseProcess(settings_for(folder / "synapse", contour=contour, **settings))
    with pytest.raises(ChildFailedError) as failure:
        await process.start()
    assert not process.running
    return str(failure.value)


async def test_a_changed_synapse_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "mutation.py").write_text(MUTATION, "utf-8")
    message = await refusal(
        tmp_path,
        {"secret": SECRET, "bot": BOT},
        modules=({"module": "mutation.Mutation", "config": {}},),
        environment={"PYTHONPATH": str(tmp_path)},
    )
    assert "does not fit Synapse 1." in message
    assert "ThirdPartyEventRulesModuleApiCallbacks.check_event_allowed" in message
    assert "takes (event, context, requester) and not (event, context)" in message


async def test_a_short_secret_stops_the_start_and_is_not_shown(tmp_path: Path) -> None:
    secret_file = tmp_path / "secret"
    secret_file.write_text("hunter2\n", "utf-8")
    message = await refusal(tmp_path, {"secret_file": str(secret_file), "bot": BOT})
    assert "the secret has 7 bytes, 32 are needed" in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"bot": BOT}, "give either `secret_file` or `secret`"),
        ({"secret": SECRET, "secret_file": "x", "bot": BOT}, "give either"),
        ({"secret": 5, "bot": BOT}, "`secret` must be a text"),
        ({"secret_file": "/nowhere/at/all", "bot": BOT}, "`secret_file` cannot be read"),
        ({"secret": SECRET}, "`bot` must be the bot's Matrix id"),
        ({"secret": SECRET, "bot": "sferumbot"}, "`bot` must be the bot's Matrix id"),
        ({"secret": SECRET, "bot": BOT, "sekret": 1}, "unknown setting `sekret`"),
        ({"secret": SECRET, "bot": BOT, "max_body_bytes": 1}, "from 1024 to"),
        ({"secret": SECRET, "bot": BOT, "poll_seconds": True}, "`poll_seconds` must be a number"),
        (None, "must be a mapping"),
    ],
)
def test_wrong_settings_are_named(config: Any, told: str) -> None:
    with pytest.raises(ConfigError) as failure:
        SferumModule.parse_config(config)
    assert told in str(failure.value)


def test_a_secret_from_a_file_or_inline_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(f"{SECRET}\n", "utf-8")
    from_file = SferumModule.parse_config({"secret_file": str(path), "bot": BOT})
    assert from_file == SferumModule.parse_config({"secret": SECRET, "bot": BOT})
    assert SECRET not in repr(from_file)
