"""The school year: classes that are no more, and the opening of a year on a day to come."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns of closed classes, and the table."""
    op.add_column("classes", sa.Column("closed_on", sa.Date()))
    op.add_column("classes", sa.Column("kept_until", sa.Date()))
    successor = sa.Column("successor_id", sa.Text(), nullable=False, server_default="")
    op.add_column("classes", successor)
    op.create_table(
        "year_plans",
        sa.Column("school_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_year_plans_school_id"),
        sa.PrimaryKeyConstraint("school_id", name="pk_year_plans"),
    )


def downgrade() -> None:
    """Take them away again: closed classes are classes, and nothing is planned."""
    op.drop_table("year_plans")
    for name in ("successor_id", "kept_until", "closed_on"):
        op.drop_column("classes", name)
