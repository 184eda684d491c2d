"""Personal documents: everybody's key, what is kept, and what lies readable at the homeserver."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def _text(name: str, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, server_default=default)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _sealed() -> sa.Column[bytes]:
    return sa.Column("sealed", sa.LargeBinary(), nullable=False)


def _person(table: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["person_id"], [target], name=f"fk_{table}_person_id")


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "document_keys",
        _text("person_id"),
        _sealed(),
        _person("document_keys", "people.id"),
        sa.PrimaryKeyConstraint("person_id", name="pk_document_keys"),
    )
    op.create_table(
        "documents",
        *(_text(name) for name in ("id", "person_id")),
        _sealed(),
        _number("size"),
        _text("state"),
        _number("at"),
        sa.CheckConstraint("state IN ('coming', 'kept')", name=op.f("ck_documents_state")),
        _person("documents", "document_keys.person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_documents"),
    )
    op.create_index("ix_documents_person_id", "documents", ["person_id", "at"])
    op.create_table(
        "open_files",
        *(_text(name) for name in ("media", "person_id")),
        *(_text(name, "") for name in ("event_id", "room_id", "mxid")),
        *(_number(name) for name in ("since", "due_at")),
        _person("open_files", "people.id"),
        sa.PrimaryKeyConstraint("media", "event_id", name="pk_open_files"),
    )
    op.create_index("ix_open_files_due_at", "open_files", ["due_at"])
    op.create_index("ix_open_files_person_id", "open_files", ["person_id"])


def downgrade() -> None:
    """Take them away again; the bytes on the disk are noise without these keys."""
    for name in ("open_files", "documents", "document_keys"):
        op.drop_table(name)
