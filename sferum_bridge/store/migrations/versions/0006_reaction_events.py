"""Reactions are found by the event that shows them: one that is taken back names nothing else."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index."""
    op.create_index("ix_reactions_event_id", "reactions", ["event_id"])


def downgrade() -> None:
    """Take it away again."""
    op.drop_index("ix_reactions_event_id", "reactions")
