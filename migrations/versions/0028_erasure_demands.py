"""what vendors tell of persons who demand to be deleted"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "erasure_demand",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("request_id", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["privacy_request.request_id"],
            name=op.f("fk_erasure_demand_request_id_privacy_request"),
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_erasure_demand")),
    )
    op.create_index(op.f("ix_erasure_demand_request_id"), "erasure_demand", ["request_id"])


def downgrade() -> None:
    op.drop_table("erasure_demand")
