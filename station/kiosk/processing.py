"""The kiosk's child processes: warm before the first customer, each with limits on memory and time, replaced when they
die. Everything that came from outside (a scan, a recording, an upload) is read there and nowhere else.

    async with Workers(2) as workers:
        answer = await workers.do("measure", {"left.ply": data}, side="left", load="standing")
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from station import rooms
from station.helper import processors
from station.kiosk.frames import decode_head, encode, head_length

START = "import sys; sys.path[:] = {path!r}; from station.kiosk import work; work.serve({memory_mb})"
MEMORY_MB, SECONDS, WARM_S = 1536, 45.0, 60.0
#: of our environment a child needs no more
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "PLANTAR_SEED")
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class JobError(Exception):
    """A job that was not done: ``code`` is the kind of error, ``read`` where the file itself is at fault."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Answer:
    """What came of a job."""

    document: Mapping[str, Any]
    files: Mapping[str, bytes] = field(default_factory=dict)


class Worker:
    """One child process; one job at a time."""

    def __init__(self, memory_mb: int = MEMORY_MB) -> None:
        self._memory_mb = memory_mb
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Of the process, while it lives."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def do(self, job: str, files: Mapping[str, bytes], options: Mapping[str, Any], seconds: float) -> Answer:
        """Do it; JobError where it is refused, takes too long or too much, or ends the process."""
        if self.pid is None:
            await self._start()
        try:
            async with asyncio.timeout(seconds):
                head, out = await self._ask({"job": job, "options": dict(options)}, files)
        except TimeoutError:
            await self.end()
            raise JobError("TimeoutError", f"{job}: not done after {seconds:g} s") from None
        except (EOFError, ConnectionError, ValueError) as error:
            await self.end()
            raise JobError("Ended", f"{job}: its process ended ({type(error).__name__})") from error
        except asyncio.CancelledError:
            await self.end()  # or the next job would get this one's answer
            raise
        if not head.get("ok"):
            raise JobError(str(head.get("error")), str(head.get("message")))
        return Answer(head["document"], out)

    async def _ask(
        self, head: Mapping[str, Any], files: Mapping[str, bytes]
    ) -> tuple[dict[str, Any], dict[str, bytes]]:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise EOFError("no process")
        for piece in encode(head, files):
            process.stdin.write(piece)
            await process.stdin.drain()
        read = process.stdout.readexactly
        answer, sizes = decode_head(await read(head_length(await read(8))))
        return answer, {name: await read(size) for name, size in sizes}

    async def _start(self) -> None:
        code = START.format(path=sys.path, memory_mb=self._memory_mb)
        environment = {key: os.environ[key] for key in PASSED_ON if key in os.environ}
        environment |= dict.fromkeys(ONE_THREAD, "1")
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-W", "ignore", "-c", code,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            env=environment, start_new_session=True,
        )  # fmt: skip

    async def end(self) -> None:
        """Nothing that it still does is wanted."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        if process.stdin is not None:
            process.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5.0):
                if process.stdout is not None:
                    with contextlib.suppress(RuntimeError):  # somebody waits for its answer: they read it to its end
                        await process.stdout.read()  # so that the pipe is closed
                await process.wait()
        await asyncio.to_thread(rooms.sweep)


class Workers:
    """``async with Workers() as workers``: as many as there are processors, two at least; jobs wait for a free one.

    ``warm``: they are started before the first job, with everything that it needs, rather than by it.
    """

    def __init__(
        self, count: int | None = None, memory_mb: int = MEMORY_MB, seconds: float = SECONDS, warm: bool = True
    ) -> None:
        self.count = count or max(2, min(4, processors()))
        self._all = [Worker(memory_mb) for _ in range(self.count)]
        self._free: asyncio.Queue[Worker] = asyncio.Queue()
        self._seconds, self._warms, self._over = seconds, warm, False
        self._warming: list[asyncio.Task[Any]] = []

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(rooms.sweep)
        for worker in self._all:
            self._warming.append(asyncio.create_task(self._warm(worker)))
        return self

    async def _warm(self, worker: Worker) -> None:
        if self._warms:
            with contextlib.suppress(JobError):
                await worker.do("warm", {}, {}, WARM_S)
        self._free.put_nowait(worker)

    async def ready(self) -> None:
        """Until all are warm."""
        await asyncio.gather(*self._warming)

    async def do(self, job: str, files: Mapping[str, bytes] | None = None, /, **options: Any) -> Answer:
        """Let the next free one do it."""
        worker = await self._free.get()
        try:
            return await worker.do(job, files or {}, options, self._seconds)
        finally:
            if self._over:
                pass  # nobody asks any more
            elif worker.pid is None:  # it ended: another takes its place, warmed before it is asked
                self._warming = [task for task in self._warming if not task.done()]
                self._warming.append(asyncio.create_task(self._warm(worker)))
            else:
                self._free.put_nowait(worker)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._over = True
        for task in self._warming:
            task.cancel()
        if self._warming:
            await asyncio.wait(self._warming)
        await asyncio.gather(*(worker.end() for worker in self._all))


async def together(jobs: Any) -> list[Any]:
    """All at once; the first error when all have ended, so that none is left running."""
    answers = await asyncio.gather(*jobs, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return answers
