"""SFTP servers are known by their host keys, as OpenSSH's files tell them, before anybody signs in; nobody asks needlessly."""

from __future__ import annotations

import base64
import hmac
import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest
from stores import PASSWORD, USER, sftp

from promptad_db.errors import InputError
from promptad_db.storage import folder_at, known_hosts, subfolders

asyncssh = pytest.importorskip("asyncssh")
pytest.importorskip("paramiko")
pytest.importorskip("upath")
ACCEPT, FILE = "PROMPTAD_ACCEPT_NEW_HOST_KEY", "PROMPTAD_KNOWN_HOSTS"


@pytest.fixture(scope="module")
def keys():
    return {kind: asyncssh.generate_private_key(kind) for kind in ("ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256")}


@pytest.fixture(scope="module")
def server(keys, tmp_path_factory):
    """A server with keys of two types."""
    with sftp(tmp_path_factory.mktemp("server"), keys["ssh-ed25519"], keys["ssh-rsa"]) as server:
        yield server


@pytest.fixture(autouse=True)
def home(server, monkeypatch, tmp_path):
    """A home without keys or known hosts; no connection is left from another test."""
    from promptad_db.datasets import listing

    for name in (ACCEPT, FILE, "SSH_AUTH_SOCK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(known_hosts, "_SYSTEM", tmp_path / "ssh_known_hosts")
    forget_connections()
    listing._KNOWN.clear()
    server.seen.clear()
    yield tmp_path / "home"
    forget_connections()


def forget_connections():
    """Close all connections, so that the next request makes one."""
    from promptad_db.storage.sftp import ThreadedFileSystem

    for file_system in list(ThreadedFileSystem._cache.values()):
        for connection in file_system._connections:
            transport = connection.get_transport()
            connection.close()
            transport.sock.close()
    ThreadedFileSystem.clear_instance_cache()


def port(server):
    return int(server.address.rstrip("/").rpartition(":")[2])


def address(server):
    return f"sftp://{USER}:{PASSWORD}@127.0.0.1:{port(server)}/"


def public(key):
    return key.export_public_key().decode().strip()


def told(home, *lines):
    """Write lines as the user's known_hosts; HERE stands for the server's name."""
    file = home / ".ssh" / "known_hosts"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{line}\n" for line in lines))
    return file


def reached(server):
    subfolders(folder_at(address(server)))
    return True


def refusal(server):
    with pytest.raises(InputError) as error:
        reached(server)
    assert server.seen["connections"] == 1
    assert sum(server.seen.values()) == 1, "somebody tried to sign in"
    return str(error.value)


def hashed(name):
    salt = os.urandom(20)
    digest = hmac.digest(salt, name.encode(), "sha1")
    return "|1|" + "|".join(base64.b64encode(part).decode() for part in (salt, digest))


@pytest.mark.parametrize(
    "hosts",
    [
        "[127.0.0.1]:{port}",
        "other.org,[127.0.0.1]:{port}",
        "[127.0.0.?]:*",
        "127.0.0.1",  # as ssh, which looks for the host without its port when there is nothing else
        "HASHED",
    ],
)
@pytest.mark.parametrize("kind", ["ssh-ed25519", "ssh-rsa"])
def test_a_server_is_known_by_any_of_its_keys_and_any_of_its_names(server, keys, home, hosts, kind):
    name = hashed(f"[127.0.0.1]:{port(server)}") if hosts == "HASHED" else hosts.format(port=port(server))
    told(
        home,
        "# a comment",
        "",
        "broken",
        f"* {public(keys[kind]).split()[0]} AAA!",
        "@strange x y",
        "[127.0.0.1]:1 " + public(keys["ecdsa-sha2-nistp256"]),
        f"{name} {public(keys[kind])} me@here",
    )
    assert reached(server)
    assert server.seen[f"password {PASSWORD}"]


def test_the_file_of_the_system_and_one_that_is_named_are_read(server, keys, home, tmp_path, monkeypatch):
    line = f"[127.0.0.1]:{port(server)} {public(keys['ssh-ed25519'])}\n"
    (tmp_path / "ssh_known_hosts").write_text(line)
    assert reached(server)
    (tmp_path / "named").write_text(line.replace(public(keys["ssh-ed25519"]), public(keys["ecdsa-sha2-nistp256"])))
    monkeypatch.setenv(FILE, str(tmp_path / "named"))
    forget_connections()
    with pytest.raises(InputError, match="its host key has changed"):
        reached(server)


@pytest.mark.parametrize("accept", ["", "1"])
@pytest.mark.parametrize("kind", ["ssh-ed25519", "ecdsa-sha2-nistp256"])
def test_another_key_than_the_known_one_is_refused_before_anybody_signs_in(
    server, keys, home, kind, accept, monkeypatch
):
    monkeypatch.setenv(ACCEPT, accept)
    other = asyncssh.generate_private_key(kind)
    file = told(home, "# first", f"[127.0.0.1]:{port(server)} {public(other)}")
    before = file.read_bytes()
    message = refusal(server)
    assert f"[127.0.0.1]:{port(server)}: its host key has changed" in message
    assert f"ssh-ed25519 {keys['ssh-ed25519'].get_fingerprint()}" in message
    assert f"{kind} {other.get_fingerprint()} ({file}, line 2)" in message
    assert f"ssh-keygen -f {file} -R '[127.0.0.1]:{port(server)}'" in message
    assert PASSWORD not in message
    assert file.read_bytes() == before


def test_a_key_is_asked_again_when_a_connection_was_lost(server, keys, home):
    told(home, f"[127.0.0.1]:{port(server)} {public(keys['ssh-ed25519'])}")
    assert reached(server)
    server.hang_up()
    server.seen.clear()
    told(home, f"[127.0.0.1]:{port(server)} {public(asyncssh.generate_private_key('ssh-ed25519'))}")
    assert "has changed" in refusal(server)


def test_a_revoked_key_is_refused_also_where_it_is_known(server, keys, home, monkeypatch):
    monkeypatch.setenv(ACCEPT, "1")
    key = public(keys["ssh-ed25519"])
    told(home, f"[127.0.0.1]:{port(server)} {key}", f"@revoked * {key}")
    assert "is revoked" in refusal(server)
    server.seen.clear()
    told(home, f"@revoked * {key}")
    assert "is revoked" in refusal(server)


def test_another_port_of_a_known_host_is_new_and_not_changed(server, home, monkeypatch):
    told(home, f"127.0.0.1 {public(asyncssh.generate_private_key('ssh-ed25519'))}")
    assert "is not known" in refusal(server)
    monkeypatch.setenv(ACCEPT, "1")
    assert reached(server)


def test_hosts_that_a_pattern_excludes_are_not_meant(server, keys, home):
    told(home, f"*,!127.0.0.1,![127.0.0.1]:{port(server)} {public(keys['ssh-ed25519'])}")
    assert "is not known" in refusal(server)


def test_a_certificate_authority_is_no_host_key(server, keys, home):
    file = told(home, f"@cert-authority * {public(keys['ssh-ed25519'])}")
    assert f"the @cert-authority of {file}, line 1 is not understood" in refusal(server)


def test_an_unknown_server_is_refused_and_nothing_is_written(server, keys, home, cli):
    answer = cli("rebuild", address(server), "--db", "p.duckdb")
    assert answer.code == 4
    first, second = answer.err.splitlines()
    fingerprint = keys["ssh-ed25519"].get_fingerprint()
    assert first.startswith(
        f"error: [127.0.0.1]:{port(server)}: its host key ssh-ed25519 {fingerprint} is not known in "
    )
    assert "--accept-new-host-key" in second
    assert PASSWORD not in answer.err
    assert server.seen == {"connections": 1}
    assert not home.exists()


def test_a_new_key_that_is_accepted_is_remembered_for_the_user_alone(server, keys, home, cli, monkeypatch):
    monkeypatch.setenv(ACCEPT, "")  # and put back afterwards
    answer = cli("--accept-new-host-key", "rebuild", address(server), "--db", "p.duckdb")
    assert "no run folders in" in answer.err
    file = home / ".ssh" / "known_hosts"
    assert file.read_text() == f"[127.0.0.1]:{port(server)} {public(keys['ssh-ed25519'])}\n"
    assert [path.stat().st_mode & 0o777 for path in (file.parent, file)] == [0o700, 0o600]
    forget_connections()
    monkeypatch.setenv(ACCEPT, "")
    assert reached(server)


def test_a_new_key_goes_below_the_lines_that_are_there(server, keys, home, monkeypatch):
    file = told(home, "other.org " + public(keys["ssh-rsa"]))
    file.write_text(file.read_text().rstrip("\n"))
    monkeypatch.setenv(ACCEPT, "1")
    assert reached(server)
    assert [line.split()[0] for line in file.read_text().splitlines()] == ["other.org", f"[127.0.0.1]:{port(server)}"]


@pytest.mark.parametrize(("typed", "code"), [("yes", 4), ("no", 4), ("", 4), ("FINGERPRINT", 4)])
def test_on_a_terminal_it_asks(server, keys, home, typed, code):
    fingerprint = keys["ssh-ed25519"].get_fingerprint()
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "promptad_db", "rebuild", address(server), "--db", "p.duckdb"]
    with subprocess.Popen(command, stdin=theirs, stderr=theirs, stdout=subprocess.DEVNULL) as process:
        os.close(theirs)
        said = b""
        while b"(yes/no/fingerprint)? " not in said:
            said += os.read(ours, 4096)
        assert fingerprint in said.decode()
        os.write(ours, typed.replace("FINGERPRINT", fingerprint).encode() + b"\n")
        while process.poll() is None:
            try:
                said += os.read(ours, 4096)
            except OSError:
                time.sleep(0.05)
    os.close(ours)
    assert process.returncode == code
    accepted = typed in {"yes", "FINGERPRINT"}
    assert (home / ".ssh" / "known_hosts").exists() == accepted
    assert bool(server.seen[f"password {PASSWORD}"]) == accepted


COMMANDS = [
    ["run", "--dataset", "d", "--data-root", "ADDRESS", "--runs", "ADDRESS", "--k-shot", "x"],
    ["run", "--dataset", "d", "--data-root", "ADDRESS", "--from", "ADDRESS", "--nonsense"],
    ["run", "--data-root", "ADDRESS"],
    ["ingest", "ADDRESS", "--data-root", "ADDRESS", "--k-shot", "x"],
    ["rebuild", "ADDRESS", "--nonsense"],
    ["verify", "ADDRESS", "--format", "nonsense"],
    ["fuse", "ADDRESS", "--rule", "max", "--hold-out", "nonsense"],
    ["report", "--data-root", "ADDRESS", "--top", "x"],
    ["runs", "copy", "--to", "ADDRESS", "--k-shot", "x"],
    ["sweep", "run", "--experiment", "e", "--dataset", "d", "--data-root", "ADDRESS", "--runs", "ADDRESS", "--gpus", "x"],
    ["sweep", "status", "--runs", "ADDRESS", "--format", "nonsense"],
    ["ui", "--data-root", "ADDRESS", "--runs", "ADDRESS", "--port", "x"],
]  # fmt: skip


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_wrong_usage_is_said_without_any_contact(server, cli, words, monkeypatch):
    monkeypatch.setenv("PROMPTAD_RUNS", address(server))
    answer = cli(*(word.replace("ADDRESS", address(server)) for word in words))
    assert answer.code == 2, answer.err
    assert server.seen == {}


@pytest.mark.parametrize(
    "words",
    [
        ["report", "--data-root", "ADDRESS"],
        ["report", "--data-root", "ADDRESS", "--format", "html", "--gallery", "0"],
        ["sql", "SELECT 1"],
        ["export", "out"],
        ["runs", "list"],
        ["init", "--help"],
    ],
    ids=" ".join,
)
def test_no_address_is_asked_that_a_command_does_not_need(server, cli, make_run, words, monkeypatch, tmp_path):
    make_run({"tile": {"semantic": 0.9, "memory": 0.8}})
    assert cli("rebuild", "runs", "--db", "p.duckdb").code == 0
    monkeypatch.setenv("PROMPTAD_RUNS", address(server))
    answer = cli(
        *(word.replace("ADDRESS", address(server)) for word in words),
        *([] if "--help" in words else ["--db", "p.duckdb"]),
    )
    assert answer.code == 0, answer.err
    assert server.seen == {}


def test_making_a_folder_or_its_driver_asks_nobody(server):
    from promptad_db.storage import driver_of, is_remote

    folder = folder_at(address(server)) / "runs"
    assert is_remote(folder)
    driver_of(folder)
    assert str(folder) == f"sftp://{USER}@127.0.0.1:{port(server)}/runs"
    assert server.seen == {}


def test_fingerprints_are_those_of_openssh(keys):
    for key in keys.values():
        assert known_hosts.fingerprint(key.public_data) == key.get_fingerprint()


def test_a_file_of_known_hosts_that_cannot_be_read_is_named(server, home):
    (home / ".ssh" / "known_hosts").mkdir(parents=True)
    with pytest.raises(InputError, match=f"{home}/.ssh/known_hosts: cannot be read"):
        reached(server)
    assert server.seen == {}


def test_the_store_of_tests_is_known(sftp_store):
    assert subfolders(folder_at(sftp_store)) == []
    assert Path(os.environ[FILE]).exists()
