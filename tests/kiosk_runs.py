"""A kiosk that runs for a test, and a customer who taps on its pages without a browser."""

from __future__ import annotations

import asyncio
import functools
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from footscan.synth import FootSpec, SyntheticFoot, make_foot, scan_foot
from station.kiosk.app import create_app
from station.kiosk.processing import Workers
from station.kiosk.security import Access
from station.kiosk.serving import listening, server_of
from station.kiosk.settings import Settings
from station.store import Store, open_store

UPLOADS = Settings(scan="upload:", walk=("upload:",))  #: no device, nothing simulated
PATIENCE_S = 60.0


@functools.cache
def _right_foot() -> SyntheticFoot:
    return make_foot(FootSpec("right", 251.0, arch_apex_height_mm=14.0, rearfoot_angle_deg=3.0))


def scan_of_a_right_foot(points: int) -> bytes:
    """A PLY, 12 bytes a point."""
    seen = scan_foot(_right_foot(), points=points, turn_deg=97.0, seed=2).points.astype("<f4")
    head = f"ply\nformat binary_little_endian 1.0\ncomment mm\nelement vertex {len(seen)}\n"
    head += "".join(f"property float {axis}\n" for axis in "xyz") + "end_header\n"
    return head.encode() + seen.tobytes()


@dataclass
class Running:
    """A kiosk that listens on loopback."""

    address: str
    store: Store
    app: Any

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.address.rpartition(":")[2])

    def customer(self, **how: Any) -> Customer:
        """Somebody with a browser of their own."""
        return Customer(httpx.Client(base_url=self.address, headers={"origin": self.address}, timeout=30.0, **how))


@contextmanager
def running(
    folder: Path, settings: Settings = UPLOADS, workers: Workers | None = None, url: str | None = None
) -> Iterator[Running]:
    """A kiosk on the store in a folder, in a thread of its own, with one process to measure in; it ends with the block.

    ``workers`` that nobody started do nothing: quick, where nothing is measured.
    """
    with open_store(folder, url) as store, listening("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        app = create_app(store, settings, Access.at("127.0.0.1", port), workers, processes=1)
        server = server_of(app, last_s=1)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True)
        thread.start()
        try:
            until = time.monotonic() + PATIENCE_S
            while not server.started and thread.is_alive() and time.monotonic() < until:
                time.sleep(0.02)
            assert server.started
            yield Running(f"http://127.0.0.1:{port}", store, app)
        finally:
            server.should_exit = True
            thread.join(PATIENCE_S)
            assert not thread.is_alive()


@dataclass
class Customer:
    """Taps through the pages; ``taps`` counts them."""

    client: httpx.Client
    page: str = ""
    taps: int = 0
    seen: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.client.close()

    @property
    def screen(self) -> str:
        """Where the page is."""
        found = re.search(r'data-screen="(\w*)"', self.page)
        assert found, self.page[:300]
        return found[1]

    @property
    def token(self) -> str:
        """Of the page's forms."""
        found = re.search(r'name="token" value="([^"]+)"', self.page)
        assert found, self.page[:300]
        return found[1]

    @property
    def visit(self) -> str:
        """The visit's id, where the page shows something of it."""
        found = re.search(r'"/(?:v|live/\w+)/([^/"]+)', self.page)
        assert found, self.page[:300]
        return found[1]

    def look(self) -> str:
        """Load the page; the screen that it shows."""
        answer = self.client.get("/")
        assert answer.status_code == 200, answer.text
        self.page = answer.text
        if not self.seen or self.seen[-1] != self.screen:
            self.seen.append(self.screen)
        return self.screen

    def post(self, path: str, **fields: str) -> httpx.Response:
        """Send a form of the page that is shown, whatever comes of it."""
        return self.client.post(path, data={"token": self.token, **fields})

    def tap(self, step: str, **fields: str) -> str:
        """A tap; the screen that follows."""
        self.taps += 1
        answer = self.post(f"/do/{step}", **fields)
        assert answer.status_code == 303, (answer.status_code, answer.text)
        return self.look()

    def begin(self, lang: str = "en") -> str:
        """The first tap."""
        self.look()
        self.taps += 1
        assert self.post("/start", lang=lang).status_code == 303
        return self.look()

    def to_prepare(self, **consents: str) -> str:
        """New here, old enough."""
        self.begin()
        self.tap("agreed", **consents)
        return self.tap("new")

    def wait_for(self, *screens: str) -> str:
        """Until the page is at one of them."""
        until = time.monotonic() + PATIENCE_S
        while self.look() not in screens or 'data-state="loading"' in self.page:
            assert time.monotonic() < until, self.screen
            time.sleep(0.1)
        return self.screen
