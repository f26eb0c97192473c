"""What each image adds to each exact AUROC: placements, for intervals and tests."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "placements",
        sa.Column("run_id", TEXT, nullable=False),
        sa.Column("category", TEXT, nullable=False),
        sa.Column("image", TEXT, nullable=False),
        sa.Column("level", TEXT, nullable=False),
        sa.Column("branch", TEXT, nullable=False),
        sa.Column("n_pos", sa.BigInteger, nullable=False),
        sa.Column("n_neg", sa.BigInteger, nullable=False),
        sa.Column("pos_sum", sa.Double, nullable=False),
        sa.Column("neg_sum", sa.Double, nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":  # DuckDB refuses to alter a table that has an index
        op.create_primary_key("placements_pkey", "placements", ["run_id", "category", "image", "level", "branch"])
