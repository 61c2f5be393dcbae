"""pliance, emed and loadsol: what their files hold, what is refused, and that a written .lst says what was given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from recording_texts import injured
from test_recording_files import refused

from footscan.errors import ReadError
from footscan.io import FORMATS, detect, emed, fscan, loadsol, pliance, read_recording, write_recording
from footscan.io.files import read_head
from footscan.io.layouts import grid_layout
from footscan.types import PressureRecording, Recording, SensorLayout, replace

PLIANCE = "pressure/pliance/pliance_test.asc"
EMED = "pressure/emed/emed_test.lst"
LOADSOL = "pressure/loadsol/test_poids.txt"
READERS: tuple[ModuleType, ...] = (pliance, emed, loadsol)


def force_n(part: PressureRecording) -> np.ndarray:
    """Sum of pressure and area, a number a frame."""
    assert part.unit == "kPa" and part.layout.area_mm2 is not None
    return np.asarray(part.values.astype(float) @ part.layout.area_mm2 / 1000)


def channel(recording: Recording, name: str, side: str = "unknown") -> np.ndarray:
    (found,) = [c.values for c in recording.channels if (c.name, c.side) == (name, side)]
    return found


# ------------------------------------------------------------------ files made from numbers


def pliance_text(
    kpa: np.ndarray,
    places: Sequence[tuple[float, float]],
    size_cm: tuple[float, float] = (0.5, 1.0),
    listed: Sequence[int] | None = None,
    total: int | None = None,
    pictures: bool = True,
    turned: bool = True,
    name: str = "mat_1.mat",
) -> bytes:
    """A file of pressures (frames, cells) with cells at lower corners ``places`` in cm.

    listed : which of ``total`` frames are in the first table; turned: centre of pressure from the opposite corner
    """
    frames, cells = kpa.shape
    listed = list(range(frames)) if listed is None else list(listed)
    total = frames if total is None else total
    dx, dy = size_cm
    corners = [(x + a * dx, y + b * dy) for x, y in places for a, b in ((0, 1), (0, 0), (1, 0), (1, 1))]
    low_high = [sum(ends) for ends in zip(map(min, *corners), map(max, *corners))]
    sensors = [4 + 3 * k for k in range(cells)]
    lines = [
        f"file name: {name} date/time 01.02.24 10.49",
        "mat type s2160_001",
        f"total times [secs]: {total * 0.04:.3f} time per frame [secs]: 0.04000 scanning rate [Hz]: 25",
        "pressure values in kPa",
        "",
        "",
        "electrical:",
        "time[secs] " + " ".join(f"{n:7d}" for n in sensors),
    ]
    lines += [f"{(k + 1) * 0.04:11.5f} " + " ".join(f"{v:7.3f}" for v in row) for k, row in zip(listed, kpa)]
    if pictures:
        mean = kpa.sum(axis=0) / total
        lines.append("        MPP " + " ".join(f"{v:7.3f}" for v in kpa.max(axis=0)))
        lines.append("        MVP " + " ".join(f"{v:7.3f}" for v in mean))
    lines += ["", "", " time[secs] force[N]   x[cm]   y[cm]", ""]
    area = dx * dy
    for k in range(total):
        row = kpa[listed.index(k)] if k in listed else np.zeros(cells)
        cop = "      -       -"
        if row.sum() > 0:
            x, y = (
                float(sum(v * (p[i] + d / 2) for v, p in zip(row, places)) / row.sum()) for i, d in enumerate((dx, dy))
            )
            x, y = (low_high[0] - x, low_high[1] - y) if turned else (x, y)
            cop = f"{x:7.3f} {y:7.3f}"
        lines.append(f"{(k + 1) * 0.04:11.5f} {row.sum() * area / 10:8.3f} {cop}")
    lines += ["", "", "sensor " + " ".join(f"{n:8d}" for n in sensors), "corner[cm]"]
    for k in range(4):
        for axis in (0, 1):
            lines.append(f"{'xy'[axis]}[{k}] " + " ".join(f"{corners[4 * c + k][axis]:8.4f}" for c in range(cells)))
    for axis, d in enumerate((dx, dy)):
        lines.append(f"{'xy'[axis]}[c] " + " ".join(f"{p[axis] + d / 2:8.4f}" for p in places))
    lines.append("area " + " ".join(f"{area:8.4f}" for _ in places))
    return ("\n".join(lines) + "\n").encode("latin-1")


def mat(rows: int, columns: int, size_cm: tuple[float, float] = (0.5, 1.0)) -> list[tuple[float, float]]:
    """Lower corners of a grid that is numbered as pliance numbers it: along x, then against y."""
    return [(r * size_cm[0], (columns - 1 - c) * size_cm[1]) for r in range(rows) for c in range(columns)]


def emed_page(
    kpa: np.ndarray,
    page: int,
    picture: str,
    first: tuple[int, int] = (3, 2),
    matrix: str = "64x95",
    area: str = "0.25",
    size: str = "0.500x0.500",
) -> str:
    """One page: pressures (rows, columns) whose window begins at row and column ``first``."""
    newtons = kpa * float(area) / 10
    lines = [
        "",
        f"\t\t\t\tPage {page}",
        "",
        f"\tFile: C:\\novel\\2.dat \tMatrix: {matrix} ",
        f"\tSensor area: {area} cm²\tTime/picture:10.0 ms",
        "\tMV over frames",
        f"\tSensor size: {size} cm",
        "\tnovel",
        "\tpedar",
        f"\t{picture}  Force[N]=sum*sensor_area in row/column",
        "",
        "".join(f"\t{first[1] + k}" for k in range(kpa.shape[1])) + "\tForce",
    ]
    for k, row in enumerate(kpa):
        lines.append("\t".join([str(first[0] + k), *(f"{v:.2f}" for v in row), f"{newtons[k].sum():.2f}"]))
    lines.append("\t".join(["Force", *(f"{v:.2f}" for v in newtons.sum(axis=0)), f"{newtons.sum():.2f}"]))
    return "\n".join([*lines, ""])


def emed_text(frames: Sequence[np.ndarray], start: int = 1, **page: Any) -> bytes:
    pages = [emed_page(f, k + 1, f"Pict-No.: {start + k}", **page) for k, f in enumerate(frames)]
    return ("\f".join(pages) + "\f\n\f").encode("latin-1")


def loadsol_text(
    left: np.ndarray,
    right: np.ndarray | None,
    stamps: Sequence[str] | None = None,
    imu: np.ndarray | None = None,
    lost: Sequence[int] = (),
    mark: tuple[int, str] | None = None,
) -> bytes:
    """Zones (rows, 3) as heel, medial, lateral; ``lost`` rows stand as the program prints them."""
    rows = len(left)
    stamps = [f"{0.005 * k:.3f}" for k in range(rows)] if stamps is None else list(stamps)
    feet = [("L", left, (0, 1, 2))] + ([] if right is None else [("R", right, (2, 1, 0))])
    names, units, cells = [], [], [[] for _ in range(rows)]
    for letter, zones, order in feet:
        words = np.array(["heel", "medial", "lateral"])[list(order)]
        names += ["", *(f"AB12-{letter}::{word}" for word in words), f"AB12-{letter}"]
        units += ["Time[secs]", *["Force[N]"] * 4]
        if imu is not None:
            names += ["", *(f"AB12-{letter}::{axis}{kind}" for kind in ("Acc", "Gyro") for axis in "xyz")]
            units += ["Time[secs]", *["[g]"] * 3, *["[rad/s]"] * 3]
        for k in range(rows):
            gone = k in lost
            row = (
                ["-1.000"] * 3 + ["0.000"]
                if gone
                else [f"{zones[k][z]:.3f}" for z in order] + [f"{zones[k].sum():.3f}"]
            )
            cells[k] += [stamps[k], *row]
            if imu is not None:
                cells[k] += [stamps[k], *(["-"] * 6 if gone else [f"{v:.3f}" for v in imu[k]])]
    lines = ["walk.loadflux", "comment walk", "\t".join([*names, "", ""]), "\t".join([*units, ""])]
    for k, row in enumerate(cells):
        lines.append("\t".join([*row, mark[1] if mark is not None and mark[0] == k else "", ""]))
    return ("\n".join(lines) + "\n\n").encode("latin-1")


def zones(rng: np.random.Generator, rows: int) -> np.ndarray:
    """Forces (rows, 3) in N that are printed exactly."""
    return np.round(rng.uniform(0, 400, (rows, 3)) / 0.02) * 0.02


def pressures(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """kPa in steps of 2.5, half of them 0."""
    return np.round(rng.uniform(0, 200, shape)) * 2.5 * rng.integers(0, 2, shape)


# ------------------------------------------------------------------ all three


@pytest.mark.parametrize("name", [PLIANCE, EMED, LOADSOL])
def test_a_sample_is_of_one_format(name: str, shared_data: Path) -> None:
    head, size = read_head(shared_data / name)
    assert [row.name for row in FORMATS if row.load().sniff(head, size)] == [name.split("/")[1]]
    assert detect(shared_data / name).kind == "recording"


def test_another_vendors_file_is_refused(shared_data: Path, tmp_path: Path) -> None:
    for reader in READERS:
        for name in (PLIANCE, EMED, LOADSOL, "pressure/pedar/pedar_example.asc"):
            if name.split("/")[1] != reader.NAME:
                with pytest.raises(ReadError):
                    reader.read(shared_data / name)
        assert "expected" in refused(tmp_path / "a", b"\0" * 600, reader.read)


# ------------------------------------------------------------------ pliance


def test_pliance_sample_agrees_with_its_force_column(shared_data: Path) -> None:
    recording = read_recording(shared_data / PLIANCE)
    (part,) = recording.pressure
    assert part.values.shape == (281, 812) and part.layout.shape == (28, 29) and part.layout.frame == "plate"
    assert (part.time_s[0], part.time_s[-1], part.side) == (5.79167, 17.45833, "unknown")
    given = channel(recording, "vendor_force")
    assert len(given) == 1067 and given.max() == pytest.approx(230.6, abs=0.05)
    rows = np.searchsorted(recording.channels[0].time_s, part.time_s)
    np.testing.assert_allclose(force_n(part), given[rows, 0], rtol=0, atol=0.01)
    assert np.delete(given, rows).max() == 0


def test_pliance_sample_agrees_with_its_pictures_and_centre(shared_data: Path) -> None:
    recording = read_recording(shared_data / PLIANCE)
    (part,) = recording.pressure
    np.testing.assert_array_equal(channel(recording, "vendor_mpp")[0].astype(np.float32), part.values.max(axis=0))
    mean, given = part.values.sum(axis=0) / 1067, channel(recording, "vendor_mvp")[0]
    assert np.abs(mean - given)[given > 0].max() < 1.667 / 2  # rounded to the sensor's steps …
    assert mean[given == 0].max() < 10  # … and to 0 below its smallest reading
    cop = channel(recording, "vendor_cop")
    rows = np.searchsorted(recording.channels[1].time_s, part.time_s)
    ours = part.values @ part.layout.xy_mm / part.values.sum(axis=1)[:, None]
    np.testing.assert_allclose(np.array([147.84, 298.12]) - ours, cop[rows], atol=0.01)  # from the opposite corner
    assert np.isnan(np.delete(cop, rows, axis=0)).all() and "another corner" in " ".join(recording.notes)


def test_pliance_cells_lie_where_the_file_has_them(shared_data: Path) -> None:
    layout = read_recording(shared_data / PLIANCE).pressure[0].layout
    assert layout.corners_mm is not None and layout.area_mm2 is not None and layout.index is not None
    np.testing.assert_allclose(layout.area_mm2, 54.28)
    np.testing.assert_array_equal(layout.index, np.arange(812))
    same = grid_layout(28, 29, 5.28, 10.28, toes_first=False)
    np.testing.assert_allclose(layout.xy_mm, same.xy_mm, atol=1e-9)


@pytest.mark.parametrize(("pictures", "turned"), [(True, True), (True, False), (False, True)])
def test_pliance_keeps_pressures_and_force(
    pictures: bool, turned: bool, rng: np.random.Generator, tmp_path: Path
) -> None:
    rows, columns, frames = (int(n) for n in rng.integers(2, 7, 3))
    kpa = pressures(rng, frames, rows * columns)
    path = tmp_path / "mat.asc"
    path.write_bytes(pliance_text(kpa, mat(rows, columns), pictures=pictures, turned=turned, name="walkR.mat"))
    assert detect(path).name == "pliance"
    recording = pliance.read(path)
    (part,) = recording.pressure
    np.testing.assert_array_equal(part.values, kpa.astype(np.float32))
    assert part.layout.shape == (rows, columns) and (part.side, part.side_from) == ("right", "filename")
    np.testing.assert_allclose(force_n(part), kpa.sum(axis=1) * 0.05)
    np.testing.assert_allclose(part.time_s, (np.arange(frames) + 1) * 0.04)
    assert ("vendor_mvp" in [c.name for c in recording.channels]) == pictures


def test_pliance_frames_that_are_not_listed_are_unloaded(rng: np.random.Generator, tmp_path: Path) -> None:
    kpa = pressures(rng, 4, 6) + 2.5
    path = tmp_path / "mat.asc"
    path.write_bytes(pliance_text(kpa, mat(2, 3), listed=[2, 3, 7, 8], total=12))
    recording = pliance.read(path)
    (part,) = recording.pressure
    np.testing.assert_allclose(part.time_s, np.arange(3, 10) * 0.04)
    np.testing.assert_array_equal(part.values[[0, 1, 5, 6]], kpa.astype(np.float32))
    assert not part.values[2:5].any() and "4 of 12 frames" in " ".join(recording.notes)
    np.testing.assert_allclose(channel(recording, "vendor_force")[2:9, 0], force_n(part), atol=0.001)


def test_pliance_cells_off_a_grid_have_none(rng: np.random.Generator, tmp_path: Path) -> None:
    path = tmp_path / "mat.asc"
    path.write_bytes(pliance_text(pressures(rng, 3, 3), [(0.0, 0.0), (0.7, 0.3), (2.0, 5.0)]))
    layout = pliance.read(path).pressure[0].layout
    assert layout.shape is None and layout.xy_mm[1].tolist() == pytest.approx([9.5, 8.0])


def test_pliance_refuses_what_contradicts_itself(tmp_path: Path) -> None:
    kpa = np.array([[10.0, 20.0, 0.0, 40.0], [12.5, 0.0, 30.0, 2.5], [15.0, 5.0, 0.0, 0.0]])
    good = pliance_text(kpa, mat(2, 2))
    path = tmp_path / "mat.asc"
    path.write_bytes(good)
    pliance.read(path)
    lines = good.split(b"\n")
    table = next(i for i, line in enumerate(lines) if line.startswith(b"    0.04000  10.000"))
    without_frame = b"\n".join(lines[:table] + lines[table + 1 :])
    cases = [
        (good[: good.index(b"area")], "no area"),
        (good[: good.index(b"x[2]")], "no x[2]"),
        (good.rstrip()[:-5], "an area of 0.5000"),
        (good[: good.index(b"sensor ")], "cut off"),
        (good[: good.index(b"force[N]")], "cut off"),
        (without_frame, "force of 0.000 N at 0.04"),
        (good.replace(b" 20.000", b" 21.000", 1), "was edited"),
        (good.replace(b"MPP  15.000", b"MPP  16.000"), "MPP of 15.000"),
        (good.replace(b"MVP  12.500", b"MVP  17.500"), "MVP of 12.500"),
        (good.replace(b"   3.500", b"   3.600", 1), "force of 3.500 N"),
        (good.replace(b" 10.000", b" 10,000", 1), "decimal commas"),
        (good.replace(b"0.04000 scan", b"0,04000 scan"), "decimal comma"),
        (good.replace(b" 10.000", b"-10.000", 1), "0 to 1e6 kPa"),
        (good.replace(b" 10.000", b"    nan", 1), "a number"),
        (good.replace(b" 10.000", b" 1e999", 1), "finite numbers"),
        (good.replace(b" 10.000", b"      -", 1), "a number"),
        (good.replace(b"0.120 time", b"9.120 time"), "228 frames"),
        (good.replace(b"in kPa", b"in N/cm2"), "kPa"),
        (good.replace(b"[Hz]: 25", b"[Hz]: 50"), "scanning rate"),
        (good.replace(b"    0.08000", b"    0.03000"), "runs forwards"),
        (good.replace(b"sensor        4", b"sensor        5"), "other sensors"),
        (good.replace(b"x[c]   0.2500", b"x[c]   0.3500"), "centres in the middle"),
        (good.replace(b"area   0.5000", b"area   0.6000"), "an area of 0.5000"),
        (good.replace(b"y[1]", b"y[0]"), "each once"),
    ]
    for data, says in cases:
        assert data != good, says
        assert says in refused(path, data, pliance.read), says


# ------------------------------------------------------------------ emed


def test_emed_sample_meets_its_oracles(shared_data: Path) -> None:
    (part,) = read_recording(shared_data / EMED).pressure
    assert part.layout.shape == (95, 64) and part.unit == "kPa" and part.layout.area_mm2 is not None
    image, force = part.values.max(axis=0), force_n(part)
    assert image.max() == 370.0 and force.max() == pytest.approx(818.6, abs=0.1)
    assert part.layout.area_mm2[image > 0].sum() / 100 == pytest.approx(126.5, abs=1e-9)
    assert len(part.time_s) == 106 and round(float(part.time_s[-1]), 9) in (1.05, 1.06)
    assert float(np.trapezoid(force, part.time_s)) == pytest.approx(675.8, abs=0.5)


def test_emed_sample_is_a_right_foot_with_the_toes_first(shared_data: Path) -> None:
    part = read_recording(shared_data / EMED).pressure[0]
    xy, image = part.layout.xy_mm, part.values.max(axis=0)
    first, last = (xy[frame > 0].mean(axis=0) for frame in (part.values[0], part.values[-1]))
    assert last[0] - first[0] > 150  # heel strike far from the toes' end, toe off near it
    toes = xy[:, 0] > xy[image > 0][:, 0].max() - 40
    hallux = xy[toes][np.argmax(image[toes])]
    assert hallux[1] > xy[image > 0][:, 1].mean()  # medial of a right foot: to the wearer's left


def test_emed_sample_comes_back_to_the_printed_digits(shared_data: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.lst"
    recording = read_recording(shared_data / EMED)
    write_recording(copy, recording)
    sample, written = ((shared_data / EMED).read_bytes().split(b"\n"), copy.read_bytes().split(b"\n"))
    assert len(sample) == len(written)
    about = (b"\tFile:", b"\tnovel", b"\tpedar")  # its name and its maker: all else is the same
    assert all(a == b or a.startswith(about) for a, b in zip(sample, written))
    again = read_recording(copy).pressure[0]
    np.testing.assert_array_equal(again.values, recording.pressure[0].values)
    np.testing.assert_array_equal(again.layout.xy_mm, recording.pressure[0].layout.xy_mm)
    np.testing.assert_array_equal(again.time_s, recording.pressure[0].time_s)


def test_emed_windows_may_differ_from_page_to_page(rng: np.random.Generator, tmp_path: Path) -> None:
    path = tmp_path / "a.lst"
    small, large = pressures(rng, 2, 3), pressures(rng, 5, 4)
    pages = [
        emed_page(small, 1, "Pict-No.: 8", first=(1, 61), matrix="64x40"),
        emed_page(large, 2, "Pict-No.: 9", first=(36, 1), matrix="64x40"),
    ]
    path.write_bytes(("\f".join(pages) + "\n\f").encode("latin-1"))
    assert detect(path).name == "emed"
    (part,) = emed.read(path).pressure
    images = part.values.reshape(2, 40, 64)
    np.testing.assert_array_equal(images[0, :2, 60:63], small)
    np.testing.assert_array_equal(images[1, 35:, :4], large)
    assert images.sum() == pytest.approx(small.sum() + large.sum())
    np.testing.assert_allclose(part.time_s, [0.07, 0.08])
    np.testing.assert_allclose(force_n(part), [small.sum() * 0.025, large.sum() * 0.025], rtol=1e-6)


def test_emed_summary_pages_are_left_out(rng: np.random.Generator, tmp_path: Path) -> None:
    path = tmp_path / "a.lst"
    frames = pressures(rng, 3, 4, 4)
    pages = [emed_page(f, k + 1, f"Pict-No.: {k + 1}") for k, f in enumerate(frames)]
    pages += [emed_page(frames.max(axis=0), 4, "MPP"), emed_page(frames.mean(axis=0), 5, "MVP")]
    path.write_bytes(("\f".join(pages) + "\n\f").encode("latin-1"))
    recording = emed.read(path)
    assert len(recording.pressure[0].time_s) == 3 and "2 pages of maximum" in recording.notes[0]


def test_emed_area_printed_with_few_digits_is_the_sensors_size(rng: np.random.Generator, tmp_path: Path) -> None:
    path = tmp_path / "a.lst"
    kpa = pressures(rng, 6, 5)
    path.write_bytes(emed_text([kpa], area="0.47", size="0.693x0.675"))
    layout = emed.read(path).pressure[0].layout
    assert layout.area_mm2 is not None and layout.area_mm2[0] == pytest.approx(6.93 * 6.75)


def test_emed_refuses_what_contradicts_itself(tmp_path: Path) -> None:
    kpa = np.array([[10.0, 25.0], [0.0, 40.0], [5.0, 0.0]])
    good = emed_text([kpa, 2 * kpa, 3 * kpa])
    path = tmp_path / "a.lst"
    path.write_bytes(good)
    emed.read(path)
    pages = good.split(b"\f")
    one = good.replace(b"Pict-No.: 2", b"Pict-No.: 1").replace(b"Pict-No.: 3", b"Pict-No.: 1")
    cases = [
        (good[: good.rindex(b"Force\t")], "form feed"),
        (good[:-60], "form feed"),
        (good[: good.rindex(b"Force\t")] + b"\f", "such lines"),
        (b"\f".join([pages[0], *pages[2:]]), "Page 2"),
        (b"\f".join(pages[1:]), "Page 1"),
        (one, "export them one by one"),
        (good.replace(b"Pict-No.: 2", b"Pict-No.: 5"), "a picture is missing"),
        (good.replace(b"\t40.00\t", b"\t50.00\t", 1), "a force of"),
        (good.replace(b"0.25 cm", b"0.35 cm"), "at most 0.25 cm2"),
        (good.replace(b"0.25 cm", b"0.20 cm"), "not in kPa"),
        (good.replace(b"10.00", b"10,00", 1), "decimal commas"),
        (good.replace(b":10.0 ms", b":10,0 ms"), "decimal comma"),
        (good.replace(b"\t25.00", b"\t-25.00", 1), "minus sign"),
        (good.replace(b"\t25.00", b"\tnan", 1), "a number"),
        (good.replace(b"\t25.00", b"\t", 1), "2 pressures"),
        (good.replace(b"\n4\t", b"\n6\t", 1), "row numbers"),
        (good.replace(b"\t2\t3\tForce", b"\t2\t4\tForce", 1), "column numbers"),
        (good.replace(b"64x95", b"2x95"), "from 1 to 2"),
        (good.replace(b"64x95", b"9999x9999"), "a Matrix of 1 to"),
        (good.replace(b"64x95", b"63x95", 1), "same header"),
        (good.replace(b"Matrix", b"Metrix"), "Matrix"),
        (good.replace(b"\t25.00", b"\t2e9", 1), "pressures up to"),
    ]
    for data, says in cases:
        assert data != good, says
        assert says in refused(path, data, emed.read), says


def test_emed_memory_is_bounded_by_the_file(tmp_path: Path) -> None:
    dot = np.array([[5.0]])
    data = emed_text([dot] * 200, matrix="1024x1024")
    assert "that" in refused(tmp_path / "a.lst", data, emed.read)


# ------------------------------------------------------------------ writing emed


def plate(rng: np.random.Generator, frames: int, toes_first: bool = True, flip: bool = False) -> PressureRecording:
    """A random plate of a random pitch; ``flip``: columns counted from the right."""
    rows, columns = (int(n) for n in rng.integers(1, 12, 2))
    pitch = np.round(rng.uniform(3, 12, 2), int(rng.integers(0, 5)))
    layout = grid_layout(rows, columns, *pitch.tolist(), toes_first=toes_first)
    if flip:
        xy = layout.xy_mm * [1, -1] + [0, columns * pitch[1]]
        layout = SensorLayout(xy, layout.area_mm2, frame="plate", shape=layout.shape, index=layout.index)
    values = np.round(rng.uniform(0, 900, (frames, rows * columns)), 3) * rng.integers(0, 2, (frames, rows * columns))
    return PressureRecording(values, "kPa", np.arange(frames) * 0.01, layout)


@pytest.mark.parametrize("toes_first", [True, False])
@pytest.mark.parametrize("flip", [True, False])
def test_a_written_lst_says_the_same(toes_first: bool, flip: bool, rng: np.random.Generator, tmp_path: Path) -> None:
    path = tmp_path / "a.lst"
    for _ in range(5):
        part = plate(rng, int(rng.integers(1, 6)), toes_first, flip)
        emed.write(path, Recording((replace(part, side="left"),), source="C:\\x\\walk 7.apd"))
        (again,) = emed.read(path).pressure
        assert (again.side, again.side_from, again.layout.shape) == ("left", "filename", part.layout.shape)
        order = [np.lexsort(np.round(p.layout.xy_mm, 5).T) for p in (part, again)]  # the same place, cell by cell
        np.testing.assert_allclose(part.layout.xy_mm[order[0]], again.layout.xy_mm[order[1]], atol=1e-6)
        printed = np.array([[float(f"{v:.2f}") for v in row] for row in part.values.astype(float).tolist()])
        np.testing.assert_array_equal(again.values[:, order[1]], printed.astype(np.float32)[:, order[0]])
        np.testing.assert_allclose(again.time_s, part.time_s, atol=1e-9)
        assert again.layout.area_mm2 is not None and part.layout.area_mm2 is not None
        np.testing.assert_allclose(again.layout.area_mm2, part.layout.area_mm2[0], rtol=1e-6)
        first = path.read_bytes()
        emed.write(path, Recording((again,), source="walk 7_L"))
        assert path.read_bytes() == first


def test_a_written_lst_adds_up_by_its_printed_digits(rng: np.random.Generator, tmp_path: Path) -> None:
    path = tmp_path / "a.lst"
    part = plate(rng, 3)
    emed.write(path, Recording((part,)))
    assert part.layout.area_mm2 is not None
    factor = float(part.layout.area_mm2[0]) / 1000
    for page in path.read_text("latin-1").split("\f")[:3]:
        lines = [line.split("\t") for line in page.split("\n")[12:-1]]
        kpa = np.array([line[1:-1] for line in lines[:-1]], float)
        across, down = np.array([line[-1] for line in lines[:-1]], float), np.array(lines[-1][1:], float)
        np.testing.assert_allclose(kpa.sum(axis=1) * factor, across, atol=0.005001)
        np.testing.assert_allclose([*kpa.sum(axis=0) * factor, kpa.sum() * factor], down, atol=0.005001)


def test_a_written_lst_keeps_when_it_began(rng: np.random.Generator, tmp_path: Path) -> None:
    path = tmp_path / "a.lst"
    part = plate(rng, 5)
    for start in (0.0, 0.02, 41.25):
        emed.write(path, Recording((replace(part, time_s=part.time_s + start),)))
        np.testing.assert_allclose(emed.read(path).pressure[0].time_s, part.time_s + start, atol=1e-9)
    emed.write(path, Recording((replace(part, time_s=part.time_s + 0.0042),)))  # no whole picture: it begins at 0
    np.testing.assert_allclose(emed.read(path).pressure[0].time_s, part.time_s, atol=1e-9)
    emed.write(
        path, Recording((replace(part, time_s=np.arange(1, 6) / 24),))
    )  # an interval that is not printed exactly
    np.testing.assert_allclose(emed.read(path).pressure[0].time_s, np.arange(1, 6) / 24, atol=1e-9)


def test_an_unloaded_plate_and_a_cell_that_is_none_are_written(tmp_path: Path) -> None:
    path = tmp_path / "a.lst"
    layout = grid_layout(2, 2, 5.0, 5.0)
    emed.write(path, Recording((PressureRecording(np.zeros((2, 4)), "kPa", [0.0, 0.1], layout),)))
    assert emed.read(path).pressure[0].values.tolist() == [[0.0] * 4] * 2
    three = grid_layout(2, 2, 5.0, 5.0, present=np.array([[True, True], [False, True]]))
    emed.write(path, Recording((PressureRecording([[1.0, 2.0, 3.0]], "kPa", [0.0], three),)))
    assert emed.read(path).pressure[0].values.tolist() == [[1.0, 2.0, 0.0, 3.0]]


def test_pliance_and_emed_go_into_each_others_files(shared_data: Path, tmp_path: Path) -> None:
    path = tmp_path / "mat.lst"
    (part,) = read_recording(shared_data / PLIANCE).pressure
    write_recording(path, Recording((part,)))
    (again,) = read_recording(path).pressure
    assert again.layout.shape == (28, 29)
    np.testing.assert_allclose(force_n(again), force_n(part), atol=0.1)  # printed to 0.01 kPa
    write_recording(tmp_path / "emed.asf", read_recording(shared_data / EMED))
    plate_again = fscan.read(tmp_path / "emed.asf").pressure[0]
    np.testing.assert_array_equal(plate_again.values, emed.read(shared_data / EMED).pressure[0].values)


def test_what_a_lst_cannot_hold_is_refused(tmp_path: Path) -> None:
    grid = grid_layout(2, 2, 5.0, 5.0)
    good = PressureRecording(np.ones((3, 4)), "kPa", [0.0, 0.1, 0.2], grid)
    uneven = SensorLayout(
        grid.xy_mm + np.array([[0, 0], [0, 0], [0, 0], [0, 1]]), grid.area_mm2, None, "plate", (2, 2), grid.index
    )
    moved = SensorLayout(grid.xy_mm + 7, grid.area_mm2, None, "plate", (2, 2), grid.index)
    loose = SensorLayout(grid.xy_mm, grid.area_mm2, frame="plate")
    cases = [
        ((good, good), "one plate"),
        ((replace(good, unit="raw"),), "in kPa"),
        ((replace(good, layout=grid_layout(2, 2, 5.0, 5.0, frame="insole")),), "of a plate"),
        ((replace(good, valid=np.arange(12).reshape(3, 4) > 0),), "masked"),
        ((replace(good, values=-good.values),), "pressures of 0"),
        ((replace(good, values=good.values * np.nan),), "pressures of 0"),
        ((replace(good, time_s=[0.0, 0.1, 0.3]),), "resample"),
        ((replace(good, layout=uneven),), "even grid"),
        ((replace(good, layout=moved),), "begins at x = 0"),
        ((replace(good, layout=loose),), "grid of equal cells"),
    ]
    for parts, says in cases:
        with pytest.raises(ValueError, match=says):
            emed.write(tmp_path / "a.lst", Recording(parts))
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------ loadsol


def test_loadsol_sample_zones_add_up_where_they_are_valid(shared_data: Path) -> None:
    recording = read_recording(shared_data / LOADSOL)
    for part, lost in zip(recording.pressure, (91, 178)):
        assert part.values.shape == (1094, 3) and part.unit == "N" and part.layout.positions == "arbitrary"
        assert part.valid is not None and (~part.valid).sum(axis=0).tolist() == [lost] * 3
        total = channel(recording, "vendor_force", part.side)[:, 0]
        np.testing.assert_array_equal(np.isnan(total), ~part.valid[:, 0])
        shown = part.valid[:, 0]
        np.testing.assert_allclose(part.values[shown].astype(float).sum(axis=1), total[shown], rtol=0, atol=1e-4)
        assert total[shown].min() > 200  # read naively, a lost sample is a foot that is off
    assert [part.side for part in recording.pressure] == ["left", "right"]
    assert recording.pressure[0].values[0].tolist() == pytest.approx([107.5, 94.6, 92.45])
    assert recording.pressure[1].values[0].tolist() == pytest.approx(
        [145.0, 64.96, 59.74]
    )  # printed the other way round


def test_loadsol_sample_stands_on_its_force_plate(shared_data: Path) -> None:
    recording = read_recording(shared_data / LOADSOL)
    both = sum(float(np.nanmean(channel(recording, "vendor_force", side))) for side in ("left", "right"))
    plates = read_recording((shared_data / LOADSOL).with_suffix(".c3d"))
    fz = -channel(plates, "force_plate_4")[:, 2]
    plateau = float(np.median(fz[fz > 0.9 * np.median(fz[fz > 50])]))
    assert plateau == pytest.approx(561, abs=1) and both == pytest.approx(plateau, rel=0.03)


def test_loadsol_sample_time_is_the_nominal_rate(shared_data: Path) -> None:
    recording = read_recording(shared_data / LOADSOL)
    for part in recording.pressure:
        np.testing.assert_allclose(part.time_s, np.arange(1094) * 0.005, atol=1e-9)
    assert any("nominal rate of 200 Hz" in note for note in recording.notes)
    assert [(event.name, event.time_s) for event in recording.events] == [("End measurement: test_poids", 4.36)]


def test_loadsol_sample_has_its_imu(shared_data: Path) -> None:
    recording = read_recording(shared_data / LOADSOL)
    units = {(c.name, c.side): c.unit for c in recording.channels}
    assert units["acceleration", "left"] == "m/s^2" and units["angular_rate", "right"] == "deg/s"
    acceleration = channel(recording, "acceleration", "left")
    assert np.isnan(acceleration).any(axis=1).sum() == 91
    assert np.nanmedian(np.linalg.norm(acceleration, axis=1)) == pytest.approx(9.8, rel=0.05)  # standing: gravity
    assert acceleration[0].tolist() == pytest.approx([0.746 * 9.80665, -0.673 * 9.80665, 0.030 * 9.80665])


def test_loadsol_keeps_forces_marks_and_what_was_lost(rng: np.random.Generator, tmp_path: Path) -> None:
    rows = int(rng.integers(20, 60))
    left, right, imu = zones(rng, rows), zones(rng, rows), np.round(rng.normal(0, 2, (rows, 6)), 3)
    lost = sorted(rng.choice(rows, 5, replace=False).tolist())
    path = tmp_path / "walk.txt"
    path.write_bytes(loadsol_text(left, right, imu=imu, lost=lost, mark=(7, "jump here")))
    assert detect(path).name == "loadsol"
    recording = loadsol.read(path)
    kept = np.setdiff1d(np.arange(rows), lost)
    for part, truth in zip(recording.pressure, (left, right)):
        assert part.valid is not None
        np.testing.assert_array_equal(np.flatnonzero(~part.valid.any(axis=1)), lost)
        np.testing.assert_array_equal(part.values[kept], truth[kept].astype(np.float32))
        rate = channel(recording, "angular_rate", part.side)
        np.testing.assert_allclose(rate[kept], np.degrees(imu[kept, 3:]))
        assert np.isnan(rate[lost]).all()
    assert [(event.name, event.time_s) for event in recording.events] == [("jump here", 0.035)]
    medial, lateral = recording.pressure[0].layout.xy_mm[1:]
    assert medial[1] < lateral[1] and recording.pressure[1].layout.xy_mm[1, 1] > 0  # y to the wearer's left


def test_loadsol_of_one_foot_without_imu(rng: np.random.Generator, tmp_path: Path) -> None:
    path = tmp_path / "walk.txt"
    path.write_bytes(loadsol_text(zones(rng, 9), None).replace(b"-L", b"-R").replace(b"\n", b"\r\n"))
    recording = loadsol.read(path)
    assert [part.side for part in recording.pressure] == ["right"] and recording.pressure[0].valid is None
    assert [c.name for c in recording.channels] == ["vendor_force"]


def test_loadsol_stamps_that_repeat_take_their_places_and_gaps_stay(rng: np.random.Generator, tmp_path: Path) -> None:
    path = tmp_path / "walk.txt"
    true = np.arange(200)
    true[100:] += 7  # a real gap
    printed = true.copy()
    early = np.arange(5, 195, 10)
    early = early[(early < 95) | (early > 105)] + rng.integers(0, 4, len(early[(early < 95) | (early > 105)]))
    printed[early] += 1  # as the program does: one too far, then the same again
    path.write_bytes(loadsol_text(zones(rng, 200), None, stamps=[f"{0.005 * k:.3f}" for k in printed]))
    recording = loadsol.read(path)
    np.testing.assert_allclose(recording.pressure[0].time_s, true * 0.005, atol=1e-9)
    assert any(note.startswith(f"{len(early)} time stamps") for note in recording.notes)
    late = np.arange(30)
    late[12] -= 1  # the other way round: one too few, at the end of nothing
    path.write_bytes(loadsol_text(zones(rng, 30), None, stamps=[f"{0.005 * k:.3f}" for k in late]))
    time_s = loadsol.read(path).pressure[0].time_s
    assert (np.diff(time_s) > 0).all() and np.abs(time_s - late * 0.005).max() < 0.00501


def test_loadsol_refuses_what_contradicts_itself(tmp_path: Path) -> None:
    left = np.array([[10.0, 20.0, 30.0], [11.0, 21.0, 31.0], [12.0, 22.0, 32.0], [13.0, 23.0, 33.0]])
    imu = np.arange(24).reshape(4, 6) / 8
    good = loadsol_text(left, left + 100, imu=imu, lost=[2])
    path = tmp_path / "walk.txt"
    path.write_bytes(good)
    loadsol.read(path)
    cases = [
        (good.rstrip()[:-30], "cut off"),
        (good[: good.index(b"\n0.000")], "4 lines"),
        (good[: good.index(b"\n0.000") + 1], "a tab behind each"),
        (good.replace(b"10.000", b"10,000", 1), "decimal commas"),
        (good.replace(b"\t10.000", b"\t10.500", 1), "the sum of the three zones (left)"),
        (good.replace(b"\t10.000", b"\t-9.000", 1), "0 N or more"),
        (good.replace(b"\t-1.000", b"\t9.000", 1), "-1.000 in all three"),
        (good.replace(b"\t10.000", b"\t-", 1), "'-'"),
        (good.replace(b"\t10.000", b"\t", 1), "numbers"),
        (good.replace(b"\t10.000", b"\tnan", 1), "a number"),
        (good.replace(b"\t10.000", b"\t1e999", 1), "finite numbers"),
        (good.replace(b"\n0.010", b"\n0.001"), "runs forwards"),
        (good.replace(b"\n0.010", b"\n-"), "a time on every row"),
        (good.replace(b"Force[N]", b"Force[kN]"), "heel Force[N]"),
        (good.replace(b"[rad/s]", b"[deg/s]"), "xGyro [rad/s]"),
        (good.replace(b"::heel", b"::toes"), "loadsol with three zones"),
        (good.replace(b"12-R", b"12-L"), "each foot"),
        (good.replace(b"12-L::medial", b"13-L::medial"), "of one insole"),
    ]
    for data, says in cases:
        assert data != good, says
        assert says in refused(path, data, loadsol.read), says
    stuck = loadsol_text(np.ones((6, 3)), None, stamps=["0.000", "0.005", "0.010", "0.010", "0.010", "0.010"])
    assert "stamps within a step" in refused(path, stuck, loadsol.read)


# ------------------------------------------------------------------ damage


def damaged(count: int, rng: np.random.Generator, folder: Path) -> None:
    path = folder / "damaged"
    kpa = pressures(rng, 3, 6)
    samples: list[tuple[ModuleType, bytes]] = [
        (pliance, pliance_text(kpa, mat(2, 3), listed=[1, 3, 4], total=6)),
        (emed, emed_text(list(pressures(rng, 3, 2, 3)))),
        (loadsol, loadsol_text(zones(rng, 5), zones(rng, 5), imu=np.ones((5, 6)), lost=[1], mark=(2, "x"))),
    ]
    for number in range(count):
        reader, data = samples[number % len(samples)]
        path.write_bytes(injured(data, rng))
        try:
            found = reader.read(path)
        except ReadError as error:
            assert "\n" not in str(error)
            continue
        for part in found.pressure:  # what is handed on is sound
            assert np.isfinite(part.values).all() and (part.values >= 0).all() and (np.diff(part.time_s) > 0).all()
        for kept in found.channels:
            assert np.isfinite(kept.time_s).all() and not np.isinf(kept.values).any()


def test_damaged_files_are_refused_or_sound(rng: np.random.Generator, tmp_path: Path) -> None:
    damaged(1500, rng, tmp_path)


@pytest.mark.prove
def test_many_damaged_files_are_refused_or_sound(rng: np.random.Generator, tmp_path: Path) -> None:
    damaged(30_000, rng, tmp_path)
