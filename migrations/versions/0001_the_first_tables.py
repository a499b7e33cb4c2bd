"""the first tables"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(sa.schema.CreateSequence(sa.Sequence("touch")))
    op.create_table(
        "api_key",
        sa.Column("key_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("groups", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("owners", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("sensitive", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("hash", name=op.f("uq_api_key_hash")),
    )
    op.create_table(
        "block_key",
        sa.Column("key", sa.BigInteger(), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=False),
    )
    op.create_index(op.f("ix_block_key_key_record_id"), "block_key", ["key", "record_id"], unique=False)
    op.create_index(op.f("ix_block_key_record_id"), "block_key", ["record_id"], unique=False)
    op.create_table(
        "checkpoint",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("state", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("source", "stream", name=op.f("pk_checkpoint")),
    )
    op.create_table(
        "conflict",
        sa.Column("conflict_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("profile_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("attribute", sa.Text(), nullable=True),
        sa.Column("owners", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("record_ids", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("conflict_id", name=op.f("pk_conflict")),
    )
    op.create_index(
        "uq_conflict_open", "conflict", ["profile_id", "key"], unique=True, postgresql_where=sa.text("status = 'open'")
    )
    op.create_table(
        "decision",
        sa.Column("decision_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("left_ids", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("right_ids", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("record_ids", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("review_id", sa.BigInteger(), nullable=True),
        sa.Column("awaits", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("agreed_by", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("agreed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.Text(), nullable=True),
        sa.Column("revoked_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_decision")),
    )
    op.create_index(
        "ix_decision_record_ids",
        "decision",
        ["record_ids"],
        unique=False,
        postgresql_using="gin",
        postgresql_where=sa.text("revoked_at is null"),
    )
    op.create_table(
        "derivation",
        sa.Column("single", sa.Boolean(), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("addresses_are_homes", sa.Boolean(), server_default="false", nullable=False),
        sa.CheckConstraint("single", name=op.f("ck_derivation_one_row")),
        sa.PrimaryKeyConstraint("single", name=op.f("pk_derivation")),
    )
    op.create_table(
        "feed",
        sa.Column("cursor", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("profile_id", sa.Uuid(), nullable=False),
        sa.Column("other_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("attributes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("data_owner", sa.Text(), nullable=False),
        sa.Column("sources", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("cursor", name=op.f("pk_feed")),
    )
    op.create_index(op.f("ix_feed_profile_id_cursor"), "feed", ["profile_id", "cursor"], unique=False)
    op.create_table(
        "feed_counter",
        sa.Column("single", sa.Boolean(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("single", name=op.f("ck_feed_counter_one_row")),
        sa.PrimaryKeyConstraint("single", name=op.f("pk_feed_counter")),
    )
    op.create_table(
        "handle",
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=False),
    )
    op.create_index(op.f("ix_handle_record_id"), "handle", ["record_id"], unique=False)
    op.create_index(op.f("ix_handle_value_type"), "handle", ["value", "type"], unique=False)
    op.create_table(
        "idempotency",
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("asked", sa.LargeBinary(), nullable=False),
        sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("caller", "route", "key", name=op.f("pk_idempotency")),
    )
    op.create_index(op.f("ix_idempotency_at"), "idempotency", ["at"], unique=False)
    op.create_table(
        "model",
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_model")),
    )
    op.create_index("uq_model_active", "model", ["active"], unique=True, postgresql_where=sa.text("active"))
    op.create_table(
        "model_drift",
        sa.Column("drift_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("drift_id", name=op.f("pk_model_drift")),
    )
    op.create_index("uq_model_drift_value", "model_drift", ["version", "kind", "value"], unique=True)
    op.create_table(
        "normalised",
        sa.Column("record_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("touched", sa.BigInteger(), server_default=sa.text("nextval('touch')"), nullable=False),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_normalised")),
    )
    op.create_index(op.f("ix_normalised_touched"), "normalised", ["touched"], unique=False)
    op.create_table(
        "pair",
        sa.Column("left_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("right_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.Column("household", sa.Double(), nullable=False),
        sa.Column("stranger", sa.Double(), nullable=False),
        sa.Column("contradicts", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("left_id", "right_id", name=op.f("pk_pair")),
    )
    op.create_index(op.f("ix_pair_right_id"), "pair", ["right_id"], unique=False)
    op.create_table(
        "profile",
        sa.Column("profile_id", sa.Uuid(), nullable=False),
        sa.Column("minted", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("data_owner", sa.Text(), nullable=False),
        sa.Column("sources", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("document", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.Column("search", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retired_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("profile_id", name=op.f("pk_profile")),
    )
    op.create_index("ix_profile_minted", "profile", ["minted"], unique=False)
    op.create_index("ix_profile_owner", "profile", ["data_owner", "profile_id"], unique=False)
    op.create_index(
        "ix_profile_search",
        "profile",
        ["search"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"search": "gin_trgm_ops"},
    )
    op.create_index("ix_profile_updated", "profile", ["updated_at", "profile_id"], unique=False)
    op.create_table(
        "record",
        sa.Column("record_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("incarnation", sa.Integer(), server_default="1", nullable=False),
        sa.Column("current", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("version_id", sa.BigInteger(), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.Column("first_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("held_version_id", sa.BigInteger(), nullable=True),
        sa.Column("held_hash", sa.LargeBinary(), nullable=True),
        sa.Column("replaced_by", sa.BigInteger(), nullable=True),
        sa.Column("copied_from", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_record")),
    )
    op.create_index(
        "ix_record_copied_from",
        "record",
        ["copied_from"],
        unique=False,
        postgresql_where=sa.text("copied_from is not null"),
    )
    op.create_index(
        "ix_record_live_kind", "record", ["kind", "record_id"], unique=False, postgresql_where=sa.text("live")
    )
    op.create_index(
        "ix_record_replaced_by",
        "record",
        ["replaced_by"],
        unique=False,
        postgresql_where=sa.text("replaced_by is not null"),
    )
    op.create_index(
        "uq_record_key", "record", ["source", "key", "stream"], unique=True, postgresql_where=sa.text("current")
    )
    op.create_table(
        "redo",
        sa.Column("record_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ticket", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.PrimaryKeyConstraint("record_id", "due_at", name=op.f("pk_redo")),
    )
    op.create_index(op.f("ix_redo_due_at"), "redo", ["due_at"], unique=False)
    op.create_table(
        "rejected",
        sa.Column("rejected_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("native", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("rejected_id", name=op.f("pk_rejected")),
    )
    op.create_index(
        "uq_rejected_open",
        "rejected",
        ["source", "stream", "content_hash"],
        unique=True,
        postgresql_where=sa.text("resolved_at is null"),
    )
    op.create_table(
        "review",
        sa.Column("review_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("left_profile", sa.Uuid(), nullable=False),
        sa.Column("right_profile", sa.Uuid(), nullable=False),
        sa.Column("left_record", sa.BigInteger(), nullable=False),
        sa.Column("right_record", sa.BigInteger(), nullable=False),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("owners", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision_id", sa.BigInteger(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("review_id", name=op.f("pk_review")),
    )
    op.create_index(
        "ix_review_decision_id",
        "review",
        ["decision_id"],
        unique=False,
        postgresql_where=sa.text("decision_id is not null"),
    )
    op.create_index(
        "ix_review_left_profile",
        "review",
        ["left_profile"],
        unique=False,
        postgresql_where=sa.text("status <> 'closed'"),
    )
    op.create_index(
        "ix_review_right_profile",
        "review",
        ["right_profile"],
        unique=False,
        postgresql_where=sa.text("status <> 'closed'"),
    )
    op.create_index(
        "uq_review_open",
        "review",
        ["left_profile", "right_profile", "kind"],
        unique=True,
        postgresql_where=sa.text("status in ('open', 'waiting')"),
    )
    op.create_table(
        "scan_key",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        prefixes=["UNLOGGED"],
    )
    op.create_index(op.f("ix_scan_key_run_id_stream_key"), "scan_key", ["run_id", "stream", "key"], unique=False)
    op.create_table(
        "sync_run",
        sa.Column("run_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("counts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_sync_run")),
    )
    op.create_index(op.f("ix_sync_run_source_run_id"), "sync_run", ["source", "run_id"], unique=False)
    op.create_table(
        "assigned_owner",
        sa.Column("assigned_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["record_id"], ["record.record_id"], name=op.f("fk_assigned_owner_record_id_record")),
        sa.PrimaryKeyConstraint("assigned_id", name=op.f("pk_assigned_owner")),
    )
    op.create_index(op.f("ix_assigned_owner_record_id"), "assigned_owner", ["record_id"], unique=False)
    op.create_table(
        "carried",
        sa.Column("carried_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.Column("profile_id", sa.Uuid(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["profile_id"], ["profile.profile_id"], name=op.f("fk_carried_profile_id_profile")),
        sa.ForeignKeyConstraint(["record_id"], ["record.record_id"], name=op.f("fk_carried_record_id_record")),
        sa.PrimaryKeyConstraint("carried_id", name=op.f("pk_carried")),
    )
    op.create_index(op.f("ix_carried_profile_id"), "carried", ["profile_id"], unique=False)
    op.create_index(op.f("ix_carried_record_id"), "carried", ["record_id"], unique=False)
    op.create_table(
        "consent",
        sa.Column("record_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("customer_key", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("document", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["record_id"], ["record.record_id"], name=op.f("fk_consent_record_id_record")),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_consent")),
    )
    op.create_index(op.f("ix_consent_source_customer_key"), "consent", ["source", "customer_key"], unique=False)
    op.create_table(
        "membership",
        sa.Column("record_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("profile_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["profile_id"], ["profile.profile_id"], name=op.f("fk_membership_profile_id_profile")),
        sa.ForeignKeyConstraint(["record_id"], ["record.record_id"], name=op.f("fk_membership_record_id_record")),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_membership")),
    )
    op.create_index(op.f("ix_membership_profile_id"), "membership", ["profile_id"], unique=False)
    op.create_table(
        "pin",
        sa.Column("pin_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.Column("attribute", sa.Text(), nullable=False),
        sa.Column("value", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["record_id"], ["record.record_id"], name=op.f("fk_pin_record_id_record")),
        sa.PrimaryKeyConstraint("pin_id", name=op.f("pk_pin")),
    )
    op.create_index(op.f("ix_pin_record_id"), "pin", ["record_id"], unique=False)
    op.create_table(
        "profile_version",
        sa.Column("profile_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("document", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["profile_id"], ["profile.profile_id"], name=op.f("fk_profile_version_profile_id_profile")
        ),
        sa.PrimaryKeyConstraint("profile_id", "version", name=op.f("pk_profile_version")),
    )
    op.create_table(
        "record_version",
        sa.Column("version_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.Column("op", sa.Text(), nullable=False),
        sa.Column("native", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("canonical", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.Column("source_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("derived_from", sa.Text(), nullable=True),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["record_id"], ["record.record_id"], name=op.f("fk_record_version_record_id_record")),
        sa.PrimaryKeyConstraint("version_id", name=op.f("pk_record_version")),
    )
    op.create_index(
        op.f("ix_record_version_record_id_version_id"), "record_version", ["record_id", "version_id"], unique=False
    )
    op.create_table(
        "touchpoint",
        sa.Column("record_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("customer_key", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("document", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["record_id"], ["record.record_id"], name=op.f("fk_touchpoint_record_id_record")),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_touchpoint")),
    )
    op.create_index(
        op.f("ix_touchpoint_source_customer_key_at"), "touchpoint", ["source", "customer_key", "at"], unique=False
    )
    op.execute("INSERT INTO feed_counter (single, last) VALUES (true, 0)")


def downgrade() -> None:
    op.drop_index(op.f("ix_touchpoint_source_customer_key_at"), table_name="touchpoint")
    op.drop_table("touchpoint")
    op.drop_index(op.f("ix_record_version_record_id_version_id"), table_name="record_version")
    op.drop_table("record_version")
    op.drop_table("profile_version")
    op.drop_index(op.f("ix_pin_record_id"), table_name="pin")
    op.drop_table("pin")
    op.drop_index(op.f("ix_membership_profile_id"), table_name="membership")
    op.drop_table("membership")
    op.drop_index(op.f("ix_consent_source_customer_key"), table_name="consent")
    op.drop_table("consent")
    op.drop_index(op.f("ix_carried_record_id"), table_name="carried")
    op.drop_index(op.f("ix_carried_profile_id"), table_name="carried")
    op.drop_table("carried")
    op.drop_index(op.f("ix_assigned_owner_record_id"), table_name="assigned_owner")
    op.drop_table("assigned_owner")
    op.drop_index(op.f("ix_sync_run_source_run_id"), table_name="sync_run")
    op.drop_table("sync_run")
    op.drop_index(op.f("ix_scan_key_run_id_stream_key"), table_name="scan_key")
    op.drop_table("scan_key")
    op.drop_index("uq_review_open", table_name="review", postgresql_where=sa.text("status in ('open', 'waiting')"))
    op.drop_index("ix_review_right_profile", table_name="review", postgresql_where=sa.text("status <> 'closed'"))
    op.drop_index("ix_review_left_profile", table_name="review", postgresql_where=sa.text("status <> 'closed'"))
    op.drop_index("ix_review_decision_id", table_name="review", postgresql_where=sa.text("decision_id is not null"))
    op.drop_table("review")
    op.drop_index("uq_rejected_open", table_name="rejected", postgresql_where=sa.text("resolved_at is null"))
    op.drop_table("rejected")
    op.drop_index(op.f("ix_redo_due_at"), table_name="redo")
    op.drop_table("redo")
    op.drop_index("uq_record_key", table_name="record", postgresql_where=sa.text("current"))
    op.drop_index("ix_record_replaced_by", table_name="record", postgresql_where=sa.text("replaced_by is not null"))
    op.drop_index("ix_record_live_kind", table_name="record", postgresql_where=sa.text("live"))
    op.drop_index("ix_record_copied_from", table_name="record", postgresql_where=sa.text("copied_from is not null"))
    op.drop_table("record")
    op.drop_index("ix_profile_updated", table_name="profile")
    op.drop_index(
        "ix_profile_search", table_name="profile", postgresql_using="gin", postgresql_ops={"search": "gin_trgm_ops"}
    )
    op.drop_index("ix_profile_owner", table_name="profile")
    op.drop_index("ix_profile_minted", table_name="profile")
    op.drop_table("profile")
    op.drop_index(op.f("ix_pair_right_id"), table_name="pair")
    op.drop_table("pair")
    op.drop_index(op.f("ix_normalised_touched"), table_name="normalised")
    op.drop_table("normalised")
    op.drop_index("uq_model_drift_value", table_name="model_drift")
    op.drop_table("model_drift")
    op.drop_index("uq_model_active", table_name="model", postgresql_where=sa.text("active"))
    op.drop_table("model")
    op.drop_index(op.f("ix_idempotency_at"), table_name="idempotency")
    op.drop_table("idempotency")
    op.drop_index(op.f("ix_handle_value_type"), table_name="handle")
    op.drop_index(op.f("ix_handle_record_id"), table_name="handle")
    op.drop_table("handle")
    op.drop_table("feed_counter")
    op.drop_index(op.f("ix_feed_profile_id_cursor"), table_name="feed")
    op.drop_table("feed")
    op.drop_table("derivation")
    op.drop_index(
        "ix_decision_record_ids",
        table_name="decision",
        postgresql_using="gin",
        postgresql_where=sa.text("revoked_at is null"),
    )
    op.drop_table("decision")
    op.drop_index("uq_conflict_open", table_name="conflict", postgresql_where=sa.text("status = 'open'"))
    op.drop_table("conflict")
    op.drop_table("checkpoint")
    op.drop_index(op.f("ix_block_key_record_id"), table_name="block_key")
    op.drop_index(op.f("ix_block_key_key_record_id"), table_name="block_key")
    op.drop_table("block_key")
    op.drop_table("api_key")
    op.execute(sa.schema.DropSequence(sa.Sequence("touch")))
