"""what was kept no longer is known again by keyed hashes"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "retention_mark",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_retention_mark")),
    )


def downgrade() -> None:
    op.drop_table("retention_mark")
