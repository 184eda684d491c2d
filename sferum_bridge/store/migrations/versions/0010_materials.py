"""Lesson materials, as they are listed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def _text(name: str, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, server_default=default)


def _ref(name: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([name], [target], name=f"fk_materials_{name}")


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "materials",
        *(_text(name) for name in ("id", "school_id", "class_id")),
        _text("author_id", ""),
        *(_text(name) for name in ("sender", "source", "room_id")),
        _text("event_id", ""),
        _text("state"),
        sa.Column("is_begun", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("edits", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "state IN ('waiting', 'shown', 'gone')", name=op.f("ck_materials_state")
        ),
        _ref("school_id", "schools.id"),
        _ref("class_id", "classes.id"),
        sa.PrimaryKeyConstraint("id", name="pk_materials"),
        sa.UniqueConstraint("source", name="uq_materials_source"),
    )
    op.create_index("ix_materials_class_id", "materials", ["class_id", "at"])
    op.create_index("ix_materials_event_id", "materials", ["event_id"])
    op.create_index("ix_materials_author_id", "materials", ["author_id"])


def downgrade() -> None:
    """Take it away again."""
    op.drop_table("materials")
