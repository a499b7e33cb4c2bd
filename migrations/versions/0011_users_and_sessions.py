"""the users of the desk, their sessions, links that sign in once, and sign-ins that failed"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "desk_user",
        sa.Column("user_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("issuer", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("groups", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("owners", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("sensitive", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("disabled_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_desk_user")),
        sa.UniqueConstraint("name", name=op.f("uq_desk_user_name")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_desk_user_issuer_subject")),
    )
    op.create_table(
        "desk_session",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("told", postgresql.JSONB(), nullable=True),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_desk_session")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["desk_user.user_id"], name=op.f("fk_desk_session_user_id_desk_user"), ondelete="CASCADE"
        ),
    )
    op.create_index(op.f("ix_desk_session_user_id"), "desk_session", ["user_id"])
    op.create_table(
        "sign_in_link",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_sign_in_link")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["desk_user.user_id"], name=op.f("fk_sign_in_link_user_id_desk_user"), ondelete="CASCADE"
        ),
    )
    op.create_index(op.f("ix_sign_in_link_user_id"), "sign_in_link", ["user_id"])
    op.create_table(
        "sign_in_failure",
        sa.Column("who", sa.LargeBinary(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failed_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("who", name=op.f("pk_sign_in_failure")),
    )


def downgrade() -> None:
    op.drop_table("sign_in_failure")
    op.drop_table("sign_in_link")
    op.drop_table("desk_session")
    op.drop_table("desk_user")
