"""The C side of our own protocol: compiled here, held to the same golden vectors, fed the same damaged bytes; and the
example board as a program on a terminal."""

from __future__ import annotations

import os
import select
import subprocess
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fuzz_wire
import numpy as np
import pytest
import wire_frames

from firmware_bridge import control, messages, records
from firmware_bridge.codec import Frame, FrameReader, encode_frame
from firmware_bridge.control import Control

ROOT = Path(__file__).resolve().parents[1]
C = ROOT / "firmware_bridge" / "c"
VECTORS = wire_frames.read_vectors("wire")["vectors"]
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", "-O1", "-g", f"-I{C}"]
CHECKED = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
BOARD_WAITS_S = 10.0


@pytest.fixture(scope="module")
def compiled(tool: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    folder = tmp_path_factory.mktemp("wire")

    def build(name: str, *sources: Path, flags: tuple[str, ...] = ()) -> Path:
        out = folder / name
        command = [tool("gcc"), *STRICT, *flags, *map(str, sources), "-o", str(out)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return out

    return build


@pytest.fixture(scope="module")
def driver(compiled: Callable[..., Path]) -> Path:
    return compiled("driver", ROOT / "tests" / "wire_driver.c", C / "plantar_wire.c", flags=tuple(CHECKED))


def ask(driver: Path, *words: str, data: bytes = b"") -> list[str]:
    done = subprocess.run([driver, *words], input=data, capture_output=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    return done.stdout.decode().splitlines()


def python_says(stream: bytes, piece: int) -> list[str]:
    """What the driver should print."""
    reader = FrameReader()
    frames = [f for at in range(0, len(stream), piece) for f in reader.feed(stream[at : at + piece])] + reader.finish()
    lines = [f"{f.version} {f.type} {f.sequence} {f.time_us} {f.payload.hex()}" for f in frames]
    return [*lines, f"{reader.skipped} {reader.damaged}"]


def test_the_source_allocates_nothing(compiled: Callable[..., Path], tool: Callable[[str], str]) -> None:
    built = compiled("wire.o", C / "plantar_wire.c", flags=("-c",))
    told = subprocess.run([tool("nm"), "-u", built], capture_output=True, text=True, timeout=60, check=True).stdout
    wanted = {line.split()[-1].split("@")[0] for line in told.splitlines()}
    assert wanted <= {"memcmp", "memcpy", "memmove", "memset", "strlen"}


def test_c_writes_the_golden_messages(driver: Path) -> None:
    lines = ask(driver, "write")
    told = {vector["name"]: vector["frame"] for vector in VECTORS}
    written = [*list(told)[:14], "acknowledged"]
    assert lines[:15] == [told[name] for name in written]
    configure = bytes.fromhex(lines[15])  # its keys in another order
    (frame,) = FrameReader().feed(configure)
    assert messages.decode(frame) == Control(control.CONFIGURE, {"rate_hz": 250, "gain": -3})


@pytest.mark.parametrize("piece", [1, 7, 65_536])
def test_c_reads_the_golden_frames(driver: Path, piece: int) -> None:
    stream = b"".join(bytes.fromhex(vector["frame"]) for vector in VECTORS)
    told = [f"1 {v['type']} {v['sequence']} {v['time_us']} {v['payload']}" for v in VECTORS]
    assert ask(driver, "read", str(piece), data=stream) == [*told, "0 0"]


def damaged_stream(rng: np.random.Generator, size: int) -> bytes:
    pieces = [bytes.fromhex(vector["frame"]) for vector in VECTORS]
    pieces += [encode_frame(Frame(0x22, rng.bytes(300) + pieces[0] + pieces[3], 5, 6))]
    pieces += [b"boot\r\n", b"\xc3", b"\xc3\x5a", encode_frame(Frame(0x10, rng.bytes(8198)))]
    out = bytearray()
    while len(out) < size:
        piece = pieces[int(rng.integers(len(pieces)))]
        out += piece if rng.random() < 0.5 else fuzz_wire.damaged([piece], rng)
    return bytes(out)


def test_c_and_python_read_the_same_out_of_damage(driver: Path, rng: np.random.Generator) -> None:
    for _ in range(4):
        stream, piece = damaged_stream(rng, 100_000), int(rng.integers(1, 9000))
        assert ask(driver, "read", str(piece), data=stream) == python_says(stream, 4096)


@pytest.mark.prove
def test_c_and_python_read_the_same_out_of_ten_million_damaged_bytes(driver: Path, rng: np.random.Generator) -> None:
    for _ in range(20):
        stream, piece = damaged_stream(rng, 500_000), int(rng.integers(1, 9000))
        assert ask(driver, "read", str(piece), data=stream) == python_says(stream, 4096)


def test_c_reads_control_messages_and_no_damaged_ones(driver: Path, rng: np.random.Generator) -> None:
    fields = {"rate_hz": 250, "a": -70_000, "kind": "log", "deep": [{"rate_hz": 1}, [2.5, None, True, b"x"]]}
    payloads = [control.encode(Control(0x41, fields | {"rate_hz": value})) for value in (0, 2**40, 2.5, -3.0, 1e30)]
    lines = ask(driver, "find", "rate_hz", data="".join(p.hex() + "\n" for p in payloads).encode())
    assert [line.split()[:2] for line in lines] == [["1", "0"], ["1", str(2**40)], ["8", "2"], ["8", "-3"], ["8", "0"]]
    assert ask(driver, "find", "kind", data=payloads[0].hex().encode()) == ["2 0 " + b"log".hex()]
    assert ask(driver, "find", "nothing", data=payloads[0].hex().encode()) == ["nothing"]
    broken = [fuzz_wire.damaged(payloads, rng)[:2000] for _ in range(3000)]
    assert len(ask(driver, "find", "rate_hz", data="".join(p.hex() + "\n" for p in broken).encode())) == len(broken)


# ------------------------------------------------------------------ the example board


class Board:
    """The board on the other end of a terminal; every wait ends."""

    def __init__(self, program: Path) -> None:
        self.port, theirs = os.openpty()
        tty.setraw(theirs)  # before the board does it, so that nothing is lost or echoed
        self.process = subprocess.Popen([program, os.ttyname(theirs)])
        self.reader, self.sent, self.theirs = FrameReader(), 0, theirs

    def send(self, message: Any) -> int:
        os.write(self.port, encode_frame(messages.encode(message, self.sent)))
        self.sent += 1
        return self.sent - 1

    def until(self, done: Callable[[list[Any]], bool]) -> list[tuple[Frame, Any]]:
        """Messages until ``done`` says of them that they are all."""
        heard: list[tuple[Frame, Any]] = []
        ends_s = time.monotonic() + BOARD_WAITS_S
        while not done([message for _, message in heard]):
            left_s = ends_s - time.monotonic()
            assert left_s > 0, heard
            if select.select([self.port], [], [], left_s)[0]:
                heard += [(frame, messages.decode(frame)) for frame in self.reader.feed(os.read(self.port, 65_536))]
        return heard

    def answered(self, number: int) -> list[Any]:
        """All messages up to the acknowledgement of command ``number``."""
        return [m for _, m in self.until(lambda seen: any(m.fields.get("of") == number for m in controls(seen)))]


def controls(seen: list[Any]) -> list[Control]:
    return [message for message in seen if isinstance(message, Control)]


@pytest.fixture(scope="module")
def program(compiled: Callable[..., Path]) -> Path:
    return compiled("board", C / "board.c", C / "plantar_wire.c", flags=tuple(CHECKED))


@pytest.fixture
def board(program: Path) -> Iterator[Board]:
    at_work = Board(program)
    yield at_work
    at_work.process.terminate()
    at_work.process.wait(10)
    os.close(at_work.port)
    os.close(at_work.theirs)


def test_the_board_tells_who_it_is_and_what_time_it_has(board: Board) -> None:
    board.send(control.ask_hello())
    ((_, told),) = board.until(bool)
    hello = control.read_hello(told)
    assert (hello.board, hello.side, hello.actuators, hello.versions) == ("example mat", "left", ("led",), (1,))
    assert [(s.id, s.kind, s.rows * s.cols) for s in hello.streams[:2]] == [(1, "grid", 128), (2, "imu", 1)]
    replies = []
    for number in range(5):
        board.send(records.TimeRequest(number))
        ((frame, reply),) = board.until(bool)
        assert reply.host_ns == number and reply.received_us <= reply.sent_us
        assert frame.time_us == reply.received_us % 2**32
        replies.append(reply.received_us)
    assert replies == sorted(replies)


def test_the_board_streams_a_step_until_it_is_told_to_stop(board: Board) -> None:
    assert board.answered(board.send(Control(control.CONFIGURE, {"rate_hz": 200})))[-1].fields["ok"]
    start = board.send(Control(control.START))
    heard = board.until(lambda seen: sum(isinstance(m, records.PressureGrid) for m in seen) >= 100)
    assert heard[0][1].fields == {"of": start, "ok": True}
    sequence = [frame.sequence for frame, _ in heard]
    assert sequence == list(range(sequence[0], sequence[0] + len(sequence)))  # nothing is lost on a terminal
    grids = [(frame, m) for frame, m in heard if isinstance(m, records.PressureGrid)]
    steps_us = np.diff([frame.time_us for frame, _ in grids])
    assert set((steps_us % 2**32).tolist()) == {5000}
    assert {m.values.shape for _, m in grids} == {(16, 8)}
    kinds = {type(m) for _, m in heard}
    assert {records.Imu, records.Battery, records.Environment, records.Memory} <= kinds
    board.answered(board.send(Control(control.STOP)))
    assert (board.reader.skipped, board.reader.damaged) == (0, 0)


def test_the_board_keeps_a_calibration_table_and_gives_its_log(board: Board, rng: np.random.Generator) -> None:
    table = rng.bytes(256)
    for offset in (128, 0):
        number = board.send(records.Chunk("calibration", 0, offset, 256, table[offset : offset + 128]))
        assert board.answered(number)[-1].fields["ok"]
    for fetched, told in (
        (control.fetch("calibration"), table),
        (control.fetch("calibration", 0, 200, 30), table[200:230]),
    ):
        seen = board.answered(board.send(fetched))
        assert b"".join(m.data for m in seen if isinstance(m, records.Chunk)) == told
    seen = board.answered(board.send(control.fetch("log")))
    assert b"board started" in b"".join(m.data for m in seen if isinstance(m, records.Chunk))


def test_the_board_says_why_it_refuses(board: Board) -> None:
    for message, why in (
        (Control(control.ACTUATE, {"actuator": "led", "value": 200}), None),
        (Control(control.ACTUATE, {"actuator": "fan", "value": 1}), "the only actuator is led"),
        (Control(control.ACTUATE, {"actuator": "led", "value": 300}), "value is 0 to 255"),
        (Control(control.CONFIGURE, {"rate_hz": 5000}), "rate_hz is 1 to 200"),
        (control.fetch("log", 3), "there is only table 0"),
        (records.Chunk("calibration", 0, 0, 100, b"x"), "the table has another size"),
        (records.Mark("tap"), "this board does not know that"),
    ):
        (answer,) = board.answered(board.send(message))
        assert answer.fields.get("error") == why
        assert answer.fields["ok"] == (why is None)


def test_the_board_goes_on_through_noise(board: Board, rng: np.random.Generator) -> None:
    os.write(board.port, rng.bytes(3000))
    board.send(control.ask_hello())
    board.send(control.ask_hello())  # noise may have held back the first
    board.until(lambda seen: any("board" in m.fields for m in controls(seen)))
