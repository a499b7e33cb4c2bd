"""deliveries that source systems sent by webhook"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "received_delivery",
        sa.Column("delivery_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("counts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("read_again", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_received_delivery")),
    )
    op.create_index(
        "uq_received_delivery_event",
        "received_delivery",
        ["source", "event_id"],
        unique=True,
        postgresql_where=sa.text("event_id is not null"),
    )
    op.create_index(
        "uq_received_delivery_fingerprint",
        "received_delivery",
        ["source", "fingerprint"],
        unique=True,
        postgresql_where=sa.text("fingerprint is not null"),
    )
    op.create_index(op.f("ix_received_delivery_source_delivery_id"), "received_delivery", ["source", "delivery_id"])
    op.create_index(
        "ix_received_delivery_due", "received_delivery", ["source"], postgresql_where=sa.text("read_at is null")
    )


def downgrade() -> None:
    op.drop_table("received_delivery")
