"""``plantar pressure`` and ``plantar convert``: pictures, report, before and after, motion, masks, calibration; and
what is said where something can't be had."""

from __future__ import annotations

import functools
import json
import re
import string
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from station_runs import here, plantar, validate
from test_report import HEALTH, HEALTH_ZH, read, squeezed

from footscan import io
from footscan.synth import make_walk
from footscan.types import Channel, PressureRecording, Recording, SensorLayout, replace
from station import fonts, pressure_report
from station.errors import UsageError
from station.messages import FOLDER, LANGUAGES
from station.pressure_content import GAIT, MOST_NOTES, PARTS, ROWS, Words, report_content, texts
from station.pressure_options import options, read_table
from station.report import ReportError


@functools.cache
def recordings() -> tuple[Recording, Recording]:
    """A walk in shoes, and the same with less under the forefoot."""
    first = make_walk("in_shoe", seed=21, steps=8, foot_mm=255.0).recording
    eased = [
        replace(p, values=p.values * np.where(p.layout.xy_mm[:, 0] > 150.0, 0.75, 1.0).astype(np.float32))
        for p in first.pressure
    ]
    return first, replace(first, pressure=tuple(eased))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two walks, a raw one and a recording without any pressure, as files."""
    place = tmp_path_factory.mktemp("walks")
    before, after = recordings()
    io.write_recording(place / "before.csv", before)
    io.write_recording(place / "after.csv", after)
    raw = [replace(p, unit="raw", layout=replace(p.layout, corners_mm=None)) for p in before.pressure]
    io.write_recording(place / "raw.csv", replace(before, pressure=tuple(raw)))
    time_s = np.arange(50) * 0.01
    plate = Channel("force_plate_1", "N", time_s, np.ones((50, 6)))
    io.write_recording(place / "plates.csv", Recording((), (plate,)))
    return place


@functools.cache
def document() -> str:
    """What ``plantar pressure --json`` says of the first walk, and of what changed."""
    with tempfile.TemporaryDirectory() as place:
        before, after = recordings()
        io.write_recording(Path(place) / "before.csv", before)
        io.write_recording(Path(place) / "after.csv", after)
        run = here("pressure", "after.csv", "--compare", "before.csv", "--json", cwd=Path(place))
        assert run.code == 0, run.err
        return run.out


def paper() -> dict[str, Any]:
    """The document, new each time (a test may change it)."""
    found: dict[str, Any] = json.loads(document())
    return found


# ------------------------------------------------------------------ the document


def test_the_document_holds_its_schema_and_what_the_summary_needs() -> None:
    found = paper()
    validate(found, "pressure-1")
    (recording,) = found["recordings"]
    for side, summary in recording["summary"].items():
        used = [s for s in recording["steps"] if s["side"] == side and s["used"]]
        assert summary["steps"] == len(used)
        for key in ("max_force_n", "peak_kpa", "contact_time_s"):
            values = [s[key] for s in used]
            assert summary["values"][key]["mean"] == pytest.approx(np.mean(values))
            assert summary["values"][key]["sd"] == pytest.approx(np.std(values, ddof=1))
            assert summary["values"][key]["n"] == len(values)
    assert recording["mask"] == "auto" and recording["calibration"] is None


def test_before_and_after_are_told_by_region() -> None:
    comparison = paper()["comparison"]
    assert comparison["before"]["source"] == "before.csv" and comparison["after"]["source"] == "after.csv"
    for regions in comparison["regions"].values():
        assert regions["mth2"]["change_kpa"] / regions["mth2"]["before_kpa"] == pytest.approx(-0.25, abs=0.03)
        assert regions["mth2"]["differs"] is True
        assert abs(regions["heel_medial"]["change_kpa"]) < 1.0


# ------------------------------------------------------------------ files that the command makes


def test_pictures_report_and_animation_are_made_once_and_alike(folder: Path, tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        place = tmp_path / name
        place.mkdir()
        run = here(
            "pressure", "after.csv", "--compare", "before.csv", "--plots", place / "p", "--report", place / "r.html",
            "--animate", place / "s.gif", cwd=folder,
        )  # fmt: skip
        assert run.code == 0, run.err
        assert run.err == ""
        files = {p.relative_to(place).as_posix(): p.read_bytes() for p in sorted(place.rglob("*")) if p.is_file()}
        made.append(files)
    pictures = {f"p/{kind}.png" for kind in ("pressure_1", "cop_1", "force_1", "regions_1", "change")}
    assert set(made[0]) == pictures | {"r.html", "s.gif"}
    assert made[0] == made[1]
    for name in pictures:
        with Image.open(tmp_path / "one" / name) as image:
            assert image.size[0] > 500
    assert f"5 pictures in {tmp_path / 'one' / 'p'}" in here(
        "pressure", "after.csv", "--compare", "before.csv", "--plots", tmp_path / "one" / "p", cwd=folder
    ).out  # fmt: skip


def test_several_recordings_have_a_page_each(folder: Path, tmp_path: Path) -> None:
    run = here("pressure", "before.csv", "after.csv", "--report", tmp_path / "r.html", cwd=folder)
    assert run.code == 0, run.err
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert page.count("<main") == 2
    read(page)


# ------------------------------------------------------------------ the report


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A small PNG under every picture's name."""
    from footscan.page import new_figure, png

    place, data = tmp_path_factory.mktemp("pictures"), png(new_figure(3.0, 2.0))
    names = ("pressure_1", "cop_1", "force_1", "regions_1", "change")
    for name in names:
        (place / f"{name}.png").write_bytes(data)
    return [place / f"{name}.png" for name in names]


def test_both_languages_have_the_same_texts_with_the_same_places() -> None:
    assert list(texts("en")) == list(texts("zh"))
    for key, text in texts("en").items():
        places = [sorted(p[1] for p in string.Formatter().parse(t) if p[1]) for t in (text, texts("zh")[key])]
        assert places[0] == places[1], key


def test_every_text_is_used_and_nothing_speaks_of_health() -> None:
    code = (FOLDER.parent / "pressure_content.py").read_text(encoding="utf-8")
    for key in texts("en"):
        stem = key.rsplit(".", 1)[0]
        assert f'"{key}"' in code or f"{stem}." in code, key
        assert not HEALTH.search(texts("en")[key]), key
        assert not HEALTH_ZH.search(texts("zh")[key]), key
    assert {f"row.{key}" for key, *_ in (*ROWS, *GAIT)} == {k for k in texts("en") if k.startswith("row.")}
    with pytest.raises(ValueError, match="en, zh"):
        texts("de")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_is_well_formed_and_holds_everything_in_itself(lang: str, pictures: list[Path]) -> None:
    page = pressure_report.html(paper(), pictures, lang)
    parsed = read(page)
    sources = [value for _, name, value in parsed.attributes if name == "src"]
    assert all(value.startswith("data:image/png;base64,") for value in sources)
    assert len(sources) == 3  # the picture of what changed stands in the place of path and bars
    assert not any(word in page for word in ("http:", "https:", "url(", "@import", "<script", "<link"))
    words = " ".join(parsed.words)
    assert not (HEALTH if lang == "en" else HEALTH_ZH).search(words)
    assert page == pressure_report.html(paper(), pictures, lang)


def test_the_wearer_reads_what_the_document_says() -> None:
    found = paper()
    (page,) = report_content(found, [], "en").pages
    for foot, side in zip(page.feet, ("left", "right")):
        every = [s for s in found["recordings"][0]["steps"] if s["side"] == side]
        used = [s for s in every if s["used"]]
        assert foot.title == f"Your {side} foot"
        assert foot.sentences[0] == f"Steps counted: {len(used)} of {len(every)}."
        stance = np.mean([s["contact_time_s"] for s in used])
        assert foot.sentences[1] == f"On the ground {stance:.2f} s each time."
        force = np.mean([s["max_force_n"] for s in used])
        assert foot.sentences[2].startswith(f"At most {force:.0f} N, as if {force / 9.81:.0f} kg")
        shares = [int(n) for n in re.findall(r"(\d+)\N{NO-BREAK SPACE}%", foot.sentences[-1])]
        assert len(shares) == len(PARTS) and sum(shares) == pytest.approx(100, abs=2)


def test_the_laboratory_s_rows_are_mean_and_sd_of_the_used_steps() -> None:
    found = paper()
    (page,) = report_content(found, [], "en").pages
    rows = {row[0].split("\n")[1]: row[1:] for row in page.rows}
    for key, places, divide in ROWS:
        for k, side in enumerate(("left", "right")):
            known = [s[key] for s in found["recordings"][0]["steps"] if s["side"] == side and s["used"] and s.get(key)]
            if known and key in rows and rows[key][k] != "–":
                mean, sd = (float(n) for n in rows[key][k].split(" ± "))
                assert mean == pytest.approx(np.mean(known) / divide, abs=0.51 * 10.0**-places)
                assert sd == pytest.approx(np.std(known, ddof=1) / divide, abs=0.51 * 10.0**-places)
    assert rows["cadence_steps_per_min"][0] == rows["cadence_steps_per_min"][1]


def test_what_changed_is_said_in_words(pictures: list[Path]) -> None:
    (page,) = report_content(paper(), [p.name for p in pictures], "en").pages
    caption = page.pictures["change"].caption
    assert caption.startswith("Compared with before.csv.")
    assert "Left: most clearly less under" in caption


def test_notes_say_how_it_was_measured_and_never_fill_the_page() -> None:
    found = paper()
    recording = found["recordings"][0]
    recording["notes"] = [f"assumption {k}" for k in range(30)]
    (page,) = report_content(found, [], "en").pages
    assert len(page.notes) == MOST_NOTES
    say = Words("en")
    assert page.notes[1].startswith(say("note.on", values="").rstrip(" ."))
    assert page.notes[-1] == say("note.more", count=30 + 3 - MOST_NOTES + 1)


NASTY = "<b>&\"'</b><script>alert(1)</script> #panic() *x* $y$ @z [w] `v` \\u ~ _t_ </style>"


def test_names_that_people_gave_stay_text(tool: Callable[[str], str], tmp_path: Path, pictures: list[Path]) -> None:
    found = paper()
    found["recordings"][0]["source"] = NASTY.replace("/", "|")
    found["recordings"][0]["notes"] = [NASTY]
    page = pressure_report.html(found, pictures, "en")
    assert "<script" not in page and page.count("</style>") == 1
    read(page)
    plain = words_of(pressure_report.pdf(found, pictures, "en"), tool, tmp_path)
    for piece in ("#panic()", "*x*", "$y$", "@z", "[w]", "`v`", "\\u", "_t_"):
        assert squeezed(piece) in plain


def words_of(data: bytes, tool: Callable[[str], str], folder: Path) -> str:
    (folder / "r.pdf").write_bytes(data)
    command = [tool("pdftotext"), "-layout", str(folder / "r.pdf"), "-"]
    return squeezed(subprocess.run(command, capture_output=True, check=True).stdout.decode("utf-8"))


def test_the_pdf_is_one_page_a_recording_whatever_is_in_it(
    tool: Callable[[str], str], tmp_path: Path, pictures: list[Path]
) -> None:
    found = paper()
    found["recordings"][0]["notes"] = ["a long sentence about what the reader assumed of this file " * 3] * 9
    for drawn in (pictures, [p for p in pictures if p.stem != "change"], pictures[:1], []):
        data = pressure_report.pdf(found, drawn, "en")
        assert data.startswith(b"%PDF-")
        (tmp_path / "r.pdf").write_bytes(data)
        told = subprocess.run([tool("pdfinfo"), str(tmp_path / "r.pdf")], capture_output=True, check=False)
        assert re.search(rb"Pages:\s+1\b", told.stdout), told.stdout
    assert pressure_report.pdf(found, pictures, "en") == pressure_report.pdf(found, pictures, "en")
    two = dict(found, recordings=found["recordings"] * 2)
    (tmp_path / "r.pdf").write_bytes(pressure_report.pdf(two, pictures, "en"))
    told = subprocess.run([tool("pdfinfo"), str(tmp_path / "r.pdf")], capture_output=True, check=False)
    assert re.search(rb"Pages:\s+2\b", told.stdout)


def test_a_chinese_pdf_without_its_font_is_refused_before_any_work(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fonts, "FOLDER", tmp_path / "nowhere")
    with pytest.raises(ReportError, match="Chinese"):
        pressure_report.pdf(paper(), [], "zh")
    run = here("pressure", "before.csv", "--report", tmp_path / "r.pdf", "--lang", "zh", cwd=folder)
    assert run.code == 2 and ".html" in run.line
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------ what is refused, and how


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--report", "r.docx"), "ends in .html or .pdf"),
        (("--animate", "step.mp4"), "ffmpeg -i step.gif step.mp4"),
        (("--mask", "beauty"), "template"),
        (("--mask", "landmarks:"), "expected a scan's name"),
        (("--calibrate", "guess"), "body-weight:KG"),
        (("--calibrate", "body-weight:heavy"), "a mass in kg"),
        (("--calibrate", "body-weight:-70"), "a person's mass"),
        (("--calibrate", "two-point:70,4-2,5-8"), "goes forward"),
        (("--calibrate", "two-point:70"), "1 parts"),
        (("--compare", "after.csv"), "--plots, --report or --json"),
        (("after.csv", "--compare", "raw.csv", "--json"), "found 2"),
        (("after.csv", "--animate", "s.gif"), "found 2"),
    ],
)
def test_a_wrong_wish_is_one_line_and_exit_2(folder: Path, arguments: tuple[str, ...], said: str) -> None:
    run = here("pressure", "before.csv", *arguments, cwd=folder)
    assert run.code == 2
    assert run.out == ""
    assert said in run.line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("plates.csv",), "expected pressure under a foot, found force plate and none of it"),
        (("before.csv", "--calibrate", "body-weight:70"), "leave --calibrate out"),
        (("raw.csv", "--calibrate", "table:none.csv"), "none.csv"),
        (("before.csv", "--mask", "landmarks:none.stl"), "none.stl"),
        (("before.csv", "--compare", "plates.csv", "--json"), "plates.csv"),
    ],
)
def test_what_the_files_can_t_support_is_one_line_and_exit_3(
    folder: Path, arguments: tuple[str, ...], said: str
) -> None:
    run = here("pressure", *arguments, cwd=folder)
    assert run.code == 3
    assert said in run.err and "Traceback" not in run.err
    assert len(run.err.splitlines()) == 1


def test_one_bad_recording_of_two_leaves_the_other(folder: Path, tmp_path: Path) -> None:
    run = here("pressure", "plates.csv", "before.csv", "--report", tmp_path / "r.html", "--json", cwd=folder)
    assert run.code == 1
    validate(run.document, "pressure-1")
    assert [f["source"] for f in run.document["failed"]] == ["plates.csv"]
    assert (tmp_path / "r.html").is_file()


def test_a_real_c3d_says_what_it_holds(shared_data: Path) -> None:
    run = here("pressure", shared_data / "pressure" / "loadsol" / "test_poids.c3d")
    assert run.code == 3
    assert "force plate (c3d)" in run.line


# ------------------------------------------------------------------ masks and calibration


def test_raw_readings_are_calibrated_by_body_weight(folder: Path) -> None:
    mass_kg = 71.0
    run = here("pressure", "raw.csv", "--calibrate", f"body-weight:{mass_kg}", "--json", cwd=folder)
    assert run.code == 0, run.err
    (recording,) = run.document["recordings"]
    assert recording["quantity"] == "pressure"
    assert recording["calibration"] == f"body-weight:{mass_kg}"
    truth = json.loads(here("pressure", "before.csv", "--json", cwd=folder).out)["recordings"][0]
    # the synthetic walker weighs 700 N: everything is scaled by what was said to what is
    for side in ("left", "right"):
        ratio = recording["max_force_n"][side] / truth["max_force_n"][side]
        assert ratio == pytest.approx(mass_kg * 9.80665 / 700.0, rel=0.02)


def test_a_table_is_read_with_or_without_a_header_and_must_rise(tmp_path: Path) -> None:
    for text in ("raw,kPa\n0,0\n100,50.5\n900,400\n", "0,0\n100,50.5\n\n900,400\n"):
        (tmp_path / "t.csv").write_text(text, encoding="utf-8")
        assert read_table(tmp_path / "t.csv").tolist() == [[0, 0], [100, 50.5], [900, 400]]
    for text, said in (
        ("0,0\nfive,six\n", "line 2"),
        ("0,0\n", "two rows or more"),
        ("0,0\n50,10\n20,20\n", "rise"),
        ("0,0\n10,nan\n", "two rows or more"),
        ("0,0,0\n1,1,1\n", "line 2"),
    ):
        (tmp_path / "t.csv").write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=said):
            read_table(tmp_path / "t.csv")


def test_a_table_gives_kilopascals(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "double.csv").write_text("raw,kPa\n0,0\n1000,2000\n3000,6000\n", encoding="utf-8")
    run = here("pressure", "raw.csv", "--calibrate", f"table:{tmp_path / 'double.csv'}", "--json", cwd=folder)
    assert run.code == 0, run.err
    truth = json.loads(here("pressure", "before.csv", "--json", cwd=folder).out)["recordings"][0]
    for side in ("left", "right"):
        peak = run.document["recordings"][0]["peak_kpa"][side]
        assert peak == pytest.approx(2.0 * truth["peak_kpa"][side], rel=1e-3)


def test_a_drawn_mask_names_the_regions(folder: Path, tmp_path: Path) -> None:
    drawn = {
        "schema": "plantar/mask/1",
        "frame": "insole",
        "regions": {"rear": [[0, -60], [120, -60], [120, 60], [0, 60]], "fore": [[120, -60], [300, -60], [300, 60],
                                                                                [120, 60]]},
    }  # fmt: skip
    (tmp_path / "drawn.json").write_text(json.dumps(drawn), encoding="utf-8")
    place = tmp_path / "p"
    run = here("pressure", "before.csv", "--mask", tmp_path / "drawn.json", "--plots", place, "--json", cwd=folder)
    assert run.code == 0, run.err
    for step in run.document["recordings"][0]["steps"]:
        assert set(step["regions"]) <= {"rear", "fore"}
    assert (place / "regions_1.png").is_file()
    assert options(str(tmp_path / "drawn.json"), None).mask.names == ("rear", "fore")


def test_words_that_mean_nothing_are_refused() -> None:
    with pytest.raises(UsageError, match="none of them"):
        options("nonsense", None)


# ------------------------------------------------------------------ convert


def test_everything_readable_becomes_csv_and_parquet_and_says_the_same(shared_data: Path, tmp_path: Path) -> None:
    sources = ("pedar/pedar_example.asc", "emed/emed_test.lst", "moticon/230927_102114.txt", "loadsol/test_poids.txt",
               "stappone/stappone_example.csv", "zebris/MDwalk2.apd", "loadsol/test_poids.c3d")  # fmt: skip
    for name in sources:
        source = shared_data / "pressure" / name
        first = io.read_recording(source)
        for ending in (".csv", ".parquet"):
            target = tmp_path / f"{source.stem}{ending}"
            run = here("convert", source, target, "--json")
            assert run.code == 0, run.err
            validate(run.document, "convert-1")
            again = io.read_recording(target)
            assert len(again.pressure) == len(first.pressure)
            for a, b in zip(again.pressure, first.pressure):
                assert a.unit == b.unit and a.side == b.side
                assert a.values.shape == b.values.shape
                there = np.ones(a.values.shape, bool) if b.valid is None else b.valid
                assert np.abs(np.where(there, a.values - b.values, 0.0)).max() <= 1e-3 * max(b.values.max(), 1.0)


def test_a_format_that_has_no_place_for_it_says_what_has(shared_data: Path, tmp_path: Path) -> None:
    run = here("convert", shared_data / "pressure" / "moticon" / "230927_102114.txt", tmp_path / "x.lst")
    assert run.code == 2
    assert ".csv and .parquet hold every recording" in run.line
    assert list(tmp_path.iterdir()) == []


def test_a_recording_becomes_no_mesh(folder: Path, tmp_path: Path) -> None:
    run = here("convert", folder / "before.csv", tmp_path / "x.stl")
    assert run.code == 2 and ".parquet" in run.line


# ------------------------------------------------------------------ help


def test_help_names_every_option() -> None:
    run = plantar("pressure", "--help")
    assert run.code == 0
    for option in ("--mask", "--calibrate", "--plots", "--report", "--compare", "--animate", "--keep-ends", "--side"):
        assert option in run.out
    assert run.out.count("\n  plantar pressure ") >= 3
    assert "--report FILE" in plantar("pressure", "--help", "--lang", "zh").out


def test_a_recording_of_one_sensor_without_places_is_drawn_and_reported(tmp_path: Path) -> None:
    time_s = np.arange(1200) * 0.01
    phase = (time_s % 1.1) / 0.7
    force = np.where(phase < 1.0, 250.0 * np.sin(np.pi * np.clip(phase, 0, 1)) ** 0.5, 0.0)
    values = force[:, None] * np.array([0.5, 0.3, 0.2])
    layout = SensorLayout(np.array([[0.0, 0.0], [2.0, -1.0], [2.0, 1.0]]), positions="arbitrary")
    recording = Recording((PressureRecording(values, "N", time_s, layout, side="left"),))
    io.write_recording(tmp_path / "zones.parquet", recording)
    run = here("pressure", "zones.parquet", "--plots", "p", "--report", "r.html", "--animate", "s.gif", cwd=tmp_path)
    assert run.code == 0, run.err
    assert sorted(p.name for p in (tmp_path / "p").iterdir()) == ["force_1.png", "pressure_1.png"]
    assert "newtons" in (tmp_path / "r.html").read_text(encoding="utf-8")
