"""Files of footscan, XSENSOR and Moticon made from numbers, as the vendors' programs print them, for tests."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

Cells = dict[tuple[int, int], str | float]

MMHG = 0.133322387415  # kPa


# ------------------------------------------------------------------ Excel 97 workbooks


def record(kind: int, data: bytes) -> bytes:
    return struct.pack("<HH", kind, len(data)) + data


def _bof(kind: int) -> bytes:
    return record(0x809, struct.pack("<HHHHII", 0x600, kind, 0, 0, 0, 0))


def _rk(value: float) -> int | None:
    """The 32 bits of an RK number, None where it needs all 64."""
    for scale, flag in ((1, 2), (100, 3)):
        whole = round(value * scale)
        if abs(whole) < 2**29 and whole / scale == value:
            return (whole << 2 | flag) & 0xFFFFFFFF
    bits = struct.unpack("<Q", struct.pack("<d", value))[0]
    return None if bits & 0x3FFFFFFFF else bits >> 32


def shared_texts(texts: Sequence[str], size: int = 8224) -> bytes:
    """An SST record and those that continue it, cut wherever ``size`` bytes are full (a header stays whole)."""
    parts, room = [bytearray(struct.pack("<II", len(texts), len(texts)))], size - 8
    for text in texts:
        wide = any(ord(c) > 255 for c in text)
        if room < 8:
            parts.append(bytearray())
            room = size
        parts[-1] += struct.pack("<HB", len(text), int(wide))
        room -= 3
        step = 2 if wide else 1
        data = text.encode("utf-16-le" if wide else "latin-1")
        while data:
            if room < step:
                parts.append(bytearray([int(wide)]))
                room = size - 1
            count = room // step * step
            parts[-1] += data[:count]
            room -= min(count, len(data))
            data = data[count:]
    return b"".join(record(0x3C if n else 0xFC, bytes(part)) for n, part in enumerate(parts))


def workbook(cells: Cells, rng: np.random.Generator, sst_size: int = 8224) -> bytes:
    """The stream of a workbook of one sheet; numbers as NUMBER, RK or MULRK, as chance will have it."""
    texts = sorted({text for text in cells.values() if isinstance(text, str)})
    body = _bof(0x10)
    rows, columns = (max(cell[axis] for cell in cells) + 1 for axis in (0, 1))
    body += record(0x200, struct.pack("<IIHHH", 0, rows, 0, columns, 0))
    run: list[tuple[int, int, int]] = []
    for row, column in sorted(cells):
        value = cells[row, column]
        packed = None if isinstance(value, str) else _rk(value)
        joins = run and packed is not None and run[-1][:2] == (row, column - 1)
        if run and not (joins and rng.random() < 0.95):
            body += _run(run)
            run = []
        if isinstance(value, str):
            if rng.random() < 0.2 and value.isascii():
                body += record(0x204, struct.pack("<HHHHB", row, column, 15, len(value), 0) + value.encode())
            else:
                body += record(0xFD, struct.pack("<HHHI", row, column, 15, texts.index(value)))
        elif packed is None:
            body += record(0x203, struct.pack("<HHHd", row, column, 15, value))
        else:
            run.append((row, column, packed))
    body += (_run(run) if run else b"") + record(0x0A, b"")
    head = _bof(0x05)
    sst = shared_texts(texts, sst_size)
    start = len(head) + len(record(0x85, bytes(13))) + len(sst) + 4
    sheet = record(0x85, struct.pack("<IBBBB", start, 0, 0, 5, 0) + b"Tests")
    return head + sheet + sst + record(0x0A, b"") + body


def _run(run: list[tuple[int, int, int]]) -> bytes:
    row, column, value = run[0]
    if len(run) == 1:
        return record(0x27E, struct.pack("<HHHI", row, column, 15, value))
    words = b"".join(struct.pack("<HI", 15, packed) for _, _, packed in run)
    return record(0xBD, struct.pack("<HH", row, column) + words + struct.pack("<H", run[-1][1]))


def compound(stream: bytes, name: str = "Workbook", shift: int = 9, rng: np.random.Generator | None = None) -> bytes:
    """An OLE2 file of one stream; its sectors shuffled if there is an ``rng``."""
    size = 1 << shift
    stream = stream.ljust(4096, b"\0")
    data = -(-len(stream) // size)
    per_sector = size // 4
    tables = 1
    while True:
        lists = max(0, -(-(tables - 109) // (per_sector - 1)))
        total = data + 1 + tables + lists
        if tables * per_sector >= total:
            break
        tables += 1
    order = np.arange(total) if rng is None else rng.permutation(total)
    of_data, directory = order[:data], int(order[data])
    of_table, of_list = order[data + 1 : data + 1 + tables], order[data + 1 + tables :]
    fat = np.full(tables * per_sector, 0xFFFFFFFF, np.uint32)
    for here, there in pairwise(of_data.tolist()):
        fat[here] = there
    fat[[of_data[-1], directory]] = 0xFFFFFFFE
    fat[of_table], fat[of_list] = 0xFFFFFFFD, 0xFFFFFFFC
    sectors = np.zeros((total, size), np.uint8)
    sectors[of_data] = np.frombuffer(stream.ljust(data * size, b"\0"), np.uint8).reshape(data, size)
    entries = _entry("Root Entry", 5, 0xFFFFFFFE, 0) + _entry(name, 2, int(of_data[0]), len(stream))
    sectors[directory] = np.frombuffer(entries.ljust(size, b"\0"), np.uint8)
    sectors[of_table] = fat.view(np.uint8).reshape(tables, size)
    rest = np.full(lists * (per_sector - 1), 0xFFFFFFFF, np.uint32)
    rest[: max(0, tables - 109)] = of_table[109:]
    for n, sector in enumerate(of_list.tolist()):
        following = int(of_list[n + 1]) if n + 1 < lists else 0xFFFFFFFE
        words = np.append(rest[n * (per_sector - 1) : (n + 1) * (per_sector - 1)], np.uint32(following))
        sectors[sector] = words.astype("<u4").view(np.uint8)
    listed = np.full(109, 0xFFFFFFFF, np.uint32)
    listed[: min(tables, 109)] = of_table[:109]
    header = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16)
    header += struct.pack("<HHHHH6x", 0x3E, 3 if shift == 9 else 4, 0xFFFE, shift, 6)
    first_list = int(of_list[0]) if lists else 0xFFFFFFFE
    counts = (0 if shift == 9 else 1, tables, directory, 0, 4096, 0xFFFFFFFE, 0, first_list, lists)
    header += struct.pack("<9I", *counts) + listed.astype("<u4").tobytes()
    return header.ljust(size, b"\0") + sectors.tobytes()


def _entry(name: str, kind: int, start: int, size: int) -> bytes:
    text = name.encode("utf-16-le") + b"\0\0"
    return text.ljust(64, b"\0") + struct.pack("<HBB", len(text), kind, 1) + bytes(48) + struct.pack("<IQ", start, size)


# ------------------------------------------------------------------ footscan


Foot = tuple[str, tuple[int, int], np.ndarray]


def footscan_rows(feet: Sequence[Foot], hertz: float = 500.0) -> list[list[str | float]]:
    """Rows of a "Dynamic Roll off": each foot a side, the rectangle's bottom and left, frames (n, rows, columns) N."""
    speed = {side: hertz if side in {foot[0] for foot in feet} else 0.0 for side in ("left", "right")}
    rows: list[list[str | float]] = [["Dynamic Roll offfor measurement: Barefoot_2"], ["Patient name: NA"], []]
    hertz_of = [f"for the {side} foot: {speed[side]:.2f} Hertz" for side in ("left", "right")]
    rows.append(["Scanning speed;  " + ", ".join(hertz_of)])
    for side, (bottom, left), frames in feet:
        name = side.capitalize()
        rows += [[], [f"{name} foot data"], [], [f"{name} rectangle position"]]
        edges = {"bottom": bottom, "left": left, "width": frames.shape[2], "height": frames.shape[1]}
        for edge, value in edges.items():
            rows += [[f"Rectangle {edge}"], [float(value)]]
        rows += frame_rows(frames, hertz)
    return rows


def frame_rows(frames: np.ndarray, hertz: float) -> list[list[str | float]]:
    rows: list[list[str | float]] = []
    for number, frame in enumerate(frames):
        rows += [[], [f"Frame {number} ({number * 1000 / hertz:.2f} ms)"], *frame.tolist()]
    return rows


def as_text(rows: list[list[str | float]]) -> bytes:
    lines = ["\t".join(c if isinstance(c, str) else f"{c:g}" for c in row) for row in rows]
    return "\r\n".join([*lines, ""]).encode()


def as_cells(rows: list[list[str | float]]) -> Cells:
    return {(r, c): value for r, row in enumerate(rows) for c, value in enumerate(row)}


# ------------------------------------------------------------------ XSENSOR


def xsensor(
    feet: dict[str, np.ndarray],
    pitch_cm: float = 0.8609,
    cells: int = 235,
    groups: int = 2,
    start: str = "08:21:59.990",
) -> list[list[str]]:
    """Rows of an XSENSOR file: side -> mmHg (frames, rows, columns) to two decimals."""
    rows = [["File:", "walk.XSN"], ["Units:", "mmHg"], ["Threshold:", "51.72"], []]
    hours, minutes, seconds = start.split(":")
    first_ms = round(1000 * (3600 * int(hours) + 60 * int(minutes) + float(seconds)))
    for frame in range(len(next(iter(feet.values())))):
        ms = first_ms + 13 * frame
        day, ms = 16 + ms // 86_400_000, ms % 86_400_000
        clock = f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"
        rows += [["FRAME", str(1464 + frame)], ["Date", f" 2022 Aug {day}"], ["Time", f" {clock}"], []]
        for side, values in feet.items():
            grid = values[frame]
            rows += [["SENSOR", f"HX210.11.31.M11-DFM-{side[0].upper()}F S0073"]]
            rows += [["Rows", str(grid.shape[0])], ["Columns", str(grid.shape[1])]]
            rows += [["Sensel Width (cm)", f"{pitch_cm:.2f}"], ["Sensel Height (cm)", f"{pitch_cm:.2f}"]]
            rows += [*_statistics(grid, pitch_cm, cells), ["SENSELS"], *([f"{v:g}" for v in row] for row in grid), []]
        for number in range(groups):
            for side, values in feet.items():
                own = values[frame].ravel()[number::groups]
                rows += [["GROUP", str(number + 1)], ["Name", f"{side.capitalize()} Part {number}"]]
                rows += [["Cells", str(len(own))], *_statistics(own, pitch_cm, len(own)), ["SENSELS"]]
                rows += [[f"{v:g}" for v in own[k : k + 20]] for k in range(0, len(own), 20)]
    return rows


def _statistics(values: np.ndarray, pitch_cm: float, cells: int) -> list[list[str]]:
    loaded, cell = int((values > 0).sum()), pitch_cm**2
    return [
        ["Average Pressure (mmHg)", f"{values.sum() / max(loaded, 1):.2f}"],
        ["Peak Pressure (mmHg)", f"{values.max():.2f}"],
        ["Contact Area (cm²)", f"{loaded * cell:.2f}"],
        ["Total Area (cm²)", f"{cells * cell:.2f}"],
        ["Est. Load (N)", f"{values.sum() * MMHG * cell / 10:.2f}"],
        ["Stride Time", "1092"],
    ]


def as_csv(rows: list[list[str]]) -> bytes:
    blank = "," * 19
    lines = [line for row in rows for line in (",".join(row) + "," * (20 - max(len(row), 1)), blank)]
    return ("\ufeff" + "\n".join(lines) + "\n").encode()


# ------------------------------------------------------------------ Moticon


def moticon(
    feet: dict[str, np.ndarray],
    cells: np.ndarray,
    size: str = "7",
    marks: dict[tuple[int, str], int] | None = None,
    labels: dict[tuple[int, str], str] | None = None,
    time_s: np.ndarray | None = None,
    header: Sequence[str] = (),
) -> bytes:
    """An OpenGo export: side -> N/cm² (frames, 16), NaN where there is nothing.

    ``cells`` (16, 3): place and area in cm²; ``marks[row, side]``: steps[]; ``labels[row, side]``: events in words.
    """
    frames = len(next(iter(feet.values())))
    times = np.arange(frames) * 0.01 if time_s is None else time_s
    names, columns = ["time"], [[f"{t:.2f}" for t in times]]
    for side, pressure in feet.items():
        force = np.round(pressure @ cells[:, 2])
        with np.errstate(invalid="ignore", divide="ignore"):
            cop = (pressure * cells[:, 2]) @ cells[:, :2] / (pressure @ cells[:, 2])[:, None]
        cop = np.where(force[:, None] < 50, 0.0 * force[:, None], cop)
        names += [f"{side} pressure {n + 1}[N/cm²]" for n in range(16)]
        names += [
            f"{side} {kind} {axis}[{unit}]"
            for kind, unit in (("acceleration", "g"), ("angular", "dps"))
            for axis in "XYZ"
        ]
        names += [f"{side} total force[N]", *(f"{side} center of pressure {axis}[-0.5...+0.5]" for axis in "XY")]
        imu = np.where(np.isfinite(force)[:, None], [0.0, 0.5, 1.0, 10.0, -20.0, 30.0], np.nan)
        for values, form in ((pressure, "%.2f"), (imu, "%.6f"), (force[:, None], "%.2f"), (cop, "%.6f")):
            columns += [["" if np.isnan(v) else form % v for v in column] for column in values.T]
    for side in ("right", "left"):
        if marks is not None:
            names.append(f"{side} steps[]")
            columns.append([f"{marks[k, side]:.2f}" if (k, side) in marks else "" for k in range(frames)])
        if labels is not None:
            names += [f"{side.capitalize()} Events label[]", f"{side.capitalize()} Events[]"]
            columns.append([labels.get((k, side), "") for k in range(frames)])
            columns.append(["1.00" if (k, side) in labels else "" for k in range(frames)])
    lasts = times[-1]
    head = [
        *header,
        "Start time: 27.09.2023 10:21:14.922",
        f"Duration: {int(lasts) // 60:02d}:{lasts % 60:06.3f}",
        "Sensor insoles: Left SN5968, Right SN9171",
        f"Size: {size}",
        "Notes: ",
        "\t".join(names),
    ]
    lines = [*(f"# {line}" for line in head), *("\t".join(row) for row in zip(*columns))]
    return "\n".join([*lines, ""]).encode()
