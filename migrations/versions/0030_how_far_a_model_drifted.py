"""how far a version of the model has drifted is asked by every lookup and push"""

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_model_drift_version_drift_id"), "model_drift", ["version", "drift_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_model_drift_version_drift_id"), table_name="model_drift")
