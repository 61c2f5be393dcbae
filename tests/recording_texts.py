"""Small recording files as text, made from numbers, for the tests of their readers."""

from __future__ import annotations

import numpy as np


def pedar(
    left: np.ndarray | None,
    right: np.ndarray | None,
    size: str = "x",
    interval_s: float = 0.02,
    masks: tuple[list[int], list[int]] | None = None,
) -> bytes:
    """A pedar file of pressures (frames, cells) a foot, as the program prints it."""
    feet = [foot for foot in (left, right) if foot is not None]
    frames = len(feet[0])
    if masks is None:
        masks = tuple([] if foot is None else list(range(1, foot.shape[1] + 1)) for foot in (left, right))
    numbers = [n for mask in masks for n in mask]
    head = [
        "file name:  walk.sol\tdate/time  01.02.24 10.49",
        f"sensor type:  {size}-1865l-1870r ",
        f"total time [secs]: {frames * interval_s:7.3f}\ttime per frame [secs]: {interval_s:8.5f}\t"
        f"scanning rate [Hz]: {1 / interval_s:5.0f}",
        "pressure values in  kPa",
        "",
        "mask definition: ",
        "left insole: " + "".join(f"{n}," for n in masks[0]),
        "right insole: " + "".join(f"{n}," for n in masks[1]),
        "",
        "time[secs]    \t" + "\t".join(f"{n:7d}" for n in numbers) + "\t",
    ]
    table = np.hstack(feet)
    rows = [
        f"{(k + 1) * interval_s:12.5f}\t" + "\t".join(f"{v:7.3f}" for v in row) + "\t" for k, row in enumerate(table)
    ]
    return "\n".join([*head, *rows, ""]).encode("latin-1")


def fscan(frames: np.ndarray, absent: np.ndarray | None = None, end: str = "\r\n", **keys: str) -> bytes:
    """A Tekscan file of values (frames, rows, columns); ``absent`` (rows, columns) True where there is no sensel."""
    count, rows, columns = frames.shape
    header = {
        "DATA_TYPE": "MOVIE",
        "FILENAME": r"C:\MOVIES\walk01L.fsx",
        "SENSOR_TYPE": "FSCAN",
        "ROWS": str(rows),
        "COLS": str(columns),
        "ROW_SPACING": "5.08 mm",
        "COL_SPACING": "5.08 mm",
        "SENSEL_AREA": "25.8064 mm2",
        "SECONDS_PER_FRAME": "0.01",
        "SATURATION_PRESSURE": "1514.73 KPa ",
        "COMMENTS:": "",
        "START_FRAME": "1",
        "END_FRAME": str(count),
        "UNITS": "KPa",
        "MIRROR_ROW": "0",
        "MIRROR_COL": "0",
    } | keys
    lines = [f"{key} {value}".rstrip() if key == "COMMENTS:" else f"{key} {value}" for key, value in header.items()]
    lines.append("ASCII_DATA @@")
    for number, frame in enumerate(frames, 1):
        lines += ["", f"Frame {number}"]
        for r, row in enumerate(frame):
            cells = ["B" if absent is not None and absent[r, c] else f"{v:g}" for c, v in enumerate(row)]
            lines.append(",".join(cells))
    return end.join([*lines, "@@", ""]).encode("latin-1")


#: what a text may hold where a number should be
NASTY = (
    b"nan",
    b"-1.000",
    b"1e999",
    b"",
    b",",
    b"\n",
    b"\t",
    b"99999999999",
    b"0x1",
    b"-",
    b"\f",
    b"\xff\x00",
    b"::",
    b"-1",
    b"B",
    b"@@",
    b'"',
    b"}",
)


def injured(data: bytes, rng: np.random.Generator) -> bytes:
    """The file with one to three injuries: bytes changed, cut, doubled, lines swapped, numbers made nasty."""
    for _ in range(int(rng.integers(1, 4))):
        at, stop = sorted(int(i) for i in rng.integers(0, len(data) + 1, 2))
        kind = int(rng.integers(0, 6))
        if kind == 0:
            data = data[:at] + bytes([int(rng.integers(0, 256))]) + data[at + 1 :]
        elif kind == 1:
            data = data[:at] + data[min(stop, at + 40) :]
        elif kind == 2:
            data = data[:stop]
        elif kind == 3:
            data = data[:at] + data[at : at + 60] + data[at:]
        elif kind == 4:
            data = data[:at] + NASTY[int(rng.integers(0, len(NASTY)))] + data[at + int(rng.integers(0, 6)) :]
        else:
            lines = data.split(b"\n")
            i, j = (int(k) for k in rng.integers(0, len(lines), 2))
            lines[i], lines[j] = lines[j], lines[i]
            data = b"\n".join(lines)
    return data
