"""Shoe sizes: rows and formulas that the sources give, laws that every scale keeps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from station_runs import validate

from footscan.sizing import SYSTEMS, advise_pair, japanese_width, size, sizes
from station.cli import main


@pytest.mark.parametrize(("length", "label"), [(250.0, "39.5"), (260.0, "41"), (270.0, "42.5"), (230.0, "36.5")])
def test_paris_points_with_ties_up(length: float, label: str) -> None:
    assert size(length, "eu").label == label


def test_british_and_american_sizes_hang_together() -> None:
    # 3 · 270 / 25.4 − 23 = 8.89: the nearest half is 9
    assert size(270.0, "uk").label == "9"
    assert size(270.0, "us-men").label == "10"
    assert size(270.0, "us-women").label == "11"
    assert size(270.0, "us-women", us_women="retail").label == "11.5"


@pytest.mark.parametrize("length", [130.0, 180.0])
def test_children_have_their_own_scale_or_none(length: float) -> None:
    assert size(length, "uk").label.startswith("child ")
    for system in ("us-men", "us-women"):
        assert size(length, system).label is None and "children" in size(length, system).reason
    assert japanese_width(length, 180.0, "men").label is None


def test_millimetre_scales() -> None:
    assert size(252.4, "mondo", 97.6).label == "250/98"
    assert size(252.5, "mondo", 97.4).label == "255/97"
    assert size(252.4, "cn", 97.6).label == "250/98"
    assert size(252.4, "mondo").label is None
    assert size(252.4, "jp").label == "25.0" and size(252.5, "jp").label == "25.5"


def test_chinese_girth_types_step_by_seven_and_half_by_three_and_a_half() -> None:
    assert size(250.0, "cn", 96.0, girth_mm=230.0, cn_type_one_mm=230.0).label == "250/96 (1)"
    assert size(250.0, "cn", 96.0, girth_mm=233.5, cn_type_one_mm=230.0).label == "250/96 (1½)"
    assert size(250.0, "cn", 96.0, girth_mm=244.0, cn_type_one_mm=230.0).label == "250/96 (3)"
    assert "outside" in str(size(250.0, "cn", 96.0, girth_mm=290.0, cn_type_one_mm=230.0).reason)


@pytest.mark.parametrize(
    ("girth", "letter"), [(243.0, "E"), (240.0, "E"), (245.0, "E"), (246.0, "EE"), (239.0, "D"), (251.0, "EE")]
)
def test_japanese_width_of_a_man_of_250(girth: float, letter: str) -> None:
    assert japanese_width(250.0, girth, "men").label == letter  # E is 243 mm, −3 … +2; letters are 6 mm apart


#: rows of JIS S 5037 as printed at https://mikata-f.com/contents/4613 (23.5 cm, A to EEEE)
JIS_235 = {
    "women": (207, 213, 219, 225, 231, 237, 243, 249),
    "men": (210, 216, 222, 228, 234, 240, 246, 252),
}


@pytest.mark.parametrize("sex", ["men", "women"])
def test_japanese_widths_are_those_of_the_printed_table(sex: str) -> None:
    for letter, girth in zip(("A", "B", "C", "D", "E", "EE", "EEE", "EEEE"), JIS_235[sex]):
        for off in (-3, 0, 2):
            assert japanese_width(235.0, girth + off, sex).label == letter
        assert japanese_width(235.0, girth + 3, sex).label != letter
    # a man's 260 mm foot with 261 mm: 26 EEE (https://www.tbs.co.jp/rikuou_tbs/shoes/s3.html)
    assert japanese_width(260.0, 261.0, "men").label == "EEE"
    for girth, reason in ((100.0, "narrower than A"), (400.0, "wider than G")):
        assert reason in str(japanese_width(235.0, girth, sex).reason)
    assert "needs" in str(japanese_width(235.0, 230.0, None).reason)
    assert "needs" in str(japanese_width(235.0, None, sex).reason)


@pytest.mark.parametrize(
    ("last_in", "label"), [(4.0, "child 0"), (4.5, "child 1.5"), (8.5, "child 13.5"), (8 + 2 / 3, "1"), (9.0, "2")]
)
def test_british_children_s_sizes_end_where_the_adults_begin(last_in: float, label: str) -> None:
    # inches of the last by size: https://zh.wikipedia.org/wiki/鞋碼 (英国码); the last is two barleycorns longer
    assert size((last_in - 2 / 3) * 25.4, "uk").label == label


@given(st.floats(198.0, 330.0))
def test_a_size_lies_within_a_quarter_of_its_foot(length: float) -> None:
    assert abs(float(size(length, "eu").label) - (0.15 * length + 2.0)) <= 0.25 + 1e-6
    assert abs(float(size(length, "jp").label) - length / 10.0) <= 0.25 + 1e-6
    assert abs(float(size(length, "us-men").label) - (3.0 * length / 25.4 - 22.0)) <= 0.25 + 1e-6


def rank(label: str) -> float:
    """A label as a number that grows with the foot: children's sizes come before the adults'."""
    number = float(label.split("/")[0].removeprefix("child "))
    return number - 13.5 if label.startswith("child ") else number


@given(st.floats(200.0, 330.0), st.floats(0.0, 60.0))
def test_a_longer_foot_never_has_a_smaller_size(length: float, more: float) -> None:
    for system in SYSTEMS:
        short, long = (rank(size(x, system, 95.0).label) for x in (length, length + more))
        assert short <= long, system


@given(st.floats(210.0, 320.0), st.floats(210.0, 320.0))
def test_a_pair_takes_the_longer_foot(left: float, right: float) -> None:
    advice = advise_pair(left, right)
    assert advice.length_mm == max(left, right)
    assert advice.difference_mm == pytest.approx(abs(left - right))
    assert advice.apart == (abs(left - right) >= 0.5 / 0.15 - 1e-9)
    assert advice.inner_length_mm[0] - advice.length_mm == pytest.approx(15.0)
    assert advice.inner_length_mm[1] - advice.length_mm == pytest.approx(20.0)


def test_what_is_no_size_is_said() -> None:
    with pytest.raises(ValueError, match=r"system must be one of .*, got 'fr'"):
        size(250.0, "fr")
    with pytest.raises(ValueError, match="length_mm must be 80 to 400, got 2600"):
        size(2600.0, "eu")
    assert set(sizes(250.0, 95.0)) == set(SYSTEMS)


# ------------------------------------------------------------------ the command


def foot(side: str, length: float) -> dict[str, Any]:
    values = {
        "foot_length_mm": length,
        "foot_breadth_mm": 98.0,
        "foot_breadth_orthogonal_mm": 96.0,
        "ball_girth_mm": 245.0,
    }
    measures = {
        key: {"value": v, "sd": 0.2, "sd_total": 1.0, "method": "", "quality": "ok", "reason": None}
        for key, v in values.items()
    }
    return {"side": side, "measures": measures, "quality": {"score": 100, "reasons": []}}


def test_the_command_sizes_each_foot_and_the_pair(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "measurements.json"
    scans = [{"source": "a.ply", "sha256": "", "unit": "mm", "feet": [foot("left", 258.0), foot("right", 262.0)]}]
    file.write_text(json.dumps({"schema": "plantar/measure/1", "scans": scans, "failed": []}))
    assert main(["size", str(file), "--system", "eu", "--json"]) == 0
    said = capsys.readouterr().out
    assert '"40.5"' in said and '"41.5"' in said
    validate(json.loads(said), "size-1")
    assert main(["size", str(file)]) == 0
    assert "Mondopoint" in capsys.readouterr().out
    options = ["--sex", "men", "--us-women", "retail", "--cn-type-one", "231"]
    assert main(["size", str(file), "--json", *options]) == 0
    document = json.loads(capsys.readouterr().out)
    validate(document, "size-1")
    left, right = document["feet"]
    assert left["jp_width"]["size"] == "D" and left["sizes"]["cn"]["size"] == "260/96 (3)"  # E of 260 mm is 249 mm
    assert float(right["sizes"]["us-women"]["size"]) == float(right["sizes"]["us-men"]["size"]) + 1.5
    pair = document["pair"]
    assert pair["longer"] == "right" and pair["difference_mm"] == 4.0 and pair["half_size_or_more"] is True
    assert pair["inner_length_mm"] == [277.0, 282.0] and pair["sizes"] == right["sizes"]


def test_one_foot_has_a_size_and_no_pair(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "measurements.json"
    scans = [{"source": "a.ply", "sha256": "", "unit": "mm", "feet": [foot("right", 190.0)]}]
    file.write_text(json.dumps({"schema": "plantar/measure/1", "scans": scans, "failed": []}))
    assert main(["size", str(file), "--json", "--lang", "zh"]) == 0
    document = json.loads(capsys.readouterr().out)
    validate(document, "size-1")
    assert document["pair"] is None
    assert document["feet"][0]["sizes"]["us-men"] == {
        "size": None,
        "reason": "feet under 198 mm have a children's scale, on which US sources do not agree",
    }


@pytest.mark.parametrize("length", [None, "long", True, 30.0, float("nan"), 1e9])
def test_a_length_that_is_none_is_one_line(length: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "measurements.json"
    bad = foot("right", 250.0)
    bad["measures"]["foot_length_mm"]["value"] = length
    scans = [{"source": "a.ply", "sha256": "", "unit": "mm", "feet": [bad]}]
    file.write_text(json.dumps({"schema": "plantar/measure/1", "scans": scans, "failed": []}))
    assert main(["size", str(file)]) == 3
    error = capsys.readouterr().err.strip()
    assert error.count("\n") == 0 and "foot length of 80 to 400 mm" in error


@pytest.mark.parametrize("words", [["--sex", "child"], ["--cn-type-one", "7"], ["--system", "fr"]])
def test_options_that_mean_nothing_are_wrong_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["size", "m.json", *words])
    assert end.value.code == 2 and capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("text", ["", "{}", "[1, 2]", '{"schema": "plantar/measure/1"}', '{"schema": "other/1"}'])
def test_a_bad_file_is_one_line(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "measurements.json"
    file.write_text(text)
    assert main(["size", str(file)]) == 3
    error = capsys.readouterr().err.strip()
    assert error.count("\n") == 0 and "measurements.json" in error and "expected" in error
