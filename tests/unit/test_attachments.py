"""Which files pass (S-13), and what they are called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sferum_bridge.school.attachments import (
    Policy,
    Verdict,
    mime_for,
    name_for,
    plain_mime,
    safe_name,
    suffix,
)


@pytest.mark.parametrize(
    ("name", "mime", "size", "verdict"),
    [
        ("работа.docx", "", 10, Verdict.PASSES),
        ("ФОТО.JPG", "image/jpeg", 10, Verdict.PASSES),
        ("", "image/jpeg", 10, Verdict.PASSES),
        ("отчёт", "application/pdf", 10, Verdict.PASSES),
        ("игра.apk", "", 10, Verdict.WRONG_KIND),
        ("игра.jpg", "application/vnd.android.package-archive", 10, Verdict.WRONG_KIND),
        ("фото.jpg.exe", "image/jpeg", 10, Verdict.WRONG_KIND),
        ("фото.exe. ", "", 10, Verdict.WRONG_KIND),
        ("фото\u202egpj.exe", "", 10, Verdict.WRONG_KIND),
        ("страница.html", "text/html", 10, Verdict.WRONG_KIND),
        ("рисунок.svg", "image/svg+xml", 10, Verdict.WRONG_KIND),
        ("таблица.xlsm", "", 10, Verdict.WRONG_KIND),
        ("без вида", "", 10, Verdict.WRONG_KIND),
        (".jpg", "", 10, Verdict.WRONG_KIND),
        ("много.pdf", "", 101, Verdict.TOO_BIG),
        ("пусто.pdf", "", 0, Verdict.PASSES),
    ],
)
def test_verdicts(name: str, mime: str, size: int, verdict: Verdict) -> None:
    assert Policy(most_bytes=100).of(name, mime, size) is verdict


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\Users\\Ася\\работа.docx", "работа.docx"),
        ("фото\u202egpj.exe", "фотоgpj.exe"),
        ("a\nb\x00c.pdf", "a bc.pdf"),
        ("...", ""),
        ("я" * 500 + ".pdf", "я" * 195 + "….pdf"),
    ],
)
def test_safe_names(name: str, shown: str) -> None:
    assert safe_name(name) == shown


def test_a_name_is_made_where_there_is_none() -> None:
    assert name_for("", "image/png", "фото") == "фото.png"
    assert name_for("снимок", "image/png") == "снимок.png"
    assert name_for("снимок.jpeg", "image/png") == "снимок.jpeg"
    assert name_for("", "чушь", "файл") == "файл"


def test_types() -> None:
    assert mime_for("a.pdf", "") == "application/pdf"
    assert mime_for("a.pdf", "application/octet-stream") == "application/pdf"
    assert mime_for("a.bin2", "") == "application/octet-stream"
    assert plain_mime("Text/Plain; charset=utf-8") == "text/plain"
    assert plain_mime("text/plain\r\nX: y") == ""


@given(st.text(), st.text())
def test_nothing_raises_and_a_name_is_one_line(name: str, mime: str) -> None:
    assert isinstance(Policy().of(name, mime, 1), Verdict)
    shown = name_for(name, mime)
    assert shown
    assert len(shown.splitlines()) == 1
    assert "/" not in shown
    assert suffix(shown) == suffix(shown).lower()
    assert "/" in mime_for(name, mime)
