"""the audit log: appended, chained by hash, never changed"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

REFUSE = """
create function audit_refuse() returns trigger language plpgsql as $$
begin
    raise exception 'the audit log is only appended to';
end $$
"""
SEAL_ONLY = """
create function audit_seal_only() returns trigger language plpgsql as $$
begin
    if old.number is not null or new.number is null or new.hash is null
        or (to_jsonb(new) - 'number' - 'hash') <> (to_jsonb(old) - 'number' - 'hash') then
        raise exception 'the audit log is only appended to';
    end if;
    return new;
end $$
"""


def upgrade() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("entry_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=True),
        sa.Column("groups", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("profiles", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("about", postgresql.JSONB(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("hash", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_audit_entry")),
    )
    op.create_index("ix_audit_entry_number", "audit_entry", ["number"], unique=True)
    op.create_index("ix_audit_entry_unsealed", "audit_entry", ["entry_id"], postgresql_where=sa.text("number IS NULL"))
    op.create_index("ix_audit_entry_actor", "audit_entry", ["actor", "entry_id"])
    op.create_index("ix_audit_entry_at", "audit_entry", ["at"])
    op.create_index("ix_audit_entry_profiles", "audit_entry", ["profiles"], postgresql_using="gin")
    op.execute(REFUSE)
    op.execute(SEAL_ONLY)
    op.execute(
        "create trigger audit_append_only before delete on audit_entry for each row execute function audit_refuse()"
    )
    op.execute(
        "create trigger audit_no_truncate before truncate on audit_entry for each statement"
        " execute function audit_refuse()"
    )
    op.execute(
        "create trigger audit_seal_only before update on audit_entry for each row execute function audit_seal_only()"
    )


def downgrade() -> None:
    op.drop_table("audit_entry")
    op.execute("drop function audit_refuse()")
    op.execute("drop function audit_seal_only()")
