"""what customers say should be corrected, until it is decided"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "correction",
        sa.Column("request_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("record_ids", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("attribute", sa.Text(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["privacy_request.request_id"], name=op.f("fk_correction_request_id_privacy_request")
        ),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_correction")),
    )


def downgrade() -> None:
    op.drop_table("correction")
