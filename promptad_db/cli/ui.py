"""The web app."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from promptad_db.cli.options import data_root_option, db_option, runs_option
from promptad_db.cli.output import echo_err
from promptad_db.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Where to listen; beyond this machine a token is asked for."
)
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0 takes a free one.")
@click.option("--token", help="What the app asks for.  [default: none on this machine, else a random one]")
@data_root_option("Where the images are", default="where each run found them")
@click.option("--open/--no-open", "open_browser", default=False, show_default=True, help="Open it in a browser.")
@runs_option
@db_option
def ui(
    host: str,
    port: int,
    token: str | None,
    data_root: Path | None,
    runs: Path | None,
    db: str | None,
    *,
    open_browser: bool,
) -> None:
    """Show experiments, runs, reports, cells and images in a browser; read-only, until Ctrl-C.

    It listens on this machine alone. With another --host everybody who can reach it needs the token that is part of the
    address it prints; the connection is not encrypted.
    """
    from promptad_db.db import database_path
    from promptad_db.run_folder import default_root

    try:
        from promptad_db.ui.serving import serve
    except ImportError as error:
        raise UsageError(f"the web app needs {error.name}", "pip install 'promptad-db[ui]'") from error
    # A page that says that the database is busy is better than one that does not come.
    os.environ.setdefault("PROMPTAD_LOCK_TIMEOUT", "5")
    serve(
        database_path(db), default_root(runs), host=host, port=port, token=token, data_root=data_root,
        ready=lambda address: _say(address, open_browser=open_browser),
    )  # fmt: skip


def _say(address: str, *, open_browser: bool) -> None:
    echo_err([f"{address}  (Ctrl-C ends it)"])
    if open_browser:
        click.launch(address)
