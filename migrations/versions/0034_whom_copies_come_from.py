"""of which profile a record is a copy is read without the version itself"""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

INDEX = "ix_record_version_copies"


def upgrade() -> None:
    op.create_index(
        INDEX,
        "record_version",
        ["version_id", "derived_from"],
        postgresql_where=sa.text("derived_from is not null"),
    )


def downgrade() -> None:
    op.drop_index(INDEX, "record_version")
