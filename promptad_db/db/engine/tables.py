"""The tables, as SQLAlchemy knows them. Natural keys; what key columns hold is never NULL.

DuckDB gets no foreign keys and no secondary indexes: they make later migrations fail. The bulk tables have no primary
key there either; a run is always replaced whole, by one writer, in one transaction. In PostgreSQL, where many write, the
migrations give every table its natural key as the primary key, and texts the order of their bytes, which is DuckDB's.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

NAMING_CONVENTION = {
    "pk": "%(table_name)s_pkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    "ck": "%(table_name)s_%(constraint_name)s_check",
}
"""PostgreSQL's own, so that what the first revisions left unnamed is called so as well."""

metadata = sa.MetaData(naming_convention=NAMING_CONVENTION)

TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def _key(name: str, kind: sa.types.TypeEngine[Any] | type[sa.types.TypeEngine[Any]] = TEXT) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


runs = sa.Table(
    "runs",
    metadata,
    sa.Column("run_id", TEXT, primary_key=True),
    _key("experiment"),
    _key("method"),
    _key("variant"),
    _key("task"),
    _key("dataset"),
    _key("k_shot", sa.Integer),
    sa.Column("seed", sa.BigInteger),
    _key("status"),
    _key("created_at", sa.DateTime),
    sa.Column("finished_at", sa.DateTime),
    sa.Column("model_name", TEXT),
    sa.Column("pretrained", TEXT),
    sa.Column("weights_sha256", TEXT),
    sa.Column("render_height", sa.Integer),
    sa.Column("render_width", sa.Integer),
    sa.Column("interpolation", TEXT),
    sa.Column("gaussian_sigma", sa.Double),
    _key("image_score"),
    _key("selection"),
    _key("protocol"),
    sa.Column("source_kind", TEXT),
    sa.Column("note", TEXT),
    _key("folder"),
)

run_tags = sa.Table("run_tags", metadata, _key("run_id"), _key("tag"))

categories = sa.Table(
    "categories",
    metadata,
    sa.Column("dataset", TEXT, primary_key=True),
    sa.Column("category", TEXT, primary_key=True),
    sa.Column("kind", TEXT),
)

run_categories = sa.Table(
    "run_categories",
    metadata,
    _key("run_id"),
    _key("category"),
    _key("fingerprint"),
    _key("n_images", sa.Integer),
    sa.Column("n_anomalous", sa.Integer),
)

images = sa.Table(
    "images",
    metadata,
    _key("run_id"),
    _key("category"),
    _key("image"),
    sa.Column("defect_type", TEXT),
    sa.Column("label", sa.Integer),
)

image_scores = sa.Table(
    "image_scores",
    metadata,
    _key("run_id"),
    _key("category"),
    _key("image"),
    _key("branch"),
    _key("score", sa.Double),
)

branch_stats = sa.Table(
    "branch_stats",
    metadata,
    _key("run_id"),
    _key("category"),
    _key("branch"),
    _key("level"),
    _key("n", sa.BigInteger),
    _key("mean", sa.Double),
    _key("std", sa.Double),
    _key("min", sa.Double),
    _key("max", sa.Double),
)

branches = sa.Table(
    "branches",
    metadata,
    _key("run_id"),
    _key("category"),
    _key("branch"),
    _key("kind"),
    sa.Column("rule", TEXT),
    _key("calibration"),
    sa.Column("supervision", TEXT),
)

metrics = sa.Table(
    "metrics",
    metadata,
    _key("run_id"),
    _key("category"),
    _key("branch"),
    _key("level"),
    _key("metric"),
    _key("provenance"),
    sa.Column("value", sa.Double),
    _key("precision", sa.Double),
    sa.Column("ci_low", sa.Double),
    sa.Column("ci_high", sa.Double),
    sa.Column("n_pos", sa.BigInteger),
    sa.Column("n_neg", sa.BigInteger),
    sa.Column("note", TEXT),
)

timings = sa.Table(
    "timings",
    metadata,
    _key("run_id"),
    _key("category"),
    _key("stage"),
    _key("seconds", sa.Double),
    _key("n_images", sa.Integer),
)

placements = sa.Table(
    "placements",
    metadata,
    _key("run_id"),
    _key("category"),
    _key("image"),
    _key("level"),
    _key("branch"),
    _key("n_pos", sa.BigInteger),
    _key("n_neg", sa.BigInteger),
    _key("pos_sum", sa.Double),
    _key("neg_sum", sa.Double),
)

IMAGE_TABLES = (images, image_scores, placements)
"""With a row for each image."""

CATEGORY_TABLES = (run_categories, images, image_scores, branch_stats, branches, metrics, timings, placements)


Columns = dict[str, list[Any]]
