"""the audit log is searched by action"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_audit_entry_action", "audit_entry", ["action", "entry_id"])


def downgrade() -> None:
    op.drop_index("ix_audit_entry_action", "audit_entry")
