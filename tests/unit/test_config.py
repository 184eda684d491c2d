"""The settings file: shown, read, brought up to date, refused."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from sferum_bridge import config
from sferum_bridge.cli.setup import example_registrations, registrations

EXAMPLES = Path(__file__).resolve().parents[2]


def test_the_example_holds_every_setting_at_its_default() -> None:
    data = YAML(typ="safe").load(config.example())
    assert config.check(data, "example") == config.Config()
    for name, field in config.Config.model_fields.items():
        assert set(data[name]) == set(field.annotation.model_fields)  # type: ignore[union-attr]


def test_the_shipped_example_is_what_the_code_says() -> None:
    shipped = (EXAMPLES / "config" / "example-config.yaml").read_text(encoding="utf-8")
    assert shipped == config.example()


def test_the_shipped_registrations_are_what_the_code_says() -> None:
    shipped = (EXAMPLES / "registration.yaml.example").read_text(encoding="utf-8")
    assert shipped == example_registrations()


def test_the_registrations_are_two_and_the_second_is_sent_nothing() -> None:
    own, puppet = (YAML(typ="safe").load(text) for text in registrations(config.Config()).values())
    assert own["url"] == "http://127.0.0.1:29350"
    assert puppet["url"] is None
    assert own["io.element.msc4190"] is puppet["io.element.msc4190"] is True
    ghosts, bot = (entry["regex"] for entry in own["namespaces"]["users"])
    assert re.fullmatch(ghosts, "@sferum_12:school.example")
    assert not re.fullmatch(ghosts, "@teacher:school.example")
    assert not re.fullmatch(ghosts, "@sferum_12:schoolxexample")
    assert re.fullmatch(bot, "@sferumbot:school.example")


def test_an_upgrade_keeps_what_the_owner_wrote() -> None:
    old = "# Наша школа\nhomeserver:\n  # за стеной\n  address: http://10.0.0.1:8008\n"
    new = config.upgrade(old)
    assert "# Наша школа" in new
    assert "# за стеной" in new
    settings = config.check(YAML(typ="safe").load(new), "new")
    assert settings.homeserver.address == "http://10.0.0.1:8008"
    assert settings.appservice == config.Config().appservice
    assert config.upgrade(new) == new


def test_secrets_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    first = config.ensure(path)
    assert config.GENERATE not in first.appservice.model_dump().values()
    assert len(first.homeserver.extension_secret) >= 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert config.ensure(path) == first


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rooms:\n  at_once: никогда\n", "rooms.at_once"),
        ("rooms:\n  atonce: 4\n", "rooms.atonce"),
        ("school:\n  parent_access: maybe\n", "school.parent_access"),
        ("school:\n  public_url: school.example\n", "school.public_url"),
        ("- a\n- b\n", "file"),
        ("a: [\n", "cannot be read"),
        ("homeserver: 5\n", "homeserver"),
        ("documents:\n  folder: ./\n", "documents.folder"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(config.ConfigError, match=said):
        config.load(path)


def test_an_error_does_not_repeat_a_secret(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("appservice:\n  as_token: [very-secret]\n", encoding="utf-8")
    with pytest.raises(config.ConfigError) as refused:
        config.load(path)
    assert "very-secret" not in str(refused.value)


def test_the_example_itself_is_no_installation(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(config.example(), encoding="utf-8")
    with pytest.raises(config.ConfigError, match=r"web\.status_token.*config --output"):
        config.load(path)
    assert config.ensure(path) == config.load(path)


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(config.ConfigError, match="sferum-bridge config --output"):
        config.load(tmp_path / "config.yaml")


def test_the_key_is_made_once_and_a_damaged_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    key = config.secret_key(path)
    assert len(key) == 32
    assert config.secret_key(path) == key
    path.write_text("это не ключ", encoding="utf-8")
    with pytest.raises(config.ConfigError, match="no usable key"):
        config.secret_key(path)
    path.write_text("00ff", encoding="utf-8")
    with pytest.raises(config.ConfigError, match="too short"):
        config.secret_key(path)
