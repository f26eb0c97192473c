"""The first schema: runs, their categories, scores, metrics and timings."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")

# For PostgreSQL alone: DuckDB refuses to alter a table that has an index.
KEYS = {
    "run_tags": ("run_id", "tag"),
    "run_categories": ("run_id", "category"),
    "images": ("run_id", "category", "image"),
    "image_scores": ("run_id", "category", "image", "branch"),
    "branch_stats": ("run_id", "category", "branch", "level"),
    "metrics": ("run_id", "category", "branch", "level", "metric", "provenance"),
    "timings": ("run_id", "category", "stage"),
}


def upgrade() -> None:
    op.create_table(
        "runs",
        sa.Column("run_id", TEXT, primary_key=True),
        sa.Column("experiment", TEXT, nullable=False),
        sa.Column("method", TEXT, nullable=False),
        sa.Column("variant", TEXT, nullable=False),
        sa.Column("task", TEXT, nullable=False),
        sa.Column("dataset", TEXT, nullable=False),
        sa.Column("k_shot", sa.Integer, nullable=False),
        sa.Column("seed", sa.BigInteger),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("finished_at", sa.DateTime),
        sa.Column("model_name", TEXT),
        sa.Column("pretrained", TEXT),
        sa.Column("weights_sha256", TEXT),
        sa.Column("render_height", sa.Integer),
        sa.Column("render_width", sa.Integer),
        sa.Column("interpolation", TEXT),
        sa.Column("gaussian_sigma", sa.Double),
        sa.Column("image_score", TEXT, nullable=False),
        sa.Column("selection", TEXT, nullable=False),
        sa.Column("protocol", TEXT, nullable=False),
        sa.Column("source_kind", TEXT),
        sa.Column("note", TEXT),
        sa.Column("folder", TEXT, nullable=False),
    )
    op.create_table(
        "run_tags",
        sa.Column("run_id", TEXT, nullable=False),
        sa.Column("tag", TEXT, nullable=False),
    )
    op.create_table(
        "categories",
        sa.Column("dataset", TEXT, primary_key=True),
        sa.Column("category", TEXT, primary_key=True),
        sa.Column("kind", TEXT),
    )
    op.create_table(
        "run_categories",
        sa.Column("run_id", TEXT, nullable=False),
        sa.Column("category", TEXT, nullable=False),
        sa.Column("fingerprint", TEXT, nullable=False),
        sa.Column("n_images", sa.Integer, nullable=False),
        sa.Column("n_anomalous", sa.Integer),
    )
    op.create_table(
        "images",
        sa.Column("run_id", TEXT, nullable=False),
        sa.Column("category", TEXT, nullable=False),
        sa.Column("image", TEXT, nullable=False),
        sa.Column("defect_type", TEXT),
        sa.Column("label", sa.Integer),
    )
    op.create_table(
        "image_scores",
        sa.Column("run_id", TEXT, nullable=False),
        sa.Column("category", TEXT, nullable=False),
        sa.Column("image", TEXT, nullable=False),
        sa.Column("branch", TEXT, nullable=False),
        sa.Column("score", sa.Double, nullable=False),
    )
    op.create_table(
        "branch_stats",
        sa.Column("run_id", TEXT, nullable=False),
        sa.Column("category", TEXT, nullable=False),
        sa.Column("branch", TEXT, nullable=False),
        sa.Column("level", TEXT, nullable=False),
        sa.Column("n", sa.BigInteger, nullable=False),
        sa.Column("mean", sa.Double, nullable=False),
        sa.Column("std", sa.Double, nullable=False),
        sa.Column("min", sa.Double, nullable=False),
        sa.Column("max", sa.Double, nullable=False),
    )
    op.create_table(
        "metrics",
        sa.Column("run_id", TEXT, nullable=False),
        sa.Column("category", TEXT, nullable=False),
        sa.Column("branch", TEXT, nullable=False),
        sa.Column("level", TEXT, nullable=False),
        sa.Column("metric", TEXT, nullable=False),
        sa.Column("provenance", TEXT, nullable=False),
        sa.Column("value", sa.Double),
        sa.Column("precision", sa.Double, nullable=False),
        sa.Column("ci_low", sa.Double),
        sa.Column("ci_high", sa.Double),
        sa.Column("n_pos", sa.BigInteger),
        sa.Column("n_neg", sa.BigInteger),
        sa.Column("note", TEXT),
    )
    op.create_table(
        "timings",
        sa.Column("run_id", TEXT, nullable=False),
        sa.Column("category", TEXT, nullable=False),
        sa.Column("stage", TEXT, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("n_images", sa.Integer, nullable=False),
    )
    if op.get_context().dialect.name == "postgresql":
        for table, columns in KEYS.items():
            op.create_primary_key(f"{table}_pkey", table, list(columns))
