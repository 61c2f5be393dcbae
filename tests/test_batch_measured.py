"""A measurements file back into feet: what plantar writes and what people write; the rest is refused in a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from batch_runs import write_measures

from footscan.errors import ReadError, ScanError
from footscan.types import FootMeasurements, Measure, QualityReason
from station.documents import measure_document
from station.measured import read_feet
from station.results import Measured


def written(path: Path, *feet: Any, schema: str = "plantar/measure/1") -> Path:
    path.write_text(json.dumps({"schema": schema, "scans": [{"feet": list(feet)}]}))
    return path


def foot(side: str = "left", **measures: Any) -> dict[str, Any]:
    return {"side": side, "measures": {"foot_length_mm": 250.0, **measures}}


def test_what_plantar_writes_comes_back(tmp_path: Path) -> None:
    values = {
        "foot_length_mm": Measure(251.25, 0.2, 0.9, "axis toe2", "estimated", "hole: toes"),
        "arch_index": Measure.missing("the sole was closed with a flat lid"),
        "toe_type": Measure("egyptian"),
    }
    given = FootMeasurements(values, "right", "detected", "standing", 72, (QualityReason("hole", "toes"),))
    path = tmp_path / "m.json"
    path.write_text(json.dumps(measure_document([Measured("a.ply", "0" * 64, "mm", (given,))])))
    (found,) = read_feet(path)
    assert dict(found.values) == values
    assert (found.side, found.load, found.score, found.reasons) == ("right", "standing", 72, given.reasons)


def test_numbers_alone_are_enough_and_left_comes_first(tmp_path: Path) -> None:
    feet = read_feet(written(tmp_path / "m.json", foot("right"), foot("left", ball_girth_mm=240)))
    assert [f.side for f in feet] == ["left", "right"] and feet[0]["ball_girth_mm"] == 240.0
    assert len(read_feet(write_measures(tmp_path / "m.json", 240.0, 241.0))) == 2


BAD: dict[str, tuple[tuple[Any, ...], type[Exception]]] = {
    "none": ((), ScanError),
    "left and left": ((foot(), foot()), ScanError),
    "side": ((foot("unknown"),), ScanError),
    "26.1": ((foot(foot_length_mm=26.1),), ScanError),
    "None": ((foot(foot_length_mm=None),), ScanError),
    "a number for ball_girth_mm": ((foot(ball_girth_mm={"value": True}),), ReadError),
    "number for instep": ((foot(instep_height_mm={"value": 60, "sd": "x"}),), ReadError),
    "quality": ((foot(instep_height_mm={"value": 60, "quality": "fine"}),), ReadError),
    "load": (({**foot(), "load": "heavy"},), ReadError),
    "score": (({**foot(), "quality": {"score": "good"}},), ReadError),
    "'measures'": (({"side": "left"},), ReadError),
    "each foot": (("left",), ReadError),
    "its measures": (({"side": "left", "measures": 3},), ReadError),
}


@pytest.mark.parametrize("says", BAD)
def test_what_is_no_foot_is_refused(tmp_path: Path, says: str) -> None:
    feet, kind = BAD[says]
    with pytest.raises(kind) as caught:
        read_feet(written(tmp_path / "m.json", *feet))
    assert says in str(caught.value) and "m.json" in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"schema": "plantar/measure/2"}', '{"schema": "plantar/measure/1"}'])
def test_what_is_no_measurements_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(ReadError, match=r"m\.json"):
        read_feet(tmp_path / "m.json")
    (tmp_path / "m.json").write_text(
        '{"schema":"plantar/measure/1","scans":[{"feet":[{"side":"left","measures":{"foot_length_mm":1e999}}]}]}'
    )
    with pytest.raises(ReadError):
        read_feet(tmp_path / "m.json")
