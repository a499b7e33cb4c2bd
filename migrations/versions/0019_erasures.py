"""erasures, and the keyed hashes by which what was erased is known again"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "erasure",
        sa.Column("erasure_id", sa.Uuid(), nullable=False),
        sa.Column("profile_id", sa.Uuid(), nullable=False),
        sa.Column("ground", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("erasure_id", name=op.f("pk_erasure")),
    )
    op.create_index("ix_erasure_profile_id", "erasure", ["profile_id"])
    op.create_table(
        "erased_mark",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("erasure_id", sa.Uuid(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["erasure_id"], ["erasure.erasure_id"], name=op.f("fk_erased_mark_erasure_id_erasure")
        ),
    )
    op.create_index("ix_erased_mark_hash", "erased_mark", ["hash"])
    op.create_index("ix_erased_mark_erasure_id", "erased_mark", ["erasure_id"])


def downgrade() -> None:
    op.drop_table("erased_mark")
    op.drop_table("erasure")
