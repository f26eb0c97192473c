"""Alembic's entry: migrate on the connection that the program hands over; else, for ``alembic``, on one of our own."""

import logging
from contextlib import contextmanager

import duckdb_sqlalchemy.alembic_impl  # noqa: F401 - makes DuckDB known to Alembic
import sqlalchemy as sa
from alembic import context
from alembic.util import CommandError

from promptad_db.db.engine import connect, schema, tables
from promptad_db.errors import PromptadError


def run_on(connection, **options):
    context.configure(
        connection=connection,
        version_table=schema.REVISION_TABLE,
        target_metadata=sa.MetaData(naming_convention=tables.NAMING_CONVENTION),
        transaction_per_migration=False,
        **options,
    )
    with context.begin_transaction():
        context.run_migrations()


def run_command(name, options):
    """What ``alembic`` was called for, on the database of ``-x db=ADDRESS``, else of PROMPTAD_DB."""
    place = connect.database_path(context.get_x_argument(as_dictionary=True).get("db"))
    if name == "revision" and not options.autogenerate:
        with no_database() as connection:
            run_on(connection, process_revision_directives=number)
    elif name == "history" and not (options.indicate_current or "current" in (options.rev_range or "")):
        with no_database() as connection:
            run_on(connection)
    elif name in ("current", "history"):
        with place.reading() as connection:
            run_on(connection)
    elif name in ("upgrade", "stamp") and not options.sql:
        show_steps()
        if not place.exists():
            raise CommandError(f"{place}: no database here; promptad-db init makes one")
        with connect.migrating(place) as connection, schema.views_made_anew(connection):
            run_on(connection)
    else:
        raise CommandError("migrations are written by hand, go forward only and run at once: see CONTRIBUTING.md")


@contextmanager
def no_database():
    """An empty one in memory, for what needs none: Alembic wants a connection all the same."""
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def number(_context, _revision, directives):
    """Number a new revision after the newest: 0003 after 0002."""
    if context.config.cmd_opts.rev_id is None:
        directives[0].rev_id = f"{int(context.script.get_current_head()) + 1:04}"


def show_steps():
    log = logging.getLogger("alembic.runtime.migration")
    log.addHandler(logging.StreamHandler())
    log.setLevel(logging.INFO)


if handed_over := context.config.attributes.get("connection"):
    run_on(handed_over)
else:
    logging.getLogger("alembic").addHandler(logging.NullHandler())  # its errors are printed anyhow
    try:
        run_command(context.config.cmd_opts.cmd[0].__name__, context.config.cmd_opts)
    except PromptadError as error:
        raise CommandError(str(error)) from error
