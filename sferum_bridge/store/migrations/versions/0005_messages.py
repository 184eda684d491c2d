"""Every kind of message: what is shown of each, who has reacted, how far a chat was taken in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def _text(name: str, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, server_default=default)


def upgrade() -> None:
    """Add the table and columns."""
    op.add_column("chats", _text("seen", ""))
    op.add_column(
        "chats", sa.Column("is_started", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("chats", _text("pinned_event", ""))
    for name in ("sender", "kind", "digest"):
        op.add_column("message_map", _text(name, ""))
    op.add_column(
        "message_map", sa.Column("edits", sa.Integer(), nullable=False, server_default=sa.text("0"))
    )
    op.add_column(
        "message_map",
        sa.Column("is_gone", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_table(
        "reactions",
        *(_text(name) for name in ("login_id", "chat_id", "message_id", "user_id")),
        *(_text(name) for name in ("emoji", "event_id", "mxid")),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["login_id"], ["logins.id"], name="fk_reactions_login_id"),
        sa.PrimaryKeyConstraint(
            "login_id", "chat_id", "message_id", "user_id", name="pk_reactions"
        ),
    )


def downgrade() -> None:
    """Take them away again."""
    op.drop_table("reactions")
    for name in ("is_gone", "edits", "digest", "kind", "sender"):
        op.drop_column("message_map", name)
    for name in ("pinned_event", "is_started", "seen"):
        op.drop_column("chats", name)
