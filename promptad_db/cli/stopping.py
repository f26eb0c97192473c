"""Commands that somebody ends: by Ctrl-C at any time, or because they run until then."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_QUERIES = "promptad_db.db.engine.duckdb_file"
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set; each of them, given again, does what it usually does."""
    stop = threading.Event()
    usual = {number: signal.getsignal(number) for number in _SIGNALS}

    def ask(number: int, _frame: Any) -> None:
        signal.signal(number, usual[signal.Signals(number)])
        # Set here, it could wait for ever for a lock that the interrupted wait() holds.
        threading.Thread(target=stop.set).start()

    for number in _SIGNALS:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)


@contextmanager
def queries_hear_ctrl_c() -> Iterator[None]:
    """Within the block Ctrl-C ends a DuckDB query at once, which by itself looks for signals only now and then."""
    heard, told = os.pipe()
    os.set_blocking(told, False)
    before = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    callbacks = threading.Thread(target=_interrupt_queries, args=(heard,), daemon=True)
    callbacks.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(told)
        callbacks.join()
        os.close(heard)


def _interrupt_queries(heard: int) -> None:
    while number := os.read(heard, 1):
        if number[0] == signal.SIGINT and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            module = sys.modules.get(_QUERIES)
            if module is not None:
                module.interrupt()


def is_interrupted(error: BaseException) -> bool:
    """Whether Ctrl-C is behind an error: somebody may have made another one of it on the way."""
    seen: set[int] = set()
    chain: BaseException | None = error
    while chain is not None and id(chain) not in seen:
        if isinstance(chain, KeyboardInterrupt):
            return True
        seen.add(id(chain))
        chain = chain.__cause__ or chain.__context__
    return False
