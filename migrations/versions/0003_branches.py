"""What each branch is: base, fusion, learned gate or oracle; its rule, its calibration, and what it knew of test images."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")

KINDS = {
    **dict.fromkeys(("max", "harmonic", "mean", "rank_mean", "by_type"), "fusion"),
    **dict.fromkeys(("gate", "gate_hard"), "gate"),
    **dict.fromkeys(("oracle", "reported_oracle"), "oracle"),
}
CALIBRATIONS = {"_minmax": "minmax", "_rank": "rank", "_zscore_normal": "zscore-normal"}
SUPERVISION = {"oracle": "test labels", "gate": "test labels of other categories"}


def columns_of(table, *names):
    return sa.table(table, *(sa.column(name, TEXT) for name in names)).columns


def described(name):
    """Kind, rule, calibration and supervision of a branch, by the names that were reserved for rules."""
    whole = name.removesuffix("_float16")
    suffix = next((suffix for suffix in CALIBRATIONS if whole.endswith(suffix)), "")
    rule = whole.removesuffix(suffix)
    calibration = "rank" if rule == "rank_mean" else CALIBRATIONS.get(suffix, "none")
    kind = "fusion" if is_weighted(rule) else KINDS.get(rule)
    if kind is None:
        return "base", None, "none", None
    return kind, rule + name[len(whole) :], calibration, "defect types" if rule == "by_type" else SUPERVISION.get(kind)


def is_weighted(rule):
    name, _, share = rule.partition("_")
    try:
        return name == "weighted" and 0 <= float(share) <= 1
    except ValueError:
        return False


def upgrade() -> None:
    branches = op.create_table(
        "branches",
        sa.Column("run_id", TEXT, nullable=False),
        sa.Column("category", TEXT, nullable=False),
        sa.Column("branch", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("rule", TEXT),
        sa.Column("calibration", TEXT, nullable=False),
        sa.Column("supervision", TEXT),
    )
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":  # DuckDB refuses to alter a table that has an index
        op.create_primary_key("branches_pkey", "branches", ["run_id", "category", "branch"])
    # Until now a branch was what its name said; from here on it is what is stored.
    held = sa.union(
        *(
            sa.select(*columns_of(table, "run_id", "category", "branch"))
            for table in ("metrics", "image_scores", "branch_stats")
        )
    ).subquery()
    for name in connection.execute(sa.select(held.c.branch).distinct()).scalars().all():
        values = [sa.literal(value, TEXT) for value in described(name)]
        rows = sa.select(held, *values).where(held.c.branch == name)
        connection.execute(branches.insert().from_select([column.name for column in branches.columns], rows))
