"""folders that customers were exported into, and whose rows have to leave the files there"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "export_folder",
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cleared_to", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cleared_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("missing", sa.Boolean(), server_default="false", nullable=False),
        sa.PrimaryKeyConstraint("folder", name=op.f("pk_export_folder")),
    )
    op.create_table(
        "export_clearing",
        sa.Column("ticket", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("profile_id", sa.Uuid(), nullable=False),
        sa.Column("before", sa.BigInteger(), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("ticket", name=op.f("pk_export_clearing")),
    )


def downgrade() -> None:
    op.drop_table("export_clearing")
    op.drop_table("export_folder")
