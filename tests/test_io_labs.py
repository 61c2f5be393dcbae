"""stappone, gaitpdb, pedcad .apd, zebris, StepUP, templates and our own Parquet: what they hold, what they refuse."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import lab_files
import numpy as np
import pytest
from conftest import absent
from hypothesis import given, settings
from test_recording_files import recordings, refused, same

from footscan.errors import ReadError
from footscan.io import (
    FORMATS,
    apd,
    detect,
    gaitpdb,
    mun104,
    parquet,
    plantar_csv,
    read_recording,
    stappone,
    stepup,
    write_recording,
    zebris,
    zips,
)
from footscan.io.files import HEAD_BYTES
from footscan.io.layouts import grid_layout
from footscan.types import Channel, PressureRecording, Recording, replace

CODE = "known from public descriptions only"


def read_back(reader: Callable[[Path], Recording], path: Path, data: bytes) -> Recording:
    path.write_bytes(data)
    return reader(path)


# ------------------------------------------------------------------ the table


def test_every_sample_is_known_by_one_format_alone(shared_data: Path) -> None:
    for path in sorted(shared_data.glob("pressure/*/*")):
        head = path.read_bytes()[:HEAD_BYTES]
        known = [row.name for row in FORMATS if row.load().sniff(head, path.stat().st_size)]
        assert len(known) <= 1, (path.name, known)
    for name, found in {
        "stappone/stappone_example.csv": "stappone",
        "gaitpdb/GaCo01_01.txt": "gaitpdb",
        "zebris/MDwalk2.apd": "apd",
    }.items():
        assert detect(shared_data / "pressure" / name).name == found


def test_what_we_write_ourselves_is_known_by_one_format_alone(tmp_path: Path, rng: np.random.Generator) -> None:
    for name, data in {
        "stappone": lab_files.stappone(rng.integers(0, 900, (3, 12)), rng.integers(-90, 90, (3, 6)), end="\r\n"),
        "gaitpdb": lab_files.gaitpdb(rng.uniform(0, 300, (3, 8)), rng.uniform(0, 300, (3, 8))),
        "apd": b"\xef\xbb\xbf" + lab_files.apd(np.ones((3, 2))),
        "zebris": lab_files.zebris_signal(np.arange(3.0), rng.uniform(0, 800, (3, 1))),
        "stepup": lab_files.npz({"arr_0.npy": lab_files.npy(np.ones((1, 180, 180), np.float32))}),
    }.items():
        known = [row.name for row in FORMATS if row.load().sniff(data[:HEAD_BYTES], len(data))]
        assert known == [name]


# ------------------------------------------------------------------ stappone


def test_stappone_sample(shared_data: Path) -> None:
    path = shared_data / "pressure/stappone/stappone_example.csv"
    recording = read_recording(path)
    (part,) = recording.pressure
    printed = np.array([line.split(",") for line in path.read_text().splitlines()[1:]], float)
    np.testing.assert_array_equal(part.values, printed[:, 11:23])
    np.testing.assert_allclose(part.time_s, (printed[:, 1] - printed[0, 1]) / 1000, rtol=0, atol=1e-9)
    assert (part.unit, part.side, part.layout.positions, part.valid) == ("raw", "unknown", "arbitrary", None)
    assert recording.start_utc == "2026-01-15T16:36:19.568Z" and part.rate_hz == pytest.approx(62.5)
    acceleration, rate = recording.channels
    assert (acceleration.unit, rate.unit) == ("m/s^2", "deg/s")
    still = np.linalg.norm(acceleration.values[np.linalg.norm(rate.values, axis=1) < 5], axis=1)
    assert len(still) > 100 and np.median(still) == pytest.approx(9.81, rel=0.02)  # a foot at rest feels gravity


def test_stappone_of_two_soles(tmp_path: Path, rng: np.random.Generator) -> None:
    raw, counts = rng.integers(0, 1024, (8, 12)), rng.integers(-3000, 3000, (8, 6))
    soles, corrupt = np.array([1, 2] * 4), np.array([0, 0, 1, 0, 0, 0, 0, 0])
    data = lab_files.stappone(raw, counts, soles, corrupt)
    recording = read_back(stappone.read, tmp_path / "s.csv", data)
    first, second = recording.pressure
    np.testing.assert_array_equal(second.values, raw[soles == 2])
    assert second.valid is None and first.valid is not None
    assert first.valid.all(axis=1).tolist() == [True, False, True, True]
    assert first.time_s.tolist() == [0.0, 0.016, 0.032, 0.048]
    by_hand = np.trunc(counts * np.repeat(lab_files.STAPPONE_STEP, 3))
    acceleration, rate = recording.channels[:2]
    assert np.isnan(acceleration.values[1]).all() and any("corrupt" in note for note in recording.notes)
    np.testing.assert_allclose(acceleration.values[0], by_hand[0, :3] / 1000)
    np.testing.assert_allclose(rate.values[0], counts[0, 3:] * 0.07, atol=1e-4)


def test_stappone_numbers_off_the_sensors_steps_stay_raw(tmp_path: Path, rng: np.random.Generator) -> None:
    data = lab_files.stappone(rng.integers(0, 99, (40, 12)), rng.uniform(-300, 300, (40, 6)))
    recording = read_back(stappone.read, tmp_path / "s.csv", data)
    assert {channel.unit for channel in recording.channels} == {"raw"}


STAPPONE = lab_files.stappone(np.arange(36).reshape(3, 12) + 300, np.ones((3, 6)))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (STAPPONE.replace(b"pressure_12", b"pressure_13"), "24 columns"),
        (STAPPONE[: STAPPONE.index(b"\n") + 1], "packets"),
        (STAPPONE[:-8], "24 numbers"),
        (STAPPONE.replace(b",300,", b",,"), "empty field"),
        (STAPPONE.replace(b",300,", b",-300,"), "raw pressures"),
        (STAPPONE.replace(b",300,", b",300.5,"), "whole"),
        (STAPPONE.replace(b",300,", b",nan,"), "number"),
        (STAPPONE.replace(b",300,", b",1e9,"), "raw pressures"),
        (STAPPONE.replace(b",300,", b";300,"), "';'"),
        (STAPPONE.replace(b"979584", b"979568"), "forwards"),
        (STAPPONE.replace(b"\n1,1768", b"\n1,2"), "time stamp"),
        (STAPPONE.replace(b"\n1,", b"\n-1,"), "sole_id"),
        (STAPPONE.replace(b",0\n", b",2\n"), "corrupt 0 or 1"),
        (STAPPONE.replace(b",0\n", b",1\n"), "not corrupt"),
    ],
)
def test_stappone_refuses(data: bytes, says: str, tmp_path: Path) -> None:
    assert data != STAPPONE and says in refused(tmp_path / "s.csv", data, stappone.read)


# ------------------------------------------------------------------ gaitpdb


def test_gaitpdb_sample_has_exact_totals(shared_data: Path) -> None:
    recording = read_recording(shared_data / "pressure/gaitpdb/GaCo01_01.txt")
    printed = np.loadtxt(shared_data / "pressure/gaitpdb/GaCo01_01.txt")
    assert recording.pressure[0].rate_hz == pytest.approx(100.0) and len(printed) == 12119
    for part, total, first in zip(recording.pressure, recording.channels, (1, 9)):
        np.testing.assert_array_equal(part.values, printed[:, first : first + 8].astype(np.float32))
        # as integers of hundredths of a newton: exact
        hundredths = np.round(part.values.astype(float) * 100).astype(int).sum(axis=1)
        np.testing.assert_array_equal(hundredths, np.round(total.values[:, 0] * 100).astype(int))
        assert (part.unit, part.layout.positions, part.layout.area_mm2) == ("N", "arbitrary", None)
        assert (total.name, total.unit, total.side) == ("vendor_force", "N", part.side)
    both = sum(channel.values.mean() for channel in recording.channels)
    assert both == pytest.approx(1084, abs=1)  # what the data set's own totals average


def test_gaitpdb_sensors_are_mirrored() -> None:
    left, right = gaitpdb.layout("left").xy_mm, gaitpdb.layout("right").xy_mm
    np.testing.assert_array_equal(left, right * [1, -1])
    assert left[0, 0] == left[:, 0].min() and left[7, 0] == left[:, 0].max()  # 1 under the heel, 8 under the toes
    assert (left[:, 1] > 0).all()  # the left foot stands at the wearer's left


def test_gaitpdb_keeps_the_force(tmp_path: Path, rng: np.random.Generator) -> None:
    left, right = np.round(rng.uniform(0, 400, (2, 50, 8)), 2)
    recording = read_back(gaitpdb.read, tmp_path / "g.txt", lab_files.gaitpdb(left, right, end="\r\n"))
    for part, total, numbers in zip(recording.pressure, recording.channels, (left, right)):
        np.testing.assert_allclose(total.values[:, 0], numbers.sum(axis=1), atol=1e-9)
        np.testing.assert_allclose(part.values, numbers, rtol=1e-6)


GAITPDB = lab_files.gaitpdb(np.full((4, 8), 10.25), np.full((4, 8), 20.0))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (GAITPDB.replace(b"\t82\t", b"\t82.01\t"), "left total"),
        (GAITPDB.replace(b"\t160\n", b"\t161\n"), "right total of 160.00"),
        (GAITPDB.replace(b"\t10.25", b"\t10,25"), "decimal points"),
        (GAITPDB[:-14], "cut off"),
        (GAITPDB[:-2], "right total"),
        (GAITPDB.replace(b"0.0100", b"0.0000"), "forwards"),
        (GAITPDB.replace(b"\t20", b"\t-20", 1), "forces from 0"),
        (GAITPDB.replace(b"\t20", b"\tnan", 1), "number"),
        (GAITPDB.replace(b"0.0300", b"1e999"), "times up to"),
        (GAITPDB.replace(b"\t20", b"", 1), "19 numbers"),
        (GAITPDB.replace(b"\t20", b"\t1e999", 1), "forces from 0"),
        (b"\n\n\n", "lines of 19"),
    ],
)
def test_gaitpdb_refuses(data: bytes, says: str, tmp_path: Path) -> None:
    assert data != GAITPDB and says in refused(tmp_path / "g.txt", data, gaitpdb.read)


# ------------------------------------------------------------------ pedcad


@pytest.mark.parametrize("name", ["MDwalk2.apd", "MDwalk2_1.apd"])
def test_apd_samples(name: str, shared_data: Path) -> None:
    path = shared_data / "pressure/zebris" / name
    (part,) = read_recording(path).pressure
    header, _, table = path.read_text().partition("[Data]\n")
    keys = dict(line.split("=") for line in header.splitlines() if "=" in line)
    printed = np.array([line.split("\t") for line in table.splitlines()], float)
    shape = (int(keys["SensCountX"]), int(keys["SensCountY"]))
    assert part.layout.shape == shape == printed.shape and part.unit == "kPa" and part.side == "unknown"
    np.testing.assert_array_equal(part.values.reshape(shape), np.maximum(printed, 0).astype(np.float32) * 10)
    assert part.layout.area_mm2 is not None
    force_n = float((part.values.astype(float) @ part.layout.area_mm2)[0]) / 1000
    loaded = printed[printed > 0].sum()
    assert force_n == pytest.approx(loaded * float(keys["LDistX"]) ** 2 / 100)  # N/cm² times cm²
    x = part.layout.xy_mm[:, 0]
    heel, toes = part.values[0, x < x.mean()].max(), part.values[0, x > x.max() - 60]
    assert heel > 200 and toes.max() > 100  # heel at the low end of x
    assert np.allclose(np.diff(np.unique(np.round(x, 6))), 8.46591, atol=1e-5)


def test_apd_midfoot_lies_lateral_of_a_right_foot(shared_data: Path) -> None:
    """The sample is a right foot, as the notebook it comes from says: lateral is to the wearer's right, -y."""
    (part,) = read_recording(shared_data / "pressure/zebris/MDwalk2.apd").pressure
    x, y = part.layout.xy_mm.T
    along = (x - x.min()) / np.ptp(x)
    load = part.values[0].astype(float)

    def centre(low: float, high: float) -> float:
        inside = (along >= low) & (along <= high)
        return float((load * y)[inside].sum() / load[inside].sum())

    straight = 0.55 * centre(0.0, 0.3) + 0.45 * centre(0.6, 0.8)
    assert centre(0.4, 0.5) < straight


def random_step(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    frames = np.round(rng.uniform(-15, 35, (6, 9, 5)), 1)
    frames = np.where(frames < 0.05, -1.0, frames)
    return frames.max(axis=0), frames


def test_apd_of_frames(tmp_path: Path, rng: np.random.Generator) -> None:
    image, frames = random_step(rng)
    recording = read_back(apd.read, tmp_path / "d.apd", lab_files.apd(image, frames, side="L", end="\r\n"))
    (part,) = recording.pressure
    assert part.side == "left" and any(CODE in note for note in recording.notes)
    np.testing.assert_allclose(part.values.reshape(frames.shape), np.maximum(frames, 0) * 10, rtol=1e-6)
    np.testing.assert_allclose(part.time_s, np.arange(6) * 0.01)
    still = read_back(apd.read, tmp_path / "s.apd", lab_files.apd(image)).pressure[0]
    np.testing.assert_array_equal(still.values[0], part.values.max(axis=0))
    assert still.time_s.tolist() == [0.0] and still.layout.area_mm2 is not None
    assert still.layout.area_mm2[0] == pytest.approx(8.46591 * 7.5)


def test_apd_lies_where_its_plate_says(tmp_path: Path) -> None:
    here = read_back(apd.read, tmp_path / "a.apd", lab_files.apd(np.ones((3, 2)), start=(0, 0))).pressure[0].layout
    there = read_back(apd.read, tmp_path / "b.apd", lab_files.apd(np.ones((3, 2)), start=(10, 4))).pressure[0].layout
    np.testing.assert_allclose(there.xy_mm - here.xy_mm, [[84.6591, -30.0]] * 6)  # columns run to the right
    np.testing.assert_allclose(here.xy_mm[0], [8.46591 / 2, 64 * 7.5 - 7.5 / 2])


def test_apd_units(tmp_path: Path) -> None:
    kpa = read_back(apd.read, tmp_path / "k.apd", lab_files.apd(np.full((2, 2), 12.5), UnitPressure="kPa"))
    assert kpa.pressure[0].values.max() == 12.5
    cm = read_back(apd.read, tmp_path / "c.apd", lab_files.apd(np.ones((2, 2)), UnitDistance="cm", LDistX="0.5"))
    assert cm.pressure[0].layout.area_mm2 is not None
    assert cm.pressure[0].layout.area_mm2[0] == pytest.approx(5.0 * 75.0)


IMAGE = np.array([[-1.0, 2.5, 10.0], [4.0, 0.0, 3.5]])
APD = lab_files.apd(IMAGE)
DYNAMIC = lab_files.apd(IMAGE, np.stack([np.minimum(IMAGE, 3.0), IMAGE]), side="R")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (APD.replace(b"SensCountX=2", b"SensCountX=3"), "3 rows"),
        (APD.replace(b"SensCountY=3", b"SensCountY=4"), "4 numbers"),
        (APD.replace(b"SensCountX=2", b"SensCountX=4096").replace(b"SensCountY=3", b"SensCountY=4096"), "room for"),
        (APD.replace(b"SensCountX=2", b""), "SensCountX"),
        (APD.replace(b"StartSensX=5", b"StartSensX=353"), "MaxSensorsX"),
        (APD.replace(b"N/cm2", b"psi"), "UnitPressure"),
        (APD.replace(b"UnitDistance=mm", b"UnitDistance=in"), "UnitDistance"),
        (APD.replace(b"8.46591", b"8,46591"), "decimal comma"),
        (APD.replace(b"8.46591", b"0"), "LDistX"),
        (APD.replace(b"10.0", b"10,0"), "decimal comma"),
        (APD.replace(b"10.0", b"-2.0"), "-1 or 0"),
        (APD.replace(b"10.0", b"nan"), "number"),
        (APD.replace(b"10.0", b"1e999"), "-1 or 0"),
        (APD.replace(b"10.0", b"1e308"), "-1 or 0"),
        (APD.replace(b"10.0\n", b"\n"), "3 numbers"),
        (APD.replace(b"[Data]", b"[Daten]"), "[Data]"),
        (APD.replace(b"[Customer]", b"[General]"), "section"),
        (APD[:-3], "cut off"),
        (DYNAMIC.replace(b"FootSide=R", b"FootSide=B"), "FootSide"),
        (DYNAMIC.replace(b"[Data4]", b"[Data5]"), "[Data4]"),
        (DYNAMIC.replace(b"MaxIdx=4", b"MaxIdx=5"), "[Data5]"),
        (DYNAMIC.replace(b"MaxIdx=4", b"MaxIdx=3"), "2 tables"),
        (DYNAMIC.replace(b"MaxIdx=4", b"MaxIdx=999999999"), "at most"),
        (DYNAMIC.replace(b"MinIdx=3\nMaxIdx=4\n", b""), "MinIdx"),
        (DYNAMIC.replace(b"TimeDiff=10", b"TimeDiff=-1"), "TimeDiff"),
        (DYNAMIC.replace(b"UnitTime=ms", b"UnitTime=h"), "UnitTime"),
        (DYNAMIC.replace(b"10.0", b"11.0", 1), "maximum of the frames"),
        (DYNAMIC[: DYNAMIC.index(b"[Data4]")], "the end of the file"),
    ],
)
def test_apd_refuses(data: bytes, says: str, tmp_path: Path) -> None:
    assert data not in (APD, DYNAMIC) and says in refused(tmp_path / "a.apd", data, apd.read)


# ------------------------------------------------------------------ zebris CSV


@pytest.mark.parametrize(
    ("name", "channel", "side"),
    [
        ("force curve, left", "vendor_force", "left"),
        ("Kraftkurve, Vorfuß, rechts", "vendor_force_forefoot", "right"),
        ("force curve backfoot L [N]", "vendor_force_rearfoot", "left"),
        ("Gesamtkraft", "vendor_force", "unknown"),
    ],
)
def test_zebris_force_curve(name: str, channel: str, side: str, tmp_path: Path, rng: np.random.Generator) -> None:
    force = np.where(rng.random((30, 1)) < 0.1, np.nan, rng.uniform(0, 900, (30, 1)))
    force[0] = 1.5
    time_s = np.arange(30) / 100
    recording = read_back(zebris.read, tmp_path / "z.csv", lab_files.zebris_signal(time_s, force, name, end="\r\n"))
    (found,) = recording.channels
    assert (found.name, found.unit, found.side) == (channel, "N", side) and not recording.pressure
    np.testing.assert_array_equal(found.values, force)
    np.testing.assert_allclose(found.time_s, time_s)
    assert any(CODE in note for note in recording.notes)
    assert any("no unit of the signal" in note for note in recording.notes) == ("[N]" not in name)


def test_zebris_gait_line(tmp_path: Path, rng: np.random.Generator) -> None:
    line = rng.uniform(0, 300, (12, 2))
    data = lab_files.zebris_signal(np.arange(12) / 100, line, "COP gait line, R")
    (found,) = read_back(zebris.read, tmp_path / "z.csv", data).channels
    assert (found.name, found.unit, found.side) == ("vendor_cop", "mm", "right")
    np.testing.assert_array_equal(found.values, line)
    data = data.replace(b'"x","y"', b'"x [cm]","y [cm]"').replace(b'"time"', b'"time [ms]"')
    (found,) = read_back(zebris.read, tmp_path / "z.csv", data).channels
    np.testing.assert_allclose(found.values, line * 10)
    np.testing.assert_allclose(found.time_s, np.arange(12) / 1e5)


def test_zebris_image(tmp_path: Path, rng: np.random.Generator) -> None:
    image = np.where(rng.random((7, 5)) < 0.2, np.nan, rng.uniform(0, 30, (7, 5)))
    image[0, 0] = 4.5
    (part,) = read_back(zebris.read, tmp_path / "z.csv", lab_files.zebris_matrix(image)).pressure
    assert (part.unit, part.side, part.layout.shape, part.layout.positions) == ("kPa", "left", (7, 5), "arbitrary")
    shown = np.ones(35, bool) if part.valid is None else part.valid[0]
    np.testing.assert_array_equal(shown, np.isfinite(image).ravel())
    np.testing.assert_allclose(part.values[0][shown], image.ravel()[shown] * 10, rtol=1e-6)
    bare = read_back(zebris.read, tmp_path / "z.csv", lab_files.zebris_matrix(image, "stance average"))
    assert bare.pressure[0].unit == "raw" and any("no unit of pressure" in note for note in bare.notes)


def test_zebris_parameters_in_german_and_english(tmp_path: Path) -> None:
    german = {
        "Kraft, Vorfuß, links [%]": 48.2,
        "Kraft, Rückfuß, rechts [%]": 51.8,
        "COP, Vorfuß, links, X [mm]": 12.5,
        "Fläche der 95% Vertrauensellipse [mm²]": 210,
        "Gemittelte Geschwindigkeit [mm/sek]": 9.5,
        "Messdauer [sek]": 30,
    }
    english = {
        "force, forefoot, left [%]": 48.2,
        "force, backfoot, right [%]": 51.8,
        "COP, forefoot, left, X [mm]": 12.5,
        "area of the 95% confidence ellipse [mm2]": 210,
        "average velocity [mm/s]": "",
        "duration [s]": 30,
    }
    channels = [
        read_back(zebris.read, tmp_path / "z.csv", lab_files.zebris_parameters(values)).channels
        for values in (german, english)
    ]
    said = [[(c.name, c.unit, c.side, c.values.item()) for c in found] for found in channels]
    assert [s[:3] for s in said[0][:4]] == [s[:3] for s in said[1][:4]]
    assert said[0][0] == ("vendor_force_forefoot", "%", "left", 48.2)
    assert said[0][2] == ("vendor_cop_forefoot_x", "mm", "left", 12.5)
    assert said[0][5] == ("vendor_duration", "s", "unknown", 30.0)
    assert np.isnan(said[1][4][3])


CURVE = lab_files.zebris_signal(np.arange(3) / 100, np.array([[1.5], [2.5], [3.5]]))
PICTURE = lab_files.zebris_matrix(np.array([[1.5, 2.5], [3.5, 4.5]]))
VALUES = lab_files.zebris_parameters({"COP, x [mm]": 1.5, "COP, y [mm]": 2.5})


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'"type","Vorname"\n"patient and record info","A"\n', "patient data"),
        (CURVE.replace(b'"value"', b'"force"'), "columns time, value"),
        (CURVE.replace(b"2.5", b"2,5"), "decimal commas"),
        (CURVE.replace(b",2.5", b";2.5"), "semicolons"),
        (CURVE.replace(b"2.5", b"nan"), "number"),
        (CURVE.replace(b"2.5", b"1e999"), "below"),
        (CURVE.replace(b"0.010", b"0.000"), "forwards"),
        (CURVE.replace(b"0.010", b""), "forwards"),
        (CURVE.replace(b"1.5", b"").replace(b"2.5", b"").replace(b"3.5", b""), "empty fields only"),
        (CURVE[: CURVE.index(b"0.000")], "2 numbers"),
        (CURVE[:-6], "2 numbers"),
        (CURVE.replace(b"left", b'left"'), "quotes"),
        (CURVE.replace(b'"time"', b'"time [h]"'), "time in"),
        (CURVE.replace(b"2.5", b"-0e0"), "-0e0"),
        (PICTURE.replace(b"2.5", b"-2.5"), "pressures of 0"),
        (PICTURE.replace(b"\n0,3.5", b"\n1,3.5"), "one image"),
        (PICTURE.replace("N/cm²".encode(), b"psi"), "pressures in"),
        (PICTURE.replace(b"1.5,2.5", b",").replace(b"3.5,4.5", b","), "no number"),
        (PICTURE.replace(b",4.5", b""), "3 numbers"),
        (VALUES.replace(b",2.5", b""), "one line of 3 values"),
        (VALUES + b"1,2,3\n", "one line"),
        (VALUES.replace(b"1.5", b'"1,5"'), "2 numbers"),
        (VALUES.replace(b"1.5,2.5", b","), "values"),
    ],
)
def test_zebris_refuses(data: bytes, says: str, tmp_path: Path) -> None:
    assert data not in (CURVE, PICTURE, VALUES) and says in refused(tmp_path / "z.csv", data, zebris.read)


# ------------------------------------------------------------------ StepUP


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8", ">f4", "|u1", "<u2", "<i2", "<i4"])
def test_stepup_recordings(dtype: str, tmp_path: Path, rng: np.random.Generator) -> None:
    array = rng.integers(0, 200, (3, 180, 180)).astype(dtype)
    recording = read_back(stepup.read, tmp_path / "t.npz", lab_files.npz({"arr_0.npy": lab_files.npy(array)}))
    (part,) = recording.pressure
    np.testing.assert_array_equal(part.values.reshape(array.shape), array.astype(np.float32))
    assert part.unit == "kPa" and part.rate_hz == pytest.approx(100) and any(CODE in note for note in recording.notes)
    np.testing.assert_allclose(part.layout.xy_mm.max(axis=0), 180 * 5 - 2.5)


def test_stepup_walkway_and_what_numpy_writes(tmp_path: Path, rng: np.random.Generator) -> None:
    array = np.zeros((2, 720, 240), np.float32)
    array[:, 100:140, 50:70] = rng.uniform(5, 300, (2, 40, 20))
    np.savez_compressed(tmp_path / "trial.npz", np.asfortranarray(array))
    (part,) = read_recording(tmp_path / "trial.npz").pressure
    np.testing.assert_array_equal(part.values.reshape(array.shape), array)
    assert part.layout.area_mm2 is not None
    force_n = part.values.astype(float) @ part.layout.area_mm2 / 1000
    np.testing.assert_allclose(force_n, array.astype(float).sum(axis=(1, 2)) * 25 / 1000)


def test_stepup_footsteps(tmp_path: Path, rng: np.random.Generator) -> None:
    steps = rng.uniform(0, 300, (2, 101, 75, 40)).astype(np.float32)
    recording = read_back(stepup.read, tmp_path / "p.npz", lab_files.npz({"a.npy": lab_files.npy(steps, version=2)}))
    (part,) = recording.pressure
    assert part.values.shape == (202, 3000) and part.unit == "kPa" and part.layout.shape == (75, 40)
    assert part.time_s[100] == pytest.approx(1.0) and part.time_s[101] == pytest.approx(1.0 + stepup.GAP_S)
    assert any("101 frames" in note for note in recording.notes)
    scaled = lab_files.npz({"a.npy": lab_files.npy(steps / np.float32(300))})
    assert read_back(stepup.read, tmp_path / "p.npz", scaled).pressure[0].unit == "raw"


SMALL = np.ones((1, 180, 180), np.uint8)


def packed(header: str, array: np.ndarray = SMALL) -> bytes:
    return lab_files.npz({"arr_0.npy": lab_files.npy(array, header)})


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (packed("{'descr': '|O', 'fortran_order': False, 'shape': (1, 180, 180), }"), "plain numbers"),
        (packed("{'descr': '<c8', 'fortran_order': False, 'shape': (1, 180, 180), }"), "plain numbers"),
        (packed("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1, 180, 180), }"), "plain numbers"),
        (packed("{'descr': '<f1', 'fortran_order': False, 'shape': (1, 180, 180), }"), "plain numbers"),
        (packed("{'descr': __import__('os'), 'fortran_order': False, 'shape': (1, 180, 180), }"), "plain numbers"),
        (packed("{'descr': '|u1', 'fortran_order': False, 'shape': (9999999999, 180, 180), }"), "bytes of numbers"),
        (packed("{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 180, 180), }"), "plain numbers"),
        (packed("{'descr': '|u1', 'fortran_order': False, 'shape': (1, 90, 360), }"), "(frames, 720, 240)"),
        (packed("{'descr': '|u1', 'fortran_order': False, 'shape': (0, 180, 180), }", SMALL[:0]), "(frames, 720, 240)"),
        (lab_files.npz({"arr_0.npy": lab_files.npy(SMALL * 0)}), "some loaded"),
        (lab_files.npz({"arr_0.npy": lab_files.npy(-SMALL.astype("<f4"))}), "pressures from 0"),
        (lab_files.npz({"arr_0.npy": lab_files.npy(SMALL * np.float32(np.nan))}), "pressures from 0"),
        (lab_files.npz({"arr_0.npy": lab_files.npy(SMALL * 1e300)}), "pressures from 0"),
        (lab_files.npz({"arr_0.npy": b"\x80\x04."}), "npy array"),
        (lab_files.npz({"a.npy": lab_files.npy(SMALL), "b.npy": lab_files.npy(SMALL)}), "one array"),
        (lab_files.npz({"a.npy": lab_files.npy(SMALL), "b.pkl": b"x"})[:-30], "zip"),
        (lab_files.npz({"a.txt": b"x"}), "*.npy"),
    ],
)
def test_stepup_refuses(data: bytes, says: str, tmp_path: Path) -> None:
    assert says in refused(tmp_path / "t.npz", data, stepup.read)


def test_zips_that_unpack_to_too_much_are_refused(tmp_path: Path) -> None:
    bomb = lab_files.npz({"arr_0.npy": b"\0" * (zips.FREE_BYTES + 1)})
    assert "100 times" in refused(tmp_path / "t.npz", bomb, stepup.read)
    many = lab_files.npz({f"{k}.npy": b"" for k in range(zips.MAX_MEMBERS + 1)})
    assert "members" in refused(tmp_path / "t.npz", many, stepup.read)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_BZIP2) as package:
        package.writestr("a.npy", lab_files.npy(SMALL))
    assert "deflated" in refused(tmp_path / "t.npz", target.getvalue(), stepup.read)
    damaged = bytearray(lab_files.npz({"a.npy": lab_files.npy(SMALL)}))
    damaged[60] ^= 0xFF
    assert "whole member" in refused(tmp_path / "t.npz", bytes(damaged), stepup.read)


# ------------------------------------------------------------------ templates


def test_mun104(shared_data: Path) -> None:
    path = shared_data / "pressure/mun104/MUN104.csv.zip"
    left, right = mun104.read_templates(path)
    for template, side, member in ((left, "left", "MUN104L.csv"), (right, "right", "MUN104R.csv")):
        with zipfile.ZipFile(path) as package:
            printed = np.loadtxt(io.BytesIO(package.read(member)), delimiter=",")
        assert template.values.shape == mun104.MUN104_SHAPE and template.side == side
        np.testing.assert_array_equal(template.values, printed)
        # the midfoot is lateral of the heel: towards column 0, the wearer's left, in a left foot
        column = [
            float((template.values[a:b].sum(axis=0) @ np.arange(27)) / template.values[a:b].sum())
            for a, b in ((4, 16), (26, 34))
        ]
        assert (column[1] < column[0]) == (side == "left")
    np.testing.assert_array_equal(mun104.read_template(path, "right").values, right.values)
    with pytest.raises(ReadError, match="name the side"):
        mun104.read_template(path)


def test_a_template_of_any_size(tmp_path: Path, rng: np.random.Generator) -> None:
    values = np.round(rng.uniform(0, 500, (31, 14)), 2)
    for separator in (",", ";", "\t"):
        path = tmp_path / "mine_R.csv"
        path.write_text("\n".join(separator.join(str(v) for v in row) for row in values.tolist()))
        template = mun104.read_template(path)
        assert template.side == "right"
        np.testing.assert_array_equal(template.values, values)
    with pytest.raises(ReadError, match="name the side"):
        mun104.read_template(path, "left")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"1,2\n3\n", "rows of one length"),
        (b"1,2\n3,\n", "rows of one length"),
        (b"0,0\n0,0\n", "some above 0"),
        (b"1,-2\n3,4\n", "numbers from 0"),
        (b"1,x\n3,4\n", "number"),
        (b"1,nan\n3,4\n", "number"),
        (b"1,5;2\n3;4\n", "decimal commas"),
        (b"\n", "rows of one length"),
        (b"PK\x03\x04", "zip"),
    ],
)
def test_templates_refused(data: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(data)
    with pytest.raises(ReadError) as error:
        mun104.read_template(path)
    assert says in str(error.value) and "\n" not in str(error.value)


# ------------------------------------------------------------------ our own formats


@pytest.fixture
def arrow() -> None:
    """Skips where the extra is missing; fails in CI."""
    if not parquet_is_there():
        absent("pyarrow is not installed: pip install 'plantar[lab]'")


def parquet_is_there() -> bool:
    try:
        parquet._arrow()
    except ImportError:
        return False
    return True


SAMPLES = ["pedar/pedar_example.asc", "stappone/stappone_example.csv", "gaitpdb/GaCo01_01.txt", "zebris/MDwalk2.apd"]


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_through_parquet_and_csv(name: str, shared_data: Path, tmp_path: Path, arrow: None) -> None:
    recording = read_recording(shared_data / "pressure" / name)
    for copy in (tmp_path / "copy.parquet", tmp_path / "copy.csv"):
        write_recording(copy, recording)
        again = read_recording(copy)
        same(recording, again)
        assert again.notes == recording.notes
        first = copy.read_bytes()
        write_recording(copy, recording)
        assert copy.read_bytes() == first


@given(recordings())
@settings(max_examples=60)
def test_our_parquet_gives_back_equal_records(tmp_path_factory: pytest.TempPathFactory, recording: Recording) -> None:
    if not parquet_is_there():
        absent("pyarrow is not installed: pip install 'plantar[lab]'")
    path = tmp_path_factory.getbasetemp() / "any.parquet"
    noted = replace(recording, notes=("assumed: ½", ""))
    parquet.write(path, noted)
    same(noted, parquet.read(path))
    assert parquet.read(path).notes == noted.notes


def test_notes_go_through_our_csv_and_old_files_have_none(tmp_path: Path) -> None:
    part = PressureRecording(np.ones((2, 4)), "kPa", np.arange(2.0), grid_layout(2, 2, 5.0, 5.0))
    path = tmp_path / "n.csv"
    plantar_csv.write(path, Recording((part,), notes=('a, "b"', "½")))
    assert plantar_csv.read(path).notes == ('a, "b"', "½")
    old = path.read_bytes().replace('"notes": ["a, \\"b\\"", "½"], '.encode(), b"")
    assert b"notes" not in old and read_back(plantar_csv.read, path, old).notes == ()
    for wrong in (b"3", b'"x"', b"[1]"):
        data = old.replace(b'"parts"', b'"notes": ' + wrong + b', "parts"')
        assert "notes" in refused(path, data, plantar_csv.read)


def test_our_formats_refuse_what_is_not_finite(tmp_path: Path) -> None:
    part = PressureRecording(np.ones((2, 4)), "kPa", np.arange(2.0), grid_layout(2, 2, 5.0, 5.0))
    bad = Recording((replace(part, values=np.full((2, 4), np.inf)),))
    worse = Recording((part,), (Channel("c", "N", np.arange(2.0), np.array([[1.0], [np.inf]])),))
    for recording in (bad, worse):
        with pytest.raises(ValueError, match="finite"):
            plantar_csv.write(tmp_path / "b.csv", recording)
    csv = tmp_path / "c.csv"
    plantar_csv.write(csv, Recording((part,)))
    good = csv.read_bytes()
    assert "empty field" in refused(csv, good.replace(b"\n0.0,1,1,", b"\n0.0,,1,"), plantar_csv.read)
    nan = good.replace(b'"events": []', b'"events": [["heel_strike", NaN, "left"]]')
    assert nan != good and "JSON" in refused(csv, nan, plantar_csv.read)


def test_our_parquet_is_read_by_others(tmp_path: Path, rng: np.random.Generator, arrow: None) -> None:
    import pyarrow.parquet

    values = rng.uniform(0, 300, (5, 4)).astype(np.float32)
    part = PressureRecording(values, "kPa", np.arange(5.0), grid_layout(2, 2, 5.0, 5.0), valid=values > 50)
    parquet.write(tmp_path / "o.parquet", Recording((part,)))
    table = pyarrow.parquet.read_table(tmp_path / "o.parquet")
    assert table["part"].to_pylist() == [1] * 5 and table["time_s"].to_pylist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    np.testing.assert_array_equal(np.array(table["values"].to_pylist(), np.float32), np.where(values > 50, values, 0))
    np.testing.assert_array_equal(np.array(table["valid"].to_pylist()), values > 50)


def test_our_parquet_refuses(tmp_path: Path, arrow: None) -> None:
    import pyarrow
    import pyarrow.parquet

    part = PressureRecording(np.ones((3, 4)), "kPa", np.arange(3.0), grid_layout(2, 2, 5.0, 5.0), side="left")
    path = tmp_path / "r.parquet"
    parquet.write(path, Recording((part,), format="plate", source="p"))
    good = path.read_bytes()
    pyarrow.parquet.write_table(pyarrow.table({"a": [1, 2]}), path)
    foreign = path.read_bytes()
    cases = [
        (good[:-1], "cut off"),
        (good[: len(good) // 2], "cut off"),
        (b"PAR1" + good[6:], "damaged"),
        (good[:40] + bytes([good[40] ^ 1]) + good[41:], "damaged"),
        (foreign, "plantar wrote"),
        (parquet._sealed(foreign), "columns that plantar writes"),
        (good[:20], "Parquet"),
        (b"PK\x03\x04" * 20, "Parquet"),
    ]
    for data, says in cases:
        assert data != good and says in refused(path, data, parquet.read), says


def test_parquet_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"plantar\[lab\]"):
        parquet.write(tmp_path / "x.parquet", Recording(()))
    assert "seal" in refused(tmp_path / "x.parquet", b"PAR1" + b"\0" * 100 + b"PAR1", parquet.read)
