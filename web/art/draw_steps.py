"""Draws the welcome screen's footprint, lines of equal pressure under a synthetic step, to web/src/elements/steps.json.

``python web/art/draw_steps.py``, after a change of this file only: what it draws is kept in the repository.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from contourpy import contour_generator
from scipy import ndimage

from footscan.synth import make_walk

LEVELS_KPA = (3, 14, 32, 56, 86, 122, 164, 212, 266)
FINER, SOFT_CELLS, LEAST_POINTS, APART_MM = 6, 1.05, 9, 1.1
OUT = Path(__file__).parents[1] / "src" / "elements" / "steps.json"


def main() -> None:
    walk = make_walk("plate", seed=8, steps=6, cell_mm=5.0, toe_out_deg=0.0).recording.pressure[0]
    rows, columns = walk.layout.shape
    frames = np.zeros((len(walk.time_s), rows * columns))
    frames[:, walk.layout.index] = walk.values
    peak = frames.max(axis=0).reshape(rows, columns)
    xy = np.zeros((rows * columns, 2))
    xy[walk.layout.index] = walk.layout.xy_mm
    labels, count = ndimage.label(ndimage.gaussian_filter(peak, 2.0) > 3.0)
    grid = xy.reshape(rows, columns, 2)
    # of the single steps (where one stands both feet run into one) the first of a left foot: y to the wearer's left
    sizes = ndimage.sum(labels > 0, labels, range(1, count + 1))
    left = ndimage.mean(grid[..., 1], labels, range(1, count + 1)) > np.mean(grid[..., 1])
    part = labels == 1 + int(np.flatnonzero(left & (sizes <= np.median(sizes)))[0])
    box = ndimage.find_objects(part.astype(int))[0]
    box = tuple(slice(max(0, s.start - 4), s.stop + 4) for s in box)
    patch = np.where(ndimage.binary_dilation(part, iterations=3), peak, 0.0)[box]
    fine = ndimage.zoom(ndimage.gaussian_filter(patch, SOFT_CELLS), FINER, order=3)
    along = grid[box][..., 0]
    across = grid[box][..., 1]
    x = ndimage.zoom(along, FINER, order=1)
    y = ndimage.zoom(across, FINER, order=1)
    lines = []
    middle = [(along.min() + along.max()) / 2, (across.min() + across.max()) / 2]
    generator = contour_generator(-(y - middle[1]), x - middle[0], fine)
    for level, kpa in enumerate(LEVELS_KPA):
        for line in generator.lines(kpa):
            kept = [line[0]]
            for point in line[1:]:
                if np.hypot(*(point - kept[-1])) > APART_MM:
                    kept.append(point)
            if len(kept) >= LEAST_POINTS:
                lines.append([level, *np.round(np.ravel(kept), 1).tolist()])
    OUT.write_text(json.dumps(lines, separators=(",", ":")) + "\n", encoding="utf-8")
    flat = np.concatenate([np.reshape(line[1:], (-1, 2)) for line in lines])
    print(f"{len(lines)} lines, {np.ptp(flat, axis=0)} mm, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
