"""A person who stands still on a plate and sways as told: the centre of pressure is a sum of sine waves.

Each foot presses with its heel (and midfoot) and its forefoot (and toes). How the weight is shared between left and
right, rear and front gives any centre of pressure between the four exactly, so that frequencies, amplitudes and length
of the path are known in closed form.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from footscan.synth.layouts import plate_layout
from footscan.synth.patches import _PATCHES, REGIONS, Place, patches
from footscan.types import Array, PressureRecording, Recording

_STANDING = 8  #: where the weights of quiet standing stand in a patch's row


@dataclass(frozen=True, eq=False)
class SyntheticStanding:
    """``recording`` as a reader would give it; cop_mm (frames, 2) the true path, x forward; lines (n, 3) frequency Hz,
    amplitude forward and to the side, mm; phase (n, 2) rad; centre_mm (2,) about which it sways."""

    recording: Recording
    time_s: Array
    cop_mm: Array
    lines: Array
    phase: Array
    centre_mm: Array

    def path(self, time_s: Array) -> Array:
        """The true centre of pressure (n, 2) mm at any times (n,)."""
        angle = 2.0 * np.pi * time_s[:, None, None] * self.lines[None, :, :1] + self.phase
        return np.asarray(self.centre_mm + (self.lines[:, 1:] * np.sin(angle)).sum(axis=1))


def make_standing(
    lines: tuple[tuple[float, float, float], ...] = ((0.15, 4.0, 2.0), (0.5, 2.0, 2.0), (1.6, 0.8, 1.2)),
    seed: int = 0,
    duration_s: float = 40.0,
    rate_hz: float = 50.0,
    body_weight_n: float = 700.0,
    cell_mm: float = 8.0,
    base_mm: float = 200.0,
    foot_mm: float = 262.0,
) -> SyntheticStanding:
    """Somebody on a plate from the first frame to the last.

    lines : (frequency Hz, amplitude forward mm, amplitude to the side mm) of each sine wave; phases by ``seed``
    """
    rng = np.random.default_rng(seed)
    layout = plate_layout(int(np.ceil((foot_mm + 80.0) / cell_mm)), int(np.ceil((base_mm + 200.0) / cell_mm)), cell_mm)
    area = np.asarray(layout.area_mm2)
    # four loads of one newton: rear and front of each foot
    share = np.array([patch[_STANDING] for name in REGIONS for patch in _PATCHES[name]])
    front = np.array([patch[0] > 0.5 for name in REGIONS for patch in _PATCHES[name]])
    loads, centres = [], []
    for side, y in (("left", base_mm / 2), ("right", -base_mm / 2)):
        fields, _ = patches(layout, "left" if side == "left" else "right", Place(40.0, y, foot_mm))
        for group in (~front, front):
            load = (share * group) @ fields / (share * group).sum()
            loads.append(load)
            centres.append((load * area) @ layout.xy_mm / 1000.0)
    rear, fore = centres[0][0], centres[1][0]
    sides = [centres[0][1], centres[2][1]]
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    table, phase = np.array(lines, dtype=np.float64), rng.uniform(0, 2 * np.pi, (len(lines), 2))
    # the middle between all four: heels and heads of one foot need not lie on one line across
    centre = np.array([0.6 * rear + 0.4 * fore, 0.0])
    blank = SyntheticStanding(Recording(()), time_s, np.zeros((0, 2)), table, phase, centre)
    path = blank.path(time_s)
    ahead = (path[:, 0] - rear) / (fore - rear)
    lateral = [(1.0 - ahead) * centres[2 * k][1] + ahead * centres[2 * k + 1][1] for k in (0, 1)]
    left = (path[:, 1] - lateral[1]) / (lateral[0] - lateral[1])
    if min(ahead.min(), left.min()) < 0 or max(ahead.max(), left.max()) > 1 or sides[0] <= sides[1]:
        raise ValueError("such a sway leaves the feet: amplitudes must stay below 40 mm")
    weights = np.stack([left * (1 - ahead), left * ahead, (1 - left) * (1 - ahead), (1 - left) * ahead], axis=1)
    values = (body_weight_n * weights @ np.array(loads)).astype(np.float32)
    part = PressureRecording(values, "kPa", time_s, layout)
    recording = Recording((part,), format="synthetic", source=f"synthetic standing, seed {seed}")
    return SyntheticStanding(recording, time_s, path, table, phase, centre)
