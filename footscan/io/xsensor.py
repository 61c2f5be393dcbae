"""XSENSOR foot ``.csv``: two insoles of sensels, mmHg, with the vendor's own statistics beside every frame.

UTF-8 with a byte order mark, every row followed by a blank one. ``Units:``, ``Threshold:`` (what reads less is 0 in the
file); then for each ``FRAME``: ``Date``, ``Time``, a ``SENSOR`` a foot and ``GROUP`` (heel, midfoot, …; named by foot),
each with its statistics and, below ``SENSELS``, its values: those of a sensor as a grid, those of a group as a list of
``Cells`` values in an order of its own.

The first row is the toes', the first column lies at the wearer's left (the foot is seen from above). The width and
height of a sensel are printed to 0.1 mm, too coarse for areas: they are scaled so that the loaded sensels make up the
printed contact areas, and a whole number of sensels the printed total area. Sensels that do not exist read 0 like
unloaded ones; where they are is not in the file, so the layout has the cells that were loaded at least once.

Everything that can be computed is held against the statistics: peak, mean, contact area and load of every sensor and
group in every frame. The vendor's values of stance and stride are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np

from footscan.errors import ReadError
from footscan.io.files import PathLike, read_bytes
from footscan.io.labelled import LabelledTable, parse_labelled
from footscan.io.layouts import grid_layout
from footscan.io.text import clean, show
from footscan.types import KPA_MM2_PER_N, Array, Channel, PressureRecording, Recording, Side

NAME = "xsensor"
SUFFIXES = (".csv",)
WRITABLE = False

KPA_PER_MMHG = 0.133322387415

_EXPORT = "export it again from the XSENSOR software as CSV"
_CUT = "the file is cut off or was edited: export it again"
_MAX_SIDE = 1024
_UNITS = {"mmhg": KPA_PER_MMHG, "kpa": 1.0, "psi": 6.894757293168, "n/cm2": 10.0}
_BLOCKS = ("SENSOR", "GROUP")
_HALF_CM2_DIGIT = 0.0051  # areas are printed to 0.01 cm²
#: printed to two decimals: what the rounding of cells and statistics may make of each
_TOLERANCE = {"Peak Pressure": 0.0051, "Average Pressure": 0.0111, "Contact Area (cm²)": 0.011, "Est. Load (N)": 0.021}


@dataclass(frozen=True, eq=False)
class _Block:
    """One SENSOR or GROUP in all frames: its name, values (frames, cells), ``shape`` of a grid, statistics by name."""

    kind: str
    name: str
    values: Array
    shape: tuple[int, int]
    about: dict[str, Array]
    place: str


def sniff(head: bytes, size: int) -> bool:
    """``File:``, ``Units:`` and ``Threshold:`` in rows of commas, then a FRAME."""
    text = clean(head)
    return text.startswith(b"File:,") and b"\nUnits:," in text and b"\nFRAME," in text


def read(path: PathLike) -> Recording:
    """An XSENSOR walk: one PressureRecording a sensor, kPa; the vendor's force, area, peak and mean as channels.

    Raises
    ------
    ReadError : another file, an unknown unit, frames that differ in what they hold, values that are not those that the
        statistics tell of, time that does not run forwards
    """
    table = parse_labelled(path, clean(read_bytes(path)), b",")
    lines = _lines(path, table)
    unit = _unit(path, lines.before.get("Units:", ""))
    time_s = _times(path, lines)
    starts = [n for n, key in enumerate(lines.keys) if key in _BLOCKS]
    blocks = [_block(path, table, lines, *span) for span in pairwise([*starts, len(lines.keys)])]
    parts, channels, notes = [], list[Channel](), list[str]()
    sensors = [block for block in blocks if block.kind == "SENSOR"]
    for sensor in sensors:
        side = _side(sensor.name)
        sensel = _sensel(path, sensor)
        own = [b for b in blocks if b.kind == "GROUP" and _side(b.name) == side != "unknown"]
        for block in (sensor, *own):
            _check(path, block, sensel, unit)
        parts.append(_part(sensor, sensel, unit, time_s, side))
        channels += _channels(sensor, unit, time_s, side)
        notes.append(
            f"{sensor.name}: {len(parts[-1].layout.xy_mm)} cells were loaded at least once"
            + (f", {sensel.cells} exist by the printed total area" if sensel.cells else "")
            + ": the places of the others are not in the file"
        )
    limit = lines.before.get("Threshold:", "")
    notes.append(f"pressures below the vendor's threshold ({show(limit)} in the file's unit) are 0 in the file")
    return Recording(tuple(parts), tuple(channels), format=NAME, source=str(path), notes=tuple(notes))


# ------------------------------------------------------------------ the file's structure


@dataclass(frozen=True, eq=False)
class _Lines:
    """The lines of words: what stands ``before`` the first frame, and, the same in every frame, ``keys`` (lines,) with
    ``values[frame][line]`` beside them in ``rows`` (frames, lines)."""

    before: dict[str, str]
    keys: list[str]
    values: list[list[str]]
    rows: Array

    def column(self, line: int) -> list[str]:
        """The values of a line in all frames."""
        return [values[line] for values in self.values]

    def place(self, frame: int, line: int = 0) -> str:
        """Where a line stands."""
        return f"line {self.rows[frame, line] + 1}"


def _lines(path: PathLike, table: LabelledTable) -> _Lines:
    keys = [text.split(",", 1)[0] for text in table.texts]
    values = [text.split(",", 2)[1] if "," in text else "" for text in table.texts]
    rows = table.text_rows
    starts = [n for n, key in enumerate(keys) if key == "FRAME"]
    if not starts:
        raise ReadError(path, "frames", "none", _EXPORT)
    first = keys[slice(*[*starts, len(keys)][:2])]
    named = [n for n, key in enumerate(first) if key in (*_BLOCKS, "Name")]
    for start, stop in pairwise([*starts, len(keys)]):
        same = keys[start:stop] == first and all(values[start + n] == values[starts[0] + n] for n in named)
        if not same:
            found = f"others in frame {show(values[start])}"
            raise ReadError(path, "the same lines in every frame", found, _CUT, table.place(int(rows[start])))
    if not any(key in _BLOCKS for key in first) or (len(table.rows) and table.rows[0] < rows[starts[0]]):
        raise ReadError(path, "frames with sensors", "none", _EXPORT, table.place(int(rows[starts[0]])))
    before = {key: value.strip() for key, value in zip(keys[: starts[0]], values)}
    size = len(first)
    return _Lines(before, first, [values[n : n + size] for n in starts], rows[starts[0] :].reshape(len(starts), size))


def _unit(path: PathLike, unit: str) -> float:
    """kPa in one of the file's unit."""
    factor = _UNITS.get(unit.lower().replace("²", "2"))
    if factor is None:
        raise ReadError(path, "pressures in mmHg, kPa, psi or N/cm2", show(unit), "export in mmHg")
    return factor


def _times(path: PathLike, lines: _Lines) -> Array:
    """Seconds from the first frame, from each frame's Date and Time."""
    if lines.keys[:3] != ["FRAME", "Date", "Time"]:
        raise ReadError(path, "a Date and a Time in each FRAME", ", ".join(lines.keys[:3]), _EXPORT, lines.place(0))
    stamps = []
    for frame, values in enumerate(lines.values):
        try:
            stamps.append(datetime.strptime(f"{values[1].strip()} {values[2].strip()}", "%Y %b %d %H:%M:%S.%f"))
        except ValueError as error:
            expected = "a date and a time like 2022 Aug 16 08:21:17.982"
            raise ReadError(path, expected, show(f"{values[1]} {values[2]}"), _EXPORT, lines.place(frame)) from error
    times = np.array([(stamp - stamps[0]) / timedelta(seconds=1) for stamp in stamps])
    for what, run in (("time", times), ("frame numbers", _statistic(path, lines, 0))):
        if (np.diff(run) <= 0).any():
            at = int(np.argmax(np.diff(run) <= 0)) + 1
            found = f"{run[at]:g} after {run[at - 1]:g}"
            raise ReadError(path, f"{what} that run forwards", found, _CUT, lines.place(at))
    return times


def _block(path: PathLike, table: LabelledTable, lines: _Lines, start: int, stop: int) -> _Block:
    """One sensor or group, lines ``start`` to ``stop``, in all frames."""
    kind, first, place = lines.keys[start], lines.values[0], lines.place(0, start)
    keys = {lines.keys[n]: n for n in range(start, stop)}
    sizes = ("Rows", "Columns") if kind == "SENSOR" else ("Cells",)
    missing = [key for key in (*sizes, *(["Name"] if kind == "GROUP" else [])) if key not in keys]
    if missing or lines.keys[stop - 1] != "SENSELS":
        expected = f"{missing[0] if missing else 'SENSELS'} in {kind} {show(first[start])}"
        raise ReadError(path, expected, "none", _EXPORT, place)
    shape = [_whole(path, first[keys[size]], size, place) for size in sizes]
    name = first[start if kind == "SENSOR" else keys["Name"]].strip()
    values = _values(path, table, lines.rows[:, stop - 1], shape)
    about = {}
    for key in keys:
        short = key.split(" (mm")[0]
        if short in _TOLERANCE or short.startswith(("Sensel ", "Total Area")):
            about[short] = _statistic(path, lines, keys[key])
    return _Block(kind, name, values, (shape[0], shape[-1]), about, place)


def _whole(path: PathLike, text: str, name: str, place: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", text) or not 0 < int(text) <= _MAX_SIDE:
        raise ReadError(path, f"a whole number from 1 to {_MAX_SIDE} for {name}", show(text), _EXPORT, place)
    return int(text)


def _statistic(path: PathLike, lines: _Lines, line: int) -> Array:
    """(frames,) the numbers beside a line's name."""
    words = lines.column(line)
    if not re.fullmatch(r"(?:-?[0-9]{1,12}(?:\.[0-9]{1,9})?\n)+", "\n".join([*words, ""])):
        frame = next(n for n, w in enumerate(words) if not re.fullmatch(r"-?[0-9]{1,12}(?:\.[0-9]{1,9})?", w))
        expected = f"a number for {lines.keys[line]}"
        raise ReadError(path, expected, show(words[frame]), _EXPORT, lines.place(frame, line))
    return np.array(words).astype(np.float64)


def _values(path: PathLike, table: LabelledTable, marks: Array, shape: list[int]) -> Array:
    """(frames, cells): the numbers between each SENSELS and the next line of words."""
    rows = np.append(table.text_rows, np.iinfo(np.int64).max)
    ends = rows[np.searchsorted(rows, marks, side="right")]
    first, last = table.below(marks), np.searchsorted(table.rows, ends)
    cells = int(np.prod(shape))
    per_row = np.full(shape[0], shape[1]) if len(shape) == 2 else np.diff([*range(0, cells, 20), cells])
    wrong = np.flatnonzero(last - first != len(per_row))
    if not len(wrong):
        counts = table.counts[first[:, None] + np.arange(len(per_row))]
        wrong = np.flatnonzero((counts != per_row).any(axis=1))
    if len(wrong):
        at = int(wrong[0])
        found = f"{last[at] - first[at]} rows, {table.starts[last[at]] - table.starts[first[at]]} values"
        raise ReadError(path, f"{len(per_row)} rows, {cells} values", found, _CUT, table.place(int(marks[at])))
    values = table.values[table.starts[first][:, None] + np.arange(cells)]
    bad = np.flatnonzero(((values < 0) | (values > 1e7)).any(axis=1))
    if len(bad):
        found = f"{values[bad[0]].min():g} to {values[bad[0]].max():g}"
        raise ReadError(path, "pressures of 0 or more", found, _EXPORT, table.place(int(marks[bad[0]])))
    return np.asarray(values)


# ------------------------------------------------------------------ one foot


def _side(name: str) -> Side:
    """left or right: ``…-DFM-LF S0073``, ``Left Heel``."""
    found = re.search(r"^(left|right)\b|-([LR])F\b", name, re.I)
    if found is None:
        return "unknown"
    return "left" if (found[1] or found[2]).lower() in ("left", "l") else "right"


@dataclass(frozen=True)
class _Sensel:
    """Height and width in mm, how well their product is known (relative), how many sensels exist (0: not known)."""

    height_mm: float
    width_mm: float
    error: float
    cells: int

    @property
    def area_mm2(self) -> float:
        """Of one."""
        return self.height_mm * self.width_mm


def _sensel(path: PathLike, sensor: _Block) -> _Sensel:
    """The printed width and height, scaled to the printed areas."""
    printed = [sensor.about.get(f"Sensel {what} (cm)") for what in ("Height", "Width")]
    if any(p is None or not (p[0] > 0 and (p == p[0]).all()) for p in printed):
        raise ReadError(path, "a Sensel Width and Height in cm", "none or several", _EXPORT, sensor.place)
    height, width = (10.0 * float(p[0]) for p in printed if p is not None)
    one, error = _cell_mm2(sensor, height * width, 0.05 / height + 0.05 / width)
    scale = float(np.sqrt(one / (height * width)))
    if abs(scale - 1.0) * max(height, width) > 0.06:
        expected = f"sensels of {height:g} x {width:g} mm, {height * width:g} mm2"
        raise ReadError(path, expected, f"contact areas that make each {one:.4g} mm2", _EXPORT, sensor.place)
    total = sensor.about.get("Total Area (cm²)")
    cells = 0 if total is None else round(100.0 * float(total[0]) / one)
    if cells and total is not None:
        whole = 100.0 * float(total[0]) / cells
        if (
            error * cells < 0.5
            and abs(whole / one - 1.0) < error + _HALF_CM2_DIGIT / total[0]
            and (total == total[0]).all()
        ):
            better = _HALF_CM2_DIGIT / float(total[0])
            one, error = (whole, better) if better < error else (one, error)
        else:
            cells = 0
    scale = float(np.sqrt(one / (height * width)))
    return _Sensel(height * scale, width * scale, error, cells)


def _cell_mm2(sensor: _Block, printed: float, error: float) -> tuple[float, float]:
    """The area of a sensel that the printed contact areas make, and its relative error."""
    loaded, area = (sensor.values > 0).sum(axis=1), sensor.about.get("Contact Area (cm²)")
    if area is None or not loaded.any() or not area.sum() > 0:
        return printed, error
    counted = int((loaded > 0).sum()) * _HALF_CM2_DIGIT / float(area.sum())
    return 100.0 * float(area.sum()) / int(loaded.sum()), counted


def _check(path: PathLike, block: _Block, sensel: _Sensel, unit: float) -> None:
    """Peak, mean, contact area and load of each frame against the vendor's."""
    loaded = (block.values > 0).sum(axis=1)
    total = block.values.sum(axis=1)
    computed = {
        "Peak Pressure": (block.values.max(axis=1), 0.0),
        "Average Pressure": (total / np.maximum(loaded, 1), 0.0),
        "Contact Area (cm²)": (loaded * sensel.area_mm2 / 100.0, sensel.error),
        "Est. Load (N)": (total * unit * sensel.area_mm2 / KPA_MM2_PER_N, sensel.error),
    }
    for name, (found, error) in computed.items():
        printed = block.about.get(name)
        if printed is None:
            continue
        off = np.abs(found - printed) - error * printed
        if (off > _TOLERANCE[name]).any():
            at = int(np.argmax(off))
            what = f"{name} {printed[at]:g} in {show(block.name)}, frame {at + 1} of the file"
            raise ReadError(path, what, f"values that make it {found[at]:.6g}", _CUT, block.place)


def _part(sensor: _Block, sensel: _Sensel, unit: float, time_s: Array, side: Side) -> PressureRecording:
    ever: Array = np.asarray((sensor.values > 0).any(axis=0))
    shown = ever if ever.any() else ~ever
    present = shown.reshape(sensor.shape)
    layout = grid_layout(*sensor.shape, sensel.height_mm, sensel.width_mm, present, frame="insole")
    return PressureRecording((sensor.values[:, shown] * unit).astype(np.float32), "kPa", time_s, layout, side=side)


def _channels(sensor: _Block, unit: float, time_s: Array, side: Side) -> list[Channel]:
    """The vendor's own numbers."""
    wanted = (
        ("vendor_force", "N", "Est. Load (N)", 1.0),
        ("vendor_area", "mm^2", "Contact Area (cm²)", 100.0),
        ("vendor_peak", "kPa", "Peak Pressure", unit),
        ("vendor_mean", "kPa", "Average Pressure", unit),
    )
    return [
        Channel(name, of, time_s, (factor * sensor.about[key])[:, None], side)
        for name, of, key, factor in wanted
        if key in sensor.about
    ]
