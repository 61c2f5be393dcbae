"""What differs between two feet, and which of it is more than measuring leaves open."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from station_runs import validate

from footscan.pairs import compare_pair, difference
from footscan.types import FootMeasurements, Measure, Side
from station.comparisons import pair_lines, pairs_of
from station.documents import measure_document
from station.messages import LANGUAGES, Texts
from station.results import Measured

values = st.floats(10.0, 400.0)
spreads = st.floats(0.01, 5.0)


def foot(side: Side, length: float, sd_total: float | None = 1.0) -> FootMeasurements:
    sd = None if sd_total is None else 0.2
    measures = {
        "foot_length_mm": Measure(length, sd, sd_total),
        "ball_girth_mm": Measure(240.0 + 2.0 * (length - 250.0), sd, sd_total),
        "arch_index": Measure.missing("the sole was closed by a flat lid"),
        "toe_type": Measure("greek"),
    }
    return FootMeasurements(measures, side)


def scan(name: str, *feet: FootMeasurements) -> Measured:
    return Measured(name, "0" * 64, "mm", feet)


@given(values, values, spreads, spreads)
def test_the_spread_of_a_difference_is_that_of_both_and_the_order_only_turns_its_sign(
    a: float, b: float, s: float, t: float
) -> None:
    first, second = Measure(a, s / 2, s), Measure(b, t / 2, t)
    there, back = difference(first, second), difference(second, first)
    assert there.value == -back.value and there.sd_total == back.sd_total and there.differs is back.differs
    assert there.sd_total == pytest.approx(math.sqrt(s * s + t * t))
    assert there.sd == pytest.approx(math.sqrt(s * s + t * t) / 2)
    assert there.differs is (abs(a - b) > 2.0 * math.sqrt(s * s + t * t))


@given(values, spreads, st.floats(0.1, 4.0))
def test_alike_feet_differ_beyond_two_sd_times_root_two(a: float, s: float, times: float) -> None:
    if abs(times - 2.0) > 1e-6:
        apart = times * s * math.sqrt(2.0)
        assert difference(Measure(a + apart, s, s), Measure(a, s, s)).differs is (times > 2.0)


def test_sizes_follow_length_and_girth_alone() -> None:
    found = compare_pair(foot("left", 256.0), foot("right", 250.0))
    assert found["foot_length_mm"].sizes == pytest.approx(0.9)  # 6 mm of 6.67
    assert found["ball_girth_mm"].sizes == pytest.approx(2.0)  # 12 mm: two letters
    assert found["arch_index"].sizes is None and found["arch_index"].reason == "the sole was closed by a flat lid"
    assert found["toe_type"].reason == "not a number"


def test_without_spreads_nothing_is_claimed() -> None:
    found = compare_pair(foot("left", 256.0, None), foot("right", 250.0, None))
    assert found["foot_length_mm"].value == 6.0 and found["foot_length_mm"].differs is None
    assert found.half_size_or_more is True


def test_a_pair_comes_from_one_scan_or_from_the_only_two_feet() -> None:
    left, right, other = foot("left", 255.0), foot("right", 250.0), foot("left", 240.0)
    assert [(p.left, p.right) for p in pairs_of([scan("a.ply", left, right)])] == [("a.ply", "a.ply")]
    assert [(p.left, p.right) for p in pairs_of([scan("r.ply", right), scan("l.ply", left)])] == [("l.ply", "r.ply")]
    for scans in ([scan("l.ply", left)], [scan("l.ply", left), scan("m.ply", other), scan("r.ply", right)],
                  [scan("u.ply", foot("unknown", 250.0)), scan("r.ply", right)], []):  # fmt: skip
        assert pairs_of(scans) == []
    two = pairs_of([scan("a.ply", left, right), scan("b.ply", left, right), scan("l.ply", other)])
    assert [p.left for p in two] == ["a.ply", "b.ply"]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_document_holds_its_schema_and_a_person_reads_what_differs(lang: str) -> None:
    scans = [scan("a.ply", foot("left", 256.0), foot("right", 250.0))]
    document = measure_document(scans)
    validate(document, "measure-1")
    (pair,) = document["pairs"]
    assert pair["differences"]["foot_length_mm"]["differs"] is True
    assert measure_document([scan("l.ply", foot("left", 250.0))])["pairs"] == []
    say = Texts(lang)
    lines = pair_lines(pairs_of(scans)[0], say)
    assert any("+6.0 ± 1.4 mm" in line and say("pair.differs") in line for line in lines)
    assert lines[-1].strip() == say("pair.half_size")
