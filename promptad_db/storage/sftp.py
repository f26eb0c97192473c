"""SFTP servers: addresses that keep their host, and a connection that several threads may use."""

from __future__ import annotations

import socket
import threading
from typing import Any

from fsspec import register_implementation as register_file_system
from fsspec.implementations.sftp import SFTPFileSystem
from paramiko import SSHException
from upath.implementations.sftp import SFTPPath
from upath.registry import register_implementation as register_path

PROTOCOLS = ("sftp", "ssh")


class HostedPath(SFTPPath):
    """A path on an SFTP server; its text is the whole address but for a password."""

    def __str__(self) -> str:
        if self._relative_base is not None:
            return super().__str__()
        options = dict(self.storage_options)
        user = f"{options['username']}@" if "username" in options else ""
        port = f":{options['port']}" if "port" in options else ""
        return f"{self.protocol}://{user}{options['host']}{port}{self.path}"


class ThreadedFileSystem(SFTPFileSystem):  # type: ignore[misc] # fsspec has no types
    """A channel for each thread: paramiko mixes up the answers to threads that share one.

    They share a connection, and get another one when it is lost or the server allows it no more channels.
    """

    def _connect(self) -> None:
        if not hasattr(self, "_connections"):
            self._connections: list[Any] = []
            self._channels = threading.local()
            self._connecting = threading.Lock()
        super()._connect()
        # Small packets wait for nothing: else a request may take 40 ms even to a server next door.
        self.client.get_transport().sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connections = [one for one in self._connections if one.get_transport()] + [self.client]

    @property
    def ftp(self) -> Any:
        """The channel of this thread."""
        channel = getattr(self._channels, "ftp", None)
        if channel is None or channel.get_channel().closed:
            with self._connecting:
                try:
                    self._channels.ftp = self.client.open_sftp()
                except (SSHException, OSError, EOFError):
                    self._connect()
        return self._channels.ftp

    @ftp.setter
    def ftp(self, channel: Any) -> None:
        self._channels.ftp = channel

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
