"""Group calls with who came, and broadcasts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _time(name: str, *, nullable: bool = True) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _sealed() -> sa.Column[bytes]:
    return sa.Column("sealed", sa.LargeBinary(), nullable=False)


def _ref(table: str, name: str, target: str, *, cascade: bool = False) -> sa.ForeignKeyConstraint:
    gone = "CASCADE" if cascade else None
    return sa.ForeignKeyConstraint([name], [target], name=f"fk_{table}_{name}", ondelete=gone)


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "calls",
        *(_text(name) for name in ("id", "school_id", "room_id", "caller_id", "network")),
        _sealed(),
        _time("started_at", nullable=False),
        _time("ended_at"),
        sa.CheckConstraint("network IN ('own', 'sferum')", name=op.f("ck_calls_network")),
        _ref("calls", "school_id", "schools.id"),
        _ref("calls", "caller_id", "people.id"),
        sa.PrimaryKeyConstraint("id", name="pk_calls"),
    )
    still = sa.text("ended_at IS NULL")
    op.create_index(
        "uq_calls_going_on",
        "calls",
        ["room_id"],
        unique=True,
        sqlite_where=still,
        postgresql_where=still,
    )
    op.create_index("ix_calls_caller_id", "calls", ["caller_id"])
    op.create_index("ix_calls_ended_at", "calls", ["ended_at"])
    op.create_table(
        "call_guests",
        *(_text(name) for name in ("call_id", "mxid")),
        _ref("call_guests", "call_id", "calls.id", cascade=True),
        sa.PrimaryKeyConstraint("call_id", "mxid", name="pk_call_guests"),
    )
    op.create_index("ix_call_guests_mxid", "call_guests", ["mxid"])
    op.create_table(
        "broadcasts",
        _text("announcement_id"),
        _sealed(),
        _time("begun_at"),
        _time("ended_at"),
        _ref("broadcasts", "announcement_id", "announcements.id", cascade=True),
        sa.PrimaryKeyConstraint("announcement_id", name="pk_broadcasts"),
    )
    op.create_index("ix_broadcasts_begun_at", "broadcasts", ["begun_at"])


def downgrade() -> None:
    """Take them away again."""
    for name in ("broadcasts", "call_guests", "calls"):
        op.drop_table(name)
