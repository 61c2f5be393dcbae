"""The pictures of a Chinese report speak Chinese, in a font that has the letters."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

import insole
from footscan import analyse, find_feet, plot
from footscan.pressure import region_loads
from footscan.synth import FootSpec, make_foot, make_walk, scan_foot
from station import fonts, picture_words, pictures, pressure_pictures
from station.picture_words import in_words, tell

LATIN = re.compile(r"[A-Za-z]{3,}")
UNITS = re.compile("kPa|TPU|[ab].csv")


@pytest.fixture(scope="module")
def jobs() -> dict[str, Callable[[], bytes]]:
    """Every picture of one foot, its insole and its walks, in Chinese."""
    (foot,) = find_feet(scan_foot(make_foot(FootSpec("left")), points=60_000), side="left", load="standing")
    walk = make_walk("in_shoe", seed=1, steps=8).recording
    shoe, plate = analyse(walk), analyse(make_walk("plate", seed=2, steps=4).recording)
    loads = region_loads(shoe)["left"]
    shape = insole.design(foot, insole.prescribe(foot.measurements, loads))
    zoning = insole.plan_zones(shape, foot, loads)
    bed = insole.predict(shape, zoning, foot, insole.stance_instants(walk, shoe, foot))
    mesh = insole.solid(shape)
    found = pictures.drawings(
        {"left": foot}, [], {"left": shape}, {"left": mesh}, {"left": zoning}, {"left": bed}, "zh"
    )
    found |= pressure_pictures.jobs(shoe, 1, None, "zh") | pressure_pictures.jobs(plate, 2, None, "zh")
    return found | pressure_pictures.change_job(shoe, shoe, ("before: a.csv", "after: b.csv"), None, "zh")


def test_every_word_of_every_picture_is_told(
    jobs: dict[str, Callable[[], bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fonts.chinese()
    assert folder is not None, "make pages"
    known, told = fonts.letters(folder), dict[str, set[str]]()

    def heard(figure: Figure, lang: str) -> Figure:
        figure = tell(figure, lang)
        told[name] = {part.get_text() for part in figure.findobj(Text)}
        return figure

    monkeypatch.setattr(pictures, "tell", heard)
    monkeypatch.setattr(pressure_pictures, "tell", heard)
    for name, draw in jobs.items():
        picture = np.asarray(Image.open(io.BytesIO(draw())))
        assert picture.std() > 5.0, name
    assert len(told) == len(jobs) > 10
    left = {text for texts in told.values() for text in texts if LATIN.search(UNITS.sub("", text))}
    assert left == set()
    assert {letter for texts in told.values() for text in texts for letter in text} - {chr(c) for c in known} <= {"\n"}


def test_in_english_and_without_the_font_a_picture_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    analysis = analyse(make_walk("in_shoe", seed=3, steps=4).recording)
    english = plot.png(plot.force_curves(analysis))
    assert pressure_pictures.jobs(analysis, 1)["force_1.png"]() == english
    assert pressure_pictures.jobs(analysis, 1, None, "zh")["force_1.png"]() != english
    monkeypatch.setattr(fonts, "chinese", lambda: None)
    assert plot.png(picture_words.tell(plot.force_curves(analysis), "zh")) == english


def test_a_caption_of_several_sentences_is_told_sentence_by_sentence() -> None:
    assert in_words("thin: each step; nobody wrote this", "zh") == "细线：每一步；nobody wrote this"
    assert in_words("nobody wrote this", "zh") == "nobody wrote this"
