"""what data subjects ask for, and what became of it"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "privacy_request",
        sa.Column("request_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("profile_id", sa.Uuid(), nullable=True),
        sa.Column("ground", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_at", TIME, nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", TIME, nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("ended_at", TIME, nullable=True),
        sa.Column("about", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_privacy_request")),
    )
    op.create_index("ix_privacy_request_profile_id", "privacy_request", ["profile_id"])


def downgrade() -> None:
    op.drop_table("privacy_request")
