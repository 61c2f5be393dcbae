"""What a walk pressed as curves and bars: force over the contact, and the load of each region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from footscan.page import FAINT, INK, SIDE_COLOUR, SIDE_LINE, new_figure
from footscan.types import Array, Side

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from footscan.pressure import RecordingAnalysis, StepMetrics

STANCE = np.linspace(0.0, 100.0, 101)  #: percent of the contact
SIDES: tuple[Side, ...] = ("left", "right", "unknown")

#: what the bars can show: key of a region -> words, unit, what a value is divided by
BARS: Mapping[str, tuple[str, str, float]] = {
    "peak_kpa": ("peak pressure", "kPa", 1.0),
    "pti_cell_kpa_s": ("largest pressure-time integral of a place", "kPa·s", 1.0),
    "contact_time_s": ("time on the ground", "s", 1.0),
    "contact_area_mm2": ("loaded area", "cm²", 100.0),
    "max_force_n": ("largest force", "N", 1.0),
    "impulse_n_s": ("impulse", "N·s", 1.0),
}
REGION_WORDS: Mapping[str, str] = {
    "heel_medial": "heel\nmedial",
    "heel_lateral": "heel\nlateral",
    "midfoot_medial": "midfoot\nmedial",
    "midfoot_lateral": "midfoot\nlateral",
    "hallux": "big toe",
    "toes_2_5": "toes\n2–5",
    **{f"mth{k}": f"MTH {k}" for k in range(1, 6)},
}


def resampled(time_s: Array, series: Array) -> Array:
    """A series (frames, k) at each percent of its contact; NaN frames at the ends are left out."""
    good = np.isfinite(series).all(axis=1)
    if good.sum() < 2:
        return np.full((len(STANCE), series.shape[1]), np.nan)
    t = time_s[good]
    part = (t - t[0]) / (t[-1] - t[0]) * 100.0
    return np.stack([np.interp(STANCE, part, series[good, k]) for k in range(series.shape[1])], axis=1)


def used_steps(analysis: RecordingAnalysis, side: Side) -> list[StepMetrics]:
    """The contacts of a side that gait values count."""
    return [s for s in analysis.steps if s.side == side and s.used]


def mean_sd(values: Array) -> tuple[Array, Array]:
    """Mean and standard deviation (k,) over steps (n, k); NaN for the deviation of one."""
    spread = values.std(axis=0, ddof=1) if len(values) > 1 else np.full(values.shape[1], np.nan)
    return values.mean(axis=0), spread


def force_curves(analysis: RecordingAnalysis, height_in: float = 4.6) -> Figure:
    """Force over the contact, 0 to 100 % of it: the mean over the used steps of each foot, and ± one standard
    deviation."""
    figure = new_figure(9.0, height_in)
    low, high = 0.62 / height_in, 0.38 / height_in
    axes = figure.add_axes((0.085, low, 0.89, 1.0 - low - high))
    band = False
    for side in SIDES:
        used = [s for s in used_steps(analysis, side) if len(s.force) > 1]
        if not used:
            continue
        mean, sd = mean_sd(np.stack([resampled(s.time_s, s.force[:, None])[:, 0] for s in used]))
        took = np.mean([s.stop_s - s.start_s for s in used])
        name = "side unknown" if side == "unknown" else side
        words = f"{name}: {len(used)} step{'s' if len(used) > 1 else ''}, {took:.2f} s on the ground"
        colour = SIDE_COLOUR[side]
        if len(used) > 1:
            axes.fill_between(STANCE, mean - sd, mean + sd, color=colour, alpha=0.16, linewidth=0)
            band = True
        axes.plot(STANCE, mean, color=colour, lw=2.4, ls=SIDE_LINE[side], label=words)
    newtons = any(v is not None for v in analysis.max_force_n.values())
    plain_axes(axes, "share of the step, %", "force, N" if newtons else "load, raw")
    axes.set_xlim(0, 100)
    axes.set_ylim(bottom=0)
    if axes.get_legend_handles_labels()[0]:
        legend_above(axes)
        if band:
            words = "band: ± one standard deviation"
            axes.text(99, 0.02 * axes.get_ylim()[1], words, fontsize=9, color=FAINT, ha="right")
    else:
        axes.text(50, 0.5 * axes.get_ylim()[1], "no step to draw", fontsize=12, color=FAINT, ha="center")
    return figure


def plain_axes(axes: Axes, across: str, up: str) -> None:
    """Two axes with their words, a faint grid, no frame."""
    axes.set_ylabel(up, fontsize=11, color=INK)
    axes.set_xlabel(across, fontsize=11, color=INK)
    axes.grid(color=FAINT, alpha=0.25, lw=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=10)
    for edge in ("top", "right"):
        axes.spines[edge].set_visible(False)


def legend_above(axes: Axes) -> None:
    """The legend in one line above the curves."""
    place: dict[str, Any] = {"loc": "lower center", "bbox_to_anchor": (0.5, 0.995), "ncols": 3}
    axes.legend(frameon=False, fontsize=11, handlelength=3.2, **place)


# ------------------------------------------------------------------ regions


def region_values(steps: Sequence[StepMetrics], key: str) -> dict[str, Array]:
    """Region -> its values (n,) over steps, in the mask's order; regions without any are left out."""
    found: dict[str, Array] = {}
    for region in dict.fromkeys(name for s in steps for name in s.names):
        known = [v for s in steps if region in s.regions and (v := s.regions[region].get(key)) is not None]
        if known:
            found[region] = np.array(known)
    return found


def region_bars(analysis: RecordingAnalysis, key: str = "peak_kpa", height_in: float = 4.6) -> Figure:
    """A value of each region: bars with the mean over the used steps of each foot, a whisker of ± one standard
    deviation, a dot for each step.

    key : one of `BARS`; ValueError for any other
    """
    if key not in BARS:
        raise ValueError(f"key must be one of {', '.join(BARS)}, got {key!r}")
    words, unit, divide = BARS[key]
    by_side = {side: region_values(used_steps(analysis, side), key) for side in SIDES}
    by_side = {side: values for side, values in by_side.items() if values}
    regions = list(dict.fromkeys(region for values in by_side.values() for region in values))
    figure = new_figure(9.0, height_in)
    low, high = 0.72 / height_in, 0.38 / height_in
    axes = figure.add_axes((0.085, low, 0.905, 1.0 - low - high))
    plain_axes(axes, "", f"{words}, {unit}")
    axes.grid(visible=False, axis="x")
    if not regions:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no regions: the steps could not be divided", fontsize=12, color=FAINT, ha="center")
        return figure
    width = 0.8 / len(by_side)
    several = False
    for k, (side, values) in enumerate(by_side.items()):
        colour, left = SIDE_COLOUR[side], (k - 0.5 * len(by_side) + 0.5) * width
        count = max(len(v) for v in values.values())
        label: str | None = f"{side if side != 'unknown' else 'side unknown'}: {count} step{'s' if count > 1 else ''}"
        for n, region in enumerate(regions):
            if region not in values:
                continue
            own = values[region] / divide
            hatch = "" if side == "left" else "////" if side == "right" else "...."
            style: dict[str, Any] = {"facecolor": colour, "alpha": 0.42, "hatch": hatch, "edgecolor": "white"}
            axes.bar(n + left, own.mean(), 0.92 * width, label=label, linewidth=0, **style)
            axes.plot(n + left + np.array([-0.46, 0.46]) * width, [own.mean()] * 2, color=colour, lw=2.2)
            label = None
            if len(own) > 1:
                several = True
                spread = own.std(ddof=1)
                axes.errorbar(n + left, own.mean(), spread, color=INK, lw=1.4, capsize=3.5, capthick=1.4, zorder=4)
                aside = np.linspace(-0.26, 0.26, len(own)) * width
                axes.scatter(n + left + aside, own, s=9, color=colour, edgecolor="white", linewidth=0.4, zorder=3)
    axes.set_xticks(
        range(len(regions)), [REGION_WORDS.get(r, r.replace("_", "\n")) for r in regions], fontsize=9.5, color=INK
    )
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.55, len(regions) - 0.45)
    axes.set_ylim(bottom=0)
    legend_above(axes)
    told = "bar: mean; whisker: ± one standard deviation; dots: single steps" if several else "one step"
    figure.text(0.985, 0.02, told, fontsize=9, color=FAINT, ha="right", va="bottom")
    return figure
