"""The 16 cells of Moticon OpenGo insoles: where they lie and how large they are, worked out from what files say.

**Areas.** Those of insole size 7 are known: Σ p·a is the total force that the vendor's sample prints, to its rounding.
The cells of other sizes scale with the insole, left and right alike (the maker says so, moticon.com, "Shoe size
independent foot pressure analysis"). For them the 16 areas are solved from the file itself: least squares of Σ p·a
against the total force of all frames, drawn to the areas of size 7 times one factor (2 % standard deviation), so that a
cell that was hardly loaded keeps its share.

**Places.** No list of them is published. The vendor's centre of pressure is Σ p·a·xy ÷ Σ p·a of the printed pressures,
which gives the places: least squares over the 2,600 frames of 50 N and more of the vendor's sample (size 7), left and
right on their own. The two agree to 0.0004; rounded to four decimals they give each centre of pressure back to 0.00007.
They are fractions of the insole's length (from its middle to the toes) and width (to the medial side), and as the maker
says hold for every size (rows of a file of size 3: to 0.0015). Length and width in mm are not published: positions are
"arbitrary", x from the heel in lengths, y to the wearer's left in widths.
"""

from __future__ import annotations

import numpy as np

from footscan.types import Array, SensorLayout, Side, frozen_array

KNOWN_SIZE = "7"
RARE = 0.05  #: of a file's frames: if so few are off they are damaged, if more the insole is another one

#: cell -> fraction of the length from the middle to the toes, of the width to the medial side, area in cm² (size 7)
CELLS = frozen_array(
    "CELLS",
    [
        (-0.4036, 0.1091, 12.37),
        (-0.4164, -0.1660, 11.06),
        (-0.2654, 0.0892, 13.36),
        (-0.2876, -0.2250, 13.12),
        (-0.1252, 0.0613, 13.13),
        (-0.1522, -0.2729, 13.02),
        (0.0802, 0.2424, 17.93),
        (-0.0123, -0.3920, 18.22),
        (0.2563, 0.2742, 15.66),
        (0.2406, 0.0640, 12.42),
        (0.2259, -0.1159, 12.51),
        (0.2069, -0.2945, 12.66),
        (0.1699, -0.4623, 10.23),
        (0.4132, 0.1779, 10.13),
        (0.4079, -0.0822, 12.51),
        (0.3593, -0.3132, 6.47),
    ],
    np.float64,
    (16, 3),
)


def moticon_layout(side: Side, area_cm2: Array | None) -> SensorLayout:
    """The 16 cells of a left or right insole, in fractions of its length and width; ``area_cm2`` (16,) or None."""
    medial = 1.0 if side == "right" else -1.0
    xy = np.column_stack([CELLS[:, 0] + 0.5, CELLS[:, 1] * medial])
    return SensorLayout(xy, None if area_cm2 is None else 100.0 * area_cm2, frame="insole", positions="arbitrary")


def areas_of(size: str, pressure: Array, force: Array) -> tuple[Array | None, Array, str]:
    """The areas of an insole's cells.

    Parameters
    ----------
    size : insole size as the file names it
    pressure : (n, 16) N/cm², all cells of either foot in n frames
    force : (n,) N, the file's total force in whole newtons

    Returns
    -------
    areas : (16,) cm², or None where none give the forces back
    off : (n,) bool, frames whose force is not that of their pressures (1 N and 0.1 %)
    how : a sentence that says where the areas come from
    """
    known, none = size == KNOWN_SIZE, np.zeros(len(force), np.bool_)
    if known:
        off = _off(pressure, force, CELLS[:, 2])
        if not len(off) or off.mean() <= RARE:
            return CELLS[:, 2], off, "areas of the cells are those of insole size 7"
    if int((force > 50.0).sum()) >= len(CELLS):
        areas = _solved(pressure, force)
        off = _off(pressure, force, areas)
        if off.mean() <= RARE:
            worst = float(np.abs(pressure @ areas - force)[~off].max())
            return (
                areas,
                off,
                f"areas of the cells were solved from the file's total force: it comes back to {worst:.1f} N",
            )
    return None, none, f"areas of the cells of insole size {size} are not known, and they do not follow from the file"


def _off(pressure: Array, force: Array, areas: Array) -> Array:
    return np.asarray(np.abs(pressure @ areas - force) > 1.0 + 1e-3 * np.abs(force))


def _solved(p: Array, force: Array) -> Array:
    """Areas (16,) in cm² by least squares of p (n, 16) N/cm² against force (n,) N, drawn to those of size 7, scaled.

    Whole newtons have a standard deviation of 0.29 N.
    """
    whole = p @ CELLS[:, 2]
    scaled = CELLS[:, 2] * (float(whole @ force) / max(float(whole @ whole), 1e-9))
    if not (scaled > 0).all():
        return CELLS[:, 2]
    normal = p.T @ p / 0.29**2 + np.diag((0.02 * scaled) ** -2.0)
    solved = scaled + np.linalg.solve(normal, p.T @ (force - p @ scaled) / 0.29**2)
    return np.asarray(solved if (solved > 0).all() else scaled)
