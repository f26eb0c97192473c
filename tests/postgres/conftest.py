"""A real PostgreSQL for the tests: a cluster of its own in a temporary folder, and a fresh database for each test."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

PASSWORD = "s3cret&'word"
_DATABASES = count(1)


@dataclass(frozen=True)
class Server:
    """A running server: its socket folder (no password asked) and port (on 127.0.0.1, with a password)."""

    folder: Path
    port: int
    superuser: str

    def address(self, database: str, user: str | None = None) -> str:
        return f"postgresql+psycopg://{user or self.superuser}@/{database}?host={self.folder}&port={self.port}"

    def run(self, sql: str, database: str = "postgres", user: str | None = None):
        """Execute one statement outside a transaction; the rows of its answer."""
        import psycopg

        place = {"host": str(self.folder), "port": self.port, "dbname": database, "user": user or self.superuser}
        with psycopg.connect(**place, autocommit=True) as connection:
            answer = connection.execute(sql)
            return answer.fetchall() if answer.description else []


def _programs() -> Path | None:
    """The folder of initdb, in PATH or where packages put it; the newest."""
    found = shutil.which("initdb")
    places = [found] if found else sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")))
    if not places and shutil.which("pg_config"):
        folder = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=True).stdout.strip()
        places = [f"{folder}/initdb"]
    return Path(places[-1]).parent if places else None


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="session")
def server():
    """A server whose databases sort texts by the rules of a language, as most do."""
    pytest.importorskip("psycopg")
    programs = _programs()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed (initdb is neither in PATH nor in /usr/lib/postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="promptad-pg-"))
    user = getpass.getuser()
    prefix: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        user, prefix = "postgres", ["runuser", "-u", "postgres", "--"]
        shutil.chown(folder, user)
    (folder / "password").write_text(PASSWORD)
    (folder / "password").chmod(0o644)
    folder.chmod(0o755)

    def call(program: str, *arguments: str) -> None:
        subprocess.run(
            [*prefix, programs / program, "-D", folder / "data", *arguments],
            check=True,
            capture_output=True,
            cwd=folder,
        )

    icu = ["--locale-provider=icu", "--icu-locale=en-US", "--locale=C.UTF-8", "--encoding=UTF8"]
    call(
        "initdb",
        "-U",
        user,
        "--auth-local=trust",
        "--auth-host=scram-sha-256",
        f"--pwfile={folder / 'password'}",
        "--no-sync",
        *icu,
    )
    port = _free_port()
    settings = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=40"
    call("pg_ctl", "-o", settings, "-l", str(folder / "log"), "-w", "start")
    try:
        yield Server(folder, port, user)
    finally:
        call("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def template(server):
    """The name of a database with our schema, of which others are copies."""
    from promptad_db.db.engine.migrate import init

    server.run("CREATE DATABASE promptad_template")
    assert init(server.address("promptad_template")) == (None, _head())
    return "promptad_template"


def _head() -> str:
    from promptad_db.db.engine import schema

    return schema.HEAD


@pytest.fixture(scope="session")
def new_database(server, template):
    """Make a database with our schema and no runs; returns its name."""

    def make():
        name = f"t{next(_DATABASES)}"
        server.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    return make


@pytest.fixture
def database(server, new_database):
    """The name of a database of the test's own."""
    name = new_database()
    yield name
    server.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def address(server, database):
    """The address of that database."""
    return server.address(database)
