"""People: consents, corrections, what waits for a decision, pupils' invites, mail, tombstones."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# SQLite counts rows only in an INTEGER primary key, PostgreSQL wants 64 bits.
_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")

_NEW_TABLES = (
    *("overrides", "consents", "corrections", "cases", "pupil_invites", "mails", "tombstones"),
)
_NEW_COLUMNS = {
    "people": ("erased_at",),
    "parent_links": ("waits_for", "vouched", "ended_by", "ended_as"),
    "invites": ("issued_as", "for_person", "used_by"),
    "audit": ("school_id",),
}


def upgrade() -> None:
    """Add the tables and columns."""
    _columns()
    _decisions()
    _ways_in()
    _attempts(
        sa.Column("id", _SERIAL, nullable=False),
        _text("mxid"),
        _time("at"),
        _text("kind"),
        sa.PrimaryKeyConstraint("id", name="pk_attempts"),
    )
    op.create_index("ix_attempts_mxid", "attempts", ["mxid", "kind", "at"])
    op.create_index("ix_offers_mxid", "offers", ["mxid", "at"])


def downgrade() -> None:
    """Take them away again."""
    _attempts(
        _text("mxid"),
        _time("at"),
        sa.PrimaryKeyConstraint("mxid", "at", name="pk_attempts"),
    )
    for table in reversed(_NEW_TABLES):
        op.drop_table(table)
    op.drop_index("ix_offers_mxid", "offers")
    op.drop_index("ix_audit_subject", "audit")
    op.drop_index("ix_audit_school_id", "audit")
    for table, columns in _NEW_COLUMNS.items():
        for column in columns:
            op.drop_column(table, column)


def _columns() -> None:
    op.add_column("people", _time("erased_at", nullable=True))
    op.add_column("parent_links", _default("waits_for"))
    # Who has the rooms already was let in by the roster or by the school.
    op.add_column(
        "parent_links",
        sa.Column("vouched", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.execute("UPDATE parent_links SET vouched = true WHERE state = 'active'")
    op.execute("UPDATE parent_links SET waits_for = 'school' WHERE state = 'pending'")
    op.add_column("parent_links", _default("ended_by"))
    op.add_column("parent_links", _default("ended_as"))
    op.add_column("invites", _default("issued_as"))
    op.add_column("invites", _default("for_person"))
    op.add_column("invites", _default("used_by"))
    op.add_column("audit", _default("school_id"))
    op.create_index("ix_audit_school_id", "audit", ["school_id", "id"])
    op.create_index("ix_audit_subject", "audit", ["subject"])


def _decisions() -> None:
    op.create_table(
        "overrides",
        _text("child_id"),
        _text("person_id"),
        _text("granted_by"),
        _text("reason"),
        _time("at"),
        _key("overrides", "child_id", "person_id"),
        _refers("overrides", "child_id", "people"),
        _refers("overrides", "person_id", "people"),
    )
    op.create_table(
        "consents",
        _text("id"),
        _text("subject_id"),
        _text("actor_id"),
        _text("version"),
        _time("given_at"),
        _time("withdrawn_at", nullable=True),
        _key("consents", "id"),
        _refers("consents", "subject_id", "people"),
        _refers("consents", "actor_id", "people"),
    )
    op.create_index("ix_consents_subject_id", "consents", ["subject_id"])
    op.create_index("ix_consents_actor_id", "consents", ["actor_id"])
    op.create_table(
        "corrections",
        _text("person_id"),
        _text("field"),
        _text("roster_value"),
        _text("corrected_by"),
        _time("at"),
        _key("corrections", "person_id", "field"),
        _refers("corrections", "person_id", "people"),
    )
    op.create_table(
        "cases",
        _text("id"),
        _text("school_id"),
        _text("kind"),
        _default("subject_id"),
        _text("opened_by"),
        _time("opened_at"),
        sa.Column("sealed", sa.LargeBinary()),
        _text("state"),
        _default("decided_by"),
        _time("decided_at", nullable=True),
        _key("cases", "id"),
        _refers("cases", "school_id", "schools"),
        sa.CheckConstraint(
            "state IN ('open', 'approved', 'rejected', 'withdrawn')", name=op.f("ck_cases_state")
        ),
    )
    op.create_index("ix_cases_school_id", "cases", ["school_id", "state"])
    op.create_index("ix_cases_opened_by", "cases", ["opened_by"])


def _ways_in() -> None:
    op.create_table(
        "pupil_invites",
        _text("id"),
        _text("school_id"),
        _text("person_id"),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        _text("issued_by"),
        _text("issued_as"),
        _time("issued_at"),
        _time("expires_at"),
        _time("revoked_at", nullable=True),
        _time("used_at", nullable=True),
        _key("pupil_invites", "id"),
        _refers("pupil_invites", "school_id", "schools"),
        _refers("pupil_invites", "person_id", "people"),
        sa.UniqueConstraint("digest", name="uq_pupil_invites_digest"),
    )
    op.create_index("ix_pupil_invites_person_id", "pupil_invites", ["person_id"])
    op.create_table(
        "mails",
        _text("id"),
        _text("issued_by"),
        _text("about_id"),
        sa.Column("sealed", sa.LargeBinary()),
        _time("queued_at"),
        sa.Column("tries", sa.Integer(), nullable=False, server_default=sa.text("0")),
        _time("next_at", nullable=True),
        _text("state"),
        _key("mails", "id"),
        sa.CheckConstraint("state IN ('waiting', 'sent', 'failed')", name=op.f("ck_mails_state")),
    )
    op.create_index("ix_mails_next_at", "mails", ["next_at"])
    op.create_table(
        "tombstones",
        _text("school_id"),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        _text("person_id"),
        _time("at"),
        _key("tombstones", "school_id", "digest"),
        _refers("tombstones", "school_id", "schools"),
    )


def _attempts(*columns: sa.schema.SchemaItem) -> None:
    """Make the table of tries anew: what it holds is worth minutes."""
    op.drop_table("attempts")
    op.create_table("attempts", *columns)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _default(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, server_default="")


def _time(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=f"pk_{table}")


def _refers(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=f"fk_{table}_{column}")
