"""docs/accuracy.md out of the records of `make accuracy`, with its pictures; the same records give the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import accuracy_of_samples as samples
import families
import figures_of_accuracy as figures
import numpy as np
from figures_of_accuracy import LIMITS, NUMBERS, Records

from footscan.page import BLUE, FAINT, GREEN, INK, ORANGE, PURPLE, new_figure, png

DOCS = families.ROOT / "docs"
COLOURS = dict(zip(families.FAMILIES, (BLUE, GREEN, PURPLE, ORANGE)))
KINDS = {
    "loft": "loft, toes fused",
    "toes": "loft, toes apart",
    "find": "warps of FIND",
    "makehuman": "warps of MakeHuman",
}
PLACES = {"deg": 2, "mm": 2, "ml": 1}


def write(records: Records) -> None:
    """The page and its pictures; pictures of an earlier page go."""
    folder = DOCS / "img"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("accuracy_*.png"):
        old.unlink()
    (folder / "accuracy_errors.png").write_bytes(png(_errors_figure(records)))
    (folder / "accuracy_sd.png").write_bytes(png(_sd_figure(records)))
    parts = [
        _head(records),
        *_summary(records),
        *_accuracy(records),
        *_repeats(records),
        *_honesty(records),
        _sides(records),
        *samples.real_feet(folder),
        *_details(records),
    ]
    (DOCS / "accuracy.md").write_text("\n".join(parts).rstrip() + "\n", encoding="utf-8")


def _head(records: Records) -> str:
    named = figures.families_of(records)
    count = {f: len(figures.first_scans(records, f)) for f in named}
    listed = ", ".join(f"{count[f]} {KINDS[f]}" for f in named)
    unseen = (
        f"No SD was calibrated on the {KINDS[families.UNSEEN]}; faults found on a few of them were mended by rule, and"
        " how long a hill of the ball is read was chosen with all four families in view.\n"
        if families.UNSEEN in named
        else ""
    )
    return f"""# How accurate the measures are

Made by `make accuracy` out of {sum(count.values())} feet of known truth: {listed}. Sizes vary as ANSUR II's do, on both
sides; each foot is scanned with 250,000 points, 0.3 mm noise, 1 % stray points, a floor, a leg, at any turn. The truth
comes from exact plane sections of the clean mesh, by code that shares nothing with the measuring code.
{unseen}
Synthetic feet show what the measuring does. They are no proof of conformity with ISO 20685-1, which asks for living
feet and hands that measure them. Real feet, whose truth nobody knows, stand further down.
"""


def _summary(records: Records) -> Iterator[str]:
    """What is kept and what is missed, in words."""
    named = figures.families_of(records)
    asked = [(f, k, figures.figures(figures.first_scans(records, f), k)) for f in named for k in LIMITS]
    asked = [(f, k, found) for f, k, found in asked if found.n]
    missed = [(f, k) for f, k, found in asked if found.held is False]
    yield f"**Accuracy:** {len(asked) - len(missed)} of {len(asked)} limits are kept (a limit a measure and family)."
    if missed:
        yield "Missed: " + "; ".join(f"`{k}` ({KINDS[f]})" for f, k in missed) + "."
    again = repeated(records)
    spread = {k: figures.repeatability(again, k) for k in NUMBERS if figures.repeat_limit(k)}
    wide = [k for k, sd in spread.items() if sd is not None and sd > (figures.repeat_limit(k) or 0.0)]
    if again:
        yield f"\n**Repeatability:** {len(spread) - len(wide)} of {len(spread)} limits are kept."
        if wide:
            yield "Missed: " + ", ".join(f"`{k}`" for k in wide) + "."
    family = named[-1]
    stated = {k: figures.figures(figures.first_scans(records, family), k) for k in NUMBERS}
    stated = {k: f for k, f in stated.items() if f.n >= 10}
    false = [k for k, f in stated.items() if not f.honest]
    yield f"\n**Honest SD** ({KINDS[family]}): {len(stated) - len(false)} of {len(stated)} measures."
    if false:
        yield "Not: " + ", ".join(f"`{k}`" for k in false) + "."
    s = figures.sides(records)
    yield f"\n**Side:** {s.right} right, {s.wrong} wrong, {s.unknown} unknown, {s.refused} scans refused.\n"


def _accuracy(records: Records) -> Iterator[str]:
    named = figures.families_of(records)
    yield "## Accuracy\n\n95 % of the errors are asked to stay below the limit, mean |error| and bias below half of it."
    yield "Each cell: 95 % of |error| · mean |error| · bias (mm, degrees). **Bold**: beyond the limit.\n"
    yield "| measure | limit | " + " | ".join(KINDS[f] for f in named) + " |"
    yield "|---|---|" + "---|" * len(named)
    for key in NUMBERS:
        if key not in LIMITS and key != "navicular_height_mm":
            continue
        cells = []
        for family in named:
            f = figures.figures(figures.first_scans(records, family), key)
            cell = f"{f.p95:.2f} · {f.mean_abs:.2f} · {f.bias:+.2f}" if f.n else "–"
            cells.append(f"**{cell}**" if f.held is False else cell)
        limit = f"{LIMITS[key]:.1f}" if key in LIMITS else "none"
        yield f"| `{key}` | {limit} | " + " | ".join(cells) + " |"
    yield "\n![The errors of the measures, family by family](img/accuracy_errors.png)\n"


def repeated(records: Records) -> list[dict[str, Any]]:
    """All scans of the feet that were scanned more than once."""
    feet = {(r["family"], r["seed"]) for r in records if r["repeat"] > 0}
    return [r for r in records if (r["family"], r["seed"]) in feet]


def _repeats(records: Records) -> Iterator[str]:
    again = repeated(records)
    if not again:
        return
    feet = {(r["family"], r["seed"]) for r in again}
    times = max(r["repeat"] for r in records) + 1
    yield f"## Repeatability\n\n{len(feet)} feet, each scanned {times} times: new noise, new pose, every second"
    yield "time a fifth fewer points. SD of one foot's values, pooled over the feet.\n"
    yield "| measure | SD | asked |\n|---|---|---|"
    for key in NUMBERS:
        sd, most = figures.repeatability(again, key), figures.repeat_limit(key)
        if sd is not None and (most is not None or key in LIMITS):
            shown = f"{sd:.2f}" if most is None or sd <= most else f"**{sd:.2f}**"
            yield f"| `{key}` | {shown} | {'' if most is None else f'≤ {most}'} |"
    yield ""


def _honesty(records: Records) -> Iterator[str]:
    family = figures.families_of(records)[-1]
    here = figures.first_scans(records, family)
    yield f"## Is the SD honest?\n\nOn {KINDS[family]}: 92–98 % of the truths should lie within 2 `sd`, and the median"
    yield "`sd` be at most 1.5 times the root mean square of the error. **Bold**: not so.\n"
    yield "| measure | within 2 sd | median sd | RMS error | sd / RMS |\n|---|---|---|---|---|"
    for key in NUMBERS:
        f = figures.figures(here, key)
        if f.n < 10:
            continue
        low, high = figures.HONEST
        within = f"{f.within:.0%}" if low <= f.within <= high else f"**{f.within:.0%}**"
        ratio = f.sd / f.rms if f.rms else float("inf")
        wide = f"{ratio:.2f}" if ratio <= figures.WIDEST else f"**{ratio:.2f}**"
        yield f"| `{key}` | {within} | {f.sd:.3g} | {f.rms:.3g} | {wide} |"
    yield "\n![What the SD says against what the error is](img/accuracy_sd.png)\n"


def _sides(records: Records) -> str:
    lines = [
        "## Side and toes\n",
        "| family | right | wrong | unknown | refused | toe type right, wrong, missing |",
        "|---|---|---|---|---|---|",
    ]
    for family in figures.families_of(records):
        here = [r for r in records if r["family"] == family]
        s, t = figures.sides(here), figures.toe_types(figures.first_scans(records, family))
        lines.append(
            f"| {KINDS[family]} | {s.right} | {s.wrong} | {s.unknown} | {s.refused} | {t[0]}, {t[1]}, {t[2]} |"
        )
    return "\n".join(lines) + "\n"


def _details(records: Records) -> Iterator[str]:
    """Every figure, family by family."""
    yield "## Every figure\n"
    for family in figures.families_of(records):
        here = figures.first_scans(records, family)
        yield f"### {KINDS[family].capitalize() if family in ('loft', 'toes') else KINDS[family]}\n"
        yield "`none`: no value though there is a true one; `extra`: a value where the shape has no true one.\n"
        yield "| measure | n | none | extra | bias | mean abs. | 95 % | RMS | median sd | within 2 sd |"
        yield "|---|---|---|---|---|---|---|---|---|---|"
        for key in NUMBERS:
            f = figures.figures(here, key)
            shown = [_figure(key, v) for v in (f.bias, f.mean_abs, f.p95, f.rms, f.sd)] if f.n else ["–"] * 5
            within = f"{f.within:.0%}" if f.n else "–"
            yield f"| `{key}` | {f.n} | {f.missing} | {f.spurious} | " + " | ".join(shown) + f" | {within} |"
        yield ""


def _figure(key: str, value: float) -> str:
    return f"{value:.{PLACES.get(key.rsplit('_', 1)[-1], 4)}f}"


# ------------------------------------------------------------------ figures


def _errors_figure(records: Records) -> Any:
    """A line a measure, a row of dots a family: each error in parts of the limit."""
    named = figures.families_of(records)
    keys = [key for key in NUMBERS if key in LIMITS and key != "truncated_foot_length_mm"]
    figure = new_figure(8.2, 0.33 * len(keys) + 1.2)
    axes = figure.add_axes((0.27, 0.07, 0.70, 0.88))
    axes.axvspan(-1.0, 1.0, color="#eef2f5", zorder=0)
    axes.axvline(0.0, color=FAINT, lw=0.8)
    for row, key in enumerate(keys):
        for k, family in enumerate(named):
            errors = figures.pairs(figures.first_scans(records, family), key)[0] / LIMITS[key]
            y = len(keys) - 1 - row + 0.30 - 0.2 * k
            axes.plot(
                np.clip(errors, -2.0, 2.0),
                np.full(len(errors), y),
                "|",
                ms=4,
                mew=0.5,
                alpha=0.45,
                color=COLOURS[family],
            )
    for family in named:
        axes.plot([], [], "|", ms=9, mew=2, color=COLOURS[family], label=KINDS[family])
    axes.set(
        xlim=(-2.05, 2.05),
        ylim=(-0.7, len(keys) - 0.3),
        xlabel="error / limit (grey: within the limit; beyond twice the limit: at the edge)",
    )
    axes.set_yticks(range(len(keys)), [f"{key}" for key in reversed(keys)], fontsize=7.5)
    axes.tick_params(length=0, colors=INK)
    axes.legend(loc="upper center", bbox_to_anchor=(0.4, 1.055), ncols=4, frameon=False, fontsize=7.5)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    return figure


def _sd_figure(records: Records) -> Any:
    """Median sd against the root mean square of the error, a dot a measure and family."""
    figure = new_figure(6.4, 5.2)
    axes = figure.add_axes((0.12, 0.11, 0.84, 0.84))
    span = np.array([3e-3, 60.0])
    axes.fill_between(span, 0.85 * span, 1.5 * span, color="#eef2f5", zorder=0, lw=0)
    axes.plot(span, span, color=FAINT, lw=0.8)
    for family in figures.families_of(records):
        here = [figures.figures(figures.first_scans(records, family), key) for key in NUMBERS]
        dots = np.array([(f.rms, f.sd) for f in here if f.n >= 10 and f.rms > 0.0])
        if len(dots):
            axes.plot(dots[:, 0], dots[:, 1], "o", ms=4, alpha=0.7, color=COLOURS[family], label=KINDS[family])
    axes.set(xscale="log", yscale="log", xlabel="RMS error (mm, degrees, ml)", ylabel="median sd that is stated")
    axes.set(xlim=span, ylim=span)
    axes.legend(loc="upper left", frameon=False, fontsize=8, title="grey: sd 0.85 to 1.5 × RMS", title_fontsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure
