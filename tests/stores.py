"""Real stores on this machine for tests: an S3 server, a Google Cloud Storage server and an SFTP server."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections import Counter
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import asyncssh

# Read when gcsfs is imported: else it asks Google itself, over gRPC, what kind of bucket each one is.
os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")

USER, PASSWORD = "tester", "secret"
KINDS = ("s3", "gs", "sftp")
_DRIVERS = {"s3": ("s3fs", "moto"), "gs": ("gcsfs", "gcp_storage_emulator"), "sftp": ("paramiko", "asyncssh")}
_NUMBERS = count(1)


class Server(NamedTuple):
    """A server that is up: ``address`` is where new roots are made, ``environment`` what its clients need. ``hang_up``
    ends all connections to an SFTP server; ``seen`` counts them, and who tried to sign in with what.
    """

    address: str
    environment: dict[str, str]
    hang_up: Callable[[], None] = lambda: None
    seen: Counter[str] | None = None


@pytest.fixture(scope="session")
def s3_server() -> Iterator[Server]:
    """An S3 server by moto, in a thread of this process."""
    with _s3() as server:
        yield server


@pytest.fixture(scope="session")
def gs_server() -> Iterator[Server]:
    """A Google Cloud Storage server that holds everything in memory, in a thread of this process."""
    with _gs() as server:
        yield server


@pytest.fixture(scope="session")
def sftp_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An SFTP server that shows one folder to two users: whoever has the key in ``.ssh`` of the clients' HOME, and USER
    with PASSWORD.
    """
    with sftp(tmp_path_factory.mktemp("sftp")) as server:
        yield server


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a new and empty folder, or bucket, on each kind of store in turn."""
    return _new_root(request, monkeypatch, request.param)


@pytest.fixture
def s3_store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a new and empty bucket on S3, for what does not depend on the kind of store."""
    return _new_root(request, monkeypatch, "s3")


@pytest.fixture
def gs_store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a new and empty bucket on Google Cloud Storage."""
    return _new_root(request, monkeypatch, "gs")


@pytest.fixture
def sftp_store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a new and empty folder on the SFTP server."""
    return _new_root(request, monkeypatch, "sftp")


def upload(local_folder: str | Path, address: str) -> str:
    """Put all files below a folder of this machine below an address, which is returned."""
    fs, root = _reached(address)
    folder = Path(local_folder)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    names = [f"{root}/{path.relative_to(folder).as_posix()}" for path in files]
    for parent in sorted({name.rpartition("/")[0] for name in names}):
        fs.makedirs(parent, exist_ok=True)
    for path, name in zip(files, names, strict=True):
        fs.pipe_file(name, path.read_bytes())
    fs.invalidate_cache()
    return address


def snapshot(address: str) -> dict[str, bytes]:
    """All files below an address by their names relative to it, as they are now."""
    fs, root = _reached(address)
    fs.invalidate_cache()
    return {name.removeprefix(f"{root}/"): fs.cat_file(name) for name in sorted(fs.find(root))}


def _reached(address: str):
    """The file system of an address and the path in it."""
    from promptad_db.storage import folder_at

    folder = folder_at(address)
    return folder.fs, folder.path.rstrip("/")


def _new_root(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, kind: str) -> str:
    for module in ("upath", *_DRIVERS[kind]):
        pytest.importorskip(module)
    server = request.getfixturevalue(f"{kind}_server")
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    root = f"{server.address}store-{next(_NUMBERS)}"
    fs, path = _reached(root)
    fs.mkdir(path)
    return root


@contextmanager
def _s3() -> Iterator[Server]:
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    yield Server("s3://", environment)
    server.stop()


@contextmanager
def _gs() -> Iterator[Server]:
    from gcp_storage_emulator.server import create_server

    server = create_server("127.0.0.1", 0, in_memory=True)
    server.start()
    environment = {
        "STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{server._api._httpd.server_port}",
    }
    yield Server("gs://", environment)
    server.stop()


@contextmanager
def sftp(place: Path, *host_keys: asyncssh.SSHKey) -> Iterator[Server]:
    """An SFTP server in a thread of this process, with one host key or those that are given."""
    import asyncssh

    logging.getLogger("asyncssh").setLevel(logging.ERROR)
    keys = place / "home" / ".ssh"
    keys.mkdir(parents=True, mode=0o700)
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(keys / "id_ed25519")
    (place / "shown").mkdir()
    host_keys = host_keys or (asyncssh.generate_private_key("ssh-ed25519"),)
    seen: Counter[str] = Counter()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    connections: list[asyncssh.SSHServerConnection] = []

    class Door(asyncssh.SSHServer):
        def connection_made(self, connection: asyncssh.SSHServerConnection) -> None:
            connections.append(connection)  # also one that nobody signs in on
            seen["connections"] += 1

        def begin_auth(self, username: str) -> bool:
            seen[f"user {username}"] += 1
            return True

        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            seen[f"password {password}"] += 1
            return (username, password) == (USER, PASSWORD)

    async def begun() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=Door,
            server_host_keys=list(host_keys),
            authorized_client_keys=asyncssh.import_authorized_keys(key.export_public_key().decode()),
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=place / "shown"),
        )

    async def hung_up() -> None:
        while connections:
            connection = connections.pop()
            connection.abort()
            await connection.wait_closed()
        await asyncio.sleep(0.1)  # the sockets of aborted connections are closed by the loop's next turns

    async def ended(server: asyncssh.SSHAcceptor) -> None:
        server.close()
        await server.wait_closed()
        await hung_up()

    def hang_up() -> None:
        asyncio.run_coroutine_threadsafe(hung_up(), loop).result()

    server = asyncio.run_coroutine_threadsafe(begun(), loop).result()
    shown = host_keys[0].export_public_key().decode().strip()
    known_hosts = place / "known_hosts"
    known_hosts.write_text(f"[127.0.0.1]:{server.get_port()} {shown}\n")
    environment = {"HOME": str(place / "home"), "PROMPTAD_KNOWN_HOSTS": str(known_hosts)}
    yield Server(f"sftp://127.0.0.1:{server.get_port()}/", environment, hang_up, seen)
    asyncio.run_coroutine_threadsafe(ended(server), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
