"""Another scan for a visit that is over: the devices are asked, the feet measured, nothing kept until it is said."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from devices.errors import DeviceError
from station.kiosk import flow
from station.kiosk import visit_files as names
from station.kiosk.live import Channel
from station.kiosk.processing import JobError, Workers
from station.kiosk.sources import Files, Scanner, problems_of, side_of
from station.kiosk.staff.correcting import joined_documents

SCAN_S = 180.0


@dataclass(eq=False)
class Rescan:
    """One that is on its way or waits for a decision; ``trouble``: key of why there is none, ``why`` as it was said."""

    visit_id: str
    feet: tuple[str, ...]
    channel: Channel = field(default_factory=lambda: Channel(True))
    task: asyncio.Task[None] | None = None
    came: Mapping[str, bytes] = field(default_factory=dict)
    measured: Mapping[str, Any] = field(default_factory=dict)
    trouble: str = ""
    why: str = ""

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self.task is not None and self.task.done()

    @property
    def problems(self) -> list[tuple[str, str]]:
        """(side, code) of everything that the scan lost points for."""
        return problems_of(self.measured) if self.measured else []

    @property
    def refused(self) -> bool:
        """Whether no insole should be made of it."""
        return any(code in flow.REFUSED for _, code in self.problems)


class Rescans:
    """All of one kiosk: one at a time, as there is one scanner."""

    def __init__(self) -> None:
        self._by_visit: dict[str, Rescan] = {}

    def of(self, visit_id: str) -> Rescan | None:
        """The one of a visit."""
        return self._by_visit.get(visit_id)

    def busy(self) -> bool:
        """Whether the scanner is being used by the staff."""
        return any(not rescan.over for rescan in self._by_visit.values())

    def begin(self, visit_id: str, feet: tuple[str, ...], load: str, scanner: Scanner, workers: Workers) -> Rescan:
        """Ask the scanner for these feet."""
        rescan = self._by_visit[visit_id] = Rescan(visit_id, feet)
        rescan.task = asyncio.create_task(_run(rescan, load, scanner, workers))
        return rescan

    async def drop(self, visit_id: str) -> None:
        """Nobody wants it."""
        rescan = self._by_visit.pop(visit_id, None)
        if rescan is not None and rescan.task is not None and not rescan.task.done():
            rescan.task.cancel()
            await asyncio.wait({rescan.task}, timeout=2.0)


async def _run(rescan: Rescan, load: str, scanner: Scanner, workers: Workers) -> None:
    try:
        async with asyncio.timeout(SCAN_S):
            came = await scanner.scan(rescan.feet, rescan.channel)
        rescan.channel.tell(state="scanning", progress=1.0, measuring=True)
        rescan.came, rescan.measured = await measured(came, rescan.feet, load, workers)
    except DeviceError:
        rescan.trouble = "scanner_away"
    except TimeoutError:
        rescan.trouble = "scan_nobody"
    except JobError as error:
        rescan.trouble, rescan.why = "scan_unclear", re.sub(r"^/\S+: ", "", str(error))  # a child's folder says nothing
    finally:
        rescan.channel.tell(state="done")
        rescan.channel.close()


async def measured(
    came: Files, feet: tuple[str, ...], load: str, workers: Workers
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The files that a scan brings to its visit, and its measures with their uncertainty. JobError."""
    made = await asyncio.gather(
        *(workers.do("measure", {name: data}, side=_role(name), load=load, sd=True) for name, data in came.items()),
        return_exceptions=True,
    )
    kept: dict[str, bytes] = {names.SCAN.format(name=name): data for name, data in came.items()}
    documents: list[Mapping[str, Any]] = []
    lines: dict[str, Any] = {}
    for answer in made:
        if isinstance(answer, BaseException):
            raise answer
        kept |= answer.files
        lines |= answer.document["lines"]
        documents.append(answer.document["measurements"])
    skins = await asyncio.gather(
        *(workers.do("show", {name: kept[name]}) for side in feet if (name := names.FOOT.format(side=side)) in kept)
    )
    for answer in skins:
        kept |= answer.files
    return kept, {**joined_documents(documents), "lines": lines}


def _role(name: str) -> str:
    side = side_of(name)
    return side if side in flow.BOTH else "auto"
