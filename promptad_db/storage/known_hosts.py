"""The keys by which SSH servers are known, in OpenSSH's files, and what is done with a server that is not.

The format is that of sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT". ``@revoked`` keys are refused; ``@cert-authority`` lines
are passed over, as paramiko has no host certificates.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import shlex
import sys
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from promptad_db.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from paramiko import PKey

PORT = 22
ACCEPT, FILE = "PROMPTAD_ACCEPT_NEW_HOST_KEY", "PROMPTAD_KNOWN_HOSTS"

_SYSTEM = Path("/etc/ssh/ssh_known_hosts")
_FIELDS = 3


class Known(NamedTuple):
    """A line of a file that speaks of a host."""

    where: str
    marker: str
    kind: str
    key: bytes


def name_of(host: str, port: int | None) -> str:
    """A host as the files call it: with its port where that is not SSH's own."""
    return host.lower() if port in {None, PORT} else f"[{host.lower()}]:{port}"


def files() -> list[Path]:
    """The files that are read: PROMPTAD_KNOWN_HOSTS alone, else the user's, which new keys go to, and the system's."""
    named = os.environ.get(FILE)
    return [Path(named).expanduser()] if named else [Path.home() / ".ssh" / "known_hosts", _SYSTEM]


def known(name: str) -> list[Known]:
    """All lines that speak of a host by this name, in their order."""
    return [line for file in files() for line in _lines(file, name)]


def kinds_known(host: str, port: int | None) -> list[str]:
    """The types of the keys that are known of a host, which it should be asked for first."""
    lines = [line for name in (name_of(host, port), host.lower()) for line in known(name)]
    return list(dict.fromkeys(line.kind for line in lines if not line.marker))


def require_known(host: str, port: int | None, key: PKey) -> None:
    """InputError unless a server is known by its key, or is new and accepted, and then remembered.

    It is accepted by PROMPTAD_ACCEPT_NEW_HOST_KEY=1, or by the user who answers on a terminal.
    """
    name = name_of(host, port)
    lines = known(name)
    # As ssh does: where a port is not known, a key that is known of the host without its port will do.
    without_port = known(host.lower()) if name != host.lower() else []
    shown = f"{key.get_name()} {fingerprint(key.asbytes())}"
    others = [line for line in lines if not line.marker]
    mine = [line for line in (*lines, *without_port) if line.key == key.asbytes()]
    revoked = next((line for line in mine if line.marker == "@revoked"), None)
    if revoked:
        raise InputError(f"{name}: its host key {shown} is revoked ({revoked.where}); nothing was sent to it")
    if any(line in others or not others for line in mine if not line.marker):
        return
    if others:
        raise _changed(name, shown, next((line for line in others if line.kind == key.get_name()), others[0]))
    if os.environ.get(ACCEPT) == "1" or _confirmed(name, shown):
        _remember(name, key)
        return
    authorities = [line for line in (*lines, *without_port) if line.marker == "@cert-authority"]
    authority = f" (the @cert-authority of {authorities[0].where} is not understood)" if authorities else ""
    raise InputError(
        f"{name}: its host key {shown} is not known in {' or '.join(map(str, files()))}{authority}; nothing was sent to it",
        f"if it is the right key, connect once with ssh, or give promptad-db --accept-new-host-key ({ACCEPT}=1)",
    )


def _changed(name: str, shown: str, line: Known) -> InputError:
    file = line.where.rpartition(", line")[0]
    return InputError(
        f"{name}: its host key has changed, or this is another server: it shows {shown}, known is {line.kind} "
        f"{fingerprint(line.key)} ({line.where}); nothing was sent to it",
        f"if its keeper confirms the new key: ssh-keygen -f {shlex.quote(file)} -R {shlex.quote(name)}, and again",
    )


def fingerprint(key: bytes) -> str:
    """A key as OpenSSH shows it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def _lines(file: Path, name: str) -> Iterator[Known]:
    try:
        content = file.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(
            f"{file}: cannot be read ({error.strerror})", f"it holds the host keys; or set {FILE}"
        ) from error
    for number, line in enumerate(content.split("\n"), start=1):
        fields = line.split()
        marker = fields.pop(0) if fields and fields[0].startswith("@") else ""
        if len(fields) < _FIELDS or line.lstrip().startswith("#") or not _speaks_of(fields[0], name):
            continue
        with suppress(ValueError):  # no key
            yield Known(f"{file}, line {number}", marker, fields[1], base64.b64decode(fields[2], validate=True))


def _speaks_of(hosts: str, name: str) -> bool:
    """Whether the first field of a line, hashed or with patterns, means this host."""
    if hosts.startswith("|1|"):
        return _is_hash_of(hosts, name)
    patterns = [pattern.lower() for pattern in hosts.split(",")]
    if any(pattern.startswith("!") and _fits(name, pattern[1:]) for pattern in patterns):
        return False
    return any(_fits(name, pattern) for pattern in patterns)


def _fits(name: str, pattern: str) -> bool:
    """Whether a name fits a pattern of * and ?; its brackets are those of [host]:port."""
    return fnmatchcase(name, pattern.replace("[", "[[]"))


def _is_hash_of(hosts: str, name: str) -> bool:
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in hosts[3:].split("|"))
    except ValueError:
        return False
    return hmac.compare_digest(hmac.digest(salt, name.encode(), "sha1"), digest)


def _confirmed(name: str, shown: str) -> bool:
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    sys.stderr.write(f"The host key of {name} is not known: {shown}\nConnect, and remember it (yes/no/fingerprint)? ")
    sys.stderr.flush()
    answer = sys.stdin.readline().strip()
    return answer.lower() == "yes" or answer == shown.rpartition(" ")[2]


def _remember(name: str, key: PKey) -> None:
    """Add a key to the user's file, which others may not read."""
    file = files()[0]
    line = f"{name} {key.get_name()} {key.get_base64()}\n"
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "rb+") as known_hosts:
            content = known_hosts.read()
            known_hosts.write(("\n" if content and not content.endswith(b"\n") else "").encode() + line.encode())
    except OSError as error:
        raise InputError(f"{file}: the host key cannot be added ({error.strerror})", f"or set {FILE}") from error
