"""Workers of a Ray cluster: every task is a Ray task, and GPUs are Ray's resources. The only module that knows Ray."""

from __future__ import annotations

import logging
import os
import socket
from collections import deque
from typing import TYPE_CHECKING, Any, Self

from promptad_db.errors import PromptadError, UsageError
from promptad_db.sweeps.work import Answer, perform

try:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray
    from ray.exceptions import RayError
except ImportError as error:
    raise UsageError("--executor ray needs Ray", "pip install 'promptad-db[ray]'") from error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from promptad_db.sweeps.work import Task

_QUEUED = 2  # tasks in flight for each that can run: none waits for the driver, and few are lost with it
_CONNECT_TIMEOUT = 10.0  # seconds for a cluster to take a connection; Ray itself tries for minutes
_POLL_INTERVAL = 10.0  # seconds after which a cluster that grew is noticed


class RayExecutor:
    """Tasks in a Ray cluster: the one at ``address`` (else RAY_ADDRESS), or one of this machine alone that ends with it.

    A task takes ``threads`` CPUs and ``gpus`` GPUs, by default one where the cluster has any; it sees the GPU it got as
    ``cuda``. ``workers`` bounds the tasks in flight, by default by what the cluster can hold. A task whose worker or
    machine is lost is tried again ``retries`` times. All machines need this package and the same storage.

    Raises UsageError when there is no cluster at the address.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        workers: int | None = None,
        threads: int = 1,
        gpus: float | None = None,
        retries: int = 2,
    ) -> None:
        self._address = address or os.environ.get("RAY_ADDRESS") or "local"
        self._workers = workers
        self._threads = threads
        self._gpus = gpus
        self._retries = retries
        self._pending: dict[ray.ObjectRef[Answer], Task] = {}
        self._own = False

    def __enter__(self) -> Self:
        if not ray.is_initialized():
            options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
            if self._address == "local":
                options["include_dashboard"] = False
                options["num_cpus"] = None if self._workers is None else self._workers * self._threads
            try:
                _reach(self._address)
                ray.init(self._address, **options)
            except (OSError, RayError, RuntimeError, ValueError) as error:
                raise UsageError(
                    f"no Ray cluster at {self._address}: {error}", "give its --address, host:port"
                ) from error
            self._own = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for reference in self._pending:
            ray.cancel(reference, force=True)
        self._pending.clear()
        if self._own:
            ray.shutdown()

    def answers(self, tasks: Sequence[Task], started: Callable[[Task], None]) -> Iterator[Answer]:
        """See `Executor.answers`; a task has started when it is in Ray's short queue."""
        gpus = self._gpus if self._gpus is not None else float(_resources().get("GPU", 0) >= 1)
        device = "cuda" if gpus else "cpu"
        do: Any = ray.remote(perform).options(num_cpus=self._threads, num_gpus=gpus, max_retries=self._retries)
        waiting = deque(tasks)
        while waiting or self._pending:
            while waiting and len(self._pending) < self._most(gpus):
                task = waiting.popleft()
                self._pending[do.remote(task, device, self._threads)] = task
                started(task)
            ready, _ = ray.wait(list(self._pending), num_returns=1, timeout=_POLL_INTERVAL)
            for reference in ready:
                task = self._pending.pop(reference)
                try:
                    yield ray.get(reference)
                except RayError as error:
                    reason = str(error).strip().splitlines()[0]
                    yield Answer(task, error=PromptadError(f"its worker was lost {self._retries + 1} times: {reason}"))

    def _most(self, gpus: float) -> int:
        """How many tasks may be in flight."""
        if self._workers:
            return self._workers
        resources = _resources()
        room = resources.get("CPU", 0) / self._threads
        if gpus:
            room = min(room, resources.get("GPU", 0) / gpus)
        return max(1, int(room)) * _QUEUED


def _resources() -> dict[str, float]:
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return resources


def _reach(address: str) -> None:
    """OSError when nobody listens at host:port."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), _CONNECT_TIMEOUT).close()
