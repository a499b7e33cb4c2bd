"""restrictions and objections: which records are closed to which use"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "restricted_record",
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.Column("request_id", sa.BigInteger(), nullable=False),
        sa.Column("use", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["record_id"], ["record.record_id"], name=op.f("fk_restricted_record_record_id_record")
        ),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["privacy_request.request_id"],
            name=op.f("fk_restricted_record_request_id_privacy_request"),
        ),
        sa.PrimaryKeyConstraint("record_id", "request_id", name=op.f("pk_restricted_record")),
    )
    op.create_index("ix_restricted_record_request_id", "restricted_record", ["request_id"])
    op.add_column(
        "profile",
        sa.Column("closed_to", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
    )
    op.create_index(
        "ix_profile_closed", "profile", ["profile_id"], postgresql_where=sa.text("closed_to <> '{}'::text[]")
    )


def downgrade() -> None:
    op.drop_index("ix_profile_closed", table_name="profile")
    op.drop_column("profile", "closed_to")
    op.drop_table("restricted_record")
