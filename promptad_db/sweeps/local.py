"""Workers on this machine: spawned processes, each with a device of its own."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter, deque
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Self

from promptad_db.errors import PromptadError, UsageError
from promptad_db.sweeps.work import Answer, perform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.context import SpawnProcess
    from types import TracebackType

    from promptad_db.sweeps.work import Task

_STOP_TIMEOUT = 5.0  # seconds that a worker has to end before it is killed
_PIPE_BROKEN = (EOFError, OSError)  # what a pipe says whose other end is gone


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
        busy: dict[Connection, tuple[_Worker, Task]] = {}
        while waiting or busy:
            self._staff(len(waiting) + len(busy))
            for worker in self._workers:
                if waiting and worker.connection not in busy:
                    task = waiting.popleft()
                    busy[worker.connection] = worker, task
                    worker.give(task)
                    started(task)
            for connection in wait(list(busy)):
                assert isinstance(connection, Connection)
                worker, task = busy.pop(connection)
                try:
                    answer: Answer = connection.recv()
                except _PIPE_BROKEN:
                    end = self._remove(worker)
                    losses[id(task)] += 1
                    if losses[id(task)] <= self._retries:
                        waiting.append(task)
                        continue
                    answer = Answer(task, error=_lost(losses[id(task)], end))
                yield answer

    def _staff(self, tasks: int) -> None:
        """As many workers as there are devices, but no more than there is work for."""
        missing = list(self._devices)
        for worker in self._workers:
            missing.remove(worker.device)
        for device in missing[: max(0, tasks - len(self._workers))]:
            self._workers.append(_Worker(device, self._threads))

    def _remove(self, worker: _Worker) -> str:
        self._workers.remove(worker)
        worker.stop(at_once=True)
        code = worker.process.exitcode
        return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"


class _Worker:
    """One process and the pipe to it."""

    def __init__(self, device: str, threads: int) -> None:
        self.device = device
        context = get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(target=_serve, args=(theirs, device, threads), daemon=True)
        with _threads_of_libraries(threads):
            self.process.start()
        theirs.close()

    def give(self, task: Task) -> None:
        """Hand a task over; a dead worker shows when its answer is waited for."""
        try:
            self.connection.send(task)
        except OSError:
            return

    def stop(self, *, at_once: bool) -> None:
        """End the process: when it has nothing to do, or whatever it does."""
        self.connection.close()
        if at_once:
            self.process.terminate()
        self.process.join(_STOP_TIMEOUT)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def _serve(connection: Connection, device: str, threads: int) -> None:
    """The loop of a worker: tasks until the pipe is closed, or until the driver dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the driver decides
    threading.Thread(target=_end_with_driver, daemon=True).start()
    while True:
        try:
            task = connection.recv()
        except _PIPE_BROKEN:
            return
        connection.send(perform(task, device, threads))


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
