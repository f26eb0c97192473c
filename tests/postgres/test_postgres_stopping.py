"""Ctrl-C against a shared server: exit code 130, and nothing runs on there."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

CODE = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\nfrom promptad_db.cli.main import main; main()"


def stopped(*arguments):
    command = [sys.executable, "-c", CODE, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            time.sleep(3)
            assert process.poll() is None, process.stderr.read()
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=15)
        finally:
            process.kill()
    return process.returncode, said.strip()


def test_ctrl_c_ends_a_query_here_and_on_the_server(server, address):
    assert stopped("sql", "SELECT COUNT(*) FROM generate_series(1, 100000000000)", "--db", address) == (130, "aborted")
    time.sleep(0.5)
    running = "SELECT COUNT(*) FROM pg_stat_activity WHERE query LIKE '%generate_series%' AND state = 'active'"
    assert server.run(f"{running} AND pid <> pg_backend_pid()")[0][0] == 0


def test_ctrl_c_ends_the_wait_for_a_lock(address):
    import psycopg

    with psycopg.connect(address.replace("+psycopg", "")) as other:
        other.execute("LOCK TABLE runs IN ACCESS EXCLUSIVE MODE")
        assert stopped("report", "--db", address) == (130, "aborted")
