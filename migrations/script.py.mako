"""${message}."""

import sqlalchemy as sa
from alembic import op

revision = "${up_revision}"
down_revision = "${down_revision}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    raise NotImplementedError  # by op and sa alone: the tables of the program change, a revision stays as it is
