"""the words by which profiles are found, by source and field group

The words so far do not say whose they are: until the next run has built profiles again, which it does because the rules
count as moved, only callers who may see everything find by them.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "profile_search",
        sa.Column("profile_id", sa.Uuid(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("parts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["profile_id"], ["profile.profile_id"], name=op.f("fk_profile_search_profile_id_profile")
        ),
        sa.PrimaryKeyConstraint("profile_id", name=op.f("pk_profile_search")),
    )
    op.execute(
        "insert into profile_search (profile_id, words, parts)"
        " select profile_id, ' ' || search || ' ', jsonb_build_object('', jsonb_build_object('', search))"
        " from profile where retired_at is null"
    )
    op.create_index(
        "ix_profile_search_words",
        "profile_search",
        ["words"],
        postgresql_using="gin",
        postgresql_ops={"words": "gin_trgm_ops"},
        postgresql_with={"gin_pending_list_limit": 1024},
    )
    op.execute("update derivation set rules = ''")
    op.drop_index("ix_profile_search", table_name="profile")
    op.drop_column("profile", "search")


def downgrade() -> None:
    op.add_column("profile", sa.Column("search", sa.Text(), nullable=False, server_default=""))
    op.alter_column("profile", "search", server_default=None)
    op.execute("update profile p set search = trim(s.words) from profile_search s where s.profile_id = p.profile_id")
    op.create_index(
        "ix_profile_search",
        "profile",
        ["search"],
        postgresql_using="gin",
        postgresql_ops={"search": "gin_trgm_ops"},
    )
    op.drop_table("profile_search")
