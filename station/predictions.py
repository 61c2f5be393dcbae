"""``prediction.json``: the pressure that each insole will give, before and after, with a band; unvalidated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from station.documents import plain
from station.prescriptions import notes

if TYPE_CHECKING:
    from insole.prediction import Forecast, Prediction
    from station.make import Insole, Made

SCHEMA = "plantar/prediction/1"


def prediction_document(made: Made) -> dict[str, Any]:
    """Of both feet; a foot without a prediction has its reason instead."""
    return {
        "schema": SCHEMA,
        "unvalidated": True,
        "feet": {side: _foot(insole) for side, insole in made.insoles.items()},
    }


def _foot(insole: Insole) -> dict[str, Any]:
    if insole.prediction is None:
        return {"regions": None, "reason": insole.no_prediction}
    return {"reason": None, **_told(insole.prediction)}


def _told(prediction: Prediction) -> dict[str, Any]:
    return {
        "bed": prediction.stance.bed,
        "steps": prediction.steps,
        "instants": prediction.instants,
        "instants_left_out": prediction.left_out,
        "load_error": plain(prediction.load_error),
        "shape_percent": plain(prediction.shape_percent),
        "stiffness_percent": plain(prediction.stiffness_percent),
        "regions": {
            region: {key: _forecast(forecast) for key, forecast in row.items()}
            for region, row in prediction.regions.items()
        },
        "notes": notes(prediction.notes),
    }


def _forecast(forecast: Forecast) -> dict[str, Any]:
    values = ("before", "shape", "after", "low", "high", "change_percent")
    return {name: plain(getattr(forecast, name)) for name in values}
