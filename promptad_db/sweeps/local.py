"""Workers on this machine: spawned processes, each with a device of its own."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter, deque
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process
from typing import TYPE_CHECKING, Self

from promptad_db.errors import PromptadError, UsageError
from promptad_db.sweeps.work import Answer, perform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from promptad_db.sweeps.work import Task


_STOP_TIMEOUT = 5.0  # seconds that a worker has to end before it is killed


class LocalExecutor:
    """Processes of this machine. ``workers`` of them share the ``devices`` in turn; by default there is one a device.

    Each uses ``threads`` threads. A task whose worker dies is tried again ``retries`` times.
    """

    def __init__(
        self, devices: Sequence[str] = ("auto",), *, workers: int | None = None, threads: int = 1, retries: int = 2
    ) -> None:
        if not devices:
            raise UsageError("--devices names nothing", "name one, for example --devices cpu")
        self._devices = [devices[index % len(devices)] for index in range(workers or len(devices))]
        self._threads = threads
        self._retries = retries
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.stop(at_once=kind is not None)
        self._workers.clear()

    @property
    def processes(self) -> list[int]:
        """The ids of the worker processes that live."""
        return [worker.process.pid for worker in self._workers if worker.process.pid is not None]

    def answers(self, tasks: Sequence[Task], started: Callable[[Task], None]) -> Iterator[Answer]:
        """See `Executor.answers`."""
        waiting = deque(tasks)
        losses: Counter[int] = Counter()
        busy: dict[Future[Answer], tuple[_Worker, Task]] = {}
        while waiting or busy:
            self._start_workers(len(waiting) + len(busy))
            at_work = [worker for worker, _ in busy.values()]
            for worker in self._workers:
                if waiting and worker not in at_work:
                    task = waiting.popleft()
                    busy[worker.give(task)] = worker, task
                    started(task)
            for future in wait(busy, return_when=FIRST_COMPLETED).done:
                worker, task = busy.pop(future)
                if not isinstance(future.exception(), BrokenProcessPool):
                    yield future.result()
                    continue
                self._workers.remove(worker)
                losses[id(task)] += 1
                if losses[id(task)] <= self._retries:
                    waiting.append(task)
                else:
                    yield Answer(task, error=_lost(losses[id(task)], worker.stop(at_once=True)))

    def _start_workers(self, tasks: int) -> None:
        """As many workers as there are devices, but no more than there is work for."""
        missing = list(self._devices)
        for worker in self._workers:
            missing.remove(worker.device)
        for device in missing[: max(0, tasks - len(self._workers))]:
            self._workers.append(_Worker(device, self._threads))


class _Worker:
    """A pool of one process, which uses one device."""

    def __init__(self, device: str, threads: int) -> None:
        self.device, self._threads = device, threads
        self._pool = ProcessPoolExecutor(1, get_context("spawn"), _begin)
        try:
            with _threads_of_libraries(threads):
                pid = self._pool.submit(os.getpid).result()
        except BrokenProcessPool as error:
            raise PromptadError(
                "a worker process did not start", "in a script, call sweep below `if __name__ == '__main__':`"
            ) from error
        self.process = next(process for process in active_children() if process.pid == pid)

    def give(self, task: Task) -> Future[Answer]:
        """Hand a task over; that the process is dead already shows in the answer."""
        try:
            return self._pool.submit(perform, task, self.device, self._threads)
        except BrokenProcessPool as error:
            lost: Future[Answer] = Future()
            lost.set_exception(error)
            return lost

    def stop(self, *, at_once: bool) -> str:
        """End the process when it has nothing to do, or whatever it does; returns how it ended."""
        killer = threading.Timer(0 if at_once else _STOP_TIMEOUT, self.process.kill)
        killer.start()
        self._pool.shutdown(cancel_futures=True)
        killer.cancel()
        code = self.process.exitcode
        return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the driver decides
    threading.Thread(target=_end_with_driver, daemon=True).start()


def _end_with_driver() -> None:
    driver = parent_process()
    assert driver is not None
    driver.join()
    os._exit(1)


@contextmanager
def _threads_of_libraries(threads: int) -> Iterator[None]:
    """OpenMP and BLAS read their number of threads from the environment when they are loaded."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = str(threads)
    try:
        yield
    finally:
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before


def _lost(times: int, end: str) -> PromptadError:
    return PromptadError(
        f"its worker died {times} time{'s' * (times > 1)}, the last with {end}",
        "signal 9 is often the system short of memory: fewer --workers, or a smaller --batch-size",
    )
