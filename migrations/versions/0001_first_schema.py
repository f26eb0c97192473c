"""The first schema: runs, their categories, scores, metrics and timings."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "runs",
        sa.Column("run_id", sa.String, primary_key=True),
        sa.Column("experiment", sa.String, nullable=False),
        sa.Column("method", sa.String, nullable=False),
        sa.Column("variant", sa.String, nullable=False),
        sa.Column("task", sa.String, nullable=False),
        sa.Column("dataset", sa.String, nullable=False),
        sa.Column("k_shot", sa.Integer, nullable=False),
        sa.Column("seed", sa.BigInteger),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("finished_at", sa.DateTime),
        sa.Column("model_name", sa.String),
        sa.Column("pretrained", sa.String),
        sa.Column("weights_sha256", sa.String),
        sa.Column("render_height", sa.Integer),
        sa.Column("render_width", sa.Integer),
        sa.Column("interpolation", sa.String),
        sa.Column("gaussian_sigma", sa.Double),
        sa.Column("image_score", sa.String, nullable=False),
        sa.Column("selection", sa.String, nullable=False),
        sa.Column("protocol", sa.String, nullable=False),
        sa.Column("source_kind", sa.String),
        sa.Column("note", sa.String),
        sa.Column("folder", sa.String, nullable=False),
    )
    op.create_table(
        "run_tags",
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("tag", sa.String, nullable=False),
    )
    op.create_table(
        "categories",
        sa.Column("dataset", sa.String, primary_key=True),
        sa.Column("category", sa.String, primary_key=True),
        sa.Column("kind", sa.String),
    )
    op.create_table(
        "run_categories",
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("category", sa.String, nullable=False),
        sa.Column("fingerprint", sa.String, nullable=False),
        sa.Column("n_images", sa.Integer, nullable=False),
        sa.Column("n_anomalous", sa.Integer),
    )
    op.create_table(
        "images",
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("category", sa.String, nullable=False),
        sa.Column("image", sa.String, nullable=False),
        sa.Column("defect_type", sa.String),
        sa.Column("label", sa.Integer),
    )
    op.create_table(
        "image_scores",
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("category", sa.String, nullable=False),
        sa.Column("image", sa.String, nullable=False),
        sa.Column("branch", sa.String, nullable=False),
        sa.Column("score", sa.Double, nullable=False),
    )
    op.create_table(
        "branch_stats",
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("category", sa.String, nullable=False),
        sa.Column("branch", sa.String, nullable=False),
        sa.Column("level", sa.String, nullable=False),
        sa.Column("n", sa.BigInteger, nullable=False),
        sa.Column("mean", sa.Double, nullable=False),
        sa.Column("std", sa.Double, nullable=False),
        sa.Column("min", sa.Double, nullable=False),
        sa.Column("max", sa.Double, nullable=False),
    )
    op.create_table(
        "metrics",
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("category", sa.String, nullable=False),
        sa.Column("branch", sa.String, nullable=False),
        sa.Column("level", sa.String, nullable=False),
        sa.Column("metric", sa.String, nullable=False),
        sa.Column("provenance", sa.String, nullable=False),
        sa.Column("value", sa.Double),
        sa.Column("precision", sa.Double, nullable=False),
        sa.Column("ci_low", sa.Double),
        sa.Column("ci_high", sa.Double),
        sa.Column("n_pos", sa.BigInteger),
        sa.Column("n_neg", sa.BigInteger),
        sa.Column("note", sa.String),
    )
    op.create_table(
        "timings",
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("category", sa.String, nullable=False),
        sa.Column("stage", sa.String, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("n_images", sa.Integer, nullable=False),
    )
