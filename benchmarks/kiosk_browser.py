"""A real ``plantar kiosk`` on a machine without a network, and a customer who walks through it in a real browser.

    with kiosk(folder, "--scan", "sim:feet") as one, chromium(one) as browser, Visitor(browser, one) as visitor:
        visitor.walk("zh")
        print(visitor.taps, visitor.screens)

The kiosk and the browser share a network that has nothing but a loopback (``alone.py``), where the system lets one.
"""

from __future__ import annotations

import json
import os
import selectors
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from alone import NO_RIGHT

ALONE = Path(__file__).with_name("alone.py")
#: pages drawn as without a graphics card, 3D by a software renderer, and no name leads anywhere
CHROMIUM = (
    "--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)  # fmt: skip
PATIENCE_S = 60.0
SIZES = {"portrait": (1080, 1920), "landscape": (1280, 800), "phone": (390, 844)}
#: ms from the question for a screen until it is painted, of those that are swapped in
WATCH_SWAPS = """
window.swaps = [];
document.addEventListener("htmx:beforeRequest", () => { window.asked = performance.now(); });
document.addEventListener("htmx:afterSettle", () => requestAnimationFrame(() => setTimeout(() => {
  const screen = document.getElementById("screen").dataset.screen;
  if (window.swaps.at(-1)?.[0] !== screen) window.swaps.push([screen, performance.now() - window.asked]);
})));
"""
#: ms from the question for a page until something of it is painted
PAINTED = """new Promise((tell) => new PerformanceObserver((list) => list.getEntries()
  .filter((entry) => entry.name === "first-contentful-paint").forEach((entry) => tell(entry.startTime)))
  .observe({type: "paint", buffered: true}))"""


# ------------------------------------------------------------------ the kiosk


@dataclass(frozen=True)
class Kiosk:
    """One that listens; ``alone``: nothing but its own loopback is there."""

    address: str
    folder: Path
    process: subprocess.Popen[bytes]
    log: Path  #: what it says on stderr
    alone: bool

    def end(self) -> int:
        """As a service manager ends it; its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(PATIENCE_S)
        finally:
            self.process.kill()
            self.process.wait()
            if self.process.stdout is not None:
                self.process.stdout.close()


@contextmanager
def kiosk(folder: Path, *options: str, alone: bool = True) -> Iterator[Kiosk]:
    """``plantar kiosk --data FOLDER`` with more options, until the block ends."""
    one = start(folder, *options, alone=alone)
    try:
        yield one
    finally:
        one.end()


def start(folder: Path, *options: str, alone: bool = True) -> Kiosk:
    """The same, for somebody who ends it."""
    command = [sys.executable, "-m", "station.cli", "kiosk", "--data", str(folder), "--port", "0", "--json", *options]
    first = [sys.executable, str(ALONE)] if alone else []
    log = folder.with_name(f"{folder.name}.log")
    with open(log, "ab") as errors:
        process = subprocess.Popen([*first, *command], cwd=ALONE.parents[1], stdout=subprocess.PIPE, stderr=errors)
    said = _document(process)
    if said is None:
        process.kill()
        code = process.wait()
        if alone and code == NO_RIGHT:
            return start(folder, *options, alone=False)
        raise RuntimeError(f"plantar kiosk: expected its address, found {code}: {log.read_text(encoding='utf-8')}")
    return Kiosk(said["url"].rstrip("/"), folder, process, log, alone)


def _document(process: subprocess.Popen[bytes]) -> dict[str, Any] | None:
    """The JSON that it says first; None where it ends or is silent."""
    if process.stdout is None:
        return None
    said, until = b"", time.monotonic() + PATIENCE_S
    with selectors.DefaultSelector() as waiting:
        waiting.register(process.stdout, selectors.EVENT_READ)
        while not said.rstrip().endswith(b"}"):
            if not waiting.select(until - time.monotonic()):
                return None
            part = os.read(process.stdout.fileno(), 65536)
            if not part:
                process.wait(PATIENCE_S)
                return None
            said += part
    return dict(json.loads(said))


# ------------------------------------------------------------------ the browser


@contextmanager
def chromium(one: Kiosk | None = None) -> Iterator[Any]:
    """Debian's Chromium without a head, in the kiosk's own network where it has one."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium")
    if program is None:
        raise FileNotFoundError("chromium is not installed (Debian: apt-get install chromium)")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        if one is not None and one.alone:
            words = [sys.executable, str(ALONE), "--with", str(one.process.pid), program]
            inside = Path(folder) / "chromium"
            inside.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n', encoding="utf-8")
            inside.chmod(0o700)
            program = str(inside)
        browser = driver.chromium.launch(executable_path=program, args=list(CHROMIUM))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visitor:
    """Somebody at the screen. ``at(visitor, screen)`` is called on every screen, when it is at rest.

    asked : every address that the browser asked for; said : what pages complained of; taps : as a finger makes them
    """

    browser: Any
    one: Kiosk
    size: tuple[int, int] = SIZES["landscape"]
    at: Callable[[Visitor, str], object] = lambda visitor, screen: None
    taps: int = 0
    screens: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    answered: list[Any] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)  #: how much was answered at the end of each screen
    started_s: float = field(default_factory=time.monotonic)
    paused_s: float = 0.0

    def __enter__(self) -> Self:
        width, height = self.size
        self.context = self.browser.new_context(
            viewport={"width": width, "height": height}, has_touch=True, reduced_motion="reduce"
        )
        self.context.add_init_script(WATCH_SWAPS)
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_S * 1000)
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.context.on("request", lambda request: self.asked.append(request.url))
        self.page.on("requestfinished", lambda request: self.answered.append(request))
        self.page.on("websocket", lambda link: self.asked.append(link.url))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.context.close()

    def _hear(self, message: Any) -> None:
        if "GPU stall" not in message.text and "GL Driver" not in message.text:  # of drawing in software
            self.said.append(message.text)

    @property
    def foreign(self) -> list[str]:
        """What was asked of anybody else."""
        own = (f"{self.one.address}/", f"ws{self.one.address.removeprefix('http')}/", "data:", "blob:")
        return [address for address in self.asked if not address.startswith(own)]

    @property
    def weights(self) -> dict[str, int]:
        """Bytes of each screen as an empty browser loads it: its own, and what all have shared until then."""
        found = {}
        for screen, first, last in zip(self.screens, [0, *self.marks], self.marks, strict=False):
            shared = [request for request in self.answered[:last] if "/static/build/" in request.url]
            own = [request for request in self.answered[first:last] if "/static/build/" not in request.url]
            found[screen] = weight_of(shared + own)
        return found

    @property
    def seconds(self) -> float:
        """Since the first page was asked for, without what ``at`` took."""
        return time.monotonic() - self.started_s - self.paused_s

    def open(self, path: str = "/") -> None:
        """A page by its address."""
        self.page.goto(f"{self.one.address}{path}")

    def tap(self, where: str) -> None:
        """One tap."""
        self.taps += 1
        self.page.locator(where).first.click()

    def reached(self, screen: str, sign: str = "") -> None:
        """Wait for a screen, and for ``sign`` on it."""
        self.page.locator(f"main[data-screen={screen}]").wait_for()
        if sign:
            for part in sign.split(", "):
                self.page.locator(part).last.wait_for()
        start = time.monotonic()
        self.screens.append(screen)
        self.at(self, screen)
        self.marks.append(len(self.answered))
        self.paused_s += time.monotonic() - start

    def walk(
        self, lang: str, details: Sequence[str] = (), feet: str = "both", stance: str = "standing", to: str = "takeaway"
    ) -> None:
        """From the first tap to a screen; ``details``: name, phone, e-mail that are typed."""
        self.begin(lang)
        if details:
            self.page.locator("details summary").click()
            for field_id, text in zip(("name", "phone", "email"), details, strict=False):
                self.page.locator(f"#{field_id}").fill(text)
        self.tap("#new button")
        self.reached("prepare")
        for name, value in (("feet", feet), ("stance", stance)):
            if value not in ("both", "standing"):
                self.tap(f"label:has(input[name={name}][value={value}])")
        self.tap(NEXT)
        self.reached("scan", "plantar-preview")
        if self.first_of("score", "walk", "result") == "score":
            self.reached("score")
            self.tap(NEXT)
            self.reached("scan", "plantar-preview")
        if stance == "standing":
            self.reached("walk", "plantar-heatmap")
        self.reached("result", "plantar-foot[data-state=ready], plantar-insole[data-state=ready]")
        if to != "result":
            self.order()

    def first_of(self, *screens: str) -> str:
        """Which of these screens comes."""
        self.page.locator(", ".join(f"main[data-screen={screen}]" for screen in screens)).wait_for()
        return str(self.page.locator("main").get_attribute("data-screen"))

    def begin(self, lang: str) -> None:
        """To the question who it is."""
        self.open()
        self.reached("welcome")
        self.tap(f"button[value={lang}]")
        self.reached("consent")
        self.tap(NEXT)
        self.reached("who")

    def order(self) -> None:
        """From the result to the end."""
        self.tap(NEXT)
        self.reached("choose")
        self.tap(NEXT)
        self.reached("confirm", "plantar-insole[data-state=ready]")
        self.tap(NEXT)
        self.reached("takeaway")


NEXT = ".actions .next.btn, .actions .next .btn"


# ------------------------------------------------------------------ what a screen costs


@dataclass(frozen=True)
class Cold:
    """A screen: ms until something of it is painted, bytes that a browser asks for that has seen none before."""

    paint_ms: float
    weight: int


def cold(visitor: Visitor) -> Cold:
    """The screen where a visitor is, loaded by an empty browser that has their cookie."""
    context = visitor.browser.new_context(viewport=visitor.page.viewport_size, reduced_motion="reduce")
    context.add_cookies(visitor.context.cookies())
    page = context.new_page()
    answers: list[Any] = []
    try:
        page.goto(f"{visitor.one.address}/health")  # a process of the browser's for this kiosk; nothing is kept
        page.on("requestfinished", lambda request: answers.append(request))
        page.goto(f"{visitor.one.address}/", wait_until="networkidle")
        weight = weight_of(answers)
        # a studio has scripts and letters since the morning, and no customer waits for the end of an old page
        page.goto(f"{visitor.one.address}/health")
        page.goto(f"{visitor.one.address}/", wait_until="networkidle")
        return Cold(float(page.evaluate(PAINTED)), weight)
    finally:
        context.close()


def weight_of(answered: Sequence[Any]) -> int:
    """Bytes of what the browser was sent."""
    sizes = [request.sizes() for request in answered]
    return int(sum(size["responseBodySize"] + size["responseHeadersSize"] for size in sizes))
