"""what is kept of a record for the engine is its card"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

FORGET = "delete from normalised", "delete from handle", "delete from block_key"
# Conclusions are made again from the records: all that are live are due, but for those that are already.
QUEUE = """
insert into redo (record_id, reason, queued_at, due_at)
select record_id, 'cdi was upgraded', now(), now() from record r
where live and kind = 'customer' and not exists (
    select from redo q where q.record_id = r.record_id and q.due_at <= now())
on conflict do nothing
"""


def upgrade() -> None:
    for statement in (*FORGET, QUEUE):
        op.execute(statement)
    op.drop_column("normalised", "data")
    op.add_column("normalised", sa.Column("card", sa.Text(), nullable=False))


def downgrade() -> None:
    for statement in (*FORGET, QUEUE):
        op.execute(statement)
    op.drop_column("normalised", "card")
    op.add_column("normalised", sa.Column("data", postgresql.JSONB(), nullable=False))
