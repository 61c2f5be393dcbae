"""Connections of those who say nothing, little, or nonsense: they end, and nobody else waits for it. Real sockets."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator

import pytest
from kiosk_runs import PATIENCE_S, Customer, Running, running

from station.kiosk import security, serving
from station.kiosk.processing import Workers


@pytest.fixture(scope="module")
def kiosk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("asked") / "studio", workers=Workers(1)) as one:
        yield one


@pytest.fixture
def customer(kiosk: Running) -> Iterator[Customer]:
    with kiosk.customer() as one:
        yield one


def opened(kiosk: Running, peer: str, count: int, said: bytes) -> list[socket.socket]:
    """Connections of one peer that say so much and no more; those that were refused are among them."""
    links = []
    for _ in range(count):
        link = socket.create_connection(("127.0.0.1", kiosk.port), timeout=10, source_address=(peer, 0))
        links.append(link)
        with contextlib.suppress(ConnectionError):
            link.sendall(said)
    return links


@pytest.mark.parametrize("peer", ["127.0.0.2", "127.0.0.1"])
def test_nobody_who_says_nothing_stands_in_the_customer_s_way(kiosk: Running, customer: Customer, peer: str) -> None:
    """Silent connections, half heads and slow bodies, by another peer and by the customer's own machine."""
    head = f"POST /start HTTP/1.1\r\nHost: 127.0.0.1:{kiosk.port}\r\nOrigin: {kiosk.address}\r\nContent-Length: 999"
    sent = (b"", f"{head}\r\nX-".encode(), f"{head}\r\n\r\nx".encode())
    links = [link for said in sent for link in opened(kiosk, peer, 100, said)]
    try:
        for _ in range(3):
            assert customer.to_prepare() == "prepare" and customer.tap("finished") == "welcome"
            customer.client.close()
            customer.client = kiosk.customer().client  # and a connection of its own again
    finally:
        for link in links:
            link.close()


@pytest.mark.parametrize("drips", [b"", b"x"])
def test_who_keeps_us_waiting_is_hung_up_on(kiosk: Running, monkeypatch: pytest.MonkeyPatch, drips: bytes) -> None:
    """A head that does not come, a body that does not, one that nobody reads: a byte now and then changes nothing."""
    monkeypatch.setattr(serving, "HEAD_S", 0.4)
    monkeypatch.setattr(security, "GRACE_S", 0.4)
    (*links,) = opened(kiosk, "127.0.0.2", 1, b"GET / HT")
    for path, origin in (("/start", kiosk.address), ("/nothing", kiosk.address), ("/start", "http://evil.example")):
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{kiosk.port}\r\nOrigin: {origin}\r\n"
        links += opened(kiosk, "127.0.0.2", 1, f"{head}Content-Length: 60000\r\n\r\n".encode())
    until = time.monotonic() + PATIENCE_S
    for link in links:
        with link, contextlib.suppress(ConnectionError):
            link.settimeout(0.05)
            while time.monotonic() < until:
                link.sendall(drips)
                with contextlib.suppress(TimeoutError):
                    if not link.recv(4096):
                        break
        assert time.monotonic() < until


def test_an_answer_that_nobody_takes_is_not_kept_for_ever(kiosk: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "UNREAD_S", 0.5)
    request = f"GET /static/build/kiosk.css HTTP/1.1\r\nHost: 127.0.0.1:{kiosk.port}\r\n\r\n".encode()
    (link,) = opened(kiosk, "127.0.0.2", 1, b"")
    with link, pytest.raises(ConnectionError):
        for _ in range(600):
            link.sendall(100 * request)
            time.sleep(0.05)


def said(kiosk: Running, request: str) -> str:
    """The whole answer to a request, until the kiosk hangs up."""
    (link,) = opened(kiosk, "127.0.0.1", 1, request.replace("{host}", f"127.0.0.1:{kiosk.port}").encode("latin-1"))
    with link:
        return b"".join(iter(lambda: link.recv(65536), b"")).decode("latin-1")


UPGRADE = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
MANY = "X-Y: z\r\n" * 300
LIVE = "/live/scan/V-1 HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n"


@pytest.mark.parametrize(
    "request_",
    [f"POST {LIVE}Content-Length: 3\r\n{UPGRADE.replace('{key}', KEY)}\r\nabc",
     f"GET {LIVE}{UPGRADE.replace('{key}', 'x')}\r\n",
     f"GET /{'a' * 9000}{LIVE}{UPGRADE.replace('{key}', KEY)}\r\n", f"GET {LIVE}{UPGRADE.replace('13', '8')}\r\n",
     f"GET {LIVE}{UPGRADE.replace('{key}', KEY)}{MANY}\r\n",
     "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", "GET /\xff HTTP/1.1\r\nHost: {host}\r\n\r\n"],
)  # fmt: skip
def test_nonsense_is_hung_up_on(kiosk: Running, request_: str) -> None:
    answer = said(kiosk, request_)
    assert answer.partition(" ")[2][:3] in ("", "400", "403", "405") and "Traceback" not in answer


def test_every_method_has_a_plain_answer(kiosk: Running) -> None:
    asked = {method: said(kiosk, f"{method} / HTTP/1.1\r\nHost: {{host}}\r\nConnection: close\r\n\r\n")
             for method in ("GET", "HEAD", "OPTIONS", "TRACE")}  # fmt: skip
    assert {m: a.split()[1] for m, a in asked.items()} == {
        "GET": "200",
        "HEAD": "200",
        "OPTIONS": "405",
        "TRACE": "403",
    }
    assert asked["HEAD"].endswith("\r\n\r\n") and "<html" in asked["GET"]
    for answer in asked.values():
        assert "content-security-policy" in answer and "\r\nserver:" not in answer.lower()


def test_the_door_counts_before_anything_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many of one peer, so many of all peers but this machine; one that ends makes room."""
    monkeypatch.setattr(serving, "OF_ONE", 3)
    monkeypatch.setattr(serving, "OF_OTHERS", 2)
    with serving.listening("127.0.0.1", 0) as door:
        door.settimeout(10)
        address, links = door.getsockname(), []

        def come(peer: str) -> socket.socket:
            links.append(socket.create_connection(address, timeout=10, source_address=(peer, 0)))
            links.append(door.accept()[0])
            return links[-1]

        here = [come("127.0.0.1") for _ in range(3)]
        for peer in ("127.0.0.1", "127.0.0.1"):
            with pytest.raises(ConnectionAbortedError):
                come(peer)
        monkeypatch.setattr(serving, "is_own", lambda peer, here: peer == "127.0.0.1")
        there = [come("127.0.0.2"), come("127.0.0.3")]
        with pytest.raises(ConnectionAbortedError):
            come("127.0.0.4")
        here[0].close()
        there[0].close()
        come("127.0.0.1")
        come("127.0.0.4")
        for link in links:
            link.close()


def test_this_machine_s_own_addresses_are_known() -> None:
    own = {("127.0.0.1", ""), ("127.3.2.1", ""), ("::1", ""), ("::ffff:127.0.0.1", ""), ("192.0.2.7", "192.0.2.7")}
    assert all(security.is_own(*one) for one in own)
    others = (("192.0.2.8", "192.0.2.7"), ("::ffff:192.0.2.8", ""), ("fe80::1%eth0", ""), ("", "x"), ("localhost", ""))
    assert not any(security.is_own(*one) for one in others)
