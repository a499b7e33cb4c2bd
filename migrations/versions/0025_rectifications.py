"""a rectification is pinned until its source has changed"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pin", sa.Column("while_version", sa.BigInteger(), nullable=True))
    op.add_column("pin", sa.Column("request_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(
        op.f("fk_pin_request_id_privacy_request"), "pin", "privacy_request", ["request_id"], ["request_id"]
    )
    op.create_index(
        "ix_pin_request_id",
        "pin",
        ["request_id"],
        postgresql_where=sa.text("request_id is not null and revoked_at is null"),
    )
    op.create_index(
        "ix_privacy_request_rectified",
        "privacy_request",
        ["request_id"],
        postgresql_where=sa.text("kind = 'rectification' and state = 'in_force'"),
    )


def downgrade() -> None:
    op.drop_index("ix_privacy_request_rectified", "privacy_request")
    op.drop_index("ix_pin_request_id", "pin")
    op.drop_constraint(op.f("fk_pin_request_id_privacy_request"), "pin", type_="foreignkey")
    op.drop_column("pin", "request_id")
    op.drop_column("pin", "while_version")
