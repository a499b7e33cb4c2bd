"""samples of merges, deputies during absence, saved filters of the queue"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "merge_sample",
        sa.Column("sample_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("population", sa.BigInteger(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("sample_id", name=op.f("pk_merge_sample")),
    )
    op.create_table(
        "sampled_pair",
        sa.Column("sample_id", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("left_record", sa.BigInteger(), nullable=False),
        sa.Column("right_record", sa.BigInteger(), nullable=False),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.Column("verdict", sa.Text()),
        sa.Column("author", sa.Text()),
        sa.Column("at", TIME),
        sa.PrimaryKeyConstraint("sample_id", "place", name=op.f("pk_sampled_pair")),
        sa.ForeignKeyConstraint(
            ["sample_id"], ["merge_sample.sample_id"], name=op.f("fk_sampled_pair_sample_id_merge_sample")
        ),
    )
    op.create_table(
        "deputy",
        sa.Column("deputy_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("steward", sa.Text(), nullable=False),
        sa.Column("deputy", sa.Text(), nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("revoked_at", TIME),
        sa.PrimaryKeyConstraint("deputy_id", name=op.f("pk_deputy")),
    )
    op.create_index("ix_deputy_deputy", "deputy", ["deputy"], postgresql_where=sa.text("revoked_at is null"))
    op.create_table(
        "saved_filter",
        sa.Column("steward", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("asked", postgresql.JSONB(), nullable=False),
        sa.Column("saved_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("steward", "name", name=op.f("pk_saved_filter")),
    )


def downgrade() -> None:
    op.drop_table("saved_filter")
    op.drop_table("deputy")
    op.drop_table("sampled_pair")
    op.drop_table("merge_sample")
