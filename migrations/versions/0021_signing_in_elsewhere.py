"""users who sign in at the identity provider: what they may use sources for, and browsers that were sent there"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("desk_user", sa.Column("purposes", postgresql.ARRAY(sa.Text()), nullable=True))
    op.create_table(
        "departure",
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.Column("browser", sa.LargeBinary(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("verifier", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("state", name=op.f("pk_departure")),
    )
    op.create_index(op.f("ix_departure_expires_at"), "departure", ["expires_at"])


def downgrade() -> None:
    op.drop_table("departure")
    op.drop_column("desk_user", "purposes")
