"""The first tables.

Every name is given in full, as the naming convention of `store.tables` makes it, so that a later
revision can drop a constraint by its name on both databases.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# SQLite counts rows only in an INTEGER primary key, PostgreSQL wants 64 bits.
_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")

# Each table after those it refers to.
_TABLES = (
    *("schools", "classes", "people", "roster_ids", "contacts", "assignments"),
    *("expected_parents", "parent_links", "invites", "accounts", "audit"),
    *("rooms", "room_members"),
    *("logins", "chats", "ghosts", "inbox", "outbox", "message_map", "sending"),
    *("direct_rooms", "dialogues", "offers", "attempts", "bridge_state"),
)


def upgrade() -> None:
    """Make the tables."""
    _school()
    _contacts_and_assignments()
    _kin()
    _invites_accounts_audit()
    _rooms()
    _network()
    _queues()
    _messages()
    _dialogues()


def downgrade() -> None:
    """Drop them, with everything in them."""
    for table in reversed(_TABLES):
        op.drop_table(table)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _maybe_empty(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, server_default="")


def _time(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _bytes(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(), nullable=False)


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=op.f(f"pk_{table}"))


def _unique(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=op.f(f"uq_{table}_{'_'.join(columns)}"))


def _check(table: str, name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"))


def _index(table: str, *columns: str) -> None:
    op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns))


def _school() -> None:
    op.create_table(
        "schools",
        _text("id"),
        _text("name"),
        _text("timezone"),
        _text("language"),
        sa.Column("wanted", sa.BigInteger(), nullable=False, server_default=sa.text("1")),
        sa.Column("applied", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
        _key("schools", "id"),
    )
    op.create_table(
        "classes",
        _text("id"),
        _text("school_id"),
        _text("name"),
        _text("year"),
        _key("classes", "id"),
        _refers("classes", "school_id", "schools.id"),
        _unique("classes", "school_id", "name", "year"),
    )
    op.create_table(
        "people",
        _text("id"),
        _text("family_name"),
        _text("given_name"),
        _maybe_empty("middle_name"),
        sa.Column("birth_date", sa.Date()),
        _maybe_empty("language"),
        _time("created_at"),
        _key("people", "id"),
    )
    op.create_table(
        "roster_ids",
        _text("school_id"),
        _text("roster_id"),
        _text("person_id"),
        _key("roster_ids", "school_id", "roster_id"),
        _refers("roster_ids", "school_id", "schools.id"),
        _refers("roster_ids", "person_id", "people.id"),
    )
    _index("roster_ids", "person_id")


def _contacts_and_assignments() -> None:
    op.create_table(
        "contacts",
        _text("person_id"),
        _text("kind"),
        _bytes("digest"),
        _bytes("sealed"),
        _key("contacts", "person_id", "kind", "digest"),
        _refers("contacts", "person_id", "people.id"),
        _check("contacts", "kind", "kind IN ('email', 'phone')"),
    )
    op.create_table(
        "assignments",
        _text("id"),
        _text("school_id"),
        _text("person_id"),
        _text("kind"),
        sa.Column("class_id", sa.Text()),
        _maybe_empty("post"),
        _maybe_empty("subject"),
        sa.Column("since", sa.Date()),
        sa.Column("until", sa.Date()),
        _key("assignments", "id"),
        _refers("assignments", "school_id", "schools.id"),
        _refers("assignments", "person_id", "people.id"),
        _refers("assignments", "class_id", "classes.id"),
        _check(
            "assignments",
            "kind",
            "kind IN ('enrolment', 'appointment', 'leadership', 'teaching')",
        ),
        _check("assignments", "class", "(kind = 'appointment') = (class_id IS NULL)"),
    )
    _index("assignments", "school_id")
    _index("assignments", "person_id")


def _kin() -> None:
    op.create_table(
        "expected_parents",
        _text("school_id"),
        _text("child_id"),
        _text("parent_id"),
        _maybe_empty("relation"),
        sa.Column("access", sa.Boolean(), nullable=False),
        _maybe_empty("ground"),
        _key("expected_parents", "school_id", "child_id", "parent_id"),
        _refers("expected_parents", "school_id", "schools.id"),
        _refers("expected_parents", "child_id", "people.id"),
        _refers("expected_parents", "parent_id", "people.id"),
    )
    op.create_table(
        "parent_links",
        _text("id"),
        _text("child_id"),
        _text("parent_id"),
        sa.Column("slot", sa.SmallInteger()),
        _text("state"),
        _time("confirmed_at"),
        sa.Column("ended_at", sa.BigInteger()),
        _key("parent_links", "id"),
        _refers("parent_links", "child_id", "people.id"),
        _refers("parent_links", "parent_id", "people.id"),
        _check("parent_links", "no_self_parent", "child_id <> parent_id"),
        _check("parent_links", "two_slots", "slot IN (1, 2)"),
        _check("parent_links", "state", "state IN ('pending', 'active', 'ended')"),
        _check("parent_links", "ended_frees_the_slot", "(state = 'ended') = (slot IS NULL)"),
    )
    op.create_index(
        op.f("uq_parent_links_child_id_slot"), "parent_links", ["child_id", "slot"], unique=True
    )
    op.create_index(
        op.f("uq_parent_links_child_id_parent_id"),
        "parent_links",
        ["child_id", "parent_id"],
        unique=True,
        sqlite_where=sa.text("slot IS NOT NULL"),
        postgresql_where=sa.text("slot IS NOT NULL"),
    )
    _index("parent_links", "parent_id")


def _invites_accounts_audit() -> None:
    op.create_table(
        "invites",
        _text("id"),
        _text("school_id"),
        _text("child_id"),
        _bytes("digest"),
        _text("issued_by"),
        _time("issued_at"),
        _time("expires_at"),
        sa.Column("revoked_at", sa.BigInteger()),
        _key("invites", "id"),
        _refers("invites", "school_id", "schools.id"),
        _refers("invites", "child_id", "people.id"),
        _unique("invites", "digest"),
    )
    _index("invites", "child_id")
    op.create_table(
        "accounts",
        _text("mxid"),
        _text("person_id"),
        _time("created_at"),
        _key("accounts", "mxid"),
        _refers("accounts", "person_id", "people.id"),
    )
    _index("accounts", "person_id")
    op.create_table(
        "audit",
        sa.Column("id", _SERIAL, nullable=False),
        _time("at"),
        _text("actor"),
        _text("action"),
        _text("subject"),
        _maybe_empty("reason"),
        _bytes("previous"),
        _bytes("hash"),
        _key("audit", "id"),
        _unique("audit", "previous"),
    )


def _rooms() -> None:
    op.create_table(
        "rooms",
        _text("key"),
        sa.Column("school_id", sa.Text()),
        _text("kind"),
        sa.Column("room_id", sa.Text()),
        sa.Column("actual", sa.Text(), nullable=False, server_default="{}"),
        _key("rooms", "key"),
        _refers("rooms", "school_id", "schools.id"),
        _unique("rooms", "room_id"),
    )
    _index("rooms", "school_id")
    op.create_table(
        "room_members",
        _text("room_id"),
        _text("mxid"),
        _text("membership"),
        _key("room_members", "room_id", "mxid"),
        _check("room_members", "membership", "membership IN ('invite', 'join')"),
    )


def _network() -> None:
    op.create_table(
        "logins",
        _text("id"),
        _text("network"),
        _text("account_id"),
        _text("name"),
        _maybe_empty("mxid"),
        _bytes("sealed"),
        _maybe_empty("cursor"),
        sa.Column("expired_at", sa.BigInteger()),
        _key("logins", "id"),
        _unique("logins", "network", "account_id"),
    )
    op.create_table(
        "chats",
        _text("login_id"),
        _text("chat_id"),
        _text("room_id"),
        sa.Column("relay", sa.Boolean(), nullable=False),
        _time("linked_at"),
        _key("chats", "login_id", "chat_id"),
        _refers("chats", "login_id", "logins.id"),
        _unique("chats", "room_id"),
    )
    op.create_table(
        "ghosts",
        _text("mxid"),
        _text("name"),
        _maybe_empty("avatar_url"),
        _key("ghosts", "mxid"),
    )


def _queues() -> None:
    for table, name, since in (
        ("inbox", "event_id", "received_at"),
        ("outbox", "txn_id", "queued_at"),
    ):
        op.create_table(
            table,
            sa.Column("id", _SERIAL, nullable=False),
            _text(name),
            _text("lane"),
            sa.Column("sealed", sa.LargeBinary()),
            _time(since),
            sa.Column("done_at", sa.BigInteger()),
            _key(table, "id"),
            _unique(table, name),
            sqlite_autoincrement=True,
        )
        op.create_index(
            op.f(f"ix_{table}_waiting"),
            table,
            ["lane", "id"],
            sqlite_where=sa.text("done_at IS NULL"),
            postgresql_where=sa.text("done_at IS NULL"),
        )


def _messages() -> None:
    op.create_table(
        "message_map",
        _text("login_id"),
        _text("chat_id"),
        _text("message_id"),
        sa.Column("part", sa.SmallInteger(), nullable=False),
        _text("room_id"),
        _text("event_id"),
        sa.Column("from_matrix", sa.Boolean(), nullable=False),
        _time("mapped_at"),
        _key("message_map", "login_id", "chat_id", "message_id", "part"),
        _refers("message_map", "login_id", "logins.id"),
    )
    _index("message_map", "event_id")
    op.create_table(
        "sending",
        _text("login_id"),
        _text("chat_id"),
        sa.Column("random_id", sa.Integer(), nullable=False),
        _text("event_id"),
        sa.Column("part", sa.SmallInteger(), nullable=False),
        _time("at"),
        _key("sending", "login_id", "chat_id", "random_id"),
        _refers("sending", "login_id", "logins.id"),
        _unique("sending", "event_id", "part"),
    )


def _dialogues() -> None:
    op.create_table(
        "direct_rooms",
        _text("room_id"),
        _text("mxid"),
        _time("at"),
        _key("direct_rooms", "room_id"),
    )
    _index("direct_rooms", "mxid")
    op.create_table(
        "dialogues",
        _text("mxid"),
        _bytes("sealed"),
        _time("opened_at"),
        _key("dialogues", "mxid"),
    )
    op.create_table(
        "offers",
        _text("event_id"),
        _text("reaction"),
        _text("mxid"),
        _text("command"),
        _time("at"),
        _key("offers", "event_id", "reaction"),
    )
    op.create_table("attempts", _text("mxid"), _time("at"), _key("attempts", "mxid", "at"))
    op.create_table("bridge_state", _text("key"), _text("value"), _key("bridge_state", "key"))
