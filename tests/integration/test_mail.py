"""Letters over real SMTP: taken, bounced, put off, and never used up by whoever follows links."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from sqlalchemy import select

from sferum_bridge.mail.sender import Mailer, MailerSettings
from sferum_bridge.store import mails, queues, tables
from sferum_bridge.store.mails import FAILED, Cause
from tests.support.bot import DAY, PUPIL, TEACHER, World, a_world
from tests.support.ports import reserve_port
from tests.support.post import Post

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

MINUTE = 60_000
TO = "gleb@example.org"


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as made:
        yield made


@pytest_asyncio.fixture
async def post() -> AsyncIterator[Post]:
    server = Post()
    async with server.open():
        yield server


def mailer(world: World, post: Post, **changes: Any) -> Mailer:
    values: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": post.port,
        "security": "none",
        "sender": "shkola@school.example",
        "patience": 2 * DAY,
    }
    return Mailer(world.db, MailerSettings(**{**values, **changes}))


async def queue(world: World, to: str = TO, seed: str = "letter") -> None:
    issuer, about = world.ids[TEACHER], world.ids[PUPIL]
    async with world.db.write() as tx:
        await mails.put(tx, seed, to, "Приглашение", "Откройте ссылку", issuer=issuer, about=about)


async def row(world: World) -> Any:
    async with world.db.read() as tx:
        [only] = await tx.all(select(tables.mails))
    return only


async def news(world: World) -> Sequence[Any]:
    """Return what there is to tell."""
    async with world.db.read() as tx:
        return [
            item.content
            for lane in await queues.lanes(tx, queues.INBOX)
            for item in await queues.waiting(tx, queues.INBOX, lane, 10)
        ]


def failed(world: World, cause: Cause) -> Any:
    ids = {"issuer": world.ids[TEACHER], "about": world.ids[PUPIL]}
    content = {**ids, "seed": "letter", "cause": cause.value}
    return {"type": "sferum.news", "kind": FAILED, "content": content}


async def test_a_letter_is_taken_once_and_then_forgotten(world: World, post: Post) -> None:
    await queue(world)
    letters = mailer(world, post)
    await letters.send_due()
    await letters.send_due()
    [letter] = post.taken
    sent = await row(world)
    assert (sent.state, sent.sealed) == ("sent", None)
    assert letter["Message-ID"] == f"<{sent.id}@school.example>"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["From"] == "shkola@school.example"
    assert letter["To"] == TO
    assert letter["Subject"] == "Приглашение"
    assert letter.get_content_type() == "text/plain"
    assert letter.get_content().strip() == "Откройте ссылку"
    assert await news(world) == []


async def test_the_bell_wakes_the_mailer_and_so_does_the_time(world: World, post: Post) -> None:
    post.to_recipient = ["451 4.3.2 not now"]
    task = asyncio.create_task(mailer(world, post).run())
    try:
        await queue(world)
        async with asyncio.timeout(10):
            while not post.asked:  # noqa: ASYNC110 - the server has no event to wait for
                await asyncio.sleep(0.01)
        world.now += MINUTE
        await queue(world, seed="another")
        async with asyncio.timeout(10):
            while len(post.taken) < 2:  # noqa: ASYNC110 - the server has no event to wait for
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert len(post.asked) == 3


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        ("550 5.1.1 no such user", Cause.ADDRESS),
        ("550 mailbox unavailable", Cause.ADDRESS),
        ("552 5.2.2 mailbox full", Cause.FULL),
        ("550 5.7.1 we do not like you", Cause.REFUSED),
        ("554 no", Cause.REFUSED),
    ],
)
async def test_a_hard_bounce_is_told_at_once_and_once(
    world: World, post: Post, answer: str, cause: Cause
) -> None:
    post.to_recipient = [answer] * 5
    await queue(world)
    letters = mailer(world, post)
    await letters.send_due()
    world.now += 3 * DAY
    await letters.send_due()
    assert len(post.asked) == 1
    assert await news(world) == [failed(world, cause)]
    assert (await row(world)).sealed is None


async def test_a_letter_refused_as_such_is_told_too(world: World, post: Post) -> None:
    post.to_letter = ["554 5.7.1 looks like spam"]
    await queue(world)
    await mailer(world, post).send_due()
    assert await news(world) == [failed(world, Cause.REFUSED)]


async def test_what_is_put_off_is_tried_again_after_growing_waits(world: World, post: Post) -> None:
    post.to_recipient = ["451 4.3.0 try again", "450 greylisted"]
    await queue(world)
    letters = mailer(world, post)
    await letters.send_due()
    for wait in (MINUTE, 5 * MINUTE):
        world.now += wait - 1
        await letters.send_due()
        assert post.taken == []
        world.now += 1
        await letters.send_due()
    assert len(post.asked) == 3
    assert len(post.taken) == 1
    assert await news(world) == []


@pytest.mark.parametrize(
    ("answer", "cause"),
    [("452 4.2.2 mailbox full", Cause.FULL), ("451 4.3.0 try again", Cause.TIME)],
)
async def test_after_two_days_it_is_given_up_and_told_once(
    world: World, post: Post, answer: str, cause: Cause
) -> None:
    post.to_recipient = [answer] * 1000
    await queue(world)
    letters = mailer(world, post)
    begin = world.now
    while (await row(world)).state == "waiting":
        world.now = max(world.now, (await row(world)).next_at)
        await letters.send_due()
    assert world.now == begin + 2 * DAY
    assert 4 < len(post.asked) < 60
    assert await news(world) == [failed(world, cause)]


async def test_the_waits_are_a_setting(world: World, post: Post) -> None:
    post.to_recipient = ["450 greylisted"] * 3
    await queue(world)
    letters = mailer(world, post, waits=(1000, 4000))
    tried = []
    while (await row(world)).state == "waiting":
        world.now = max(world.now, (await row(world)).next_at)
        tried.append(world.now)
        await letters.send_due()
    assert [later - earlier for earlier, later in pairwise(tried)] == [1000, 4000, 4000]


async def test_a_server_that_is_away_is_waited_for(world: World) -> None:
    away = Post()
    away.port = reserve_port()
    await queue(world)
    letters = mailer(world, away)
    await letters.send_due()
    assert (await row(world)).state == "waiting"
    world.now += MINUTE
    async with away.open():
        await letters.send_due()
    assert len(away.taken) == 1


async def test_a_kill_before_the_commit_repeats_the_same_message_later(
    world: World, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def killed(*_: Any) -> None:
        raise asyncio.CancelledError

    await queue(world)
    letters = mailer(world, post)
    with monkeypatch.context() as patched:
        patched.setattr(mails, "sent", killed)
        with pytest.raises(asyncio.CancelledError):
            await letters.send_due()
    await letters.send_due()
    assert len(post.taken) == 1
    world.now += MINUTE
    await letters.send_due()
    first, second = post.taken
    assert first["Message-ID"] == second["Message-ID"]
    assert first["Date"] == second["Date"]
    assert (await row(world)).state == "sent"


async def test_a_letter_withdrawn_meanwhile_is_no_news(world: World, post: Post) -> None:
    await queue(world)
    async with world.db.write() as tx:
        mail = await mails.due(tx)
        assert mail is not None
        await mails.withdraw(tx, world.ids[PUPIL])
    async with world.db.write() as tx:
        await mails.failed(tx, mail, Cause.ADDRESS)
    assert await news(world) == []


async def test_an_address_outside_ascii_goes_out_where_the_server_knows_them(
    world: World, post: Post
) -> None:
    await queue(world, "глеб@почта.example")
    await mailer(world, post).send_due()
    assert await news(world) == [failed(world, Cause.ADDRESS)]
    known = Post()
    async with known.open(enable_SMTPUTF8=True):
        await queue(world, "глеб@почта.example", seed="another")
        await mailer(world, known).send_due()
    assert known.asked == ["глеб@почта.example"]


@pytest.mark.parametrize("to", ["(@example.org", '"@example.org', "a@[::.x", "\\@a.b", "a@b.c\n"])
async def test_what_is_no_address_after_all_stops_nothing(
    world: World, post: Post, to: str
) -> None:
    await queue(world, to)
    await queue(world, seed="another")
    await mailer(world, post).send_due()
    assert TO in [letter["To"] for letter in post.taken]
    async with world.db.read() as tx:
        assert await mails.next_time(tx) is None


async def test_nothing_of_a_letter_or_an_answer_is_logged(
    world: World, post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    post.to_recipient = [f"451 4.3.0 <{TO}> later", f"550 5.1.1 <{TO}> unknown"]
    await queue(world)
    letters = mailer(world, post)
    await letters.send_due()
    world.now += MINUTE
    await letters.send_due()
    ours = "\n".join(r.getMessage() for r in caplog.records if r.name.startswith("sferum"))
    assert "hard=True" in ours
    for secret in ("gleb", "example.org", "Приглашение", "Откройте"):
        assert secret not in ours


# --- the way there --------------------------------------------------------------------------


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Give the TLS side of a server whose authority this machine trusts."""
    return server_context(tmp_path, monkeypatch, "127.0.0.1")


def server_context(folder: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a post office of the tests")])
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path, key_path = folder / "post.pem", folder / "post.key"
    path.write_bytes(certificate.public_bytes(Encoding.PEM))
    key_path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    # How an operator has the machine trust an authority of the school's own.
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path, key_path)
    return context


def allow(user: bytes, password: bytes) -> Callable[..., AuthResult]:
    def check(_server: Any, _session: Any, _envelope: Any, _way: str, given: Any) -> AuthResult:
        right = (given.login, given.password) == (user, password)
        return AuthResult(success=right, handled=right)

    return check


async def test_starttls_and_sign_in(world: World, trusted: ssl.SSLContext) -> None:
    post = Post()
    async with post.open(
        tls_context=trusted,
        require_starttls=True,
        auth_required=True,
        authenticator=allow(b"shkola", b"secret"),
    ):
        await queue(world)
        letters = mailer(world, post, security="starttls", user="shkola", password="wrong")
        await letters.send_due()
        # The pupil's address is not to blame for our password.
        assert (await row(world)).state == "waiting"
        world.now += MINUTE
        letters = mailer(world, post, security="starttls", user="shkola", password="secret")
        await letters.send_due()
    [letter] = post.taken
    assert letter["X-Encrypted"] == "True"


async def test_tls_from_the_beginning(world: World, trusted: ssl.SSLContext) -> None:
    post = Post()
    async with post.open(implicit=trusted):
        await queue(world)
        await mailer(world, post, security="tls").send_due()
    assert len(post.taken) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_nothing_is_said_to_a_server_that_is_not_who_it_should_be(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, security: str
) -> None:
    context = server_context(tmp_path, monkeypatch, "192.0.2.1")
    post = Post()
    side: dict[str, Any] = {"implicit" if security == "tls" else "tls_context": context}
    async with post.open(**side):
        await queue(world)
        await mailer(world, post, security=security).send_due()
    assert post.asked == []
    assert (await row(world)).state == "waiting"


async def test_no_letter_goes_out_in_the_clear_where_tls_is_asked_for(
    world: World, post: Post
) -> None:
    await queue(world)
    await mailer(world, post, security="starttls").send_due()
    assert post.asked == []
