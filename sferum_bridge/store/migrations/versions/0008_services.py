"""Announcements with their posts and readers; requests to the school and reports of messages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def _text(name: str, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, server_default=default)


def _time(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _ref(table: str, name: str, target: str, *, cascade: bool = False) -> sa.ForeignKeyConstraint:
    gone = "CASCADE" if cascade else None
    return sa.ForeignKeyConstraint([name], [target], name=f"fk_{table}_{name}", ondelete=gone)


def _one_of(table: str, name: str, values: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(f"{name} IN ({values})", name=op.f(f"ck_{table}_{name}"))


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "announcements",
        *(_text(name) for name in ("id", "school_id", "author_id", "event_id")),
        *(_text(name, "") for name in ("room_id", "audience")),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("is_urgent", sa.Boolean(), nullable=False, server_default=sa.false()),
        _text("state"),
        _time("at"),
        *(_time(name, nullable=True) for name in ("due_at", "sent_at")),
        sa.Column("edits", sa.Integer(), nullable=False, server_default=sa.text("0")),
        _one_of("announcements", "state", "'draft', 'held', 'sent', 'withdrawn'"),
        _ref("announcements", "school_id", "schools.id"),
        _ref("announcements", "author_id", "people.id"),
        sa.PrimaryKeyConstraint("id", name="pk_announcements"),
        sa.UniqueConstraint("event_id", name="uq_announcements_event_id"),
    )
    op.create_index("ix_announcements_author_id", "announcements", ["author_id", "at"])
    op.create_index("ix_announcements_state", "announcements", ["state", "due_at"])
    op.create_table(
        "posts",
        *(_text(name) for name in ("announcement_id", "room_id")),
        _text("event_id", ""),
        sa.Column("is_begun", sa.Boolean(), nullable=False, server_default=sa.false()),
        _text("state"),
        _time("at"),
        _one_of("posts", "state", "'waiting', 'sent', 'refused'"),
        _ref("posts", "announcement_id", "announcements.id", cascade=True),
        sa.PrimaryKeyConstraint("announcement_id", "room_id", name="pk_posts"),
    )
    op.create_index("ix_posts_room_id", "posts", ["room_id", "at"])
    op.create_table(
        "readers",
        *(_text(name) for name in ("announcement_id", "room_id", "mxid")),
        _ref("readers", "announcement_id", "announcements.id", cascade=True),
        sa.PrimaryKeyConstraint("announcement_id", "room_id", "mxid", name="pk_readers"),
    )
    op.create_index("ix_readers_mxid", "readers", ["mxid"])
    op.create_table(
        "tickets",
        *(_text(name) for name in ("id", "school_id", "kind", "opened_by")),
        _time("opened_at"),
        *(_text(name, "") for name in ("class_id", "about")),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        _text("state"),
        _text("taken_by", ""),
        _time("closed_at", nullable=True),
        _one_of("tickets", "kind", "'request', 'report'"),
        _one_of("tickets", "state", "'open', 'taken', 'closed'"),
        _ref("tickets", "school_id", "schools.id"),
        _ref("tickets", "opened_by", "people.id"),
        sa.PrimaryKeyConstraint("id", name="pk_tickets"),
    )
    op.create_index("ix_tickets_school_id", "tickets", ["school_id", "state"])
    op.create_index("ix_tickets_opened_by", "tickets", ["opened_by"])
    op.create_index("ix_tickets_about", "tickets", ["about"])


def downgrade() -> None:
    """Take them away again."""
    for name in ("tickets", "readers", "posts", "announcements"):
        op.drop_table(name)
