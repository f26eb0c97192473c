"""What somebody else's SQL may take: seconds, and bytes of memory beyond those that the process has already."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from promptad_db.errors import QueryError
from promptad_db.limits import QUERY_MEMORY, QUERY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_AGAIN = 0.5  # seconds; an interrupt that comes between two steps of a query is lost
_CANCELLED = "57014"  # PostgreSQL's codes
_FULL = ("53200", "53400")
_NO_ROOM = "out of memory for query result"  # in libpq's words
_STATM = Path("/proc/self/statm")
_lock = threading.Lock()
_sizes: list[int] = []  # what the queries that run now may take, in threads of their own
_before = (0, 0)  # the limits of the process while none runs


@dataclass(frozen=True)
class Bounds:
    """The limits of one query: ``seconds`` (None: as long as it takes) and ``memory`` in bytes."""

    seconds: float | None = QUERY_SECONDS
    memory: int = QUERY_MEMORY

    @contextmanager
    def kept(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """Call ``interrupt`` when the time is over, until the query ends; QueryError for a query beyond a bound."""
        done, late = threading.Event(), threading.Event()

        def watch() -> None:
            if done.wait(self.seconds):
                return
            late.set()
            while not done.is_set():
                interrupt()
                done.wait(_AGAIN)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            with _memory_limited(self.memory):
                yield
        except MemoryError as error:
            raise self.too_large() from error
        except QueryError as error:
            cause = getattr(error.__cause__, "orig", None)
            state = getattr(cause, "sqlstate", None)
            if late.is_set() or (self.seconds is not None and state == _CANCELLED):
                raise self.too_long() from error
            if state in _FULL or type(cause).__name__ == "OutOfMemoryException" or _NO_ROOM in str(cause):
                raise self.too_large() from error
            raise
        finally:
            done.set()
            watcher.join()
        if late.is_set():
            raise self.too_long()

    def too_long(self) -> QueryError:
        """What to say of a query whose time is over."""
        return QueryError(
            f"the query took longer than {self.seconds:g} s and was ended",
            "ask for less, or give it more time: promptad-db sql --timeout SECONDS, open_db(timeout=SECONDS)",
        )

    def too_large(self) -> QueryError:
        """What to say of a query that needs more memory."""
        return QueryError(
            f"the query needs more than {self.memory / (1 << 30):g} GB of memory and was ended",
            "ask for less, or give it more: promptad-db sql --memory GB, open_db(memory=BYTES)",
        )


@contextmanager
def _memory_limited(size: int) -> Iterator[None]:
    """Let the process grow by ``size`` bytes at most: long texts and lists are outside DuckDB's own memory limit."""
    if not _STATM.exists():  # Linux alone says how large a process is
        yield
        return
    with _lock:
        if not _sizes:
            _limit_memory(size)
        _sizes.append(size)
    try:
        yield
    finally:
        with _lock:
            _sizes.remove(size)
            if not _sizes:
                _restore_limits()


def _limit_memory(size: int) -> None:
    if sys.platform == "win32":
        return
    import resource

    global _before  # noqa: PLW0603 - limits are those of the process
    _before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(_STATM.read_text().split()[0]) * resource.getpagesize()
    allowed = [used + size, *(limit for limit in _before if limit != resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_AS, (min(allowed), _before[1]))


def _restore_limits() -> None:
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_AS, _before)
