"""Standing balance: how the centre of pressure of a person who stands still wanders.

The path is put on even times, its mean taken off, and low-passed (``LOW_PASS_HZ``, a Butterworth filter of second order
run both ways, its −3 dB point corrected for two passes). Amplitudes and lengths are those of Prieto et al. 1996
(doi:10.1109/10.532130), the ellipse that of Schubert and Kirchner 2014 (doi:10.1016/j.gaitpost.2013.09.001).
Spectra are Welch's of the path *before* the low-pass, Hann windows of 20 s that overlap by half, only the mean taken
off (linear detrending and short windows raise the median frequency: Vieira et al. 2009,
doi:10.1590/S0100-879X2009000700012). The bands are those of Nagymáté et al. 2018 (doi:10.1371/journal.pone.0195995).
At least 25 s at 50 Hz are recommended (Scoppa et al. 2013, doi:10.1016/j.gaitpost.2012.07.009); shorter recordings are
judged from ``LEAST_STANDING_S`` on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from footscan.errors import ScanError
from footscan.pressure.cop import prediction_ellipse_mm2
from footscan.types import Array

LOW_PASS_HZ = 10.0
LEAST_STANDING_S = 10.0  #: of standing that has a spectrum down to 0.3 Hz
SETTLE_S = 1.0  #: left out after both feet have come and before one goes
WINDOW_S = 20.0
BANDS_HZ = ((0.0, 0.3), (0.3, 1.0), (1.0, 3.0))
AXES = ("ap", "ml")


@dataclass(frozen=True, eq=False)
class Balance:
    """Values by name: mm, s, Hz; ``bands`` (low Hz, high Hz, share ap, share ml) of the power up to the low-pass."""

    part: int
    start_s: float
    stop_s: float
    values: Mapping[str, float]
    bands: tuple[tuple[float, float, float, float], ...]


def sway(
    time_s: Array,
    cop_xy: Array,
    part: int = 0,
    low_pass_hz: float = LOW_PASS_HZ,
    bands_hz: tuple[tuple[float, float], ...] = BANDS_HZ,
) -> Balance:
    """The balance of a person who stands still.

    Parameters
    ----------
    time_s : (frames,) s
    cop_xy : (frames, 2) mm, x (or the axis the person looks along) anteroposterior, y mediolateral; NaN where unknown
    low_pass_hz : of amplitudes, lengths and velocities; at most 0.4 of the sampling rate

    Raises
    ------
    ScanError : fewer than 10 s, or more than a tenth of the frames unknown
    """
    known = np.isfinite(cop_xy).all(axis=1)
    if len(time_s) < 4 or float(time_s[-1] - time_s[0]) < LEAST_STANDING_S - 0.1:
        raise ScanError(f"balance needs {LEAST_STANDING_S:g} s of standing")
    if known.mean() < 0.9:
        raise ScanError("the centre of pressure is not known in more than a tenth of the frames")
    rate = float(1.0 / np.median(np.diff(time_s)))
    low_pass_hz = min(low_pass_hz, 0.4 * rate)
    # one path on even times
    even_s = np.arange(time_s[0], time_s[-1] + 0.5 / rate, 1.0 / rate)
    path = np.column_stack([np.interp(even_s, time_s[known], cop_xy[known, k]) for k in (0, 1)])
    path = path - path.mean(axis=0)
    calm = _low_passed(path, rate, low_pass_hz)
    # lengths and amplitudes
    steps = np.diff(calm, axis=0)
    length, duration = float(np.linalg.norm(steps, axis=1).sum()), float(even_s[-1] - even_s[0])
    values = {
        "duration_s": duration,
        "rate_hz": rate,
        "low_pass_hz": low_pass_hz,
        "sway_area_mm2": prediction_ellipse_mm2(calm) or 0.0,
        "path_mm": length,
        "mean_velocity_mm_per_s": length / duration,
        "rms_mm": float(np.sqrt((calm**2).sum(axis=1).mean())),
    }
    for axis, name in enumerate(AXES):
        values[f"range_{name}_mm"] = float(np.ptp(calm[:, axis]))
        values[f"rms_{name}_mm"] = float(np.sqrt((calm[:, axis] ** 2).mean()))
        values[f"mean_velocity_{name}_mm_per_s"] = float(np.abs(steps[:, axis]).sum()) / duration
    # spectra
    frequency, power = spectrum(path, rate)
    shares = []
    for axis, name in enumerate(AXES):
        values[f"median_frequency_{name}_hz"] = _median_frequency(frequency, power[:, axis], low_pass_hz)
        shares.append([_share(frequency, power[:, axis], low, high, low_pass_hz) for low, high in bands_hz])
    bands = tuple((low, high, ap, ml) for (low, high), ap, ml in zip(bands_hz, *shares))
    return Balance(part, float(time_s[0]), float(time_s[-1]), MappingProxyType(values), bands)


def _low_passed(path: Array, rate_hz: float, low_pass_hz: float) -> Array:
    from scipy.signal import butter, sosfiltfilt

    corner = low_pass_hz / (np.sqrt(2.0) - 1.0) ** 0.25  # two passes of second order: -3 dB at low_pass_hz
    sections = butter(2, min(corner, 0.49 * rate_hz), fs=rate_hz, output="sos")
    return np.asarray(sosfiltfilt(sections, path, axis=0))


def spectrum(path: Array, rate_hz: float) -> tuple[Array, Array]:
    """Frequencies (n,) Hz and power density (n, 2) mm²/Hz of a path (frames, 2) mm."""
    from scipy.signal import welch

    size = min(len(path), round(WINDOW_S * rate_hz))
    frequency, power = welch(path, rate_hz, "hann", size, detrend="constant", axis=0)
    return np.asarray(frequency), np.asarray(power)


def _cumulative(frequency: Array, power: Array) -> tuple[Array, Array]:
    """Edges (n + 1,) between frequencies, and the power below each."""
    step = float(frequency[1] - frequency[0])
    edges = np.concatenate([[0.0], frequency + 0.5 * step])
    return edges, np.concatenate([[0.0], np.cumsum(power) * step])


def _share(frequency: Array, power: Array, low: float, high: float, top: float) -> float:
    edges, below = _cumulative(frequency, power)
    total = float(np.interp(top, edges, below))
    return float(np.interp(high, edges, below) - np.interp(low, edges, below)) / total if total > 0 else 0.0


def _median_frequency(frequency: Array, power: Array, top: float) -> float:
    edges, below = _cumulative(frequency, power)
    total = float(np.interp(top, edges, below))
    return float(np.interp(0.5 * total, below, edges))
