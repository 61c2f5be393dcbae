"""What our own two formats of a recording, CSV and Parquet, say in JSON of everything but the numbers."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from footscan.io.text import show
from footscan.types import SIDES, Array, Channel, Event, PressureRecording, Recording, SensorLayout


def to_json(items: dict[str, Any]) -> str:
    """One line of text. ValueError for NaN and infinity."""
    return json.dumps(items, ensure_ascii=False, allow_nan=False, separators=(", ", ": "))


def from_json(text: bytes) -> Any:
    """What ``to_json`` wrote. ValueError for what is no JSON and for NaN, RecursionError for brackets without end."""
    return json.loads(text, parse_constant=_refuse)


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no number")


def about_recording(recording: Recording) -> dict[str, Any]:
    """The recording but for its parts and channels."""
    return {
        "format": recording.format,
        "source": recording.source,
        "clock": recording.clock,
        "start_utc": recording.start_utc,
        "notes": list(recording.notes),
        "parts": len(recording.pressure),
        "channels": len(recording.channels),
        "events": [[event.name, event.time_s, event.side] for event in recording.events],
    }


def recording_of(
    about: dict[str, Any], parts: tuple[PressureRecording, ...], channels: tuple[Channel, ...]
) -> Recording:
    """The recording whose ``about_recording`` this is; ValueError or TypeError where it is none. Notes may be absent:
    files from before there were any have none."""
    start, notes = about.get("start_utc"), about.get("notes", [])
    if not (start is None or isinstance(start, str)):
        raise ValueError(f"start_utc {show(start)}")
    if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
        raise ValueError(f"notes {show(notes)}")
    return Recording(
        parts,
        channels,
        tuple(_event(*event) for event in about.get("events", [])),
        start_utc=start,
        clock=str(about.get("clock", "file")),
        format=str(about["format"]),
        source=str(about.get("source", "")),
        notes=tuple(notes),
    )


def _event(name: Any, time_s: Any, side: Any) -> Event:
    if not isinstance(name, str) or side not in SIDES or not math.isfinite(time_s):
        raise ValueError(f"event {show((name, time_s, side))}")
    return Event(name, float(time_s), side)


def about_part(number: int, part: PressureRecording) -> dict[str, Any]:
    """A part but for its layout's numbers, its times and values; ``number`` counts from 1."""
    layout = part.layout
    return {
        "part": number,
        "side": part.side,
        "side_from": part.side_from,
        "unit": part.unit,
        "full_scale": part.full_scale,
        "masked": part.valid is not None,
        "frames": len(part.time_s),
        "cells": len(layout.xy_mm),
        "frame": layout.frame,
        "positions": layout.positions,
        "corners": None if layout.corners_mm is None else layout.corners_mm.shape[1],
        "area": layout.area_mm2 is not None,
        "shape": layout.shape,
    }


def part_of(
    about: dict[str, Any], layout: SensorLayout, time_s: Array, values: Array, valid: Array | None
) -> PressureRecording:
    """The part whose ``about_part`` this is; ValueError or TypeError where it is none."""
    full_scale = about.get("full_scale")
    if full_scale is not None and not math.isfinite(full_scale):
        raise ValueError(f"full_scale {full_scale}")
    return PressureRecording(
        values,
        about.get("unit", ""),
        time_s,
        layout,
        valid=valid,
        side=about.get("side", ""),
        side_from=about.get("side_from", "content"),
        full_scale=None if full_scale is None else float(full_scale),
    )


def about_channel(number: int, channel: Channel) -> dict[str, Any]:
    """A channel but for its times and values; ``number`` counts from 1."""
    return {
        "channel": number,
        "name": channel.name,
        "unit": channel.unit,
        "side": channel.side,
        "frames": len(channel.time_s),
        "columns": channel.values.shape[1],
    }


def check_writable(recording: Recording) -> None:
    """ValueError for what can't be given back: values or times that are not finite (a cell that is missing is masked,
    NaN in a channel says that nothing was measured)."""
    for part in recording.pressure:
        if not np.isfinite(part.values if part.valid is None else part.values[part.valid]).all():
            raise ValueError("values must be finite; mask missing cells with valid")
    for channel in recording.channels:
        if not np.isfinite(channel.time_s).all() or np.isinf(channel.values).any():
            raise ValueError(f"times of the channel {channel.name!r} must be finite, its values not infinite")
