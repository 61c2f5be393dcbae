"""Feet, an insole and a walk for the gallery, made once into a folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

NAMES = {
    "en": {
        "ball_girth_mm": "Ball girth",
        "waist_girth_mm": "Waist girth",
        "foot_breadth_mm": "Breadth",
        "instep_girth_mm": "Instep girth",
        "heel_girth_short_mm": "Heel girth",
        "foot_length_mm": "Length",
    },
    "zh": {
        "ball_girth_mm": "跖围",
        "waist_girth_mm": "前跗围",
        "foot_breadth_mm": "足宽",
        "instep_girth_mm": "跗围",
        "heel_girth_short_mm": "兜跟围",
        "foot_length_mm": "足长",
    },
}


def make_all(folder: Path, seed: int = 5) -> None:
    """Everything that the gallery shows; nothing where it is there already."""
    from footscan.synth import make_walk
    from station.kiosk import simulated_scan, work
    from station.kiosk.peaks import peaks, side_by_side

    if (folder / "done").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    for side in ("left", "right"):
        scan = simulated_scan.scan({"side": side, "seed": seed})
        document, files = work.measure({f"{side}.ply": scan}, {"side": side, "load": "standing", "sd": False})
        _, shown = work.show({f"{side}.foot": files[f"{side}.foot"]}, {})
        (folder / f"{side}.glb").write_bytes(shown[f"{side}.glb"])
        (folder / f"{side}.print.svg").write_bytes(files[f"{side}.print.svg"])
        for lang, names in NAMES.items():
            tapes = [
                {"key": t["key"], "label": names[t["key"]], "text": f"{t['mm']:.0f} mm", "points": t["points"]}
                for t in document["lines"][side]
            ]
            (folder / f"{side}.{lang}.json").write_text(json.dumps({"tapes": tapes}), encoding="utf-8")
        _, made = work.insole({f"{side}.foot": files[f"{side}.foot"]}, {"for": "screen", "preset": "everyday"})
        for name, data in made.items():
            (folder / name).write_bytes(data)
    walk = make_walk(seed=3, steps=12, foot_mm=262.0).recording
    (folder / "peaks.json").write_text(json.dumps(peaks(walk)), encoding="utf-8")
    parts = sorted(walk.pressure, key=lambda p: p.side == "right")
    frames = np.concatenate([np.clip(p.values / 400.0, 0, 1) * 255 for p in parts], axis=1)
    np.save(folder / "walk.npy", np.nan_to_num(frames).astype(np.uint8))
    layout = side_by_side([(part.side, part.layout, part.values.shape[1]) for part in parts])
    (folder / "layout.json").write_text(json.dumps(layout), encoding="utf-8")
    force = [
        (p.values * (p.layout.area_mm2 if p.layout.area_mm2 is not None else 100.0)).sum(axis=1) / 1000 for p in parts
    ]
    keep = parts[0].time_s < 3.0
    curve = {
        "unit": "N",
        "time_s": np.round(parts[0].time_s[keep], 3).tolist(),
        "series": [
            {"name": p.side.title(), "side": p.side, "values": np.round(f[keep], 1).tolist()}
            for p, f in zip(parts, force)
        ],
    }
    (folder / "force.json").write_text(json.dumps(curve), encoding="utf-8")
    regions = ["Heel", "Midfoot", "Ball, inner", "Ball, outer", "Big toe"]
    bars = {
        "unit": "kPa",
        "categories": regions,
        "series": [
            {"name": "Left", "side": "left", "values": [212, 64, 238, 174, 196]},
            {"name": "Right", "side": "right", "values": [204, 71, 226, 189, 181]},
        ],
    }
    (folder / "bars.json").write_text(json.dumps(bars), encoding="utf-8")
    cloud = _cloud(seed)
    np.save(folder / "cloud.npy", cloud)
    (folder / "done").touch()


def _cloud(seed: int) -> np.ndarray:
    """Points of a foot in the order in which a scanner that turns round it sees them."""
    from footscan.synth import FootSpec, make_foot, scan_foot

    points = scan_foot(make_foot(FootSpec("left", 262.0)), points=60_000, turn_deg=0.0, seed=seed).points
    points = points - points.mean(axis=0) * [1, 1, 0]
    around = np.arctan2(points[:, 1], points[:, 0])
    noise = np.random.default_rng(seed).normal(0, 0.25, len(points))
    return points[np.argsort(around + noise)].astype("<f4")
