"""Who logged in is heard in a linked chat through their own account, whoever linked it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def _text(name: str, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, server_default=default)


def upgrade() -> None:
    """Add the table and columns."""
    op.create_table(
        "voices",
        *(_text(name) for name in ("room_id", "login_id", "chat_id")),
        sa.Column("looked_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["room_id"],
            ["chats.room_id"],
            name="fk_voices_room_id",
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["login_id"], ["logins.id"], name="fk_voices_login_id"),
        sa.PrimaryKeyConstraint("room_id", "login_id", name="pk_voices"),
    )
    op.add_column("message_map", _text("through", ""))
    op.add_column("sending", _text("digest", ""))
    op.add_column("sending", _text("heard_in", ""))
    op.add_column(
        "sending", sa.Column("is_over", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_index(
        "ix_sending_heard_in",
        "sending",
        ["heard_in"],
        sqlite_where=sa.text("heard_in != ''"),
        postgresql_where=sa.text("heard_in != ''"),
    )


def downgrade() -> None:
    """Take them away again."""
    op.drop_index("ix_sending_heard_in", "sending")
    for name in ("is_over", "heard_in", "digest"):
        op.drop_column("sending", name)
    op.drop_column("message_map", "through")
    op.drop_table("voices")
