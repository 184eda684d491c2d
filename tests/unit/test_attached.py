"""What files a message shows, whether a room lets them, and what of it is configured (S-13)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synapse.module_api.errors import ConfigError

from sferum_bridge.config import Config, check
from sferum_bridge.homeserver.facts import MalformedError, as_text, from_text
from sferum_bridge.homeserver.settings import Scanner, parse
from sferum_bridge.school import attachments
from sferum_bridge.school.attached import STICKER, Attached, Kept, attached, refusal
from sferum_bridge.school.attachments import MEGABYTE, Policies, Policy, Refusal, refusal_of
from sferum_bridge.school.contour import SchoolFact

MXC = "mxc://school.example/a"
ENTRY = {"secret": "s" * 32, "bot": "@bot:school.example"}


def message(**content: Any) -> dict[str, Any]:
    return {"msgtype": "m.file", "body": "работа.pdf", "url": MXC, **content}


@pytest.mark.parametrize(
    ("content", "kind", "found"),
    [
        ({"msgtype": "m.text", "body": "игра.exe"}, "", []),
        (message(), "", [("работа.pdf", "", 0)]),
        (message(filename="а.pdf", info={"mimetype": "x/y", "size": 5}), "", [("а.pdf", "x/y", 5)]),
        (
            message(info={"size": "5", "mimetype": 7, "thumbnail_url": MXC}),
            "",
            [("работа.pdf", "", 0)],
        ),
        ({"body": "Привет. Как дела?", "url": MXC}, STICKER, [("", "", 0)]),
        ({"body": "*", "m.new_content": message(body="новое.exe")}, "", [("новое.exe", "", 0)]),
        (
            {"body": "два", "itemtypes": (message(), message(body="б.exe"))},
            "",
            [("работа.pdf", "", 0), ("б.exe", "", 0)],
        ),
        ({"org.custom": {"deep": [message(body="x.exe")]}}, "", [("x.exe", "", 0)]),
    ],
)
def test_what_a_message_shows(content: Any, kind: str, found: list[Any]) -> None:
    assert [(one.name, one.mime, one.size) for one in attached(content, kind)] == found


def test_a_file_with_its_key_has_no_address() -> None:
    [one] = attached(message(file={"url": MXC, "key": {}}))
    assert refusal(one, None, Policy()) is Refusal.ENCRYPTED


@pytest.mark.parametrize(
    ("name", "mime", "kept", "wanted"),
    [
        ("работа.pdf", "", None, None),
        ("работа.pdf", "application/pdf", Kept("а.pdf", "application/pdf", 9), None),
        ("игра.exe", "", None, Refusal.PROGRAM),
        ("работа.pdf", "application/x-msdownload", None, Refusal.PROGRAM),
        ("чертёж.dwg", "", None, Refusal.WRONG_KIND),
        ("фото.jpg", "image/jpeg", Kept("фото.exe", "image/jpeg", 9), Refusal.PROGRAM),
        ("фото.jpg", "image/jpeg", Kept("", "application/x-msdownload", 9), Refusal.PROGRAM),
        ("фото.jpg", "", Kept("", "application/octet-stream", 9), None),
        ("Снимок 12.05.2026", "image/png", None, None),
        ("Снимок 12.05.2026", "", Kept("", "image/png", 9), None),
        ("Снимок 12.05.2026", "", None, Refusal.WRONG_KIND),
        ("Вид с vk.com", "image/png", None, None),
        ("снято.image", "image/png", None, None),
        ("кот.exe", "image/png", None, Refusal.PROGRAM),
        ("кот", "image/svg+xml", None, Refusal.PROGRAM),
        ("сайт vk.com", "", None, Refusal.PROGRAM),
        ("много.pdf", "", Kept("много.pdf", "application/pdf", 101), Refusal.TOO_BIG),
    ],
)
def test_refusals(name: str, mime: str, kept: Kept | None, wanted: Refusal | None) -> None:
    assert refusal(Attached(MXC, name, mime, 5), kept, Policy(100)) is wanted


def test_a_sticker_needs_no_type() -> None:
    [one] = attached({"body": "ура", "url": MXC, "info": {"w": 8}}, STICKER)
    assert refusal(one, None, Policy()) is None


def test_what_a_school_adds_is_no_program_there() -> None:
    policy = Policy(suffixes=frozenset({"js", "apk"}))
    for name, mime in (("урок.js", "text/javascript"), ("игра.apk", "")):
        assert refusal(Attached(MXC, name, mime, 5), Kept(name, mime, 5), policy) is None
    assert refusal(Attached(MXC, "игра.exe", "", 5), None, policy) is Refusal.PROGRAM
    assert Policies(policy).passing == {"js", "apk"}


@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda v: (
            st.dictionaries(
                st.sampled_from(["url", "file", "body", "info", "m.new_content", "x"]), v
            )
            | st.lists(v)
        ),
    )
)
def test_nothing_raises(content: Any) -> None:
    for one in attached(content):
        refusal(one, None, Policy())


def test_error_codes_are_read_back() -> None:
    assert [refusal_of(one.errcode) for one in Refusal] == list(Refusal)
    assert refusal_of("M_FORBIDDEN") is None
    assert refusal_of("VIRUS") is None


def test_settings_go_to_the_homeserver_with_the_facts() -> None:
    media = {
        "most_megabytes": 10,
        "more_kinds": ["js"],
        "sealed_archives": "pass",
        "rooms": {"materials": {"most_megabytes": 200}, "pupils": {"fewer_kinds": ["zip"]}},
    }
    policies = check({"media": media}, "here").media.policies
    assert policies.of_room("staff") == policies.general
    assert policies.of_room("materials").most_bytes == 200 * MEGABYTE
    assert policies.of_room("pupils").most_bytes == 10 * MEGABYTE
    assert "zip" not in policies.of_room("pupils").suffixes
    fact = SchoolFact(frozenset({"5"}), {}, policies)
    assert from_text("schools", as_text(fact)) == fact
    assert from_text("schools", '{"classes": [], "contacts": {}}').files == Policies()
    assert Config().media.policies == Policies()


@pytest.mark.parametrize(
    "files",
    [
        None,
        {},
        {"sealed": 1, "rooms": {}},
        {"sealed": True, "rooms": {"x": {}}},
        {"sealed": True, "rooms": {"": {"bytes": "1", "kinds": []}}},
    ],
)
def test_facts_that_say_nothing_sensible_are_refused(files: Any) -> None:
    with pytest.raises(ValueError, match=r"needs|sealed|bytes"):
        attachments.from_json(files)
    with pytest.raises(MalformedError):
        from_text("schools", f'{{"classes": [], "contacts": {{}}, "files": {str(files).lower()}}}')


def test_the_scanners_address() -> None:
    assert parse(ENTRY).scanner is None
    found = parse({**ENTRY, "scanner": "unix:/run/clamav/clamd.ctl", "scanner_required": False})
    assert found.scanner == Scanner("/run/clamav/clamd.ctl", 60, required=False)
    found = parse({**ENTRY, "scanner": "tcp://[::1]:3310", "scanner_seconds": 5})
    assert found.scanner == Scanner(("::1", 3310), 5)
    for wrong in ("clamd", "tcp://host", "tcp://host:99999", "unix:clamd", 3310):
        with pytest.raises(ConfigError, match="clamd listens"):
            parse({**ENTRY, "scanner": wrong})
