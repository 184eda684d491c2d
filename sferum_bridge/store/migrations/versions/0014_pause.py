"""Since when the making of a school's rooms rests."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("schools", sa.Column("paused_at", sa.BigInteger()))


def downgrade() -> None:
    """Take it away again: every school's rooms are made."""
    op.drop_column("schools", "paused_at")
