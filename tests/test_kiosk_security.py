"""Nobody gets through: other sites, other names, other people's cookies, large and slow bodies, paths that climb."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from kiosk_runs import PATIENCE_S, Customer, Running, running
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from station import rooms
from station.errors import UsageError
from station.kiosk import frames
from station.kiosk.certificate import certificate_for
from station.kiosk.processing import START, JobError, Workers
from station.kiosk.security import SMALL_BODY, Access, Sessions, Tries, own_secret
from station.kiosk.settings import contrast, read_settings, style
from station.store import people


@pytest.fixture(scope="module")
def kiosk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("kiosk") / "studio", workers=Workers(1)) as one:
        yield one


@pytest.fixture
def customer(kiosk: Running) -> Iterator[Customer]:
    with kiosk.customer() as one:
        yield one


def test_every_answer_bears_the_policy(kiosk: Running, customer: Customer) -> None:
    for path in ("/", "/nothing", "/static/build/kiosk.css", "/studio.css", "/v/x/left.glb", "/t/nothing"):
        headers = customer.client.get(path).headers
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == policy["form-action"] == "'self'"
        assert not any("unsafe" in value or "http" in value for value in policy.values())
        assert headers["x-content-type-options"] == "nosniff"
    assert customer.client.get("/").headers["cache-control"] == "no-store"


def test_pages_hold_no_script_style_or_handler(customer: Customer) -> None:
    customer.to_prepare()
    for text in (customer.page, customer.client.get("/nothing").text):
        assert "<style" not in text and " style=" not in text and "javascript:" not in text
        assert text.count("<script") == text.count('<script type="module" src="/static/build/')
        assert not [word for word in (" onclick", " onload", " onerror", "hx-on", "hx-vals='js") if word in text]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "localhost:1", "127.0.0.1.evil.example:80", ""])
def test_another_name_is_not_answered(kiosk: Running, host: str) -> None:
    """A page elsewhere whose name was made to point here (DNS rebinding)."""
    answer = httpx.get(kiosk.address, headers={"host": host})
    assert answer.status_code in (400, 421)
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://localhost:1", "file://"])
@pytest.mark.parametrize("path", ["/start", "/do/agreed", "/upload/V-1", "/t/abc/erase"])
def test_other_pages_may_not_write(kiosk: Running, customer: Customer, origin: str | None, path: str) -> None:
    customer.begin()
    client = httpx.Client(base_url=kiosk.address, cookies=customer.client.cookies)
    headers = {} if origin is None else {"origin": origin}
    answer = client.post(path, data={"token": customer.token}, headers=headers)
    assert answer.status_code == 403
    assert customer.look() == "consent"


def test_a_form_without_its_session_s_token_is_refused(kiosk: Running, customer: Customer) -> None:
    customer.begin()
    with kiosk.customer() as other:
        other.begin()
        foreign = other.token
    for token in ("", "x", foreign, customer.token[:-1], "ä"):
        answer = customer.client.post("/do/agreed", data={"token": token})
        assert answer.status_code == 403
    assert customer.look() == "consent"
    assert customer.tap("agreed") == "who"


def test_a_session_is_never_taken_over(kiosk: Running, customer: Customer) -> None:
    """A cookie that somebody planted, or kept, opens no visit (session fixation)."""
    customer.begin()
    planted = dict(customer.client.cookies)
    customer.tap("agreed")
    assert dict(customer.client.cookies) != planted
    with kiosk.customer() as thief:
        thief.client.cookies.update(planted)
        assert thief.look() == "consent"  # the language is all it knows
    kept = dict(customer.client.cookies)
    assert customer.tap("finished") == "welcome"
    with kiosk.customer() as thief:
        thief.client.cookies.update(kept)
        assert thief.look() == "welcome"


def test_a_cookie_that_was_changed_is_no_cookie(kiosk: Running, customer: Customer, rng: np.random.Generator) -> None:
    customer.begin()
    customer.tap("agreed")
    value = customer.client.cookies["plantar"]
    text, _, signature = value.partition(".")
    words = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    words[1] = "V-0000000000000000"
    forged = base64.urlsafe_b64encode(json.dumps(words).encode()).decode().rstrip("=")
    at = int(rng.integers(len(text)))
    flipped = value[:at] + ("A" if value[at] != "A" else "B") + value[at + 1 :]
    for bad in (f"{forged}.{signature}", flipped, text, f"{text}.", "." * 50, value * 40, value + "A"):
        with kiosk.customer() as other:
            assert other.client.get("/", headers={"cookie": f"plantar={bad}"}).text.count('data-screen="welcome"') == 1


def test_a_cookie_says_how_it_may_be_used(kiosk: Running) -> None:
    cookie = httpx.get(kiosk.address).headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie and "path=/" in cookie


def test_cookies_end_by_time_and_by_secret(tmp_path: Path) -> None:
    now = [1e9]
    sessions = Sessions(own_secret(tmp_path), now=lambda: now[0])
    session = sessions.new(lang="zh")
    value = sessions.seal(session)
    assert sessions.read(value) == session
    assert Sessions(own_secret(tmp_path), now=lambda: now[0]).read(value) == session  # after a restart
    assert Sessions(b"x" * 32, now=lambda: now[0]).read(value) is None
    now[0] += 13 * 3600
    assert sessions.read(value) is None
    assert (tmp_path / "kiosk.key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "path",
    ["/static/build/../app.py", "/static/build/%2e%2e/app.py", "/static/build/..%2f..%2fapp.py", "/v/../kiosk.key",
     "/static/build//etc/passwd", "/t/../../store.db", "/logo/../studio.toml", "/static/build/%00", "/v/%2e%2e/%2e%2e"],
)  # fmt: skip
def test_no_path_climbs(kiosk: Running, path: str) -> None:
    host, port = kiosk.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as link:
        link.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        said = b""
        while part := link.recv(65536):
            said += part
    assert said.split()[1] in (b"404", b"400", b"405")
    assert b"import" not in said and b"root:" not in said


def test_nobody_sees_another_s_visit(kiosk: Running, customer: Customer) -> None:
    customer.to_prepare()
    customer.tap("prepared", feet="left")
    visit = customer.visit
    with kiosk.customer() as other:
        other.to_prepare()
        for name in ("left.glb", "left.lines.json", "peaks.json", "measurements.json", "left.foot"):
            assert other.client.get(f"/v/{visit}/{name}").status_code == 404
        assert other.client.get(f"/live/walk/{visit}/layout.json").status_code == 404
        assert other.post(f"/upload/{visit}").status_code == 404
    for name in ("measurements.json", "left.foot", "left.ply.scan", "../store.db"):
        assert customer.client.get(f"/v/{visit}/{name}").status_code == 404  # not one's own raw files either
    customer.tap("finished")


def test_sockets_are_for_our_own_pages_and_visits(kiosk: Running, customer: Customer) -> None:
    customer.to_prepare()
    customer.tap("prepared", feet="left")
    address = f"{kiosk.address.replace('http', 'ws')}/live/scan/{customer.visit}"
    cookie = {"Cookie": f"plantar={customer.client.cookies['plantar']}"}
    for origin, headers in (("https://evil.example", cookie), (None, cookie), (kiosk.address, {})):
        with pytest.raises(InvalidStatus), connect(address, origin=origin, additional_headers=headers):
            pass
    with connect(address, origin=kiosk.address, additional_headers=cookie) as link:
        assert json.loads(link.recv(10))["state"] == "waiting"
    customer.tap("finished")


def test_bodies_have_a_size(kiosk: Running, customer: Customer) -> None:
    customer.begin()
    large = customer.post("/do/agreed", more="x" * (SMALL_BODY + 1))
    assert large.status_code == 413

    def endless() -> Iterator[bytes]:
        for _ in range(64):
            yield b"x" * 65536

    try:
        answer = customer.client.post("/do/agreed", content=endless())
        assert answer.status_code in (403, 413)
    except httpx.TransportError:
        pass  # hung up on while it was still sending
    host, port = kiosk.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as link:
        head = f"POST /upload/V-1 HTTP/1.1\r\nHost: {host}:{port}\r\nOrigin: {kiosk.address}\r\n"
        link.sendall(f"{head}Content-Length: {10**12}\r\n\r\n".encode())
        assert b" 413 " in link.recv(4096)
    assert customer.look() == "consent"


def test_codes_are_not_guessed(kiosk: Running, customer: Customer) -> None:
    card = people.new_card(kiosk.store, people.create(kiosk.store, name="Ada").profile_id)
    customer.begin()
    customer.tap("agreed")
    guesses = [guess for n in range(13) if (guess := f"{card[:-2]}{n:02d}") != card]
    for guess in guesses[:12]:
        customer.tap("card", code=guess)
    assert "Too many tries" in customer.page
    customer.tap("card", code=card)
    assert "Ada" not in customer.page  # a right one right then does not help
    customer.tap("finished")


def test_tries_come_back_with_time() -> None:
    now = [0.0]
    tries = Tries(3, 60.0, lambda: now[0])
    assert [tries.allow() for _ in range(4)] == [True, True, True, False]
    now[0] = 61.0
    assert tries.allow()


# ------------------------------------------------------------------ what comes from outside


def test_files_from_outside_can_t_hurt(rng: np.random.Generator) -> None:
    """Bombs, noise and endless work end in the child process, and the next customer finds one that works."""
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("3D/3dmodel.model", b"<" * 200_000_000)
    huge = b"ply\nformat binary_little_endian 1.0\nelement vertex 4000000000\nproperty float x\nend_header\n"
    files = {
        "left.3mf": bomb.getvalue(), "left.ply": huge, "left.stl": rng.bytes(5000), "left.obj": b"v 0 0 0\n" * 10,
        "left.../../etc/x": b"solid", "left": b"",
    }  # fmt: skip

    async def all_of_them() -> None:
        async with Workers(1, memory_mb=700, seconds=20.0, warm=False) as workers:
            for name, data in files.items():
                with pytest.raises(JobError) as refused:
                    await workers.do("measure", {name: data}, side="left")
                assert refused.value.code in ("ReadError", "ScanError", "MemoryError", "Ended", "ValueError")
            assert (await workers.do("measure")).document["sides"] == []

    asyncio.run(all_of_them())


def test_a_job_that_takes_too_long_is_ended_and_its_process_replaced() -> None:
    async def hurried() -> tuple[int | None, int | None]:
        async with Workers(1, warm=False) as workers:
            await workers.do("measure")
            before = workers._all[0].pid
            workers._seconds, patience_s = 0.05, workers._seconds
            started = time.monotonic()
            with pytest.raises(JobError) as late:
                await workers.do("simulate", side="left", seed=1)
            assert late.value.code == "TimeoutError" and time.monotonic() - started < 20
            workers._seconds = patience_s
            await workers.do("measure")
            assert not list(rooms.place().glob(f"{rooms.PREFIX}{before}-*"))  # nothing of the file stays behind
            return before, workers._all[0].pid

    before, after = asyncio.run(hurried())
    assert before is not None and after is not None and before != after


@pytest.mark.parametrize("in_the_midst_of", ["a frame", "a job"])
def test_a_child_whose_kiosk_was_killed_ends_without_a_word(rng: np.random.Generator, in_the_midst_of: str) -> None:
    points = "".join(f"v {x:.3f} {y:.3f} {z:.3f}\n" for x, y, z in rng.uniform(0, 200, (100_000, 3)))
    frame = b"".join(frames.encode({"job": "measure", "options": {"side": "left"}}, {"left.obj": points.encode()}))
    command = [sys.executable, "-c", START.format(path=sys.path, memory_mb=700)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, bufsize=0, **pipes) as child:
        assert child.stdin and child.stdout and child.stderr
        child.stdin.write(frame if in_the_midst_of == "a job" else frame[:-1])
        until = time.monotonic() + PATIENCE_S
        while in_the_midst_of == "a job" and not list(rooms.place().glob(f"{rooms.PREFIX}{child.pid}-*")):
            assert child.poll() is None and time.monotonic() < until
            time.sleep(0.01)
        child.stdin.close()
        child.stdout.close()
        assert child.wait(PATIENCE_S) == 0 and child.stderr.read() == b""
        assert not list(rooms.place().glob(f"{rooms.PREFIX}{child.pid}-*"))


# ------------------------------------------------------------------ wider than loopback


def test_names_and_origins_follow_the_address() -> None:
    assert "192.0.2.7:8765" in Access.at("192.0.2.7", 8765).hosts
    wide = Access.at("0.0.0.0", 8765, ["Kiosk.lan"], tls=True)
    assert "kiosk.lan:8765" in wide.hosts and "0.0.0.0:8765" not in wide.hosts
    assert "https://kiosk.lan:8765" in wide.origins and not any(o.startswith("http:") for o in wide.origins)
    assert "kiosk.lan" in Access.at("0.0.0.0", 443, ["kiosk.lan"], tls=True).hosts


def test_a_certificate_is_made_kept_and_made_anew_for_other_names(tmp_path: Path) -> None:
    files = certificate_for(tmp_path, None, ["kiosk.lan", "192.0.2.7"])
    first = files[0].read_bytes()
    assert files[1].stat().st_mode & 0o077 == 0
    assert certificate_for(tmp_path, None, ["192.0.2.7", "kiosk.lan"])[0].read_bytes() == first
    assert certificate_for(tmp_path, None, ["other.lan"])[0].read_bytes() != first
    with pytest.raises(UsageError, match="no file"):
        certificate_for(tmp_path, (tmp_path / "none.crt", tmp_path / "none.key"), ["kiosk.lan"])


# ------------------------------------------------------------------ what a studio sets

GOOD = """
name = "Studio <b>Nord</b>"
languages = ["en"]
[colours]
accent = "#5b2a86"
[[covers]]
key = "wool"
en = "Wool"
zh = "羊毛"
"""


def test_a_studio_s_own_look_is_text_and_colours_only(tmp_path: Path) -> None:
    (tmp_path / "studio.toml").write_text(GOOD, encoding="utf-8")
    settings = read_settings(tmp_path)
    assert "--accent: #5b2a86;" in style(settings) and settings.covers[0].names["zh"] == "羊毛"
    settings = replace(settings, scan="upload:", walk=())
    with running(tmp_path, settings, Workers(1)) as one, one.customer() as customer:
        customer.begin()
        assert "Studio &lt;b&gt;Nord&lt;/b&gt;" in customer.page


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("colours = 3", "table"),
        ('[colours]\naccent = "red"', "colour"),
        ('[colours]\naccent = "#ffff00"', "contrast"),
        ('[colours]\naccent = "#123456;}body{"', "colour"),
        ('logo = "../x.svg"', "beside"),
        ("age_of_consent = true", "number"),
        ("sizes = []", "each once"),
        ('languages = ["fr"]', "some of"),
        ("x = 1", "one of"),
        ("[[covers]]\nkey = 1", "text"),
        ('[[shoes]]\nkey = "a"\npreset = "none"', "one of"),
        ("nonsense", "TOML"),
    ],
)
def test_settings_that_mean_nothing_are_refused(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "studio.toml").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=says):
        read_settings(tmp_path)


def test_contrast_is_the_standard_s() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)  # WCAG's own example of AA
