"""Serial products on pseudo-terminals: a Sensel Morph, a Velostat mat, boards with our own protocol, one in C."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from device_runs import Heard, listen, run, whole

from devices import board_link, serial_port, simulated
from devices import sensel as sensel_product
from devices import velostat as velostat_product
from devices.board import PRODUCT as BOARD
from devices.board import Counter, decoded, grids, runs
from devices.board_link import BoardLink
from devices.errors import DeviceError, DeviceTimeout
from devices.link import Policy
from devices.products import load
from devices.simulated_serial import KPA_A_STEP, Board, Sensel
from devices.simulation import Line, settings
from devices.specs import parse
from devices.types import Mark, Packet
from firmware_bridge import messages, records
from firmware_bridge.codec import TIME_WRAP_US, Frame, encode_frame
from firmware_bridge.control import Hello, Stream
from firmware_bridge.products import sensel

ROOT = Path(__file__).resolve().parents[1]


async def from_line(spec: str, samples: int, **how: Any) -> tuple[Heard, Any]:
    options = how.pop("options", "")
    async with simulated.offered(spec) as device:
        return await listen(f"{device.opened_by}{options}", samples, "pressure", **how), device.device


def test_a_sensel_gives_the_frames_that_it_scanned(seed: int) -> None:
    heard, device = run(lambda: from_line(f"sim:sensel?seed={seed % 1000}", 40, options="&detail=medium&rate_hz=50"))
    assert isinstance(device, Sensel)
    assert int(heard.info.serial_number, 16) == seed % 1000
    layout = heard.info.channel("pressure").layout
    assert layout is not None
    assert layout.shape == (27, 47)
    np.testing.assert_allclose(np.ptp(layout.xy_mm, axis=0), [130.0 - 130.0 / 27, 230.0 - 230.0 / 47])
    whole(heard, "pressure")
    base = heard.of("pressure")[0].seq
    number = round(heard.of("pressure")[0].device_time_s[0] * 50)
    for packet in heard.of("pressure"):
        truth = device.frame(number + packet.seq - base)
        assert truth.pressure is not None
        np.testing.assert_array_equal(packet.values.reshape(27, 47), truth.pressure)
        assert packet.device_time_s[0] == pytest.approx(truth.time_us / 1e6)
        assert sensel.decode_frame(packet.raw, 1).time_us == truth.time_us


def test_a_velostat_mat_is_framed_by_length_after_its_banner(seed: int) -> None:
    spec = f"sim:velostat?seed={seed % 1000}&rows=12&cols=7"
    heard, device = run(lambda: from_line(spec, 20, options="&rows=12&cols=7&pitch_mm=20"))
    frames = heard.values("pressure")
    assert frames.shape == (20, 84)
    # a byte too many or too few would shift the image: every frame is one of the walk's, cell by cell
    walk = np.array([device.frame(t).ravel() for t in np.arange(0.0, 8.0, 0.005)], dtype=np.float32)
    nearest = np.abs(frames[:, None] - walk[None]).max(axis=2).min(axis=1)
    assert nearest.max() <= 8.0
    assert np.isnan(heard.times("pressure")).all()
    layout = heard.info.channel("pressure").layout
    assert layout is not None
    assert (layout.shape, layout.positions) == ((12, 7), "mm")


def test_a_mat_of_another_size_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(velostat_product, "PATIENCE_S", 0.6)

    async def work() -> None:
        with pytest.raises(DeviceError, match=r"a frame of 1024 bytes, found \d+ bytes; give its size"):
            await from_line("sim:velostat", 1, options="&rows=32&cols=32", policy=Policy(attempts=1))

    run(work)


# ------------------------------------------------------------------ our own protocol


def test_a_boards_streams_in_their_units_with_every_loss_told(seed: int) -> None:
    heard, device = run(lambda: from_line(f"sim:board?seed={seed % 1000}&side=right&loss=0.08&speed=3", 120))
    assert isinstance(device, Board)
    info = heard.info
    assert (info.side, info.serial_number, info.firmware) == ("right", f"SIM-{seed % 1000:04d}", "1.0")
    for channel in ("pressure", "acceleration", "angular_rate"):
        whole(heard, channel)
    assert sum(gap.count for gap in heard.gaps("pressure")) > 0
    for packet in heard.of("pressure"):
        for number, (time_s, values) in enumerate(zip(packet.device_time_s, packet.values), packet.seq):
            truth, _ = device.samples(round(time_s * 100))
            np.testing.assert_allclose(values.reshape(16, 8), truth.values * KPA_A_STEP, rtol=1e-6)
            assert number == round(time_s * 100)
    np.testing.assert_allclose(np.linalg.norm(heard.values("acceleration"), axis=1), 9.80665, atol=0.02)


@asynccontextmanager
async def linked(spec: str) -> AsyncIterator[tuple[BoardLink, Board]]:
    async with simulated.offered(spec) as device:
        port = await serial_port.connect(parse(device.opened_by), BOARD)
        try:
            yield BoardLink(port), device.device
        finally:
            await port.close()


def test_commands_are_acknowledged_or_refused_with_the_boards_reason(rng: np.random.Generator) -> None:
    table, log = rng.bytes(64), rng.bytes(int(rng.integers(1, 3000)))

    async def work() -> None:
        async with linked("sim:board") as (link, board):
            board.log = log
            assert (await link.hello()).board == "simulated board"
            await link.actuate("lamp", 128.0, 500)
            assert board.lamp == 128.0
            with pytest.raises(DeviceError, match="the board to accept actuate, found the only actuator is lamp"):
                await link.actuate("motor", 1.0)
            assert (await link.configure(rate_hz=200)).streams[0].rate_hz == 200.0
            await link.upload(table)
            assert await link.fetch("calibration") == bytes(board.calibration) == table
            with pytest.raises(DeviceError, match="the table has another size"):
                await link.upload(table + b"x")
            assert await link.logs() == {0: len(log)}
            assert await link.fetch("log") == log
            await link.start()  # commands go on while samples come, and the samples are kept
            assert await link.fetch("log") == log
            frames, _ = await link.frames()
            assert {frame.type for frame in frames} & {records.PRESSURE_GRID, records.IMU}
            before = link.port.now()
            reply = await link.time()
            assert before <= reply.host_ns / 1e9 <= link.port.now()

    run(work)


def test_pieces_of_a_log_that_were_lost_are_fetched_again(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> bytes:
        async with linked("sim:board") as (link, board):
            board.log = log
            send = board._send

            async def lossy(line: Line, message: records.Message, at_us: int) -> None:
                if not isinstance(message, records.Chunk) or rng.random() < 0.8:
                    await send(line, message, at_us)

            monkeypatch.setattr(board, "_send", lossy)
            return await link.fetch("log")

    log = rng.bytes(5000)
    assert run(work) == log


def test_silence_and_another_protocol_are_told_apart_from_a_board(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_link, "ANSWER_S", 0.2)
    monkeypatch.setattr(sensel_product, "ANSWER_S", 0.3)

    async def work() -> None:
        line = Line()
        try:
            with pytest.raises(DeviceError, match=r"the hello of a board .* name the product: \?product=board\|orphe"):
                await listen(f"serial:{line.place}", 1, "pressure", policy=Policy(attempts=1))
        finally:
            line.close()
        async with simulated.offered("sim:velostat") as mat:
            spec = mat.opened_by.replace("velostat", "sensel")
            with pytest.raises(DeviceTimeout, match=r"an answer of register 0x00 within 0.3 s, found none; is it"):
                await listen(spec, 1, "pressure", policy=Policy(attempts=1))

    run(work)


def test_the_board_in_c_streams_on_a_pseudo_terminal(tmp_path: Path, tool: Callable[[str], str]) -> None:
    c = ROOT / "firmware_bridge" / "c"
    program = tmp_path / "board"
    sources = [str(c / "board.c"), str(c / "plantar_wire.c")]
    subprocess.run([tool("cc"), "-std=c99", "-O2", "-o", str(program), *sources, "-lm"], check=True, timeout=60)

    async def work() -> Heard:
        line = Line()  # the board's end is the terminal; this end is bridged to a second one, where the host listens
        host = Line()
        child = await asyncio.create_subprocess_exec(str(program), line.place)

        async def carry(source: Line, target: Line) -> None:
            while True:
                await target.write(await source.read())

        bridges = [asyncio.create_task(carry(*ends)) for ends in ((line, host), (host, line))]
        try:
            return await listen(f"serial:{host.place}", 100, "pressure")
        finally:
            for bridge in bridges:
                bridge.cancel()
            await asyncio.wait(bridges)
            child.kill()
            await child.wait()
            line.close()
            host.close()

    heard = run(work)
    assert (heard.info.name, heard.info.side, heard.info.serial_number) == ("example mat", "left", "EX-0001")
    seqs = heard.seqs("pressure")
    np.testing.assert_array_equal(np.diff(seqs), 1)
    np.testing.assert_allclose(np.diff(heard.times("pressure")), 0.01, atol=1e-6)
    assert heard.values("pressure").shape[1] == 128
    assert heard.values("battery")[0, 0] == 87.0
    np.testing.assert_allclose(heard.values("acceleration")[0], [0.0, 0.0, 9.80665])


def test_a_frame_gap_is_counted_by_each_streams_own_time() -> None:
    """Grid at 100 Hz and IMU blocks at 200 Hz share one sequence; the clock turns over in between."""
    start = TIME_WRAP_US - 30_000
    counter = Counter(start)
    grid = Frame(records.PRESSURE_GRID, b"", 65_534, start % TIME_WRAP_US)
    imu = Frame(records.IMU, b"", 65_535, (start + 10_000) % TIME_WRAP_US)
    assert counter.frame(grid)
    first = counter.samples(1, grid, 1, 10_000.0)
    assert counter.frame(imu)
    one = counter.samples(2, imu, 4, 5_000.0)
    later = Frame(records.PRESSURE_GRID, b"", 0, (start + 10_500) % TIME_WRAP_US)
    assert counter.frame(later)
    assert counter.samples(1, later, 1, 10_000.0) == first + 1  # late by half a millisecond is no loss
    assert not counter.frame(later)  # the same frame again
    assert not counter.frame(imu)  # one that comes too late
    after = Frame(records.PRESSURE_GRID, b"", 5, (start + 50_000) % TIME_WRAP_US)
    assert counter.frame(after)
    assert counter.samples(1, after, 1, 10_000.0) == first + 5  # 20, 30, 40 ms were lost
    block = Frame(records.IMU, b"", 6, (start + 50_000) % TIME_WRAP_US)
    assert counter.frame(block)
    assert counter.samples(2, block, 4, 5_000.0) == one + 8  # one block of four


def test_grids_of_one_read_are_what_they_are_one_by_one(rng: np.random.Generator) -> None:
    """Runs of grids with other frames in between, some lost, some twice, some of another shape, one of the future."""
    streams = tuple(Stream(n, "grid", f"g{n}", "kPa", 100.0, 0.1 * n, rows=3, cols=n) for n in (1, 2))
    hello, by_id = Hello("b", streams=streams), {stream.id: stream for stream in streams}
    frames: list[Frame] = []
    start = int(rng.integers(2**16))
    for number in range(300):
        kind = int(rng.choice([1, 1, 1, 1, 1, 2, 3]))
        cells = rng.integers(0, 999, (3, kind if rng.random() < 0.9 else 4)).astype(np.uint16)
        message = records.Mark("tap", 0) if kind == 3 else records.PressureGrid(kind, cells)
        frame = messages.encode(message, (start + number) % 2**16, number * 10_000)
        frame = replace(frame, raw=encode_frame(frame))
        frames += [frame] * (0 if rng.random() < 0.05 else 2 if rng.random() < 0.05 else 1)

    def each(groups: list[list[Frame]]) -> list[Any]:
        counter, found = Counter(0), []
        for group in groups:
            new = [frame for frame in group if counter.frame(frame)]
            if len(new) > 1:
                found += list(grids(by_id, counter, new, 1.0))
            else:
                for frame in new:
                    found += list(decoded(hello, by_id, counter, frame, messages.decode(frame), 1.0))
        return found

    alone, together = each([[frame] for frame in frames]), each(list(runs(frames)))
    assert len(together) < len(alone)
    for name in ("g1", "g2"):
        one, many = ([p for p in found if getattr(p, "channel", "") == name] for found in (alone, together))
        seqs = [np.concatenate([p.seq + np.arange(len(p.values)) for p in found]) for found in (one, many)]
        np.testing.assert_array_equal(*seqs)
        times = [np.concatenate([p.device_time_s for p in found]) for found in (one, many)]
        np.testing.assert_array_equal(*times)
        rows = [[row.tolist() for p in found for row in p.values] for found in (one, many)]
        assert rows[0] == rows[1]
        assert b"".join(p.raw for p in one) == b"".join(p.raw for p in many)


def test_marks_and_positions_that_are_half_known_come_through() -> None:
    counter = Counter(0)
    mark = messages.encode(records.Mark("tap", 2), 1, 1_500_000)
    (item,) = decoded(Hello("b", side="left"), {}, counter, mark, messages.decode(mark), 3.0)
    assert isinstance(item, Mark)
    assert (item.name, item.device_time_s, item.side) == ("tap", 1.5, "left")
    place = messages.encode(records.Position(52.5, None, 34.0), 2, 0)
    items = decoded(Hello("b"), {}, counter, place, messages.decode(place), 3.0)
    found = {p.channel: p.values[0, 0] for p in items if isinstance(p, Packet)}
    assert (found["latitude"], found["altitude"]) == (52.5, 34.0)
    assert np.isnan(found["longitude"])
    assert load("board") is BOARD
    assert settings(parse("sim:board?seed=3&ppm=20")).ppm == 20.0
