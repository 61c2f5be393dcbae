"""A second process beside this one, so that two processors work on one order.

Started while this process still imports, given whole pieces of work (a function of a module and its arguments, as
pickles over pipes), and gone with this one however that ends: when its input closes, it leaves. What a piece of work
returns does not depend on who does it.
"""

from __future__ import annotations

import contextlib
import copyreg
import gc
import os
import pickle
import subprocess
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from types import MappingProxyType, TracebackType
from typing import Any, Self, TypeVar, cast

K = TypeVar("K")
R = TypeVar("R")
START = "import sys; sys.path[:] = {path!r}; from station import helper; helper.serve()"

# our records hold read-only mappings, which pickle does not know
copyreg.pickle(MappingProxyType, lambda mapping: (_read_only, (dict(mapping),)))


def _read_only(items: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(items)


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Helper:
    """``with Helper() as helper: future = helper.submit(function, …)``; pieces of work are done one after the other.

    ``spare`` is done after the first of them, and nobody asks what came of it.
    """

    def __init__(self, spare: Callable[[], None] | None = None) -> None:
        warned = [part for option in sys.warnoptions for part in ("-W", option)]
        # its own session: a Ctrl-C is for this process, which then ends the helper
        self._process = subprocess.Popen(
            [sys.executable, *warned, "-c", START.format(path=sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._thread = ThreadPoolExecutor(1, "helper")
        self._spare = spare

    def submit(self, function: Callable[..., R], *args: Any) -> Future[R]:
        """Let the helper do it; what it raises there is raised by ``result()`` here."""
        future = self._thread.submit(self._ask, function, args)
        if self._spare is not None:
            self._thread.submit(self._ask, self._spare, ())
            self._spare = None
        return future

    def _ask(self, function: Callable[..., R], args: tuple[Any, ...]) -> R:
        asked, answers = self._process.stdin, self._process.stdout
        if asked is None or answers is None:
            raise ValueError("the helper has no pipes")
        try:
            pickle.dump((function, args), asked, pickle.HIGHEST_PROTOCOL)
            asked.flush()
            done, value, trace = pickle.load(answers)
        except (EOFError, BrokenPipeError) as error:
            raise MemoryError("the second process was ended from outside") from error
        if not done:
            value.add_note(trace)
            raise value
        return cast(R, value)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._process.kill()  # nothing that it still does is wanted
        self._thread.shutdown(cancel_futures=True)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


@contextlib.contextmanager
def beside(worth: bool, spare: Callable[[], None] | None = None) -> Iterator[Helper | None]:
    """A helper where it is worth one and there is a second processor for it; else None."""
    if not worth or processors() < 2 or not sys.executable:
        yield None
        return
    with Helper(spare) as helper:
        yield helper


def share(helper: Helper | None, jobs: Mapping[K, Callable[[], R]]) -> dict[K, R]:
    """Do all ``jobs``, some here and some there, whoever is free taking the next; results in the jobs' own order.

    The last ones are done there, the first ones here; all of them here without a helper.
    """
    if helper is None:
        return {name: job() for name, job in jobs.items()}
    waiting, done = deque(jobs.items()), dict[K, R]()

    def there() -> None:
        while waiting:
            with contextlib.suppress(IndexError):  # the other one was quicker
                name, job = waiting.pop()
                done[name] = helper.submit(job).result()

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(there)
        try:
            while waiting:
                with contextlib.suppress(IndexError):
                    name, job = waiting.popleft()
                    done[name] = job()
        finally:
            waiting.clear()
        other.result()
    return {name: done[name] for name in jobs}


def serve() -> None:
    """The helper's side: answer until the input ends."""
    gc.set_threshold(100_000)  # as in the first process
    asked = sys.stdin.buffer
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints, prints elsewhere
    with ThreadPoolExecutor(1) as pool:
        while True:
            try:
                function, args = pickle.load(asked)
            except EOFError:
                return
            work = pool.submit(_work, function, args)
            error = work.exception()
            if error is None:
                answers.write(work.result())
            else:
                trace = "".join(traceback.format_exception(error))
                answers.write(pickle.dumps((False, error, trace)))
            answers.flush()


def _work(function: Callable[..., Any], args: tuple[Any, ...]) -> bytes:
    return pickle.dumps((True, function(*args), ""), pickle.HIGHEST_PROTOCOL)
