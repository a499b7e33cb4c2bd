"""links by which customers open the view of their own data"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    time = sa.DateTime(timezone=True)
    op.create_table(
        "customer_link",
        sa.Column("link_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("profile_id", sa.Uuid(), nullable=False),
        sa.Column("record_ids", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_at", time, nullable=False),
        sa.Column("expires_at", time, nullable=False),
        sa.Column("opened_at", time, nullable=True),
        sa.Column("session", sa.LargeBinary(), nullable=True),
        sa.Column("session_until", time, nullable=True),
        sa.Column("shut_at", time, nullable=True),
        sa.PrimaryKeyConstraint("link_id", name=op.f("pk_customer_link")),
        sa.UniqueConstraint("hash", name=op.f("uq_customer_link_hash")),
        sa.UniqueConstraint("session", name=op.f("uq_customer_link_session")),
    )
    op.create_index(op.f("ix_customer_link_expires_at"), "customer_link", ["expires_at"])


def downgrade() -> None:
    op.drop_table("customer_link")
