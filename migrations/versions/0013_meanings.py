"""what a version means has a table of its own, beside what was said; what landed in bulk waits there to be mapped"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "meaning",
        sa.Column("version_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("canonical", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    )
    op.execute(
        "insert into meaning (version_id, canonical) select version_id, canonical from record_version"
        " order by version_id"
    )
    op.create_primary_key(op.f("pk_meaning"), "meaning", ["version_id"])
    op.drop_column("record_version", "canonical")
    op.create_table(
        "unmapped",
        sa.Column("version_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("landed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("version_id", name=op.f("pk_unmapped")),
    )


def downgrade() -> None:
    op.add_column("record_version", sa.Column("canonical", postgresql.JSONB(astext_type=sa.Text())))
    op.execute("update record_version v set canonical = m.canonical from meaning m where m.version_id = v.version_id")
    # What was not mapped yet is read again from its source, and is news there.
    op.execute("update record_version v set canonical = '{}' where canonical is null")
    op.execute("update record r set content_hash = '' from unmapped u where r.version_id = u.version_id")
    op.execute("delete from checkpoint c using unmapped u where c.source = u.source and c.stream = u.stream")
    op.drop_table("unmapped")
    op.alter_column("record_version", "canonical", nullable=False)
    op.drop_table("meaning")
