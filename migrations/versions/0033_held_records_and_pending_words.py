"""records of which something is kept back are found at once; words wait longer until they are put in order"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

WORDS = "ix_profile_search_words"


def upgrade() -> None:
    op.create_index(
        "ix_record_held", "record", ["record_id"], postgresql_where=sa.text("held_version_id is not null")
    )
    op.execute(f"alter index {WORDS} set (gin_pending_list_limit = 16384)")


def downgrade() -> None:
    op.execute(f"alter index {WORDS} set (gin_pending_list_limit = 1024)")
    op.drop_index("ix_record_held", "record")
