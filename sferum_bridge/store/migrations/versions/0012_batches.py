"""Imports and steps of the school year, to be undone; rosters that wait for a word."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def _text(name: str, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, server_default=default)


def _sealed() -> sa.Column[bytes]:
    return sa.Column("sealed", sa.LargeBinary(), nullable=False)


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "batches",
        *(_text(name) for name in ("id", "school_id", "kind", "actor")),
        _sealed(),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("undone_at", sa.BigInteger()),
        sa.CheckConstraint("kind IN ('import', 'year')", name=op.f("ck_batches_kind")),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_batches_school_id"),
        sa.PrimaryKeyConstraint("id", name="pk_batches"),
    )
    op.create_index("ix_batches_school_id", "batches", ["school_id", "at"])
    op.create_index("ix_batches_at", "batches", ["at"])
    serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "batch_changes",
        sa.Column("id", serial, nullable=False),
        *(_text(name) for name in ("batch_id", "person_id")),
        _text("other_id", ""),
        _sealed(),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["batches.id"], name="fk_batch_changes_batch_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_batch_changes"),
    )
    for column in ("batch_id", "person_id", "other_id"):
        op.create_index(f"ix_batch_changes_{column}", "batch_changes", [column])
    op.create_table(
        "pending_imports",
        *(_text(name) for name in ("id", "school_id", "mxid")),
        _sealed(),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_pending_imports_school_id"),
        sa.PrimaryKeyConstraint("id", name="pk_pending_imports"),
    )
    op.create_index("ix_pending_imports_mxid", "pending_imports", ["mxid"])
    op.create_index("ix_pending_imports_at", "pending_imports", ["at"])


def downgrade() -> None:
    """Take them away again: nothing can be undone then."""
    for name in ("pending_imports", "batch_changes", "batches"):
        op.drop_table(name)
