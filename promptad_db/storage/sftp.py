"""SFTP servers: addresses that keep their host, and a connection that several threads may use.

Nothing is asked of a server before it is needed, and nobody signs in before its host key was found to be in order.
"""

from __future__ import annotations

import socket
import threading
from typing import Any

from fsspec import register_implementation as register_file_system
from fsspec.implementations.sftp import SFTPFileSystem
from paramiko import MissingHostKeyPolicy, PKey, SSHClient, SSHException, Transport
from upath.implementations.sftp import SFTPPath
from upath.registry import register_implementation as register_path

from promptad_db.storage.driver_errors import reaching
from promptad_db.storage.known_hosts import kinds_known, require_known

PROTOCOLS = ("sftp", "ssh")
_ALGORITHMS = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")}  # by which a key of this type signs


class HostedPath(SFTPPath):
    """A path on an SFTP server; its text is the whole address but for a password."""

    def __str__(self) -> str:
        if self._relative_base is not None:
            return super().__str__()
        options = dict(self.storage_options)
        user = f"{options['username']}@" if "username" in options else ""
        port = f":{options['port']}" if "port" in options else ""
        return f"{self.protocol}://{user}{options['host']}{port}{self.path}"


class _KnownHosts(MissingHostKeyPolicy):  # type: ignore[misc] # paramiko has no types
    """Every key is one that paramiko does not know, so that all are judged here, before anybody signs in."""

    def __init__(self, host: str, port: int | None) -> None:
        self._server = (host, port)
        self._kinds = kinds_known(host, port)

    def missing_host_key(self, client: SSHClient, hostname: str, key: PKey) -> None:  # noqa: ARG002 - paramiko's signature
        require_known(*self._server, key)

    def transport(self, sock: Any, **options: Any) -> Transport:
        """A transport that asks for the types of keys by which the server is known, then for the others."""
        transport = Transport(sock, **options)
        security = transport.get_security_options()
        kinds = [name for kind in self._kinds for name in _ALGORITHMS.get(kind, (kind,))]
        first = [name for name in kinds if name in security.key_types]
        security.key_types = [*first, *(name for name in security.key_types if name not in first)]
        return transport


class ThreadedFileSystem(SFTPFileSystem):  # type: ignore[misc] # fsspec has no types
    """A channel for each thread: paramiko mixes up the answers to threads that share one.

    They share a connection, and get another one when it is lost or the server allows it no more channels.
    """

    def _connect(self) -> None:
        """Called when the file system is made: the first request makes the connection."""
        self._connections: list[Any] = []
        self._channels = threading.local()
        self._connecting = threading.Lock()

    def _sign_in(self) -> Any:
        """Another connection, whose server has shown a host key that is known."""
        client = SSHClient()
        policy = _KnownHosts(self.host, self.ssh_kwargs.get("port"))
        client.set_missing_host_key_policy(policy)
        try:
            with reaching(self._address()):
                client.connect(self.host, transport_factory=policy.transport, **self.ssh_kwargs)
                # Small packets wait for nothing: else a request may take 40 ms even to a server next door.
                client.get_transport().sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            client.close()
            raise
        self._connections = [one for one in self._connections if one.get_transport()] + [client]
        return client

    def _address(self) -> str:
        port = self.ssh_kwargs.get("port")
        user = self.ssh_kwargs.get("username")
        return f"sftp://{f'{user}@' if user else ''}{self.host}{f':{port}' if port else ''}/"

    @property
    def ftp(self) -> Any:
        """The channel of this thread."""
        channel = getattr(self._channels, "ftp", None)
        if channel is None or channel.get_channel().closed:
            with self._connecting:
                self._channels.ftp = self._channel()
        return self._channels.ftp

    @ftp.setter
    def ftp(self, channel: Any) -> None:
        self._channels.ftp = channel

    def _channel(self) -> Any:
        if self._connections:
            try:
                return self._connections[-1].open_sftp()
            except (SSHException, OSError, EOFError):  # lost, or no more channels
                pass
        client = self._sign_in()
        with reaching(self._address()):
            return client.open_sftp()

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **options: Any) -> bytes:
        """The bytes of a file; those from its beginning are asked for ahead, not a block after the other."""
        if start or (end or 0) < 0 or options:
            return super().cat_file(path, start, end, **options)  # type: ignore[no-any-return]
        with self.ftp.open(self._strip_protocol(path), "rb") as file:
            file.prefetch(end)
            return file.read(end)  # type: ignore[no-any-return]


# Here, so that a worker knows them as soon as a path is handed to it.
for _protocol in PROTOCOLS:
    register_file_system(_protocol, ThreadedFileSystem, clobber=True)
    register_path(_protocol, HostedPath, clobber=True)
