"""Commands that run until somebody ends them."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

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
