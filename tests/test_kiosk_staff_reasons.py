"""What the modules say in English, in words for staff: every refusal that a page can show, every reason of a rule."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import insole
from footscan import find_feet, synth
from insole import DesignError, InsolePrescription, preset_names
from insole.prescription import read_preset
from insole.rules import check
from station import reasons
from station.kiosk.staff.words import BY_HAND
from station.messages import FOLDER
from station.reasons import told

ROOT = Path(insole.__file__).parents[1]
#: calls whose sentence a page of the staff can show -> which of their words it is
SAID = {"Refused": 0, "Damaged": 0, "StoreError": 0, "ScanError": 0, "QualityReason": 1, "missing": 0}
PLACES = (
    "footscan/measures/arch.py", "footscan/measures/girths.py", "insole/instants.py", "insole/prediction.py",
    "insole/recommendation.py", "insole/rules.py", "insole/shaping.py", "insole/surface.py", "insole/zones.py",
    "station/kiosk/staff", "station/store/backups.py", "station/store/blobs.py", "station/store/keyfiles.py",
    "station/store/moving.py", "station/store/orders.py", "station/store/people.py", "station/store/sealed.py",
    "station/store/staff.py", "station/store/storing.py",
)  # fmt: skip
#: what the code puts together of parts
PUT_TOGETHER = (
    "a polygon",
    "arch height index",
    "arch index of",
    "the outline and",
    "PLY header",
    "no further step",
    "keys.",
)
FOLDERS = ("footscan", "insole", "station", "devices")
LATIN = re.compile(r"[A-Za-z_]{4,}")


def known(lang: str) -> dict[str, str]:
    return dict(json.loads((FOLDER / f"reasons.{lang}.json").read_text("utf-8")))


def texts(node: ast.expr, places: str) -> Iterator[str]:
    """A sentence as it is written, ``places`` for what is put into it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else places for part in node.values)
    elif isinstance(node, ast.IfExp):
        yield from texts(node.body, places)
        yield from texts(node.orelse, places)


def test_both_files_have_the_same_places_and_english_ones_are_in_chinese_too() -> None:
    english, chinese = known("en"), known("zh")
    assert sorted(set(english) - set(chinese)) == []
    for words in (english, chinese):
        for said, shown in words.items():
            assert set(re.findall(r"{(\w+)}", shown)) <= set(re.findall(r"{(\w+)}", said)), said


def test_every_sentence_is_one_that_is_said_somewhere() -> None:
    code = [path.read_text("utf-8") for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    code += [path.read_text("utf-8") for path in (ROOT / "insole" / "presets").glob("*.toml")]
    every = re.sub(r'"\s*\n\s*f?"', "", "\n".join(code))
    pieces = [piece.strip() for said in known("zh") for piece in re.split(r"{\w+}|[:;,] | mm$", said)]
    lost = [piece for piece in pieces if len(piece) > 14 and piece not in every]
    assert [piece for piece in lost if not any(part in piece for part in PUT_TOGETHER)] == []


def test_every_refusal_of_the_staffs_pages_is_told_in_chinese() -> None:
    asked, silent = 0, []
    for place in PLACES:
        for path in sorted((ROOT / place).rglob("*.py")) if (ROOT / place).is_dir() else [ROOT / place]:
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                name = getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""
                if name in SAID and len(node.args) > SAID[name]:
                    for text in texts(node.args[SAID[name]], "7"):
                        asked += 1
                        silent += [f"{path.name}: {text}"] if told(text, "zh") == text else []
    assert asked > 60
    # one sentence, put together of parts that are known
    parts = (
        "expected 7 after 7",
        "the bed decides",
        "put 7 there",
        "family",
        "a card of",
        "version and language",
        "is it the same",
    )
    assert [text for text in silent if not any(part in text for part in parts)] == []


def test_how_each_measure_is_taken_is_told_in_chinese() -> None:
    scan = synth.scan_foot(synth.make_foot(synth.FootSpec()), points=60_000, seed=1)
    methods = [measure.method for foot in find_feet(scan) for measure in foot.measurements.values.values()]
    methods += [f"axis ball_centre; {BY_HAND}mth1, mth5", f"{BY_HAND}pternion"]
    assert len(set(methods)) > 30
    shown = [told(method, "zh").replace("Clarke", "") for method in methods]
    assert [text for text in shown if LATIN.search(text) or not text] == []


@pytest.mark.parametrize("name", preset_names())
def test_what_a_preset_chooses_has_its_reason_in_chinese(name: str) -> None:
    for reason in read_preset(name).reasons.values():
        for text in (reason.text, reason.source):
            assert not LATIN.search(told(text, "zh")), text


@pytest.mark.parametrize(
    "asked",
    [
        {"min_thickness_mm": 2.0, "forefoot_thickness_mm": 1.2}, {"heel_cup_depth_mm": 6.0, "medial_skive_mm": 4.0},
        {"open_wound": True}, {"label": "你好"}, {"cover_thickness_mm": 6.0}, {"shoe_pitch_mm": 60.0},
        {"risk": "neuropathic"}, {"heel_lift_mm": 12.0, "shoe_counter_height_mm": 40.0}, {"outline": "last"},
        {"length": "sulcus", "relief_toe1": 3.0}, {"first_ray_cutout": True, "morton_extension_mm": 2.0},
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_told_with_names(asked: dict[str, Any]) -> None:
    with pytest.raises(DesignError) as refused:
        check(InsolePrescription(**asked))
    shown = told(str(refused.value), "zh")
    assert not LATIN.search(shown), shown


def test_an_unknown_sentence_and_its_commas_stay_as_they_are() -> None:
    for text in ("a, b and c = 1: nobody wrote this, or that", "/dev/ttyUSB0: no such device, x", ""):
        assert [told(text, lang) for lang in ("en", "zh")] == [text, text]
    with pytest.raises(ValueError, match="lang"):
        reasons.told("x y", "fr")
