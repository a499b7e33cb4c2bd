"""closed requests, reviewed consents, and the purposes of keys"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "touchpoint_closing",
        sa.Column("closing_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["record_id"], ["record.record_id"], name=op.f("fk_touchpoint_closing_record_id_record")
        ),
        sa.PrimaryKeyConstraint("closing_id", name=op.f("pk_touchpoint_closing")),
    )
    op.create_index(op.f("ix_touchpoint_closing_record_id"), "touchpoint_closing", ["record_id"])
    op.create_table(
        "consent_review",
        sa.Column("consent_review_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.Column("covers", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["record_id"], ["record.record_id"], name=op.f("fk_consent_review_record_id_record")),
        sa.PrimaryKeyConstraint("consent_review_id", name=op.f("pk_consent_review")),
    )
    op.create_index(op.f("ix_consent_review_record_id"), "consent_review", ["record_id"])
    op.add_column("api_key", sa.Column("purposes", postgresql.ARRAY(sa.Text()), nullable=True))


def downgrade() -> None:
    op.drop_column("api_key", "purposes")
    op.drop_table("consent_review")
    op.drop_table("touchpoint_closing")
