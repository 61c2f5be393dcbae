"""`make prove PART=measure`: the limits of the measures on 600 feet of known truth, their repeats and their SD."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import SEED_KEY

sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks"))
accuracy, families, figures = (importlib.import_module(n) for n in ("accuracy", "families", "figures_of_accuracy"))

FEET, REPEATED, REPEATS = 150, 12, 8
pytestmark = pytest.mark.prove


@pytest.fixture(scope="module")
def records(request: pytest.FixtureRequest, shared_data: Path) -> list[dict[str, Any]]:
    """All scans of all families, with the run's seed; drawn feet and results are kept in out/, so that a run that was
    broken off goes on."""
    seed = request.config.stash[SEED_KEY]
    words = ["--feet", FEET, "--seed", seed % 10_000, "--repeats", REPEATS, "--repeated", REPEATED]
    arguments = accuracy.parse([*map(str, words), "--cache", str(families.ROOT / "out" / "accuracy")])
    return list(accuracy.run(accuracy.jobs_of(arguments), os.cpu_count() or 1))


def table(records: list[dict[str, Any]], note: Callable[[str, object], None], shown: str) -> list[str]:
    """Notes the figure ``shown`` of each measure and family; which limits of accuracy are missed."""
    missed = []
    for family in figures.families_of(records):
        here = figures.first_scans(records, family)
        for key in figures.LIMITS:
            found = figures.figures(here, key)
            if found.n:
                note(f"{family} {key}", round(getattr(found, shown), 3))
                if found.held is False:
                    missed.append(
                        f"{key} of {family}: 95 % {found.p95:.2f}, mean {found.mean_abs:.2f}, bias {found.bias:+.2f}"
                    )
    return missed


def test_95_percent_of_the_errors_keep_the_limits(
    records: list[dict[str, Any]], record_property: Callable[[str, object], None]
) -> None:
    assert sum(r["repeat"] == 0 for r in records) >= 500
    assert not (missed := table(records, record_property, "p95")), "\n".join(missed)


def test_the_same_foot_scanned_again_gives_the_same(
    records: list[dict[str, Any]], record_property: Callable[[str, object], None]
) -> None:
    feet = {(r["family"], r["seed"]) for r in records if r["repeat"]}
    again = [r for r in records if (r["family"], r["seed"]) in feet]
    wide = []
    for key in figures.NUMBERS:
        most, sd = figures.repeat_limit(key), figures.repeatability(again, key)
        if most is not None and sd is not None:
            record_property(key, round(sd, 3))
            if sd > most:
                wide.append(f"{key}: {sd:.3f} > {most}")
    assert not wide, "\n".join(wide)


def test_the_sd_of_a_family_that_nobody_looked_at_is_honest(
    records: list[dict[str, Any]], record_property: Callable[[str, object], None]
) -> None:
    here = figures.first_scans(records, families.UNSEEN)
    false = []
    for key in figures.NUMBERS:
        found = figures.figures(here, key)
        if found.n >= 40:
            record_property(key, [round(found.within, 3), round(found.sd / found.rms, 2)])
            if not found.honest:
                false.append(f"{key}: {found.within:.0%} within 2 sd, sd {found.sd / found.rms:.2f} RMS errors")
    assert not false, "\n".join(false)


def test_no_foot_is_taken_for_the_other_one(
    records: list[dict[str, Any]], record_property: Callable[[str, object], None]
) -> None:
    sides = figures.sides(records)
    for name in ("right", "wrong", "unknown", "refused"):
        record_property(name, getattr(sides, name))
    assert sides.wrong == 0 and sides.refused == 0
    assert sides.unknown <= 0.03 * len(records)
