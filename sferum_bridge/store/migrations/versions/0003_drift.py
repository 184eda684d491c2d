"""Rooms that drift: when they were looked at, who stays out of them, what was found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# SQLite counts rows only in an INTEGER primary key, PostgreSQL wants 64 bits.
_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add the tables and columns."""
    for name in ("stirred_at", "looked_at"):
        op.add_column(
            "rooms", sa.Column(name, sa.BigInteger(), nullable=False, server_default=sa.text("0"))
        )
    op.create_table(
        "absences",
        sa.Column("room_id", sa.Text(), nullable=False),
        sa.Column("mxid", sa.Text(), nullable=False),
        sa.Column("how", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("how IN ('left', 'banned')", name=op.f("ck_absences_how")),
        sa.PrimaryKeyConstraint("room_id", "mxid", name="pk_absences"),
    )
    op.create_index("ix_absences_mxid", "absences", ["mxid"])
    op.create_table(
        "drifts",
        sa.Column("id", _SERIAL, nullable=False),
        sa.Column("school_id", sa.Text(), nullable=False),
        sa.Column("room_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False, server_default=""),
        sa.Column("subject", sa.Text(), nullable=False, server_default=""),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_drifts_school_id"),
        sa.PrimaryKeyConstraint("id", name="pk_drifts"),
    )
    op.create_index("ix_drifts_school_id", "drifts", ["school_id", "told_at"])
    op.create_index("ix_drifts_room_id", "drifts", ["room_id", "kind"])


def downgrade() -> None:
    """Take them away again."""
    op.drop_table("drifts")
    op.drop_table("absences")
    for name in ("looked_at", "stirred_at"):
        op.drop_column("rooms", name)
