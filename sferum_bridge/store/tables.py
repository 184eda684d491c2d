"""The tables, once, for SQLAlchemy and Alembic alike.

Times are integers: milliseconds since the epoch, UTC. Days are calendar days in the school's zone.
Columns named `sealed` hold ciphertext (see `sealing`); `digest` columns hold keyed hashes.
Empty text stands for "none" where a column is part of a unique key, since NULLs never collide.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite counts rows only in an INTEGER primary key, PostgreSQL wants 64 bits.
Serial = BigInteger().with_variant(Integer, "sqlite")


def _id() -> Column[str]:
    return Column("id", Text, primary_key=True)


def _ref(name: str, target: str, *, nullable: bool = False) -> Column[str]:
    return Column(name, Text, ForeignKey(target), nullable=nullable)


# --- the school -----------------------------------------------------------------------------

schools = Table(
    "schools",
    metadata,
    _id(),
    Column("name", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("language", Text, nullable=False),
    # What the school's rooms should be changes by `wanted`; `applied` follows when they are so.
    Column("wanted", BigInteger, nullable=False, server_default=text("1")),
    Column("applied", BigInteger, nullable=False, server_default=text("0")),
    # Since when nobody is brought into its rooms, by an administrator's wish.
    Column("paused_at", BigInteger),
)

classes = Table(
    "classes",
    metadata,
    _id(),
    _ref("school_id", "schools.id"),
    Column("name", Text, nullable=False),
    Column("year", Text, nullable=False),
    # Of a class that is no more: since when, until when its rooms can be read, and what it was
    # merged into, empty where it has graduated. By id: a class that goes leaves none behind.
    Column("closed_on", Date),
    Column("kept_until", Date),
    Column("successor_id", Text, nullable=False, server_default=""),
    UniqueConstraint("school_id", "name", "year"),
)

# A school year that is to be opened on a day to come (see `store.year`).
year_plans = Table(
    "year_plans",
    metadata,
    Column("school_id", Text, ForeignKey("schools.id"), primary_key=True),
    Column("day", Date, nullable=False),
    Column("actor", Text, nullable=False),
    # What was chosen for it, with the ids of pupils.
    Column("sealed", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
)

people = Table(
    "people",
    metadata,
    _id(),
    Column("family_name", Text, nullable=False),
    Column("given_name", Text, nullable=False),
    Column("middle_name", Text, nullable=False, server_default=""),
    Column("birth_date", Date),
    Column("language", Text, nullable=False, server_default=""),
    Column("created_at", BigInteger, nullable=False),
    # When what was known of somebody was destroyed; the row stays, since records point at it.
    Column("erased_at", BigInteger),
)

# A person stands above schools (S-55); what one school's own system calls them is kept here.
roster_ids = Table(
    "roster_ids",
    metadata,
    Column("school_id", Text, ForeignKey("schools.id"), primary_key=True),
    Column("roster_id", Text, primary_key=True),
    _ref("person_id", "people.id"),
    Index("ix_roster_ids_person_id", "person_id"),
)

contacts = Table(
    "contacts",
    metadata,
    Column("person_id", Text, ForeignKey("people.id"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    CheckConstraint("kind IN ('email', 'phone')", name="kind"),
)

assignments = Table(
    "assignments",
    metadata,
    _id(),
    _ref("school_id", "schools.id"),
    _ref("person_id", "people.id"),
    Column("kind", Text, nullable=False),
    Column("class_id", Text, ForeignKey("classes.id")),
    Column("post", Text, nullable=False, server_default=""),
    Column("subject", Text, nullable=False, server_default=""),
    Column("since", Date),
    Column("until", Date),
    CheckConstraint("kind IN ('enrolment', 'appointment', 'leadership', 'teaching')", name="kind"),
    CheckConstraint("(kind = 'appointment') = (class_id IS NULL)", name="class"),
    Index("ix_assignments_school_id", "school_id"),
    Index("ix_assignments_person_id", "person_id"),
)

expected_parents = Table(
    "expected_parents",
    metadata,
    Column("school_id", Text, ForeignKey("schools.id"), primary_key=True),
    Column("child_id", Text, ForeignKey("people.id"), primary_key=True),
    Column("parent_id", Text, ForeignKey("people.id"), primary_key=True),
    Column("relation", Text, nullable=False, server_default=""),
    Column("access", Boolean, nullable=False),
    # The paper that denies access; never empty where access is denied.
    Column("ground", Text, nullable=False, server_default=""),
)

parent_links = Table(
    "parent_links",
    metadata,
    _id(),
    _ref("child_id", "people.id"),
    _ref("parent_id", "people.id"),
    # A live link holds slot 1 or 2 of its child; an ended one holds none.
    Column("slot", SmallInteger),
    Column("state", Text, nullable=False),
    Column("confirmed_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    # Whose word a pending link waits for: `school`, `child`, or both with a space between.
    Column("waits_for", Text, nullable=False, server_default=""),
    # Whether the roster or somebody of the school vouched for the parent (D-1).
    Column("vouched", Boolean, nullable=False, server_default=false()),
    Column("ended_by", Text, nullable=False, server_default=""),
    # The state it had, for whoever takes the ending back within a day (D-4).
    Column("ended_as", Text, nullable=False, server_default=""),
    CheckConstraint("child_id <> parent_id", name="no_self_parent"),
    CheckConstraint("slot IN (1, 2)", name="two_slots"),
    CheckConstraint("state IN ('pending', 'active', 'ended')", name="state"),
    CheckConstraint("(state = 'ended') = (slot IS NULL)", name="ended_frees_the_slot"),
    Index("uq_parent_links_child_id_slot", "child_id", "slot", unique=True),
    Index(
        "uq_parent_links_child_id_parent_id",
        "child_id",
        "parent_id",
        unique=True,
        sqlite_where=text("slot IS NOT NULL"),
        postgresql_where=text("slot IS NOT NULL"),
    ),
    Index("ix_parent_links_parent_id", "parent_id"),
)

invites = Table(
    "invites",
    metadata,
    _id(),
    _ref("school_id", "schools.id"),
    _ref("child_id", "people.id"),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("issued_by", Text, nullable=False),
    Column("issued_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    # The group by whose right it was issued, empty for the child: it ends with the right.
    Column("issued_as", Text, nullable=False, server_default=""),
    # The one person it is for, whom somebody of the school vouched for; empty for whoever holds it.
    Column("for_person", Text, nullable=False, server_default=""),
    # Who was linked by it first; only the policy `single_use` asks.
    Column("used_by", Text, nullable=False, server_default=""),
    Index("ix_invites_child_id", "child_id"),
)

accounts = Table(
    "accounts",
    metadata,
    Column("mxid", Text, primary_key=True),
    _ref("person_id", "people.id"),
    Column("created_at", BigInteger, nullable=False),
    Index("ix_accounts_person_id", "person_id"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("previous", LargeBinary, nullable=False, unique=True),
    Column("hash", LargeBinary, nullable=False),
    # Whose log it belongs to (I-8); empty for what concerns no school.
    Column("school_id", Text, nullable=False, server_default=""),
    Index("ix_audit_school_id", "school_id", "id"),
    Index("ix_audit_subject", "subject"),
)

# --- people, continued ----------------------------------------------------------------------

# An adult who studies here as well may be a parent of this child all the same (S-49).
overrides = Table(
    "overrides",
    metadata,
    Column("child_id", Text, ForeignKey("people.id"), primary_key=True),
    Column("person_id", Text, ForeignKey("people.id"), primary_key=True),
    Column("granted_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

consents = Table(
    "consents",
    metadata,
    _id(),
    _ref("subject_id", "people.id"),
    _ref("actor_id", "people.id"),
    # Which text was agreed to, as `2`; the texts lie in the locales.
    Column("version", Text, nullable=False),
    Column("given_at", BigInteger, nullable=False),
    Column("withdrawn_at", BigInteger),
    Index("ix_consents_subject_id", "subject_id"),
    Index("ix_consents_actor_id", "actor_id"),
)

# What a person's profile says otherwise than the roster, and what the roster said then (S-37).
corrections = Table(
    "corrections",
    metadata,
    Column("person_id", Text, ForeignKey("people.id"), primary_key=True),
    # A field of `school.corrections`.
    Column("field", Text, primary_key=True),
    # Sealed where it is a contact.
    Column("roster_value", Text, nullable=False),
    Column("corrected_by", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

# What waits for somebody's decision: an application, a correction, a removal (see `store.cases`).
cases = Table(
    "cases",
    metadata,
    _id(),
    _ref("school_id", "schools.id"),
    Column("kind", Text, nullable=False),
    # The person it is about, empty for somebody the school does not know.
    Column("subject_id", Text, nullable=False, server_default=""),
    Column("opened_by", Text, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("sealed", LargeBinary),
    Column("state", Text, nullable=False),
    Column("decided_by", Text, nullable=False, server_default=""),
    Column("decided_at", BigInteger),
    CheckConstraint("state IN ('open', 'approved', 'rejected', 'withdrawn')", name="state"),
    Index("ix_cases_school_id", "school_id", "state"),
    Index("ix_cases_opened_by", "opened_by"),
)

# The way in for a pupil whom the roster names and who has no account (S-32).
pupil_invites = Table(
    "pupil_invites",
    metadata,
    _id(),
    _ref("school_id", "schools.id"),
    _ref("person_id", "people.id"),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("issued_by", Text, nullable=False),
    Column("issued_as", Text, nullable=False),
    Column("issued_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    Column("used_at", BigInteger),
    Index("ix_pupil_invites_person_id", "person_id"),
)

mails = Table(
    "mails",
    metadata,
    # Doubles as the Message-ID, so that a repetition is recognised where mail is read.
    _id(),
    # To whom it is reported when it cannot be delivered, and about whom it is.
    Column("issued_by", Text, nullable=False),
    Column("about_id", Text, nullable=False),
    Column("sealed", LargeBinary),
    Column("queued_at", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False, server_default=text("0")),
    Column("next_at", BigInteger),
    Column("state", Text, nullable=False),
    CheckConstraint("state IN ('waiting', 'sent', 'failed')", name="state"),
    Index("ix_mails_next_at", "next_at"),
)

# Somebody whose data were destroyed: a roster that names them again does not bring them back.
tombstones = Table(
    "tombstones",
    metadata,
    Column("school_id", Text, ForeignKey("schools.id"), primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    Column("person_id", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

# --- changes of many at once -----------------------------------------------------------------

# An import or a step of the school year, which can be undone as a whole (see `store.batches`).
batches = Table(
    "batches",
    metadata,
    _id(),
    _ref("school_id", "schools.id"),
    Column("kind", Text, nullable=False),
    Column("actor", Text, nullable=False),
    # What it is called: the name of a file, say.
    Column("sealed", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("undone_at", BigInteger),
    CheckConstraint("kind IN ('import', 'year')", name="kind"),
    Index("ix_batches_school_id", "school_id", "at"),
    Index("ix_batches_at", "at"),
)

# One row of the school that a batch changed: its key, what it was, what it became.
batch_changes = Table(
    "batch_changes",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("batch_id", Text, ForeignKey("batches.id", ondelete="CASCADE"), nullable=False),
    # Whom it is about, so that it goes when their data do; empty for a class.
    Column("person_id", Text, nullable=False),
    Column("other_id", Text, nullable=False, server_default=""),
    Column("sealed", LargeBinary, nullable=False),
    Index("ix_batch_changes_batch_id", "batch_id"),
    Index("ix_batch_changes_person_id", "person_id"),
    Index("ix_batch_changes_other_id", "other_id"),
)

# A roster that an administrator sent to the bot, until it is applied, dropped or too old.
pending_imports = Table(
    "pending_imports",
    metadata,
    _id(),
    _ref("school_id", "schools.id"),
    Column("mxid", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("ix_pending_imports_mxid", "mxid"),
    Index("ix_pending_imports_at", "at"),
)

# --- rooms ----------------------------------------------------------------------------------

rooms = Table(
    "rooms",
    metadata,
    # The layout's key of the room. A row without a room id is an intent: the creation may or may
    # not have reached the homeserver, and is looked for before it is repeated.
    Column("key", Text, primary_key=True),
    # None for a direct chat of the bot, which stands above schools as people do.
    _ref("school_id", "schools.id", nullable=True),
    Column("kind", Text, nullable=False),
    Column("room_id", Text, unique=True),
    # Last known actual shape, JSON: {"name": ..., "users": {mxid: power}, "children": [...]}
    Column("actual", Text, nullable=False, server_default="{}"),
    # When something happened there that the bridge did not do, and when it last looked (`drifts`).
    Column("stirred_at", BigInteger, nullable=False, server_default=text("0")),
    Column("looked_at", BigInteger, nullable=False, server_default=text("0")),
    Index("ix_rooms_school_id", "school_id"),
)

room_members = Table(
    "room_members",
    metadata,
    Column("room_id", Text, primary_key=True),
    Column("mxid", Text, primary_key=True),
    Column("membership", Text, nullable=False),
    CheckConstraint("membership IN ('invite', 'join')", name="membership"),
)

# Who belongs into a room and stays out of it: by their own wish, or because somebody banned them.
absences = Table(
    "absences",
    metadata,
    Column("room_id", Text, primary_key=True),
    Column("mxid", Text, primary_key=True),
    Column("how", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    CheckConstraint("how IN ('left', 'banned')", name="how"),
    Index("ix_absences_mxid", "mxid"),
)

# What was found in a room that the bridge had not done: repaired, or open until somebody acts.
drifts = Table(
    "drifts",
    metadata,
    Column("id", Serial, primary_key=True),
    _ref("school_id", "schools.id"),
    Column("room_id", Text, nullable=False),
    # A value of `school.drift.Kind`.
    Column("kind", Text, nullable=False),
    # Matrix ids: who did it, and whom it befell; empty where there is nobody.
    Column("actor", Text, nullable=False, server_default=""),
    Column("subject", Text, nullable=False, server_default=""),
    Column("at", BigInteger, nullable=False),
    Column("is_open", Boolean, nullable=False),
    # When the administrators were told.
    Column("told_at", BigInteger),
    Index("ix_drifts_school_id", "school_id", "told_at"),
    Index("ix_drifts_room_id", "room_id", "kind"),
)

# Break-glass: an account that is let into rooms for a while (`school.opening`).
openings = Table(
    "openings",
    metadata,
    _id(),
    _ref("school_id", "schools.id"),
    Column("mxid", Text, nullable=False),
    # Keys of rooms, a JSON list.
    Column("rooms", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Index("ix_openings_ended_at", "ended_at"),
)

# --- the other network ----------------------------------------------------------------------

logins = Table(
    "logins",
    metadata,
    _id(),
    Column("network", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("mxid", Text, nullable=False, server_default=""),
    Column("sealed", LargeBinary, nullable=False),
    Column("cursor", Text, nullable=False, server_default=""),
    Column("expired_at", BigInteger),
    UniqueConstraint("network", "account_id"),
)

# A chat's id is the login's own: another account may know the same chat by another number. So a
# chat is linked through one login, and what is known of its messages belongs to that login.
chats = Table(
    "chats",
    metadata,
    Column("login_id", Text, ForeignKey("logins.id"), primary_key=True),
    Column("chat_id", Text, primary_key=True),
    Column("room_id", Text, nullable=False, unique=True),
    # Whether members without a login of their own are heard through this one.
    Column("relay", Boolean, nullable=False),
    Column("linked_at", BigInteger, nullable=False),
    # The last message that was queued, from which the history is asked for where something was
    # lost; empty until its first messages were taken in.
    Column("seen", Text, nullable=False, server_default=""),
    Column("is_started", Boolean, nullable=False, server_default=false()),
    # The event pinned in the chat; behind it, between spaces, those before that may yet be heard of
    # ("-": none was pinned).
    Column("pinned_event", Text, nullable=False, server_default=""),
)

# By which number another login knows the chat of a room, empty where it was looked for in vain: so
# its owner is heard there through it, and not through the one that linked the chat.
voices = Table(
    "voices",
    metadata,
    Column(
        "room_id",
        Text,
        ForeignKey("chats.room_id", onupdate="CASCADE", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("login_id", Text, ForeignKey("logins.id"), primary_key=True),
    Column("chat_id", Text, nullable=False),
    Column("looked_at", BigInteger, nullable=False),
)

ghosts = Table(
    "ghosts",
    metadata,
    Column("mxid", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("avatar_url", Text, nullable=False, server_default=""),
)

# --- delivery -------------------------------------------------------------------------------

inbox = Table(
    "inbox",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("event_id", Text, nullable=False, unique=True),
    Column("lane", Text, nullable=False),
    Column("sealed", LargeBinary),
    Column("received_at", BigInteger, nullable=False),
    Column("done_at", BigInteger),
    Index(
        "ix_inbox_waiting",
        "lane",
        "id",
        sqlite_where=text("done_at IS NULL"),
        postgresql_where=text("done_at IS NULL"),
    ),
    sqlite_autoincrement=True,
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Serial, primary_key=True),
    # Doubles as the Matrix transaction id, so it is the same after every crash.
    Column("txn_id", Text, nullable=False, unique=True),
    Column("lane", Text, nullable=False),
    Column("sealed", LargeBinary),
    Column("queued_at", BigInteger, nullable=False),
    Column("done_at", BigInteger),
    Index(
        "ix_outbox_waiting",
        "lane",
        "id",
        sqlite_where=text("done_at IS NULL"),
        postgresql_where=text("done_at IS NULL"),
    ),
    sqlite_autoincrement=True,
)

message_map = Table(
    "message_map",
    metadata,
    Column("login_id", Text, ForeignKey("logins.id"), primary_key=True),
    Column("chat_id", Text, primary_key=True),
    Column("message_id", Text, primary_key=True),
    Column("part", SmallInteger, primary_key=True),
    Column("room_id", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("from_matrix", Boolean, nullable=False),
    Column("mapped_at", BigInteger, nullable=False),
    # Who said it here, where it came from the other network.
    Column("sender", Text, nullable=False, server_default=""),
    # What is shown, as a keyed hash, so that an edit that changes nothing is known.
    Column("kind", Text, nullable=False, server_default=""),
    Column("digest", Text, nullable=False, server_default=""),
    Column("edits", Integer, nullable=False, server_default=text("0")),
    Column("is_gone", Boolean, nullable=False, server_default=false()),
    # The login it went out through, where it came from here; empty: by then the linked one.
    Column("through", Text, nullable=False, server_default=""),
    Index("ix_message_map_event_id", "event_id"),
)

# Who has reacted how to a message of the other network, as far as it is shown here. `times` counts
# the reactions of one person to one message, so that each is an event of its own.
reactions = Table(
    "reactions",
    metadata,
    Column("login_id", Text, ForeignKey("logins.id"), primary_key=True),
    Column("chat_id", Text, primary_key=True),
    Column("message_id", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("emoji", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("mxid", Text, nullable=False),
    Column("times", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("ix_reactions_event_id", "event_id"),
)

# What we are about to send to the network, noted before it goes, so that its echo is known even
# when the answer never came.
sending = Table(
    "sending",
    metadata,
    Column("login_id", Text, ForeignKey("logins.id"), primary_key=True),
    Column("chat_id", Text, primary_key=True),
    Column("random_id", Integer, primary_key=True),
    Column("event_id", Text, nullable=False),
    Column("part", SmallInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    # What it says, as in the message map.
    Column("digest", Text, nullable=False, server_default=""),
    # The room whose linked login will hear it as somebody else's, who has no random id of it; empty
    # as soon as it is known which message it became. `is_over`: it was given up before that.
    Column("heard_in", Text, nullable=False, server_default=""),
    Column("is_over", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("event_id", "part"),
    Index(
        "ix_sending_heard_in",
        "heard_in",
        sqlite_where=text("heard_in != ''"),
        postgresql_where=text("heard_in != ''"),
    ),
)

# --- dialogues ------------------------------------------------------------------------------

direct_rooms = Table(
    "direct_rooms",
    metadata,
    Column("room_id", Text, primary_key=True),
    Column("mxid", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("ix_direct_rooms_mxid", "mxid"),
)

dialogues = Table(
    "dialogues",
    metadata,
    Column("mxid", Text, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
)

# A reaction the bot put under its own message, and the command that tapping it gives.
offers = Table(
    "offers",
    metadata,
    Column("event_id", Text, primary_key=True),
    Column("reaction", Text, primary_key=True),
    Column("mxid", Text, nullable=False),
    # Sealed, as base64: it may quote papers or an address (see `dialogues.offered`).
    Column("command", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("ix_offers_mxid", "mxid", "at"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("mxid", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    # What was tried: `code`, `sign-in`, `application`; each is limited for itself.
    Column("kind", Text, nullable=False),
    Index("ix_attempts_mxid", "mxid", "kind", "at"),
)

# --- services --------------------------------------------------------------------------------

# What somebody of the school announces: written once, posted into many rooms (D-7).
announcements = Table(
    "announcements",
    metadata,
    _id(),
    _ref("school_id", "schools.id"),
    _ref("author_id", "people.id"),
    # The message it was written in: what is done to that is done to every post.
    Column("event_id", Text, nullable=False, unique=True),
    # The school room that is in, where it needs no post; empty for a direct chat.
    Column("room_id", Text, nullable=False, server_default=""),
    # JSON of `school.announcements.to_json`; empty while it is being asked for.
    Column("audience", Text, nullable=False, server_default=""),
    Column("sealed", LargeBinary, nullable=False),
    Column("is_urgent", Boolean, nullable=False, server_default=false()),
    Column("state", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    # When quiet hours let it go, and when it went.
    Column("due_at", BigInteger),
    Column("sent_at", BigInteger),
    # How often it was edited, so that each edit of a post is an event of its own.
    Column("edits", Integer, nullable=False, server_default=text("0")),
    CheckConstraint("state IN ('draft', 'held', 'sent', 'withdrawn')", name="state"),
    Index("ix_announcements_author_id", "author_id", "at"),
    Index("ix_announcements_state", "state", "due_at"),
)


def _announcement() -> Column[str]:
    target = ForeignKey("announcements.id", ondelete="CASCADE")
    return Column("announcement_id", Text, target, primary_key=True)


# One announcement in one room.
posts = Table(
    "posts",
    metadata,
    _announcement(),
    Column("room_id", Text, primary_key=True),
    # Empty until the homeserver took it.
    Column("event_id", Text, nullable=False, server_default=""),
    # Whether it may be in the room, be its event noted or not.
    Column("is_begun", Boolean, nullable=False, server_default=false()),
    Column("state", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    CheckConstraint("state IN ('waiting', 'sent', 'refused')", name="state"),
    Index("ix_posts_room_id", "room_id", "at"),
)

# Who has read in a room since a post was there; only counts are ever shown.
readers = Table(
    "readers",
    metadata,
    _announcement(),
    Column("room_id", Text, primary_key=True),
    Column("mxid", Text, primary_key=True),
    Index("ix_readers_mxid", "mxid"),
)

# What somebody asks the school for, or complains of (see `store.tickets`).
tickets = Table(
    "tickets",
    metadata,
    _id(),
    _ref("school_id", "schools.id"),
    Column("kind", Text, nullable=False),
    _ref("opened_by", "people.id"),
    Column("opened_at", BigInteger, nullable=False),
    # Of a report: whose class it is of, and whose message it shows; empty where there is none.
    Column("class_id", Text, nullable=False, server_default=""),
    Column("about", Text, nullable=False, server_default=""),
    Column("sealed", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("taken_by", Text, nullable=False, server_default=""),
    Column("closed_at", BigInteger),
    CheckConstraint("kind IN ('request', 'report')", name="kind"),
    CheckConstraint("state IN ('open', 'taken', 'closed')", name="state"),
    Index("ix_tickets_school_id", "school_id", "state"),
    Index("ix_tickets_opened_by", "opened_by"),
    Index("ix_tickets_about", "about"),
)

# A group call in a room; who came by its link is known only while it goes on (see `store.calls`).
calls = Table(
    "calls",
    metadata,
    _id(),
    _ref("school_id", "schools.id"),
    Column("room_id", Text, nullable=False),
    _ref("caller_id", "people.id"),
    Column("network", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    CheckConstraint("network IN ('own', 'sferum')", name="network"),
    Index(
        "uq_calls_going_on",
        "room_id",
        unique=True,
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
    Index("ix_calls_caller_id", "caller_id"),
    Index("ix_calls_ended_at", "ended_at"),
)

call_guests = Table(
    "call_guests",
    metadata,
    Column("call_id", Text, ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True),
    Column("mxid", Text, primary_key=True),
    Index("ix_call_guests_mxid", "mxid"),
)

# What an announcement invites to watch; its addresses are sealed.
broadcasts = Table(
    "broadcasts",
    metadata,
    _announcement(),
    Column("sealed", LargeBinary, nullable=False),
    Column("begun_at", BigInteger),
    Column("ended_at", BigInteger),
    Index("ix_broadcasts_begun_at", "begun_at"),
)

# A message of a materials room, as it is listed (see `store.materials`).
materials = Table(
    "materials",
    metadata,
    _id(),
    _ref("school_id", "schools.id"),
    _ref("class_id", "classes.id"),
    # Who wrote it; empty for a ghost. Its account is what an edit must come from.
    Column("author_id", Text, nullable=False, server_default=""),
    Column("sender", Text, nullable=False),
    # The message it was written in, and that which stands in the materials room: the same one, or
    # the bot's copy, of which it is empty until the homeserver took it.
    Column("source", Text, nullable=False, unique=True),
    Column("room_id", Text, nullable=False),
    Column("event_id", Text, nullable=False, server_default=""),
    Column("state", Text, nullable=False),
    # Whether a copy may be in the room, be its event noted or not.
    Column("is_begun", Boolean, nullable=False, server_default=false()),
    Column("edits", Integer, nullable=False, server_default=text("0")),
    Column("sealed", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
    CheckConstraint("state IN ('waiting', 'shown', 'gone')", name="state"),
    Index("ix_materials_class_id", "class_id", "at"),
    Index("ix_materials_event_id", "event_id"),
    Index("ix_materials_author_id", "author_id"),
)

# --- personal documents ----------------------------------------------------------------------

# Everybody's own key, sealed with the bridge's: with this row all their documents are gone (S-40).
document_keys = Table(
    "document_keys",
    metadata,
    Column("person_id", Text, ForeignKey("people.id"), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)

# A document; its bytes are a file of `store.blobs` under the same id.
documents = Table(
    "documents",
    metadata,
    _id(),
    Column("person_id", Text, ForeignKey("document_keys.person_id"), nullable=False),
    # Name, type and the key of its bytes, sealed with the person's key and not the bridge's.
    Column("sealed", LargeBinary, nullable=False),
    # What it takes of the quota: its size in bytes, as it was declared until it is kept.
    Column("size", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    CheckConstraint("state IN ('coming', 'kept')", name="state"),
    Index("ix_documents_person_id", "person_id", "at"),
)

# A readable file of a document at the homeserver, until it is taken away: what somebody sent, what
# they got back, a copy they passed on. It stands here before there is such a file.
open_files = Table(
    "open_files",
    metadata,
    Column("media", Text, primary_key=True),
    # The message that shows it; empty until there is one.
    Column("event_id", Text, primary_key=True, server_default=""),
    Column("room_id", Text, nullable=False, server_default=""),
    _ref("person_id", "people.id"),
    # Whose message that is; empty for the bot's.
    Column("mxid", Text, nullable=False, server_default=""),
    # Put up earlier than this the file was not for that message, and stays.
    Column("since", BigInteger, nullable=False),
    # When it is to be taken away.
    Column("due_at", BigInteger, nullable=False),
    Index("ix_open_files_due_at", "due_at"),
    Index("ix_open_files_person_id", "person_id"),
)

bridge_state = Table(
    "bridge_state",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
