"""When to connect, to wait, to try again and to give up: a pure step function.

``advance(policy, link, event, at_s)`` returns the next link and the commands that follow from it. Nothing in here waits
or looks at a clock, so eight hours are tested in a blink; ``devices.session`` carries the commands out.

    connecting --heard--> streaming --failed/silent--> waiting --time is up--> connecting … --> ended
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from devices.errors import DeviceError, DeviceLost, DeviceTimeout
from devices.types import Status


@dataclass(frozen=True, slots=True)
class Policy:
    """How patient a session is.

    attempts       : tries to make the very first link (three or four of ten first tries fail on some hosts)
    connect_s      : for one try, from opening to the first word of the device
    backoff_s      : first and longest pause between tries; it doubles
    silent_s       : a device that says nothing for so long is taken for dead, and connected anew
    give_up_s      : for how long a lost device is looked for; None: until the session is closed
    """

    attempts: int = 5
    connect_s: float = 20.0
    backoff_s: tuple[float, float] = (0.1, 2.0)
    silent_s: float = 3.0
    give_up_s: float | None = None

    def __post_init__(self) -> None:
        if self.attempts < 1 or not 0 < self.backoff_s[0] <= self.backoff_s[1]:
            raise ValueError(f"attempts must be at least 1 and backoff_s ascending, got {self}")
        if not (self.connect_s > 0 and self.silent_s > 0):
            raise ValueError(f"connect_s and silent_s must be positive, got {self}")

    def pause_s(self, failures: int) -> float:
        """How long to wait after so many failures in a row."""
        first, most = self.backoff_s
        return most if failures > 32 else min(most, first * 2.0 ** max(0, failures - 1))


@dataclass(frozen=True, slots=True)
class Link:
    """Where a session stands.

    until_s  : when something is due if nothing happens: the try's end, the silence's, the pause's
    failures : in a row, since the device was last heard
    lost_s   : since when there has been no device (the start, at first)
    known    : it has been heard before
    """

    name: str
    phase: Literal["connecting", "streaming", "waiting", "ended"]
    until_s: float
    lost_s: float
    failures: int = 0
    known: bool = False
    error: DeviceError | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed; ``heard_s`` is when the device was last heard on this link, or None."""

    heard_s: float | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The try or the link ended with an error."""

    error: DeviceError
    heard_s: float | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """The source came to its end."""


Event: TypeAlias = Tick | Failed | Finished


@dataclass(frozen=True, slots=True)
class Open:
    """Start a try."""


@dataclass(frozen=True, slots=True)
class Drop:
    """Break off the try or the link."""


@dataclass(frozen=True, slots=True)
class End:
    """The session is over, with an error or without."""

    error: DeviceError | None = None


Command: TypeAlias = Open | Drop | End | Status


def start(policy: Policy, name: str, at_s: float) -> tuple[Link, tuple[Command, ...]]:
    """A session's first link; ``name`` is for messages."""
    link = Link(name, "connecting", at_s + policy.connect_s, at_s)
    return link, (Status("connecting", at_s, f"{name}: looking for it"), Open())


def advance(policy: Policy, link: Link, event: Event, at_s: float) -> tuple[Link, tuple[Command, ...]]:
    """What follows from an event at the time ``at_s`` (same clock as ``heard_s``)."""
    if link.phase == "ended":
        return link, ()
    if isinstance(event, Finished):
        return replace(link, phase="ended"), (Status("ended", at_s, f"{link.name}: came to its end"), End())
    if isinstance(event, Failed):
        return _failed(policy, _heard(policy, link, event.heard_s), event.error, at_s)
    return _passed(policy, _heard(policy, link, event.heard_s), at_s)


def _heard(policy: Policy, link: Link, heard_s: float | None) -> Link:
    """The device spoke: whatever failed before is forgotten."""
    if heard_s is None or link.phase == "waiting":
        return link
    return replace(link, phase="streaming", until_s=heard_s + policy.silent_s, lost_s=heard_s, failures=0, known=True)


def _passed(policy: Policy, link: Link, at_s: float) -> tuple[Link, tuple[Command, ...]]:
    if at_s < link.until_s:
        return link, ()
    if link.phase == "waiting":
        return replace(link, phase="connecting", until_s=at_s + policy.connect_s), (Open(),)
    streaming = link.phase == "streaming"
    limit_s = policy.silent_s if streaming else policy.connect_s
    expected = "data" if streaming else "an answer"
    error = DeviceTimeout(link.name, f"{expected} within {limit_s:g} s", "silence", "look at its battery and its cable")
    after, commands = _failed(policy, link, error, at_s)
    told: tuple[Command, ...] = (Status("silent", at_s, str(error)),) if streaming else ()
    return after, (*told, Drop(), *commands)


def _failed(policy: Policy, link: Link, error: DeviceError, at_s: float) -> tuple[Link, tuple[Command, ...]]:
    failures = link.failures + 1
    hopeless = not isinstance(error, DeviceLost)
    never = not link.known and failures >= policy.attempts
    pause_s = policy.pause_s(failures)
    too_long = link.known and policy.give_up_s is not None and at_s + pause_s - link.lost_s > policy.give_up_s
    if hopeless or never or too_long:
        ended = replace(link, phase="ended", failures=failures, error=error)
        return ended, (Status("ended", at_s, str(error)), End(error))
    kind: Literal["lost", "waiting"] = "lost" if link.phase == "streaming" else "waiting"
    told = Status(kind, at_s, f"{error}; trying again in {pause_s:g} s")
    return replace(link, phase="waiting", until_s=at_s + pause_s, failures=failures, error=error), (told,)
