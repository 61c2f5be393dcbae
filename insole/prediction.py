"""The pressure that an insole will give: before (a flat 3 mm insole, same shoe, same instants) and after.

The foot is a shape on springs in series: its soft tissue, the cover, the printed column (skins, infill core), each
bottoming out. It is rigid but for three joints (``insole.joints``): hallux and toes turn, the arch rises and sinks,
held by what tissues and muscles bore in that instant. At every instant of the recorded walk the shape comes from the
recording and the scan together: where a cell was loaded, the scan's sole is let in until the cell reads what was
recorded; elsewhere the sole stays above by what the scan shows, and higher where heel or front have left the ground.
The same force at the same centre of pressure is then put on the insole's own shape and springs.
Where a faint pressure was recorded under a sole that the scan shows well above the bed (an arch), the shoe's bed is
taken to have come up to the foot, not the foot down. Walls steeper than 20° hold a foot sideways and carry no weight.

Three beds are compared. ``before``: flat, EVA of 3 mm. ``shape``: the insole's shape with the springs of ``before``.
``after``: its shape and its own springs; what that adds is the stiffness' share. ``low`` and ``high`` span four
corners: modulus of the insole ± 50 %, of the tissue ± 30 %. Nobody has held this against measurements in shoes: every
prediction is ``unvalidated``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import numpy as np

from footscan.pressure.regions import REGIONS
from footscan.types import KPA_MM2_PER_N, Array, Foot, QualityReason
from insole.anatomy import anatomy
from insole.grounds import (
    AWAY_MM,
    FLAT_MATERIAL,
    FLAT_MM,
    carrying_surface,
    column_layers,
    continued,
    cover_material,
    foam_layer,
    foot_heights,
    settings_at,
    tissue_layer,
    tissue_thickness_mm,
)
from insole.instants import Stance, middle_stance, region_names
from insole.joints import joints, turns
from insole.materials import read_material
from insole.outline import outline
from insole.polygons import under_foot
from insole.springs import CHUNK, Law, Layer, in_series, press
from insole.surface import contour
from insole.types import InsoleDesign
from insole.zones import Zoning

LOADED_KPA = 10.0  #: a cell that carries more counts as contact
INSOLE_BAND, TISSUE_BAND = 0.5, 0.3
BAND_INSTANTS = 40
CLEAR_MM, DISAGREES = 3.0, 0.10  #: so much of the load under a sole that is so far up is said
LEAST_N = 1.0  #: instants with less are left alone
Bed = Literal["before", "shape", "after"]
BEDS: tuple[Bed, ...] = ("before", "shape", "after")
KEYS = ("peak_kpa", "pti_kpa_s", "area_mm2")


@dataclass(frozen=True)
class Forecast:
    """One number on the three beds, and the band of ``after`` (at the ``before`` that is given)."""

    before: float
    shape: float
    after: float
    low: float
    high: float

    @property
    def change_percent(self) -> float:
        """Of ``before``; negative: less."""
        return 100.0 * (self.after / self.before - 1.0) if self.before > 0 else 0.0


@dataclass(frozen=True, eq=False)
class Prediction:
    """What is predicted of one foot.

    regions[name][key] : key ``peak_kpa`` (mean over steps of the highest cell), ``pti_kpa_s`` (mean over steps of the
        highest cell's pressure-time integral), ``area_mm2`` (mean over steps of the area that is loaded); ``total`` too
    shape_percent, stiffness_percent : by how much each lowers the highest regional peak, % of before
    mean_peak_kpa : by bed, (cells,) mean over steps of each cell's peak; ``stance`` says where the cells are
    load_error : largest misfit of a predicted to a recorded force; ``left_out`` instants that no pose carries
    """

    stance: Stance
    regions: Mapping[str, Mapping[str, Forecast]]
    shape_percent: float
    stiffness_percent: float
    mean_peak_kpa: Mapping[Bed, Array]
    steps: int
    instants: int
    left_out: int
    load_error: float
    unvalidated: bool = True
    notes: tuple[QualityReason, ...] = field(default=())


@dataclass(frozen=True, eq=False)
class Ground:
    """What the foot stands on: ``height_mm`` (n,) of its top above the flat insole's, and the springs' law."""

    height_mm: Array
    law: Law


def predict(design: InsoleDesign, zoning: Zoning, foot: Foot, stances: Sequence[Stance]) -> Prediction:
    """Peak, area and pressure-time integral by region, before and after. All instants of ``stances`` are solved."""
    benches = [Bench(design, zoning, foot, stance) for stance in stances]
    solved = [bench.solve(np.arange(len(bench.stance.step)), 1.0, 1.0) for bench in benches]
    names = (*region_names(stances), "total")
    numbers = {bed: _means([_numbers(b.stance, s.cells[bed], names) for b, s in zip(benches, solved)]) for bed in BEDS}
    shown = middle_stance(stances)
    low, high = _band(benches[shown], solved[shown], names)
    regions: dict[str, Mapping[str, Forecast]] = {}
    for name in names:
        row = {}
        for key in KEYS:
            before, shape, after = (numbers[bed][name, key] for bed in BEDS)
            row[key] = Forecast(before, shape, after, after * low[name, key], after * high[name, key])
        regions[name] = MappingProxyType(row)
    peak = regions["total"]["peak_kpa"]
    scale = 100.0 / max(peak.before, 1e-9)
    return Prediction(
        stances[shown],
        MappingProxyType(regions),
        scale * (peak.before - peak.shape),
        scale * (peak.shape - peak.after),
        MappingProxyType({bed: stances[shown].mean_peak(solved[shown].cells[bed]) for bed in BEDS}),
        sum(len(np.unique(s.step)) for s in stances),
        sum(len(s.step) for s in stances),
        sum(s.left_out for s in solved),
        max(s.load_error for s in solved),
        notes=(*benches[0].notes, *benches[shown].disagreement()),
    )


@dataclass(frozen=True, eq=False)
class Solved:
    """By bed what the sensor would read (instants, cells); instants left out; largest misfit of a force."""

    cells: Mapping[Bed, Array]
    left_out: int
    load_error: float


class Bench:
    """Springs, sole and grounds of one foot, made once for all corners of the band."""

    def __init__(self, design: InsoleDesign, zoning: Zoning, foot: Foot, stance: Stance) -> None:
        self.stance, self.zoning = stance, zoning
        self.flat, self.foam = read_material(FLAT_MATERIAL), cover_material(design)
        x, y = stance.xy_mm.T
        where = anatomy(foot)
        line = outline(foot, where, design.prescription)
        sole = contour(foot, where, line)
        self.sole = np.where(under_foot(foot, x, y), sole.at(x, y), AWAY_MM)
        grid = zoning.grid
        self.printed = grid.at(continued(grid, grid.thickness_mm), x, y)
        self.cover = design.prescription.cover_thickness_mm
        self.rise = grid.at(carrying_surface(continued(grid, grid.thickness_mm)), x, y) + self.cover - FLAT_MM
        self.settings = settings_at(zoning, x, y)
        self.turned = turns(where, stance)
        self.where, self.tissue_mm = where, tissue_thickness_mm(x / where.length_mm)
        said = [QualityReason("unvalidated", "nobody has held such predictions against pressures measured in shoes")]
        if stance.bed == "insole":
            detail = f"the recording is taken to be from a flat insole of {FLAT_MM:g} mm in the same shoe"
            said.append(QualityReason("flat_insole_taken", detail))
        else:
            said.append(QualityReason("barefoot_recording", "recorded on a plate: what the shoe adds is not in it"))
        if not sole.seen:
            said.append(QualityReason("arch_from_population", "the sole's shape between loaded places is a usual one"))
        self.notes = (*said, *(QualityReason("placed", note) for note in stance.notes))

    def disagreement(self) -> tuple[QualityReason, ...]:
        """A note where much of the load was recorded under places that the scan shows well above the bed."""
        some = _some(self.stance)
        measured = self.stance.pressure_kpa[some]
        law = self.grounds(1.0, 1.0)["before"].law
        _, _, clear = foot_heights(self.stance, measured, law, self.sole, self.turned, some)
        weight = self.stance.on_springs(measured) * self.stance.area_mm2
        share = float((weight * (clear > CLEAR_MM)).sum() / max(float(weight.sum()), 1e-9))
        if share < DISAGREES:
            return ()
        detail = f"{100 * share:.0f} % of the load was recorded where the scan's sole stands {CLEAR_MM:g} mm clear"
        return (QualityReason("scan_disagrees", f"{detail}: is it the same foot?"),)

    def tissue(self, factor: float) -> Layer:
        """The foot's own layer."""
        return tissue_layer(self.tissue_mm, factor)

    def grounds(self, insole: float, tissue: float) -> dict[Bed, Ground]:
        """The three beds, with factors on both moduli."""
        pad = self.tissue(tissue)
        flat = in_series([pad, foam_layer(self.flat, FLAT_MM, 1.0)])
        own = [pad, *column_layers(self.printed, self.settings, self.zoning, insole)]
        if self.cover > 0:
            own.append(foam_layer(self.foam, self.cover, insole))
        level = np.zeros(len(self.rise))
        return {
            "before": Ground(level, flat),
            "shape": Ground(self.rise, flat),
            "after": Ground(self.rise, in_series(own)),
        }

    def solve(self, which: Array, insole: float, tissue: float, among: Sequence[Bed] = BEDS) -> Solved:
        """The instants ``which`` on the beds ``among``, with factors on both moduli."""
        stance = self.stance
        beds = self.grounds(insole, tissue)
        reference = beds["before"].law if stance.bed == "insole" else in_series([self.tissue(tissue)])
        force = stance.force_n[which]
        which, force = which[force > LEAST_N], force[force > LEAST_N]
        measured = stance.pressure_kpa[which]
        found: dict[Bed, list[Array]] = {bed: [] for bed in among}
        lost, error = np.zeros(len(which), dtype=bool), 0.0
        for at in range(0, len(which), CHUNK):
            now = slice(at, at + CHUNK)
            heights, came_up, _ = foot_heights(stance, measured[now], reference, self.sole, self.turned, which[now])
            recorded, _ = reference.pressure(np.where(stance.on_springs(measured[now] > 0), -heights, 0.0))
            cop = np.einsum("in,nk->ik", recorded * stance.area_mm2, stance.xy_mm)
            cop /= np.maximum((recorded * stance.area_mm2).sum(axis=1), 1e-9)[:, None]
            foot, pose = joints(self.where, stance, recorded, tissue), None
            for bed in among:
                gap = heights + (0.0 if bed == "before" else came_up) - beds[bed].height_mm
                made = press(stance.xy_mm, stance.area_mm2, beds[bed].law, gap, force[now], cop, pose, foot)
                pose = made.pose
                cells = stance.cell_means(made.pressure_kpa)
                carried = np.einsum("ij,j->i", cells, stance.area_of_cell_mm2) / KPA_MM2_PER_N
                error = max(error, float(np.abs(carried / force[now] - 1.0)[made.converged].max(initial=0.0)))
                lost[now] |= ~made.converged
                found[bed].append(cells)
        whole = {bed: np.zeros((len(self.stance.step), measured.shape[1])) for bed in among}
        for bed in among:
            whole[bed][which] = np.where(lost[:, None], 0.0, np.vstack([np.zeros((0, measured.shape[1])), *found[bed]]))
        return Solved(whole, int(lost.sum()), error)


# ------------------------------------------------------------------ numbers

Table = dict[tuple[str, str], list[float]]


def _numbers(stance: Stance, cells: Array, names: Sequence[str], which: Array | None = None) -> Table:
    """(region, key) -> a value a step, from what the sensor would read (instants, cells)."""
    which = np.arange(len(stance.step)) if which is None else which
    step, weight = stance.step[which], stance.weight_s[which]
    steps = np.unique(step)
    peaks = np.array([cells[which][step == s].max(axis=0) for s in steps])
    integral = np.array([np.einsum("ij,i->j", cells[which][step == s], weight[step == s]) for s in steps])
    table: Table = {}
    for name in names:
        mine = np.ones(len(stance.region), dtype=bool) if name == "total" else stance.region == REGIONS.index(name)
        area = (peaks[:, mine] > LOADED_KPA) * stance.area_of_cell_mm2[mine]
        table[name, "peak_kpa"] = peaks[:, mine].max(axis=1, initial=0.0).tolist()
        table[name, "pti_kpa_s"] = integral[:, mine].max(axis=1, initial=0.0).tolist()
        table[name, "area_mm2"] = area.sum(axis=1).tolist()
    return table


def _means(tables: Sequence[Table]) -> dict[tuple[str, str], float]:
    return {key: float(np.mean([v for table in tables for v in table[key]])) for key in tables[0]}


Factors = dict[tuple[str, str], float]


def _band(bench: Bench, middle: Solved, names: Sequence[str]) -> tuple[Factors, Factors]:
    """Least and largest factor on ``after``, from the four corners, over some instants of one step."""
    some = _some(bench.stance)

    def ratio(made: Solved) -> Factors:
        before, after = (_means([_numbers(bench.stance, made.cells[b], names, some)]) for b in ("before", "after"))
        return {key: after[key] / max(before[key], 1e-9) for key in after}

    corners = [
        ratio(bench.solve(some, e, t, ("before", "after")))
        for e in (1.0 - INSOLE_BAND, 1.0 + INSOLE_BAND)
        for t in (1.0 - TISSUE_BAND, 1.0 + TISSUE_BAND)
    ]
    off = {key: [c[key] / value if value > 1e-9 else 1.0 for c in corners] for key, value in ratio(middle).items()}
    return {k: min(1.0, *v) for k, v in off.items()}, {k: max(1.0, *v) for k, v in off.items()}


def _some(stance: Stance) -> Array:
    """Instants of the step whose largest force is the middle one, thinned out."""
    steps = np.unique(stance.step)
    most = np.array([stance.force_n[stance.step == s].max() for s in steps])
    mine = np.flatnonzero(stance.step == steps[np.argsort(most, kind="stable")[len(steps) // 2]])
    return np.asarray(mine[np.unique(np.linspace(0, len(mine) - 1, min(BAND_INSTANTS, len(mine))).astype(int))])
