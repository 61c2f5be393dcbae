"""`plantar devices`, `record` and `simulate` as a person runs them: what they say, their documents and exit codes, the
file when somebody stops them, kills them, or takes the disk away."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import re
import resource
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from station_runs import COMMAND, Run, environment, here, start, validate

from devices.live import Live
from footscan import read_recording
from station.live import View
from station.messages import Texts, columns
from station.progress import ROOM

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX's")
EARLY = "the recording ended early"


def end(process: subprocess.Popen[bytes]) -> Run:
    out, err = process.communicate(timeout=30)
    return Run(process.returncode, out.decode(), err.decode())


def until(there: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while not there():
        assert process.poll() is None, end(process)
        assert time.monotonic() < deadline
        time.sleep(0.02)


def recording_board(path: Path, *options: str) -> subprocess.Popen[bytes]:
    """A recording of a simulated board that has something in its file."""
    process: subprocess.Popen[bytes]
    process = start("record", "sim:board", *options, "-o", path.name, cwd=path.parent)
    until(lambda: path.exists() and path.stat().st_size > 20_000, process)
    return process


@contextlib.contextmanager
def simulated(*words: str) -> Iterator[str]:
    """`plantar simulate … --json` in another process; the spec that opens it."""
    process = start("simulate", *words, "--json")
    try:
        assert process.stdout is not None
        text = ""
        while not text.endswith("}\n"):
            line = process.stdout.readline().decode()
            assert line, end(process)
            text += line
        document = json.loads(text)
        validate(document, "simulate-1")
        yield document["opened_by"]
        process.send_signal(signal.SIGINT)
        assert end(process) == Run(0, "", "")
    finally:
        process.kill()


def whole(path: Path) -> Any:
    """The recording, which did not end early."""
    recording = read_recording(path)
    assert not any(EARLY in note for note in recording.notes)
    assert len(recording.pressure[0].time_s) > 20
    return recording


# ------------------------------------------------------------------ recorded and looked at


def test_two_devices_become_one_file_that_other_commands_read(tmp_path: Path) -> None:
    run = here("record", "sim:board?side=left", "sim:velostat", "--seconds", "1.2", "-o", "walk.mcap", cwd=tmp_path)
    assert run.code == 0 and run.err == ""
    first, *rows = run.out.splitlines()
    assert first == "walk.mcap: 1.2 s recorded"
    assert [row.split()[0] for row in rows] == ["left", "velostat"]
    assert re.search(r"\d+ samples, 0 lost \(0\.00 %\)$", rows[0])
    assert re.search(r"\d+ samples, how many were lost is not known: none is numbered$", rows[1])
    recording = whole(tmp_path / "walk.mcap")
    assert {part.side for part in recording.pressure} == {"left", "unknown"}
    run = here("convert", "walk.mcap", "walk.csv", cwd=tmp_path)
    assert run.code == 0 and run.err == ""
    back = read_recording(tmp_path / "walk.csv")
    for before, after in zip(recording.pressure, back.pressure, strict=True):
        np.testing.assert_allclose(after.values, before.values, rtol=1e-5)
    run = here("record", "replay:walk.mcap?device=left&speed=0", "-o", "again.mcap", cwd=tmp_path)
    assert run.code == 0, run.err
    np.testing.assert_array_equal(read_recording(tmp_path / "again.mcap").pressure[0].values, back.pressure[0].values)


def test_the_document_of_a_recording(tmp_path: Path) -> None:
    run = here("record", "sim:board?loss=0.1", "--seconds", "1", "--tap", "1", "-o", "a.mcap", "--json", cwd=tmp_path)
    assert run.code == 0 and run.err == ""
    validate(run.document, "record-1")
    (device,) = run.document["devices"]
    assert run.document["file"] == "a.mcap" and not run.document["stopped"] and run.document["seconds"] >= 1
    assert device["label"] == "left" and device["lost"] > 0 and device["gaps"] > 0
    assert run.document["notes"] == ["no tap: fewer than two devices have an acceleration and a clock"]


def test_what_went_wrong_on_the_way_is_told_in_chinese_too(tmp_path: Path) -> None:
    spec = "sim:orphe?loss=0.1&doubles=0.2&drop_every_s=0.7"
    run = here("record", spec, "--seconds", "2", "-o", "a.mcap", "--lang", "zh", cwd=tmp_path)
    assert run.code == 0, run.err
    assert all(word in run.out for word in ("已录", "丢失", "缺口：", "重复：", "重新连接："))


def test_a_simulated_insole_is_seen_and_recorded_by_other_programs(tmp_path: Path) -> None:
    with simulated("orphe?side=right&seed=3") as spec:
        place = spec.partition("radio=")[2]
        run = here("devices", "--seconds", "1.5", "--radio", place, "--json")
        assert run.code == 0
        validate(run.document, "devices-1")
        (found,) = (device["spec"] for device in run.document["found"] if device["product"] == "orphe")
        run = here("record", found, "--seconds", "1", "-o", "right.mcap", cwd=tmp_path)
    assert run.code == 0 and run.err == ""
    assert whole(tmp_path / "right.mcap").pressure[0].side == "right"


@pytest.mark.prove
def test_a_second_insole_joins_the_first_ones_radio(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        right = stack.enter_context(simulated("orphe?side=right"))
        left = stack.enter_context(simulated(f"orphe?side=left&radio={right.partition('radio=')[2]}"))
        run = here("record", right, left, "--seconds", "2", "-o", "pair.mcap", cwd=tmp_path)
    assert run.code == 0 and run.err == ""
    assert {part.side for part in whole(tmp_path / "pair.mcap").pressure} == {"left", "right"}


def test_simulate_says_how_it_is_opened(tmp_path: Path) -> None:
    run = here("simulate", "velostat", "--seconds", "0.2")
    assert run.code == 0 and run.err == ""
    first, command = run.out.splitlines()
    assert first == "sim:velostat is there for 0.2 s; in another terminal:"
    assert re.fullmatch(r"  plantar record 'serial:/dev/\S+\?product=velostat' -o walk.mcap", command)


def test_devices_lists_and_says_what_is_missing() -> None:
    run = here("devices", "--seconds", "0.3", "--json")
    assert run.code == 0
    validate(run.document, "devices-1")
    told = here("devices", "--seconds", "0.3")
    assert told.code == 0 and told.err == ""
    for device in run.document["found"]:
        assert device["spec"] in told.out
    for missing in run.document["missing"]:
        assert f"{missing['what']}: {missing['reason']}" in told.out
    assert ("?: the port does not say" in told.out) == any(not d["product"] for d in run.document["found"])


# ------------------------------------------------------------------ refused


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["record", "walk"], 2, "no colon"),
        (["record", "usb:x"], 2, "expected one of serial:, ble:"),
        (["record", "sim:nope"], 2, "sim:nope: expected a product, one of board, orphe"),
        (["record", "serial:/dev/x?product=orfe"], 2, "found orfe"),
        (["record", "sim:board?side=top"], 2, "side=top"),
        (["record", "watch:/tmp"], 2, "found a source of files or pictures"),
        (["record", "sim:board", "--seconds", "0"], 2, "--seconds: expected seconds above 0"),
        (["record", "serial:/dev/nope"], 5, "expected a device named /dev/nope"),
        (["record", "sim:board?loss=7"], 2, "loss from 0 to 1"),
        (["record", "sim:board", "sim:board"], 5, "name each device once"),
        (["record", "sim:board?seed=1", "sim:board?seed=2"], 5, "give side=left and side=right"),
        (["simulate", "nope"], 2, "sim:nope: expected a product"),
        (["simulate", ""], 2, "found none"),
        (["simulate", "orphe?recording=nope.csv"], 5, "no such file"),
        (["devices", "--radio", "here"], 2, "expected HOST:PORT"),
        (["devices", "--seconds", "soon"], 2, "found 'soon'"),
    ],
)
def test_what_cannot_be_is_one_line_and_no_file(tmp_path: Path, words: list[str], code: int, said: str) -> None:
    run = here(*words, *(["-o", "new.mcap"] if words[0] == "record" else []), cwd=tmp_path)
    assert run.code == code and run.out == ""
    assert run.line.startswith("plantar: ") and said in run.line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("there.mcap", "found one that is there"),
        ("walk.csv", "ends in .mcap, found .csv"),
        ("none/walk.mcap", "expected a folder none"),
    ],
)
def test_a_file_that_cannot_be_written_is_said_before_anything_is_connected(
    tmp_path: Path, name: str, said: str
) -> None:
    (tmp_path / "there.mcap").write_bytes(b"mine")
    run = here("record", "serial:/dev/nope", "-o", name, cwd=tmp_path)
    assert run.code == 2 and said in run.line
    assert (tmp_path / "there.mcap").read_bytes() == b"mine"


# ------------------------------------------------------------------ stopped


@pytest.mark.parametrize(
    ("number", "options", "code"), [(signal.SIGINT, (), 0), (signal.SIGTERM, ("--seconds", "60"), 130)]
)
def test_whoever_stops_it_gets_a_whole_file(
    tmp_path: Path, number: signal.Signals, options: tuple[str, ...], code: int
) -> None:
    process = recording_board(tmp_path / "a.mcap", *options, "--json")
    process.send_signal(number)
    run = end(process)
    assert run.code == code and run.err == ""
    validate(run.document, "record-1")
    assert run.document["stopped"]
    whole(tmp_path / "a.mcap")


def test_stopped_while_it_connects_there_is_no_file(tmp_path: Path) -> None:
    board, computer = pty.openpty()  # somebody who never answers
    try:
        process = start("record", f"serial:{os.ttyname(computer)}", "-o", "a.mcap", cwd=tmp_path)
        readable, _, _ = select.select([board], [], [], 30)
        assert readable  # the hello has been asked for
        process.send_signal(signal.SIGINT)
        run = end(process)
    finally:
        os.close(board)
        os.close(computer)
    assert run.code == 130
    assert run.line == "plantar: interrupted while devices were being connected: nothing was recorded"
    assert list(tmp_path.iterdir()) == []


def test_a_killed_recording_is_read_with_a_note(tmp_path: Path) -> None:
    process = recording_board(tmp_path / "a.mcap")
    time.sleep(1.5)
    process.kill()
    assert end(process).code == -signal.SIGKILL
    for words in (("convert", "a.mcap", "a.csv"), ("pressure", "a.mcap", "--json")):
        run = here(*words, cwd=tmp_path)
        assert run.code == 0, run.err
        assert run.line.startswith(f"plantar: note: a.mcap: {EARLY}, at ")
    assert EARLY in run.document["recordings"][0]["notes"][0]


def test_a_full_disk_ends_it_and_keeps_what_there_is(tmp_path: Path) -> None:
    most = 90_000
    full = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (most, most))
    run = end(start("record", "sim:board", "--seconds", "30", "-o", "a.mcap", cwd=tmp_path, preexec_fn=full))
    assert run.code == 4 and run.out == ""
    note, line = run.err.splitlines()
    assert note == "plantar: note: a.mcap: what was recorded so far is kept and can be read"
    assert line.startswith("plantar: a.mcap: expected room to write, found: ")
    recording = read_recording(tmp_path / "a.mcap")
    assert EARLY in recording.notes[0] and len(recording.pressure[0].time_s) > 20


# ------------------------------------------------------------------ the live view


def test_a_terminal_shows_how_it_goes_and_is_left_clean(tmp_path: Path) -> None:
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover
        os.chdir(tmp_path)
        os.execve(COMMAND[0], [*COMMAND, "record", "sim:board", "-o", "a.mcap"], environment())
    shown, deadline = b"", time.monotonic() + 30
    try:
        while b"battery" not in shown:
            assert time.monotonic() < deadline, shown
            if select.select([terminal], [], [], 0.1)[0]:
                shown += os.read(terminal, 65536)
        os.write(terminal, b"\x03")
        with contextlib.suppress(OSError):  # Linux: EIO at the end
            while data := os.read(terminal, 65536):
                shown += data
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        pid = 0
    finally:
        os.close(terminal)
        if pid:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    text = shown.decode()
    assert code == 0
    assert "sim:board  connecting …" in text
    assert re.search(r"left  \[[#.]{8}\] +\d+ N +(CoP .{9} mm +)?\d+ Hz  0\.0 % lost  battery 87 %", text)
    after = text[text.rindex("\x1b[J") :]
    assert "a.mcap: " in after and "battery" not in after


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_state_fits_on_a_line(lang: str, rng: np.random.Generator) -> None:
    stream = io.StringIO()
    with View(stream, Texts(lang), shown=True) as view:
        view.connecting([("ble:" + "x" * 200 + "\x1b[2J", False), ("sim:board", True)])
        for state in ("connecting", "connected", "lost", "silent", "waiting", "ended"):
            force, cop = float(rng.uniform(0, 3000)), (float(rng.uniform(-99, 300)), float(rng.uniform(-99, 99)))
            for label, unit, middle in (("left", "N", cop), ("velostat_2", "raw", None), ("sensel", "raw", cop)):
                look = Live(label, state, force, unit, middle, 100.0, 100.0, 100.0, "%", 3, None)
                view.show((look,))
                assert columns(view.line(look)) <= ROOM
        assert view.line(Live("x", "connected", None, "N", None, 0.0, 0.0, None, "", 1, None)).startswith("x")
    assert "\x1b[2J" not in stream.getvalue() and stream.getvalue().endswith("\x1b[1F\x1b[J")


def test_a_line_of_an_insole_is_not_cut() -> None:
    look = Live("right", "connected", 1019.0, "N", (189.0, -12.0), 208.0, 10.0, 100.0, "%", 1, None)
    line = View(io.StringIO(), Texts("en"), shown=True).line(look)
    assert line == "right  [########] 1019 N  CoP  189  -12 mm  208 Hz  10.0 % lost  battery 100 %"
