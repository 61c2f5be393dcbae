"""One visit's work behind its pages: scanning, walking, shaping insoles, each once, each kept when it is done.

A page that is shown asks ``attend`` that the work of its screen is on its way: after a restart as on the first time.
What a step needs is in the store before the page moves on; a scan's skin and the measures' uncertainty follow while
the customer goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from devices.errors import DeviceError
from station.kiosk import flow, report_files
from station.kiosk import visit_files as names
from station.kiosk.flow import Event, Way, WrongStep
from station.kiosk.live import Channel
from station.kiosk.processing import JobError, Workers, together
from station.kiosk.settings import Settings
from station.kiosk.sources import Files, Scanner, problems_of, side_in
from station.kiosk.walks import Walker
from station.store import Store, StoreError, files, visits
from station.store.errors import StoreFull
from station.store.records import Visit

T = TypeVar("T")
SCAN_S = 300.0  #: nobody stands on the scanner for longer
LEAVE_S = 2.0  #: what a task that is no longer wanted may take to end


@dataclass(eq=False)
class _Work:
    """What runs for a visit."""

    channels: dict[str, Channel] = field(default_factory=dict)
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    came: asyncio.Queue[Files] = field(default_factory=lambda: asyncio.Queue(1))


class Desk:
    """All visits of one kiosk. The devices serve one visit at a time."""

    def __init__(self, store: Store, settings: Settings, workers: Workers, scanner: Scanner, walker: Walker | None):
        self.store, self.settings, self.workers = store, settings, workers
        self.scanner, self.walker = scanner, walker
        self._work: dict[str, _Work] = {}
        self._turn = asyncio.Lock()  # steps wait here rather than for the database
        self._scanning, self._walking = asyncio.Lock(), asyncio.Lock()

    # ------------------------------------------------------------------ the state

    async def in_store(self, function: Callable[..., T], *args: Any, **how: Any) -> T:
        """A function of the store, beside the event loop."""
        return await asyncio.to_thread(function, self.store, *args, **how)

    async def way(self, visit_id: str) -> tuple[Visit, Way]:
        """Where a visit is. NotFound, Erased."""
        visit = await self.in_store(visits.get, visit_id)
        return visit, flow.from_json(visit.state["way"])

    async def take(
        self, visit_id: str, event: Event, more: Callable[[Store], object] | None = None, by: str = ""
    ) -> Way:
        """A step of a visit, kept; ``more`` is kept with it, or neither is. ``by``: the work that takes it, which then
        ends by itself. WrongStep, StoreError."""
        async with self._turn:
            way, after = await asyncio.to_thread(self._step, visit_id, event, more)
        if after.screen != way.screen or isinstance(event, flow.Redo):
            own = {"scan", "walk", "made", "print"} if isinstance(event, flow.Redo) else set()
            await self.drop(visit_id, _still_wanted(after) - own, by)
        return after

    def _step(self, visit_id: str, event: Event, more: Callable[[Store], object] | None) -> tuple[Way, Way]:
        """Read, take and keep a step in one transaction; the way before and after."""
        with self.store.write():
            visit = visits.get(self.store, visit_id)
            if visit.closed_at is not None:
                raise WrongStep("the visit has ended")
            way = flow.from_json(visit.state["way"])
            after = flow.step(way, event)
            if more is not None:
                more(self.store)
            visits.save(self.store, visit_id, after.screen, {**visit.state, "way": flow.to_json(after)}, after.lang)
            if after.screen == "ended":
                visits.close(self.store, visit_id, "done" if after.order else "abandoned")
        return way, after

    # ------------------------------------------------------------------ the work

    def _of(self, visit_id: str) -> _Work:
        return self._work.setdefault(visit_id, _Work())

    def channel(self, visit_id: str, kind: str) -> Channel | None:
        """Of ``scan`` or ``walk``, while there is one."""
        work = self._work.get(visit_id)
        return work.channels.get(kind) if work is not None else None

    def attend(self, visit_id: str, way: Way) -> None:
        """See to it that the work of this screen is on its way."""
        if way.screen == "scan":
            self._begin(visit_id, "scan", lambda channel: self._scan(visit_id, way, channel), replay=True)
        elif way.screen == "score" and way.scanned:
            self.behind(visit_id, "later", lambda: self._skins(visit_id, way))
        elif way.screen == "walk" and not way.trouble and way.walk != "done" and self.walker is not None:
            self._begin(visit_id, "walk", lambda channel: self._walk(visit_id, channel), replay=False)
        elif way.screen == "result" and way.made == "working":
            self._begin(visit_id, "made", lambda channel: self._make(visit_id, way), replay=False)
        elif way.screen == "takeaway":
            report_files.begin(self, visit_id, way)
        elif way.screen == "confirm":
            self._begin(visit_id, "print", lambda channel: self._print(visit_id, way), replay=False)

    def _begin(
        self, visit_id: str, kind: str, start: Callable[[Channel], Coroutine[Any, Any, None]], replay: bool
    ) -> None:
        work = self._of(visit_id)
        if kind in work.tasks and not (work.tasks[kind].done() and kind in ("scan", "walk")):
            return
        work.channels[kind] = channel = Channel(replay)
        work.enough = asyncio.Event()
        work.tasks[kind] = asyncio.create_task(self._watched(visit_id, kind, channel, start(channel)))

    async def _watched(self, visit_id: str, kind: str, channel: Channel, work: Coroutine[Any, Any, None]) -> None:
        """Whatever becomes of it, the page goes on: a mistake of ours is told to the customer as a failure, and to
        whoever runs the kiosk as what it is."""
        task = asyncio.create_task(work)
        try:
            await asyncio.wait({task})
            error = None if task.cancelled() else task.exception()
            if error is not None:
                about = {"message": f"kiosk: {kind} of a visit failed", "exception": error}
                asyncio.get_running_loop().call_exception_handler(about)
                full = isinstance(error, StoreFull)
                await self._kept(visit_id, flow.Failed("disk_full" if full else _FAILURES[kind]), {}, kind)
                channel.tell(state="done")
        finally:
            task.cancel()
            await asyncio.wait({task}, timeout=LEAVE_S)
            channel.close()

    async def wait(self, visit_id: str, kind: str) -> None:
        """Until that work is over."""
        work = self._work.get(visit_id)
        if work is not None and kind in work.tasks:
            await asyncio.wait({work.tasks[kind]})

    def stop_walking(self, visit_id: str) -> None:
        """What was walked is enough."""
        self._of(visit_id).enough.set()

    async def give(self, visit_id: str, came: Files) -> None:
        """Files that were sent to the page instead of the device's."""
        queue = self._of(visit_id).came
        with contextlib.suppress(asyncio.QueueEmpty):
            queue.get_nowait()
        queue.put_nowait(came)

    async def drop(self, visit_id: str, keep: frozenset[str] = frozenset(), busy: str = "") -> None:
        """End the work that nobody wants any longer; ``busy`` ends by itself."""
        work = self._work.get(visit_id)
        if work is None:
            return
        ending = {kind: task for kind, task in work.tasks.items() if kind not in keep and kind != busy}
        for kind, task in ending.items():
            task.cancel()
            del work.tasks[kind]
        if ending:
            await asyncio.wait(ending.values(), timeout=LEAVE_S)
        if not work.tasks and not keep and not busy:
            self._work.pop(visit_id, None)

    async def close(self) -> None:
        """End everything."""
        for visit_id in list(self._work):
            await self.drop(visit_id)

    # ------------------------------------------------------------------ scan

    async def _scan(self, visit_id: str, way: Way, channel: Channel) -> None:
        try:
            async with asyncio.timeout(SCAN_S):
                ask = functools.partial(self.scanner.scan, way.feet, channel)
                came = await self._first(visit_id, self._scanning, channel, ask)
            channel.tell(state="scanning", progress=1.0, measuring=True)
            event, kept = await self._measured(came, way, sd=False)
        except DeviceError:
            event, kept = flow.Failed("scanner_away"), {}
        except TimeoutError:
            event, kept = flow.Failed("scan_nobody"), {}
        except JobError as error:
            event, kept = flow.Failed(_trouble("scan", error)), {}
        event, after = await self._kept(visit_id, event, kept, "scan")
        if after is not None and after.scanned:
            skinned = after
            self.behind(visit_id, "later", lambda: self._skins(visit_id, skinned))
        channel.tell(state="done")

    async def _first(
        self, visit_id: str, device: asyncio.Lock, channel: Channel, ask: Callable[[], Awaitable[Files]]
    ) -> Files:
        """What comes first: the device's files, when it is this visit's turn, or those sent to the page."""

        async def asked() -> Files:
            if device.locked():
                channel.tell(state="waiting", busy=True)
            async with device:
                channel.tell(busy=False)
                return await ask()

        waits = [asyncio.create_task(asked()), asyncio.create_task(self._of(visit_id).came.get())]
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            return next(iter(done)).result()
        finally:
            for one in waits:
                one.cancel()
            await asyncio.wait(waits, timeout=LEAVE_S)

    async def _measured(self, came: Files, way: Way, sd: bool) -> tuple[Event, Files]:
        """What the scans say, and the files to keep of it."""
        load = "standing" if way.stance == "standing" else "sitting"
        answers = await together(
            self.workers.do("measure", {name: data}, side=side_in(name), load=load, sd=sd)
            for name, data in came.items()
        )
        kept: Files = {names.SCAN.format(name=name): data for name, data in came.items()}
        document: dict[str, Any] = {}
        lines: dict[str, Any] = {}
        for answer in answers:
            kept |= answer.files
            lines |= answer.document["lines"]
            document = names.joined(document, answer.document["measurements"])
        kept |= {names.MEASUREMENTS: names.as_json(document), names.LINES: names.as_json(lines)}
        problems = {flow.Problem(side, code) for side, code in problems_of(document)}
        sides = tuple(side for side in flow.BOTH if names.FOOT.format(side=side) in kept)
        return flow.Scanned(sides, tuple(sorted(problems, key=lambda p: (p.side, p.code)))), kept

    async def _skins(self, visit_id: str, way: Way) -> None:
        """What a screen shows of the feet, where it is not there yet; without it the result has no 3D, no more."""
        wanted = []
        for side in way.scanned:
            if not await self.in_store(files.has, visit_id, names.SKIN.format(side=side)):
                wanted.append(names.FOOT.format(side=side))
        feet = {name: await self.in_store(files.get, visit_id, name) for name in wanted}
        with contextlib.suppress(StoreError, JobError):
            shown = await together(self.workers.do("show", {name: data}) for name, data in feet.items())
            await asyncio.to_thread(self.put, visit_id, {n: data for a in shown for n, data in a.files.items()})

    async def _spread(self, visit_id: str, way: Way) -> None:
        """The measures again, now with their uncertainty: for the report and the staff."""
        with contextlib.suppress(StoreError, JobError):
            kept = await self.in_store(files.of_visit, visit_id)
            scans = [file.role for file in kept if file.role.endswith(names.SCAN.format(name=""))]
            came = {role.removesuffix(".scan"): await self.in_store(files.get, visit_id, role) for role in scans}
            _, again = await self._measured(came, way, sd=True)
            feet = {name: data for name, data in again.items() if name.endswith((".foot", ".json"))}
            await asyncio.to_thread(self.put, visit_id, feet)

    def put(self, visit_id: str, kept: Mapping[str, bytes]) -> None:
        """Keep files of a visit, all or none; for a thread."""
        with self.store.write():
            for name, data in kept.items():
                files.put(self.store, visit_id, name, data)

    async def _kept(self, visit_id: str, event: Event, kept: Files, by: str) -> tuple[Event, Way | None]:
        """The step with its files; where the disk is full, the step that says so."""

        def put(store: Store) -> None:
            for name, data in kept.items():
                files.put(store, visit_id, name, data)
            for side in flow.BOTH:
                if names.FOOT.format(side=side) in kept:  # an earlier scan's skin is none of this foot
                    files.remove(store, visit_id, names.SKIN.format(side=side))

        try:
            return event, await self.take(visit_id, event, put, by)
        except StoreFull:
            event = flow.Failed("disk_full")
            with contextlib.suppress(StoreError, WrongStep):
                return event, await self.take(visit_id, event, None, by)
        except WrongStep:
            pass  # the customer is elsewhere by now
        return event, None

    # ------------------------------------------------------------------ walk

    async def _walk(self, visit_id: str, channel: Channel) -> None:
        if self.walker is None:
            return
        kept: Files = {}
        event: Event
        try:
            walker, enough = self.walker, self._of(visit_id).enough
            ask = functools.partial(walker.walk, self.settings.steps, channel, enough)
            came = await self._first(visit_id, self._walking, channel, ask)
            channel.tell(state="walking", measuring=True)
            answer = await self.workers.do("walk", came)
            event = flow.Walked()
            kept = {names.WALK: next(iter(came.values())), names.PRESSURE: names.as_json(answer.document["pressure"])}
            kept |= {
                names.LOADS: names.as_json(answer.document["loads"]),
                names.PEAKS: names.as_json(answer.document["peaks"]),
            }
        except DeviceError:
            event = flow.Failed("walk_away")
        except JobError as error:
            event = flow.Failed(_trouble("walk", error))
        await self._kept(visit_id, event, kept, "walk")
        channel.tell(state="done")

    # ------------------------------------------------------------------ insoles

    async def _make(self, visit_id: str, way: Way) -> None:
        await self.wait(visit_id, "later")
        try:
            _, kept = await together([self._skins(visit_id, way), self._insoles(visit_id, way, "screen")])
        except JobError as error:
            await self._kept(visit_id, flow.Failed(_trouble("insole", error)), {}, "made")
            return
        await self._kept(visit_id, flow.Made(), kept, "made")
        self.behind(visit_id, "spread", lambda: self._spread(visit_id, way))

    async def _print(self, visit_id: str, way: Way) -> None:
        """The chosen insoles, ready to be printed, before the customer has said yes."""
        try:
            kept = await self._insoles(visit_id, way, "print")
            await asyncio.to_thread(self.put, visit_id, kept)
        except JobError as error:
            await self._kept(visit_id, flow.Failed(_trouble("insole", error)), {}, "print")
        except StoreFull:
            await self._kept(visit_id, flow.Failed("disk_full"), {}, "print")

    def behind(self, visit_id: str, kind: str, work: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
        """Work that goes on while the customer does something else; once."""
        tasks = self._of(visit_id).tasks
        if kind not in tasks:
            tasks[kind] = asyncio.create_task(work())
        return tasks[kind]

    async def loads(self, visit_id: str, way: Way) -> dict[str, Any]:
        """What the walk says of each foot; nothing without a walk."""
        if way.walk != "done" or not await self.in_store(files.has, visit_id, names.LOADS):
            return {}
        return dict(json.loads(await self.in_store(files.get, visit_id, names.LOADS)))

    async def _insoles(self, visit_id: str, way: Way, wanted: str) -> Files:
        loads = await self.loads(visit_id, way)
        feet = {side: await self.in_store(files.get, visit_id, names.FOOT.format(side=side)) for side in way.scanned}
        preset, edits = self.edits(way)
        answers = await together(
            self.workers.do(
                "insole", {names.FOOT.format(side=side): data},
                **{"loads": loads.get(side), "preset": preset, "edits": edits, "for": wanted},
            )
            for side, data in feet.items()
        )  # fmt: skip
        document = {
            "schema": "plantar/prescriptions/1",
            "preset": preset,
            "feet": {answer.document["side"]: answer.document["insole"] for answer in answers},
            "notes": [],
            "failed": [],
        }
        kept = {name: data for answer in answers for name, data in answer.files.items()}
        return kept | {names.PRESCRIPTION: names.as_json(document)}

    def edits(self, way: Way) -> tuple[str, dict[str, Any]]:
        """The preset and the edits that a choice stands for."""
        choice = way.choice
        shoe = next((s for s in self.settings.shoes if s.key == choice.shoe), self.settings.shoes[0])
        if not choice.cover:
            return shoe.preset, {}
        cover = next((c for c in self.settings.covers if c.key == choice.cover), self.settings.covers[0])
        return shoe.preset, {"cover_thickness_mm": cover.thickness_mm, "length": choice.length}


# ------------------------------------------------------------------ small things

_FAILURES = {"scan": "scan_failed", "walk": "walk_failed", "made": "insole_failed", "print": "insole_failed"}


def _still_wanted(way: Way) -> frozenset[str]:
    """The work that goes on behind this screen."""
    own = {"scan": "scan", "walk": "walk", "result": "made", "confirm": "print"}
    early = way.screen in ("consent", "who", "guardian", "prepare", "scan", "ended")
    return frozenset({own.get(way.screen, ""), *(() if early else ("later", "spread", "report"))})


def _trouble(what: str, error: JobError) -> str:
    """Key of what to say about a job that failed."""
    kinds = {"ReadError": "unreadable", "ScanError": "unclear", "DesignError": "impossible", "MemoryError": "too_large"}
    return f"{what}_{kinds.get(error.code, 'failed')}"
