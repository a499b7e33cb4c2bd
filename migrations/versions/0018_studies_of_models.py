"""studies of models: what each would change, at every threshold"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "model_study",
        sa.Column("study_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("wanted_at", TIME, nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("found", postgresql.JSONB(), nullable=True),
        sa.PrimaryKeyConstraint("study_id", name=op.f("pk_model_study")),
    )
    op.create_index(
        "uq_model_study_waiting", "model_study", ["model"], unique=True, postgresql_where=sa.text("ended_at is null")
    )


def downgrade() -> None:
    op.drop_table("model_study")
