"""${message}

Each migration is one transaction and waits ten seconds at most for a lock (see env.py). On big tables: add columns
without a volatile default, add constraints NOT VALID and validate them in a later migration.
"""

from alembic import op
import sqlalchemy as sa
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
