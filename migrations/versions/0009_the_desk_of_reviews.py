"""reviews can be given, put off and talked about; tasks for data owners"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "review",
        sa.Column(
            "turn",
            sa.Double(),
            sa.Computed("case when kind = 'pair' then - weight else - 1000 - weight end", persisted=True),
        ),
    )
    op.add_column("review", sa.Column("assigned_to", sa.Text()))
    op.add_column("review", sa.Column("snoozed_until", sa.DateTime(timezone=True)))
    standing = sa.text("status <> 'closed'")
    op.create_index("ix_review_turn", "review", ["turn", "review_id"], postgresql_where=standing)
    op.create_index("ix_review_age", "review", ["review_id"], postgresql_where=standing)
    op.create_table(
        "review_note",
        sa.Column("note_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("review_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("said", sa.Text()),
        sa.Column("steward", sa.Text()),
        sa.Column("until", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("note_id", name=op.f("pk_review_note")),
        sa.ForeignKeyConstraint(["review_id"], ["review.review_id"], name=op.f("fk_review_note_review_id_review")),
    )
    op.create_index(op.f("ix_review_note_review_id"), "review_note", ["review_id"])
    op.create_table(
        "task",
        sa.Column("task_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.Column("attribute", sa.Text()),
        sa.Column("conflict_id", sa.BigInteger()),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True)),
        sa.Column("closed_by", sa.Text()),
        sa.Column("answer", sa.Text()),
        sa.PrimaryKeyConstraint("task_id", name=op.f("pk_task")),
        sa.ForeignKeyConstraint(["record_id"], ["record.record_id"], name=op.f("fk_task_record_id_record")),
        sa.ForeignKeyConstraint(["conflict_id"], ["conflict.conflict_id"], name=op.f("fk_task_conflict_id_conflict")),
    )
    op.create_index("ix_task_open", "task", ["owner", "task_id"], postgresql_where=sa.text("closed_at is null"))
    op.create_index(op.f("ix_task_record_id"), "task", ["record_id"])
    op.create_index(
        "ix_task_conflict_id", "task", ["conflict_id"], postgresql_where=sa.text("conflict_id is not null")
    )


def downgrade() -> None:
    op.drop_table("task")
    op.drop_table("review_note")
    op.drop_index("ix_review_age", table_name="review")
    op.drop_index("ix_review_turn", table_name="review")
    op.drop_column("review", "snoozed_until")
    op.drop_column("review", "assigned_to")
    op.drop_column("review", "turn")
