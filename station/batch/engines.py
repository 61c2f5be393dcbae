"""Who does the orders: processes on this machine, or the workers of a Dask cluster, each with the same limits.

Both take tasks as they have room for them and give results as they come, in whatever order.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from station.batch.item import Result, Task, failed
from station.batch.worker import Limits, Stopped, Worker
from station.errors import SOME_FAILED, StationError, one_line
from station.extras import need

if TYPE_CHECKING:
    from distributed import Client

AHEAD = 2  #: orders that a cluster is given for each of its threads
FIRST_WORKER_S = 60.0


def processes(tasks: Iterable[Task], jobs: int, limits: Limits) -> Generator[Result]:
    """On ``jobs`` processes of this machine. Closing the iterator ends them at once."""
    waiting, lock = iter(tasks), threading.Lock()
    results: queue.SimpleQueue[Result | BaseException | None] = queue.SimpleQueue()
    workers = [Worker(limits) for _ in range(jobs)]

    def watch(worker: Worker) -> None:
        try:
            while True:
                with lock:
                    task = next(waiting, None)
                if task is None:
                    return
                results.put(worker.do(task))
        except (Stopped, OSError) as error:
            results.put(error)
        finally:
            worker.close()
            results.put(None)

    threads = [threading.Thread(target=watch, args=(worker,), daemon=True) for worker in workers]
    try:
        for thread in threads:
            thread.start()
        left = jobs
        while left:
            result = results.get()
            if result is None:
                left -= 1
            elif isinstance(result, Result):
                yield result
            else:
                raise result
    finally:
        for worker in workers:
            worker.close()
        for thread in threads:
            thread.join()


# ------------------------------------------------------------------ a cluster


class ClusterError(StationError):
    """A cluster that can't be reached or has no workers: exit 3."""


class ClusterLostError(StationError):
    """A cluster that went away on the way: what was done is done, exit 1."""

    exit_code = SOME_FAILED


def cluster(tasks: Iterable[Task], address: str, limits: Limits) -> Generator[Result]:
    """On the workers of the Dask scheduler at ``address``; what a lost worker had begun is done by another."""
    need("distributed", "cluster", "--cluster")
    from distributed import as_completed

    with connected(address) as client:
        waiting = iter(tasks)
        room = AHEAD * max(1, sum(client.nthreads().values()))
        asked: dict[Any, Task] = {}

        def submit() -> list[Any]:
            task = next(waiting, None)
            if task is None:
                return []
            future = client.submit(do_there, task, limits, pure=False)
            asked[future] = task
            return [future]

        done = as_completed([future for _ in range(room) for future in submit()], loop=client.loop)
        try:
            for future in done:
                task = asked.pop(future)
                yield _result(future, task)
                future.release()
                for more in submit():
                    done.add(more)
        finally:
            client.cancel(list(asked))


def _result(future: Any, task: Task) -> Result:
    if future.status == "cancelled":
        raise ClusterLostError("--cluster: expected the scheduler to stay, found it gone; go on with --resume")
    error = future.exception()
    if error is None:
        result: Result = future.result()
        return result
    message = f"expected a worker of the cluster to do it, found {type(error).__name__}: {one_line(str(error))[:160]}"
    return Result(task.number, failed(task.row.order, "WorkerDied", message))


@contextlib.contextmanager
def connected(address: str) -> Iterator[Client]:
    """A client of the scheduler with a worker at least. ClusterError where there is none."""
    from distributed import Client

    try:
        client = Client(address, timeout=FIRST_WORKER_S, set_as_default=False)
    except (OSError, ValueError) as error:
        found = one_line(str(error))[:160]
        raise ClusterError(
            f"--cluster {address}: expected a Dask scheduler, found {found}; start one with dask scheduler"
        ) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=FIRST_WORKER_S)
        except TimeoutError as error:
            raise ClusterError(
                f"--cluster {address}: expected a worker, found none in {FIRST_WORKER_S:g} s; start dask worker"
            ) from error
        yield client


_idle: queue.LifoQueue[tuple[Limits, Worker]] = queue.LifoQueue()


def do_there(task: Task, limits: Limits) -> Result:
    """On a cluster's worker: the order in a process beside it, which its limits can end without ending the worker."""
    try:
        there, worker = _idle.get_nowait()
    except queue.Empty:
        there, worker = limits, Worker(limits)
    if there != limits:
        worker.close()
        worker = Worker(limits)
    result = worker.do(task)
    _idle.put((limits, worker))
    return result
