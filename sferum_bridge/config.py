"""The settings: what they are, how a file of them is read, shown and brought up to date.

The models below are the only description. The example file, the comments in it and the upgrade of
an older file are made from them, so none of the four can drift from the others. An upgrade keeps
what the owner wrote, values and comments, and only adds what is missing.
"""

from __future__ import annotations

import glob
import io
import os
import re
import secrets
import time
from contextlib import suppress
from enum import StrEnum
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from sferum_bridge.school import quiet, rights
from sferum_bridge.school.attachments import MEGABYTE, SUFFIXES, Policies, Policy
from sferum_bridge.school.calls import Meetings, SetUp
from sferum_bridge.school.documents import Rules
from sferum_bridge.school.kinship import AccessPolicy

if TYPE_CHECKING:
    from pathlib import Path

GENERATE = "generate"
"""Written where a secret belongs; the first command that needs it puts a random one there."""

_ABANDONED_SECONDS = 3600.0


class ConfigError(Exception):
    """The settings cannot be used. The text names each setting, what is wrong, and what to do."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HomeserverSettings(_Section):
    """The Synapse this bridge belongs to."""

    address: str = Field(
        default="http://127.0.0.1:8008", description="Where the bridge reaches Synapse."
    )
    public_address: str = Field(
        default="",
        description="Where people's browsers and Matrix clients reach Synapse: pages name it to\n"
        "those whose client asks for a server, and single sign-on (SSO) is there. Empty:\n"
        "they name `domain`, which needs a .well-known; SSO is at `address`.",
    )
    domain: str = Field(default="school.example", description="The server_name of that Synapse.")
    extension_secret: str = Field(
        default=GENERATE,
        description="Shared with the homeserver extension (modules: in homeserver.yaml).\n"
        "Empty: no extension; then nothing in the homeserver closes the school's rooms.",
    )
    registration_shared_secret: str = Field(
        default="",
        description="The secret of that name in homeserver.yaml; needed only to create accounts:\n"
        "with `sferum-bridge accounts create`, and for pupils who choose a password.",
    )

    @property
    def typed(self) -> str:
        """What people type where a Matrix client asks for the server."""
        return self.public_address or self.domain


def _ghost_name(value: str) -> str:
    try:
        value.format(name="name")
    except (LookupError, ValueError) as e:
        raise ValueError("only {name} may stand in braces") from e
    return value


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as e:
        raise ValueError(f"no regular expression: {e}") from e
    return value


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment:
        raise ValueError("write it as https://school.example or https://school.example/path")
    return value


def _web_address_or_none(value: str) -> str:
    return value and _web_address(value)


def _contacts(value: dict[str, str]) -> dict[str, str]:
    rights.changed(value)
    return value


def _quiet_hours(value: str) -> str:
    quiet.read(value)
    return value


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (OSError, ValueError, LookupError) as e:
        raise ValueError("no such time zone; write one as Europe/Moscow") from e
    return value


class AppserviceSettings(_Section):
    """How Synapse reaches the bridge, and what the bridge's accounts are called."""

    address: str = Field(
        default="http://127.0.0.1:29350", description="Where Synapse reaches the bridge."
    )
    hostname: str = Field(default="127.0.0.1", description="Where the bridge listens.")
    port: int = Field(default=29350, ge=0, le=65535, description="On which port.")
    bot: str = Field(
        default="sferumbot", pattern=r"^[a-z0-9._=/-]+$", description="The bot's localpart."
    )
    bot_name: str = Field(default="Помощник школы", description="The name the bot is shown by.")
    ghost_prefix: str = Field(
        default="sferum_",
        pattern=r"^[a-z0-9._=/-]+$",
        description="Sferum users appear as @<this><their id>.",
    )
    ghost_name: Annotated[str, AfterValidator(_ghost_name)] = Field(
        default="{name} (Сферум)", description="Their name; {name} is what Sferum calls them."
    )
    accounts: Annotated[str, AfterValidator(_pattern)] = Field(
        default=".*",
        description="Localparts (a regular expression) the bridge may act for: it lets people\n"
        "into their rooms, and shows what they write in Sferum as their own.",
    )
    as_token: str = Field(default=GENERATE, description="Secrets between Synapse and the bridge.")
    hs_token: str = Field(default=GENERATE)
    double_puppet_token: str = Field(default=GENERATE)


class DatabaseSettings(_Section):
    """Where the bridge remembers things."""

    url: str = Field(
        default="sqlite:///sferum-bridge.db",
        description="sqlite:///relative.db, sqlite:////absolute.db or\n"
        "postgresql://user:password@host/name",
    )
    connections: int = Field(
        default=5,
        ge=2,
        description="To PostgreSQL, at most; one more is held as long as the bridge runs.\n"
        "More take more memory at both ends.",
    )
    secret_key_file: str = Field(
        default="sferum-bridge.key",
        description="Holds the key that encrypts secrets in the database; made if it is missing.\n"
        "Keep a copy apart from the database's backup: without it no secret can be read.",
    )


class SchoolSettings(_Section):
    """How the school works."""

    language: Literal["ru", "en"] = Field(
        default="ru", description="For those who have not chosen one."
    )
    timezone: Annotated[str, AfterValidator(_timezone)] = Field(
        default="Europe/Moscow", description="Of schools whose roster does not say."
    )
    public_url: Annotated[str, AfterValidator(_web_address)] = Field(
        default="http://127.0.0.1:29350",
        description="Where people reach the bridge: a parent invite's link is <this>/i/<code>.",
    )
    support: str = Field(
        default="администратор школы (the school's administrator)",
        min_length=1,
        description="Where people find help when the bot cannot: an e-mail, a telephone number.",
    )
    contacts: Annotated[dict[str, str], AfterValidator(_contacts)] = Field(
        default={},
        description="Changes to who may start a conversation with whom, as in\n"
        '{"pupils>pupils": none, "parents>administrators": school}; docs/contour.md has the table.',
    )
    break_glass_hours: float = Field(
        default=24,
        gt=0,
        le=168,
        description="How long `sferum-bridge contour open` may let somebody in, at most.",
    )
    invite_days: float = Field(default=7, gt=0, description="How long a parent invite lives.")
    parent_access: AccessPolicy = Field(
        default=AccessPolicy.ROSTER_OR_APPROVAL,
        description="When a confirmed parent gets the rooms: immediate, roster_or_approval (at\n"
        "once if the roster names them, else after the class teacher's word), always_approval.",
    )
    single_use: bool = Field(
        default=False,
        description="True: the first parent uses an invite up; else it serves both parents.",
    )
    consent_age: int = Field(
        default=14, ge=0, le=18, description="From how many years on the pupil is asked too."
    )
    undo_hours: int = Field(
        default=24, ge=1, description="How long the end of a parent link can be taken back."
    )
    undo_days: int = Field(
        default=30,
        ge=1,
        le=365,
        description="How long an import, or a step of the school year, can be undone as a whole.",
    )
    kept_days: int = Field(
        default=365,
        ge=30,
        le=3650,
        description="How long the rooms of a class that graduated or was merged can be read.",
    )
    pupil_invite_days: float = Field(
        default=14, gt=0, description="How long a pupil's invite lives."
    )
    password_length: int = Field(
        default=10,
        ge=8,
        le=128,
        description="Characters of the password a pupil chooses, at least.",
    )
    applications: int = Field(default=3, ge=1, description="Applications a day from one account.")
    client_url: Annotated[str, AfterValidator(_web_address_or_none)] = Field(
        default="",
        description="A Matrix client in the browser that the school offers: login slips show it,\n"
        "as text and QR picture. Empty: they show the address of the server for any client.",
    )
    quiet_hours: Annotated[str, AfterValidator(_quiet_hours)] = Field(
        default="21:00-07:00",
        description="By the school's clock: announcements that are not urgent wait for their end.\n"
        "Empty: everything goes out at once.",
    )
    code_attempts: int = Field(default=10, ge=1, description="Wrong codes a person may try …")
    code_attempts_minutes: float = Field(default=10, gt=0, description="… in so many minutes.")


class RoomSettings(_Section):
    """How rooms are made."""

    version: str = Field(default="12", description="Room version of new rooms.")
    at_once: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Rooms worked on at the same time, at most; fewer while Synapse is slow.\n"
        "With one process of Synapse, two are a tenth quicker and make people's messages wait\n"
        "half as long again.",
    )
    batch: int = Field(
        default=25,
        ge=1,
        le=100,
        description="People brought into a room together, where the homeserver extension does it.",
    )
    rest: float = Field(
        default=0.5,
        ge=0,
        le=20,
        description="How long Synapse rests after each batch: this part of the time it took.",
    )
    check_hours: float = Field(
        default=12,
        gt=0,
        description="Each room is compared with what it should be so often, and after a start;\n"
        "what people change there is noticed at once.",
    )
    summary_minutes: float = Field(
        default=15,
        ge=0,
        description="Administrators hear of such changes at most so often.",
    )


class SferumSettings(_Section):
    """Where Sferum is. Only these hosts, VK's files and the homeserver are ever connected to."""

    enabled: bool = Field(
        default=True, description="False: the school's order without Sferum's chats."
    )
    api_url: str = Field(default="https://api.vk.me", description="VK's API.")
    web_url: str = Field(
        default="https://web.vk.me", description="Where a login is turned into a token."
    )
    app_id: str = Field(
        default="8202606", description="The id under which VK knows its web messenger."
    )
    api_version: str = Field(default="5.241", description="Version of VK's API.")
    requests_per_second: int = Field(default=3, ge=1, description="VK allows 3 for each login.")
    reply_megabytes: int = Field(
        default=8,
        ge=1,
        le=64,
        description="An answer of Sferum's may be so long; what is longer is asked for in halves.",
    )
    more_media_hosts: list[Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")]] = (
        Field(
            default=[],
            description="Hosts of VK's files that are missing in docs/sferum.md; each stands for\n"
            "all below it too. Files that lie elsewhere are not read.",
        )
    )
    reactions: dict[
        Annotated[int, Field(ge=1)], Annotated[str, Field(pattern=r"^\S+$", max_length=32)]
    ] = Field(
        default={},
        description='Changes to the emoji of VK\'s reactions, as in {17: "🎈"}; docs/sferum.md\n'
        "has the table.",
    )
    history: int = Field(
        default=20,
        ge=0,
        le=200,
        description="How many earlier messages of a chat are shown when it is linked.",
    )
    members: Literal["speaking", "all"] = Field(
        default="speaking",
        description="Who of a linked chat is in its room as an account of the bridge: whoever has\n"
        "said something, or all; then they come one by one in the background.",
    )
    personal_chats: bool = Field(
        default=False,
        description="Whether who logged in has their personal chats of Sferum here too, each in a\n"
        "room with the other person, which appears with the first message or when asked for.",
    )
    delivery_status: Literal["none", "trouble", "all"] = Field(
        default="trouble",
        description="Of which messages clients that know it show whether they reached Sferum: of\n"
        "those that wait or fail, or of all, which costs an event for each message.",
    )
    send_tries: int = Field(
        default=8,
        ge=2,
        description="How often something is sent that Sferum fails at while it answers otherwise;\n"
        "then its writer is told and the next goes on. That Sferum is away is always waited out.",
    )
    send_seconds: float = Field(
        default=300, ge=0, description="For how long it is sent at least, before it is given up."
    )
    slow_hours: float = Field(
        default=24,
        ge=0,
        description="For how long something waits where Sferum says that there was too much of it\n"
        "(VK's error 9); its writer is told after five minutes, and may delete it,\n"
        "unless it is a deletion or a pin.",
    )


_Ending = Annotated[str, Field(pattern=r"^[a-z0-9]{1,16}$")]
RoomKind = Literal["staff", "announcements", "pupils", "parents", "materials", "personal"]
"""Kinds of rooms that people write in; `personal` are personal chats of Sferum."""


class RoomFiles(_Section):
    """What is otherwise in rooms of one kind; what is not said is as everywhere."""

    most_megabytes: int | None = Field(default=None, ge=1, le=2048)
    more_kinds: list[_Ending] = Field(default=[])
    fewer_kinds: list[_Ending] = Field(default=[])


class MediaSettings(_Section):
    """Which files pass in school rooms and to and from Sferum; of others people are told why."""

    most_megabytes: int = Field(
        default=50,
        ge=1,
        le=2048,
        description="Larger ones stay where they are. Synapse has a limit too: max_upload_size.",
    )
    more_kinds: list[_Ending] = Field(
        default=[],
        description="Endings of names that pass too, as in [js]; usual pictures, sound, video,\n"
        "documents and archives do.",
    )
    fewer_kinds: list[_Ending] = Field(
        default=[], description="Endings that do not pass, as in [zip, rar, 7z]."
    )
    rooms: dict[RoomKind, RoomFiles] = Field(
        default={},
        description="What is otherwise in rooms of a kind (staff, announcements, pupils, parents,\n"
        "materials, personal), as in {materials: {most_megabytes: 200}, pupils: {fewer_kinds: "
        "[zip]}}.",
    )
    sealed_archives: Literal["refuse", "pass"] = Field(
        default="refuse",
        description="Archives nobody can look into: with a password, RAR, 7z, broken ones.",
    )
    disk_megabytes: int = Field(
        default=2048,
        ge=64,
        description="How much of the disk files take together on their way; others wait meanwhile.",
    )

    @property
    def policies(self) -> Policies:
        """Return it as the rule takes it."""
        kinds = (SUFFIXES | set(self.more_kinds)) - set(self.fewer_kinds)
        general = Policy(self.most_megabytes * MEGABYTE, kinds)
        of_kind: dict[str, Policy] = {
            kind: Policy(
                (one.most_megabytes or self.most_megabytes) * MEGABYTE,
                (kinds | set(one.more_kinds)) - set(one.fewer_kinds),
            )
            for kind, one in self.rooms.items()
        }
        return Policies(general, of_kind, self.sealed_archives == "pass")

    @property
    def disk_bytes(self) -> int:
        """Return how much of the disk may be taken."""
        return self.disk_megabytes * MEGABYTE


class DocumentSettings(_Section):
    """Personal documents («Мои документы»), which the bridge keeps encrypted for their owners."""

    roles: list[Literal["parents", "pupils", "staff"]] = Field(
        default=["parents"], description="Who has such a store; [] switches it off."
    )
    folder: str = Field(
        default="documents",
        description="Where they lie, beside this file unless it says another place. Back it up\n"
        "together with the database and the key: each is noise without the other two.",
    )
    most_megabytes: int = Field(
        default=20,
        ge=1,
        le=2048,
        description="Of one document. Kinds are those of `media`; Synapse has a limit too.",
    )
    quota_megabytes: int = Field(
        default=200, ge=1, description="Of all documents of one person together."
    )
    most: int = Field(default=100, ge=1, le=1000, description="Documents of one person.")
    open_minutes: float = Field(
        default=60,
        gt=0,
        description="What somebody gets back lies in their chat for so long, readable by Synapse.",
    )
    copy_days: float = Field(
        default=30, gt=0, description="A copy for a teacher lies in the teacher's for so long."
    )

    @field_validator("folder")
    @classmethod
    def _is_its_own(cls, value: str) -> str:
        if not PurePath(value).parts:
            raise ValueError("must be a folder of its own, not the one this file lies in")
        return value


class WebSettings(_Section):
    """What the bridge shows over HTTP beside Matrix' own endpoints."""

    sign_in: bool = Field(
        default=True, description="Whether the invite page lets people sign in and confirm there."
    )
    session_minutes: float = Field(default=30, gt=0, description="How long such a sign-in lasts.")
    sign_in_attempts: int = Field(
        default=10, ge=1, description="Wrong passwords for one account on the page …"
    )
    sign_in_attempts_of_address: int = Field(
        default=60, ge=1, description="… and from one address: a whole school may share one …"
    )
    sign_in_attempts_minutes: float = Field(default=10, gt=0, description="… in so many minutes.")
    pupil_attempts: int = Field(
        default=30, ge=1, description="Wrong codes of pupils' invites from one address …"
    )
    pupil_attempts_minutes: float = Field(default=10, gt=0, description="… in so many minutes.")
    status_token: str = Field(
        default=GENERATE, description="Opens /status (Authorization: Bearer …)."
    )


class MailSettings(_Section):
    """How the bridge sends invites by e-mail. No host: it sends none."""

    host: str = Field(default="", description="Your mail server (SMTP); empty sends no mail.")
    port: int = Field(default=587, ge=1, le=65535, description="On which port.")
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="none only for a server on this machine."
    )
    user: str = Field(default="", description="Empty: no sign-in.")
    password: str = Field(default="")
    sender: str = Field(
        default="",
        description="The address mail comes from. Somebody should read what arrives there: a mail\n"
        "server that has accepted a letter tells only this address if it fails later.",
    )
    days: float = Field(
        default=2, gt=0, description="How long an address that cannot be reached is tried again …"
    )
    retry_minutes: list[Annotated[float, Field(gt=0)]] = Field(
        default=[1, 5, 15, 60],
        min_length=1,
        description="… after so many minutes each; the last wait again and again.",
    )

    @model_validator(mode="after")
    def _has_sender(self) -> MailSettings:
        if self.host and "@" not in self.sender:
            raise ValueError("sender must be an address if there is a host")
        return self


class CallSettings(_Section):
    """Group calls and broadcasts. People's browsers go to these places, never the bridge itself."""

    sferum: bool = Field(
        default=True,
        description="Whether who logged in to Sferum starts calls of Sferum in linked rooms; in\n"
        "others, and where Sferum refuses, the school's own meetings serve.",
    )
    set_up: SetUp = Field(
        default=SetUp.NONE,
        description="The school's own meetings: none, element_call (clients that know MatrixRTC\n"
        "show the call in the room as well), or jitsi.",
    )
    address: str = Field(
        default="", description="Where they are, as https://meet.school.example; empty: none."
    )
    jitsi_app_id: str = Field(
        default="", description="Of Jitsi's token authentication: app_id of its prosody …"
    )
    jitsi_secret: str = Field(
        default="",
        description="… and app_secret: then only whom the bridge lets in gets into a meeting.\n"
        "Empty: whoever is given a meeting's address gets in, forwarded or not.",
    )
    pass_minutes: float = Field(
        default=5, gt=0, le=60, description="How long a pass into Jitsi lets its one person in."
    )
    hours: float = Field(
        default=4,
        gt=0,
        le=48,
        description="A call or broadcast that nobody says is over counts as over after so long.",
    )
    broadcast_hosts: list[Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")]] = (
        Field(
            default=["sferum.ru", "vk.com", "vk.me", "vk.ru", "vkvideo.ru"],
            description="Where broadcasts and their recordings may be watched; each host stands\n"
            "for all below it too.",
        )
    )

    @model_validator(mode="after")
    def _has_address(self) -> CallSettings:
        parts = urlsplit(self.address)
        if self.set_up is not SetUp.NONE and not (parts.scheme == "https" and parts.netloc):
            raise ValueError("address must begin with https:// if there is a set_up")
        if bool(self.jitsi_secret) != bool(self.jitsi_app_id):
            raise ValueError("jitsi_app_id and jitsi_secret belong together")
        return self

    @property
    def meetings(self) -> Meetings:
        """Return the school's own meetings as the rule takes them."""
        return Meetings(
            self.set_up,
            self.address,
            self.jitsi_app_id,
            self.jitsi_secret,
            int(self.pass_minutes * 60_000),
        )


class ImportSettings(_Section):
    """When an import of the school's lists is held back until the school's name is typed."""

    leave_percent: float = Field(
        default=10,
        ge=0,
        le=100,
        description="More than so many of the pupils, staff or guardians would leave.",
    )
    change_percent: float = Field(
        default=75, ge=0, le=100, description="More than so many of them would change."
    )
    known_percent: float = Field(
        default=30, ge=0, le=100, description="Fewer than so many of the list are known."
    )
    megabytes: int = Field(
        default=10, ge=1, le=100, description="How large a list may be that is sent to the bot."
    )
    wait_hours: float = Field(
        default=24, gt=0, le=168, description="How long such a list waits for a decision, sealed."
    )

    @property
    def percents(self) -> tuple[float, float, float]:
        """Return what the guards take, in the order of `roster.guards.Limits`."""
        return self.leave_percent, self.change_percent, self.known_percent


class LogSettings(_Section):
    """What is logged. Never messages, names, codes or secrets."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO")


class Config(_Section):
    """Everything."""

    homeserver: HomeserverSettings = HomeserverSettings()
    appservice: AppserviceSettings = AppserviceSettings()
    database: DatabaseSettings = DatabaseSettings()
    school: SchoolSettings = SchoolSettings()
    rooms: RoomSettings = RoomSettings()
    sferum: SferumSettings = SferumSettings()
    media: MediaSettings = MediaSettings()
    documents: DocumentSettings = DocumentSettings()
    web: WebSettings = WebSettings()
    mail: MailSettings = MailSettings()
    calls: CallSettings = CallSettings()
    imports: ImportSettings = ImportSettings()
    logging: LogSettings = LogSettings()

    @property
    def bot_mxid(self) -> str:
        """Return the Matrix id of the bot."""
        return f"@{self.appservice.bot}:{self.homeserver.domain}"

    @property
    def document_rules(self) -> Rules:
        """Return what is decided about personal documents, as the rule takes it."""
        of, passing = self.documents, self.media.policies.general
        return Rules(
            roles=frozenset(of.roles),
            files=Policy(of.most_megabytes * MEGABYTE, passing.suffixes),
            quota=of.quota_megabytes * MEGABYTE,
            most=of.most,
            open_for=int(of.open_minutes * 60_000),
            copy_for=int(of.copy_days * 24 * 3600 * 1000),
            archive=passing.most_bytes,
            contacts=self.school.contacts,
        )


def load(path: Path) -> Config:
    """Read settings from a file; secrets nobody made yet are an error. Raises `ConfigError`."""
    settings = check(_read(path) or {}, str(path))
    unmade = [
        f"{name}.{key}"
        for name, section in settings.model_dump().items()
        for key, value in section.items()
        if value == GENERATE
    ]
    if unmade:
        raise ConfigError(
            f"{path} has no secrets yet ({', '.join(unmade)}). "
            f"Make them with: sferum-bridge config --output {path}"
        )
    return settings


def _read(path: Path) -> Any:
    try:
        return _yaml().load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"{path} does not exist. Write one with: sferum-bridge config --output {path}"
        ) from None
    except (OSError, UnicodeDecodeError, YAMLError) as e:
        raise ConfigError(f"{path} cannot be read: {e}") from e


def check(data: Any, where: str) -> Config:
    """Check settings that were read. Raises `ConfigError` naming all that is wrong."""
    try:
        return Config.model_validate(data)
    except ValidationError as e:
        # pydantic's own text would repeat the values, secrets among them.
        wrong = [f"  {'.'.join(map(str, p['loc'])) or 'file'}: {p['msg']}" for p in e.errors()]
        raise ConfigError(
            "\n".join([f"{where} has settings that cannot be used:", *wrong])
        ) from None


def example() -> str:
    """Return the commented example file."""
    return upgrade("")


def upgrade(text: str, *, secret: Any = None) -> str:
    """Return a settings file with every missing setting added, commented, at its default.

    `secret`, if given, makes the value for each setting that still says `generate`.
    """
    yaml = _yaml()
    data = yaml.load(text) if text.strip() else CommentedMap()
    if not isinstance(data, CommentedMap):
        raise ConfigError("The settings file is no list of sections.")
    for name, field in Config.model_fields.items():
        section = field.annotation
        if not (isinstance(section, type) and issubclass(section, BaseModel)):
            continue
        if not isinstance(data.get(name), CommentedMap):
            data[name] = CommentedMap()
            data.yaml_set_comment_before_after_key(name, before=f"\n{section.__doc__}")
        _fill(data[name], section, secret)
    out = io.StringIO()
    yaml.dump(data, out)
    return re.sub(r"^# *$\n", "\n", out.getvalue(), flags=re.MULTILINE).lstrip("\n")


def _fill(values: CommentedMap, section: type[BaseModel], secret: Any) -> None:
    for key, field in section.model_fields.items():
        if key not in values:
            default = field.default
            values[key] = str(default) if isinstance(default, StrEnum) else default
            if field.description:
                values.yaml_set_comment_before_after_key(key, before=field.description, indent=2)
        if secret is not None and values[key] == GENERATE:
            values[key] = secret()


def ensure(path: Path) -> Config:
    """Bring a settings file up to date, with random secrets where it says `generate`; read it.

    The file is replaced in one step and stays readable by its owner only. Raises `ConfigError`.
    """
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if text.strip():
        check(_read(path) or {}, str(path))
    new = upgrade(text, secret=lambda: secrets.token_urlsafe(32))
    if new != text:
        write_private(path, new.encode())
    return load(path)


def write_private(path: Path, content: bytes) -> None:
    """Write a file in one step, readable by its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.????????"):
        # Of a write that was killed; one that goes on elsewhere is younger.
        with suppress(OSError):
            if time.time() - leftover.stat().st_mtime > _ABANDONED_SECONDS:
                leftover.unlink()
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        temporary.touch(mode=0o600)
        with temporary.open("wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def database_url(config: Config, folder: Path) -> str:
    """Return the database's URL; a relative SQLite file lies in `folder`."""
    url, relative = config.database.url, "sqlite:///"
    if url.startswith(relative) and not url.startswith(relative + "/"):
        return f"{relative}{folder.resolve() / url.removeprefix(relative)}"
    return url


def secret_key(path: Path) -> bytes:
    """Return the key of the database's secrets, made at first. Raises `ConfigError`."""
    try:
        if not path.exists():
            write_private(path, secrets.token_hex(32).encode())
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as e:
        raise ConfigError(f"{path} holds no usable key: {type(e).__name__}") from e
    if len(key) < 32:  # noqa: PLR2004 - 256 bits
        raise ConfigError(f"{path} holds a key that is too short; it must have 64 hex digits.")
    return key


def _yaml() -> YAML:
    yaml = YAML()
    yaml.width = 100
    yaml.preserve_quotes = True
    return yaml
