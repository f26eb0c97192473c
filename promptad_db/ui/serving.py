"""Listening: the socket, the token that other hosts need, and the server that runs until it is interrupted."""

from __future__ import annotations

import ipaddress
import secrets
import socket
import threading
from typing import TYPE_CHECKING
from urllib.parse import quote

import uvicorn

from promptad_db.errors import UsageError
from promptad_db.plots import chart_script
from promptad_db.ui.access import LOOPBACK
from promptad_db.ui.app import create_app

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from promptad_db.db.engine.connect import Where


def serve(
    database: Where,
    runs: Path,
    *,
    host: str,
    port: int,
    token: str | None,
    data_root: Path | None,
    ready: Callable[[str], None],
) -> None:
    """Serve the app until Ctrl-C; ``ready`` gets its address, with the token in it, once it can be opened.

    On another host than this machine's loopback there is always a token, a random one unless given. Port 0 is any free
    one. Raises UsageError when the place cannot be listened on.
    """
    local = is_loopback(host)
    token = token or (None if local else secrets.token_urlsafe(24))
    everywhere = host in ("0.0.0.0", "::")  # noqa: S104 - asked for, and only with a token
    named = f"[{host}]" if ":" in host else host
    hosts = ("*",) if everywhere else (*LOOPBACK, named)
    app = create_app(database, runs, token, data_root=data_root, hosts=hosts)
    listening = _listen(host, port)
    at = listening.getsockname()[1]
    shown = socket.gethostname() if everywhere else named
    threading.Thread(target=chart_script, daemon=True).start()  # bundling takes a second, which no page has to wait for
    ready(f"http://{shown}:{at}/" + (f"?token={quote(token)}" if token else ""))
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, lifespan="off", timeout_graceful_shutdown=2
    )
    try:
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:
        return
    finally:
        listening.close()


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a host."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise UsageError(f"--host {host}: not an address of this machine ({error.strerror})", "give another") from error
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(place)
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise UsageError(
            f"{host} port {port}: cannot be listened on ({error.strerror})", "give another --port, or 0 for a free one"
        ) from error
    return listening
