"""The live view of a recording in a terminal: a line a device, drawn over itself."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from station.messages import Texts, columns
from station.progress import ROOM

if TYPE_CHECKING:
    from devices.live import Live

WIDTH = 8  #: of the bar of the force


class View:
    """``with View(stream, say) as view: view.show(looks)`` a few times a second; nothing where no terminal is."""

    def __init__(self, stream: TextIO, say: Texts, shown: bool | None = None) -> None:
        self._stream, self._say, self._drawn = stream, say, 0
        self._most: dict[str, float] = {}
        self._with_cop: set[str] = set()
        self.shown = stream.isatty() if shown is None else shown

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self.shown and self._drawn:
            self._write(f"\x1b[{self._drawn}F\x1b[J")

    def connecting(self, devices: Sequence[tuple[str, bool]]) -> None:
        """Before the first samples: each device's name, and whether it is there."""
        if self.shown:
            words = {there: self._say(f"live.{'connected' if there else 'connecting'}") for there in (True, False)}
            self._draw([fitting(f"{name}  {words[there]}") for name, there in devices])

    def show(self, looks: tuple[Live, ...]) -> None:
        """Draw all devices, over what was drawn before."""
        width = max(len(look.label) for look in looks)
        self._draw([self.line(look, width) for look in looks])

    def _draw(self, lines: list[str]) -> None:
        up = f"\x1b[{self._drawn}F" if self._drawn else ""
        self._write(up + "".join(f"\x1b[K{line}\n" for line in lines))
        self._drawn = len(lines)

    def line(self, look: Live, width: int = 0) -> str:
        """One device: force with a bar against the most seen so far, centre of pressure, rate, loss, battery."""
        parts = [f"{look.label:<{width}}"]
        if look.state != "connected":
            parts.append(self._say(f"live.{'away' if look.state == 'lost' else look.state}"))
        elif look.force is not None and look.force == look.force:
            most = self._most[look.label] = max(self._most.get(look.label, 1.0), look.force)
            full = round(WIDTH * max(look.force, 0.0) / most)
            parts.append(f"[{'#' * full}{'.' * (WIDTH - full)}] {look.force:4.0f} {look.force_unit}")
        if look.cop_mm is not None:
            self._with_cop.add(look.label)
        if (
            look.state == "connected" and look.label in self._with_cop
        ):  # it stays, or the line would jump with each step
            cop = "   –    –" if look.cop_mm is None else f"{look.cop_mm[0]:4.0f} {look.cop_mm[1]:4.0f}"
            parts.append(f"CoP {cop} mm")
        parts.append(f"{look.rate_hz:3.0f} Hz")
        if look.lost_percent is None:
            parts.append(self._say("live.loss_unknown"))
        else:
            parts.append(self._say("live.lost", share=f"{look.lost_percent:.1f}"))
        if look.battery is not None:
            unit = " %" if look.battery_unit == "%" else ""  # other units are a maker's own steps
            parts.append(self._say("live.battery", value=f"{look.battery:.0f}{unit}"))
        return fitting("  ".join(parts))

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError):  # a terminal that went away
            self._stream.write(text)
            self._stream.flush()


def fitting(text: str) -> str:
    """What of it fits on a line; nothing that could move the cursor."""
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    while columns(text) > ROOM:
        text = text[:-1]
    return text
