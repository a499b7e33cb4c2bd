"""the audit log ends somewhere in the past: what is older than it is kept is cut off at a sealed entry"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

DELETE_CUT_ONLY = """
create function audit_delete_cut_only() returns trigger language plpgsql as $$
begin
    if old.number is null or not exists (select from audit_cut c where c.number >= old.number) then
        raise exception 'the audit log is only appended to';
    end if;
    return old;
end $$
"""
APPEND_ONLY = "create trigger audit_append_only before delete on audit_entry for each row execute function"


def upgrade() -> None:
    op.create_table(
        "audit_cut",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_cut")),
    )
    op.execute(
        "create trigger audit_cut_append_only before update or delete on audit_cut for each row"
        " execute function audit_refuse()"
    )
    op.execute(
        "create trigger audit_cut_no_truncate before truncate on audit_cut for each statement"
        " execute function audit_refuse()"
    )
    op.execute(DELETE_CUT_ONLY)
    op.execute("drop trigger audit_append_only on audit_entry")
    op.execute(f"{APPEND_ONLY} audit_delete_cut_only()")


def downgrade() -> None:
    op.execute("drop trigger audit_append_only on audit_entry")
    op.execute(f"{APPEND_ONLY} audit_refuse()")
    op.execute("drop function audit_delete_cut_only()")
    op.drop_table("audit_cut")
