"""A process that does one order after the other, and the one who watches it.

The watcher ends a worker that takes longer or more memory than an order may, and puts a new one in its place. A worker
that dies by itself is replaced and its order tried once more; if that one dies too, the order has failed. Whatever ends
the watcher ends its workers: their input closes.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from station.batch.item import Result, Task, carry_out, ended, failed, ready

START = "import sys; sys.path[:] = {path!r}; from station.batch import worker; worker.serve({memory}, {scratch!r})"
#: one thread a worker: the workers share the processors, and no result may depend on how many there are
THREADS = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)
LOOK_S = 0.05
TRIES = 2
BEGIN_S, LEAVE_S = 120.0, 5.0
MB = 1_000_000


@dataclass(frozen=True)
class Limits:
    """What one order may take."""

    time_s: float = 600.0
    memory_mb: float = 3000.0


class Stopped(Exception):
    """The watcher was closed while an order was being done."""


class Died(Exception):
    """The worker ended by itself."""


class Worker:
    """A worker and its watcher: ``do`` gives it one order; ``close`` ends it at once, from any thread."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: queue.SimpleQueue[Result | str | None] = queue.SimpleQueue()
        self._closed = False
        self._lock = threading.Lock()
        self._scratch, self._listener = "", threading.Thread()

    @property
    def pid(self) -> int | None:
        """The process that works, if there is one."""
        return None if self._process is None else self._process.pid

    def do(self, task: Task) -> Result:
        """One order, within the limits. Stopped where ``close`` came in between."""
        why = ""
        for attempt in range(1, TRIES + 1):
            start = time.monotonic()
            try:
                result = self._ask(task)
            except Died as error:
                why = str(error)
                self._end()
                continue
            return replace(result, tries=attempt, seconds=time.monotonic() - start)
        message = f"expected a worker to live through it, found {TRIES} that ended {why}; look at its files"
        return Result(task.number, failed(task.row.order, "WorkerDied", message), tries=TRIES)

    def _ask(self, task: Task) -> Result:
        process = self._running()
        try:
            if process.stdin is not None:
                pickle.dump(task, process.stdin, pickle.HIGHEST_PROTOCOL)
                process.stdin.flush()
        except (OSError, ValueError) as error:  # it is gone, or its pipe was closed
            raise Stopped if self._closed else Died(_how(process)) from error
        deadline = time.monotonic() + self._limits.time_s
        while True:
            with contextlib.suppress(queue.Empty):
                answer = self._answers.get(timeout=LOOK_S)
                if isinstance(answer, Result):
                    if answer.last:
                        self._end()
                    return answer
                if self._closed:
                    raise Stopped
                raise Died(_how(process))
            over = self._over(process.pid, deadline)
            if over is not None:
                self._end()
                return Result(task.number, failed(task.row.order, *over))

    def _over(self, pid: int, deadline: float) -> tuple[str, str] | None:
        """Kind and message where an order takes more than it may."""
        if time.monotonic() > deadline:
            return "TimeLimit", f"expected it within {self._limits.time_s:g} s, found it unfinished; look at its files"
        held = resident_bytes(pid)
        if held is not None and held > self._limits.memory_mb * MB:
            return "MemoryLimit", memory_message(self._limits.memory_mb)
        return None

    def _running(self) -> subprocess.Popen[bytes]:
        """The process, started where there is none; ready for its first order."""
        with self._lock:
            if self._closed:
                raise Stopped
            if self._process is not None:
                return self._process
            self._scratch = tempfile.mkdtemp(prefix="plantar-")
            self._process = process = _start(self._limits.memory_mb, self._scratch)
            self._answers = queue.SimpleQueue()
            self._listener = threading.Thread(target=_listen, args=(process, self._answers), daemon=True)
            self._listener.start()
        with contextlib.suppress(queue.Empty):
            if self._answers.get(timeout=BEGIN_S) is not None:  # "ready", or the end
                return process
        if self._closed:
            raise Stopped
        raise Died(f"{_how(process)} before it had begun")

    def _end(self) -> None:
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            self._listener.join()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
            shutil.rmtree(self._scratch, ignore_errors=True)

    def close(self) -> None:
        """End the worker, whatever it does."""
        self._closed = True
        self._end()


def memory_message(limit_mb: float) -> str:
    """The same whoever noticed it."""
    return f"expected it within {limit_mb:g} MB of memory, found it to take more; give smaller files or a higher limit"


def resident_bytes(pid: int) -> int | None:
    """The memory that a process holds; None where the system does not say."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return None


def _how(process: subprocess.Popen[bytes]) -> str:
    """How a process ended."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(LEAVE_S)
    code = process.returncode
    return "by itself" if code is None else f"by signal {-code}" if code < 0 else f"with code {code}"


def _start(memory_mb: float, scratch: str) -> subprocess.Popen[bytes]:
    warned = [part for option in sys.warnoptions for part in ("-W", option)]
    # its own session: a Ctrl-C is for the watcher, who then ends it
    return subprocess.Popen(
        [sys.executable, *warned, "-c", START.format(path=sys.path, memory=memory_mb, scratch=scratch)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **THREADS, "TMPDIR": scratch},
        start_new_session=True,
    )


def _listen(process: subprocess.Popen[bytes], answers: queue.SimpleQueue[Any]) -> None:
    """Everything that a worker says, then None."""
    with contextlib.suppress(EOFError, OSError, ValueError, pickle.UnpicklingError):
        while process.stdout is not None:
            answers.put(pickle.load(process.stdout))
    answers.put(None)


# ------------------------------------------------------------------ in the worker


def serve(memory_mb: float, scratch: str) -> None:
    """The worker's side: one order after the other; gone at once when the watcher is, and ``scratch`` with it."""
    gc.set_threshold(100_000)
    asked, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints, prints elsewhere
    _bound(memory_mb)
    ready()

    def leave() -> NoReturn:
        shutil.rmtree(scratch, ignore_errors=True)
        os._exit(0)

    def say(answer: Result | str) -> None:
        try:
            pickle.dump(answer, answers, pickle.HIGHEST_PROTOCOL)
            answers.flush()
        except OSError:
            leave()  # nobody listens any more

    say("ready")
    with ThreadPoolExecutor(1) as pool:
        while True:
            try:
                task: Task = pickle.load(asked)
            except EOFError:
                leave()  # also in the middle of an order: nobody waits for it

            def tell(future: Future[Result], task: Task = task) -> None:
                error = future.exception()
                if isinstance(error, MemoryError):
                    line = failed(task.row.order, "MemoryLimit", memory_message(memory_mb))
                    say(Result(task.number, line, last=True))  # what is left of the memory may be in pieces
                else:
                    say(future.result() if error is None else ended(task, error))

            pool.submit(carry_out, task).add_done_callback(tell)


def _bound(memory_mb: float) -> None:
    """Where the system knows such a limit, an order that asks for too much at once is refused it."""
    try:
        import resource
    except ImportError:
        return
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (int(memory_mb * MB), int(memory_mb * MB)))
