"""What a prescription adds to or takes from the foot's shape: each a height field in mm over the plan.

All work on (rows, columns) arrays of top points: ``x``, ``y`` in the design frame (y medial), ``edge`` the distance
inward from the top's own edge, ``across`` −1 lateral … 1 medial.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from footscan.types import Array
from insole import rules
from insole.anatomy import BASE_END, HEEL_STATION, Anatomy
from insole.curves import bump, smooth_max, step
from insole.errors import DesignError
from insole.outline import FRONT_OF_MTH, Outline
from insole.types import InsolePrescription, Relief

COVER_EDGE_MM = 8.0  #: a short cover is skived over this at its front
LIFT_FLAT = 0.25  #: the lift keeps its height to here
MAX_BUILD_UP_MM = 6.0  #: of a post, at its high edge
SKIVE_SLOPE = float(np.tan(np.radians(15.0)))  #: Kirby's skive: a plane of 15°
RELIEF_WALL_MM = 8.0  #: at least; and never steeper than RELIEF_SLOPE
RELIEF_SLOPE = float(np.tan(np.radians(20.0)))
RELIEF_CORE_MM = {"mth": 7.0, "toe": 5.0, "base5": 7.0, "navicular": 8.0}
PAD_SIZE = {"narrow": (0.063, 0.18), "wide": (0.095, 0.19)}  #: half width and length of a teardrop, in foot lengths
BAR_LENGTH = 0.14
GROOVE_HALF_WIDTH_MM = 9.0
BASE5_STATION, NAVICULAR_STATION, CUBOID_STATION = 0.40, 0.43, 0.42  #: commonly quoted, of the foot's length


@dataclass(frozen=True, eq=False)
class Field:
    """Where the top's points are, and on what foot; ``lean``: how far the wall beside them leans out (mm)."""

    rx: InsolePrescription
    anatomy: Anatomy
    line: Outline
    x: Array
    y: Array
    edge: Array
    across: Array
    lean: Array

    @property
    def behind(self) -> Array:
        """How far each point lies behind the line of the metatarsal heads (mm)."""
        return self.anatomy.mth_x(self.y) - self.x

    @property
    def u(self) -> Array:
        """Station: fraction of the foot's length."""
        return self.x / self.anatomy.length_mm


# ------------------------------------------------------------------ thickness, lift, posts


def cover(f: Field) -> Array:
    """Thickness of the cover that will be glued on, to where it ends."""
    length = f.anatomy.length_mm
    to = rules.cover_to(f.rx)
    if to == "full":
        return np.full_like(f.x, f.rx.cover_thickness_mm)
    front = FRONT_OF_MTH[to] * length
    return np.asarray(f.rx.cover_thickness_mm * (1.0 - step(-f.behind, front - COVER_EDGE_MM, front)))


def base(f: Field) -> Array:
    """Printed thickness: base to 0.60 of the length, forefoot from the line of the heads on."""
    start = np.minimum(BASE_END * f.anatomy.length_mm, f.x + f.behind - 10.0)
    share = step(f.x, start, f.x + f.behind)
    return f.rx.base_thickness_mm + (f.rx.forefoot_thickness_mm - f.rx.base_thickness_mm) * share


def lift(f: Field) -> Array:
    """Full height under the rear quarter, then a ramp to nothing at the line of the heads."""
    return f.rx.heel_lift_mm * (1.0 - step(f.x, LIFT_FLAT * f.anatomy.length_mm, f.x + f.behind))


def post_stations(f: Field) -> dict[str, tuple[float, float, float]]:
    """Field -> (degrees, lateral and medial edge of the underside there)."""
    heel = np.array(HEEL_STATION * f.anatomy.length_mm)
    ball = np.array(0.5 * (f.anatomy.mth1[0] + f.anatomy.mth5[0]))
    found = {}
    for name, x in (("rearfoot_post_deg", heel), ("forefoot_post_deg", ball)):
        centre, half2, _, _ = f.line.at(np.minimum(x, f.line.end))
        half = float(np.sqrt(half2))
        found[name] = (getattr(f.rx, name), float(centre) - half, float(centre) + half)
    return found


def posts(f: Field) -> Array:
    """Wedges whose low edge adds nothing; the twist between heel and ball blends. DesignError above 6 mm at an edge."""
    wedges = []
    for name, (degrees, lateral, medial) in post_stations(f).items():
        rise = np.tan(np.radians(degrees))
        if abs(rise) * (medial - lateral) > MAX_BUILD_UP_MM:
            most = np.degrees(np.arctan(MAX_BUILD_UP_MM / (medial - lateral)))
            most = np.copysign(np.floor(10.0 * most) / 10.0, degrees)
            limit = f"an edge built up by at most {MAX_BUILD_UP_MM:g} mm over {medial - lateral:.0f} mm of width"
            raise DesignError(name, degrees, limit, float(most))
        wedges.append(np.maximum(rise * (f.y - (lateral if degrees > 0 else medial)), 0.0))
    forward = step(f.x, 0.30 * f.anatomy.length_mm, f.x + f.behind)
    toes = 1.0 - step(-f.behind, 0.02 * f.anatomy.length_mm, 0.12 * f.anatomy.length_mm)
    rear = wedges[0] * (1.0 - forward)
    if f.rx.post_type == "intrinsic":  # the rim stays upright, the seat in it tilts
        rear = rear * step(f.edge, 2.0, 9.0)
    return np.asarray(rear + wedges[1] * forward * toes)


def skive(f: Field, shape: Array) -> Array:
    """The heel's shape with a 15° plane in it, on either side, raised at most by what is asked."""
    for side, depth in ((1.0, f.rx.medial_skive_mm), (-1.0, f.rx.lateral_skive_mm)):
        if depth == 0:
            continue
        row = int(np.argmin(np.abs(f.x[:, f.x.shape[1] // 2] - HEEL_STATION * f.anatomy.length_mm)))
        seat = np.abs(f.across[row]) < 0.85
        highest = np.max((SKIVE_SLOPE * side * f.y[row] - shape[row])[seat])
        plane = SKIVE_SLOPE * side * f.y - (highest - depth)
        shape = shape + (smooth_max(shape, plane, 1.6) - shape) * (1.0 - step(f.u, 0.20, 0.38))
    return shape


# ------------------------------------------------------------------ arch, edges, pads


def arch_zone(f: Field) -> Array:
    """1 over the medial arch, 0 at heel, ball and lateral border."""
    return bump(f.u, (0.20, 0.36), (0.54, 0.68)) * step(f.across, -0.35, 0.45)


def edges(f: Field) -> Array:
    """Raised medial and lateral edges, and the medial flange."""
    rx = f.rx
    low = step(f.edge, 11.0 + f.lean, 1.5)
    wall = step(f.edge, 7.0 + f.lean, 1.5)  # the outer face leans: the inner one stays clear of it
    midfoot, arch = edge_profiles(f)
    medial, lateral = f.across > 0, f.across <= 0
    return (
        midfoot * low * (rx.medial_edge_mm * medial + rx.lateral_edge_mm * lateral)
        + arch * wall * rx.medial_flange_mm * medial
    )


def edge_profiles(f: Field) -> tuple[Array, Array]:
    """How the raised edges, and the flange, come and go along the foot."""
    return bump(f.u, (0.24, 0.34), (0.52, 0.64)), bump(f.u, (0.22, 0.44), (0.46, 0.68))


def met_pad(f: Field) -> Array:
    """A teardrop behind the heads, or a bar across; its front edge lies ``met_pad_offset_mm`` behind their line."""
    rx, length = f.rx, f.anatomy.length_mm
    if rx.met_pad_height_mm == 0:
        return np.zeros_like(f.x)
    rise = max(0.065 * length, 2.2 * rx.met_pad_height_mm)  # from the front edge to the top
    if rx.met_pad_shape == "bar":
        if rx.met_bar_front_mm is None:
            back = f.behind - rx.met_pad_offset_mm
        else:  # along a line of one's own, by the pressure under the heads
            front_x, front_y = np.array(rx.met_bar_front_mm).T
            back = np.interp(f.y, front_y, front_x) - f.x
        long = max(BAR_LENGTH * length, 2.2 * rise)
        return rx.met_pad_height_mm * bump(back, (0.0, rise), (rise, long)) * step(f.edge, 2.0, 10.0)
    half, long = (size * length for size in PAD_SIZE[rx.met_pad_shape])
    half, long = max(half, 1.6 * rx.met_pad_height_mm), max(long, 2.6 * rise)
    first = 1 if rx.met_pad_shape == "narrow" else 2
    middle = f.anatomy.heads[first:4].mean(axis=0) if first == 1 else f.anatomy.heads[1:5].mean(axis=0)
    front = float(f.anatomy.mth_x(middle[1])) - rx.met_pad_offset_mm
    back = front - f.x
    along = bump(back, (0.0, rise), (rise, long))
    width = half * (1.0 - 0.45 * step(back, rise, long))
    side = np.clip(1.0 - ((f.y - middle[1]) / width) ** 2, 0.0, None) ** 2
    return np.asarray(rx.met_pad_height_mm * along * side)


def pads(f: Field) -> Array:
    """Cuboid pad, Morton extension and its reverse."""
    rx, length = f.rx, f.anatomy.length_mm
    total = np.zeros_like(f.x)
    if rx.cuboid_pad_mm:
        away = np.hypot((f.x - CUBOID_STATION * length) / (0.075 * length), (f.across + 0.45) / 0.5)
        total = total + rx.cuboid_pad_mm * (1.0 - step(away, 0.15, 1.0))
    first = 0.5 * (f.anatomy.heads[0, 1] + f.anatomy.heads[1, 1])
    forward = step(-f.behind, -20.0, -2.0)
    inner = step(f.y, first - 6.0, first + 6.0)
    return total + forward * (rx.morton_extension_mm * inner + rx.reverse_morton_mm * (1.0 - inner))


# ------------------------------------------------------------------ reliefs and hollows


def _places(f: Field) -> dict[str, tuple[Array, float]]:
    """Relief field -> (middle, radius of the flat core)."""
    found = {}
    for i in range(5):
        found[f"relief_mth{i + 1}"] = (f.anatomy.heads[i], RELIEF_CORE_MM["mth"])
        found[f"relief_toe{i + 1}"] = (f.anatomy.toes[i], RELIEF_CORE_MM["toe"])
    for name, station, across in (("base5", BASE5_STATION, -0.72), ("navicular", NAVICULAR_STATION, 0.72)):
        x = station * f.anatomy.length_mm
        centre, half2, _, _ = f.line.at(np.array(x))
        found[f"relief_{name}"] = (np.array([x, float(centre + across * np.sqrt(half2))]), RELIEF_CORE_MM[name])
    return found


def reliefs(f: Field, thickness: Array) -> tuple[Array, dict[str, Relief]]:
    """How deep to carve, and what became of each relief: depth = min(0.5 mm a point, what stands above the minimum)."""
    carve, made = np.zeros_like(f.x), {}
    for name, (middle, core) in _places(f).items():
        score = getattr(f.rx, name)
        if score == 0:
            continue
        away = np.hypot(f.x - middle[0], f.y - middle[1])
        inside = away < core
        if not inside.any():
            raise DesignError(name, score, "a place on the insole: the outline ends before it", 0.0)
        asked = rules.RELIEF_MM_PER_POINT * score
        depth = float(np.clip(thickness[inside].min() - f.rx.min_thickness_mm, 0.0, asked))
        wall = max(RELIEF_WALL_MM, 1.5 * depth / RELIEF_SLOPE)
        carve = np.maximum(carve, depth * (1.0 - step(away, core, core + wall)))
        made[name] = Relief(depth, asked - depth)
    return carve, made


def hollows(f: Field, thickness: Array) -> Array:
    """Heel spur dimple, fascia groove, first ray cutout. DesignError for a groove through the base."""
    rx, length, room = f.rx, f.anatomy.length_mm, thickness - f.rx.min_thickness_mm
    carve = np.zeros_like(f.x)
    if rx.heel_spur_relief:
        away = np.hypot(f.x - 0.17 * length, f.y - f.anatomy.heel_y_mm - 0.015 * length)
        depth = min(rules.SPUR_DEPTH_MM, float(room[away < 6.0].min()))
        carve = np.maximum(carve, depth * (1.0 - step(away, 6.0, 16.0)))
    if rx.fascia_groove_mm:
        carve = np.maximum(carve, _groove(f, room))
    if rx.first_ray_cutout:
        first = 0.5 * (f.anatomy.heads[0, 1] + f.anatomy.heads[1, 1])
        zone = step(f.y, first - 2.0, first + 6.0) * bump(
            -f.behind, (-16.0, -6.0), (0.05 * length, 0.05 * length + 10.0)
        )
        carve = np.maximum(carve, zone * np.maximum(room, 0.0))
    return carve


def _groove(f: Field, room: Array) -> Array:
    """From the heel's inner tubercle to between the first two heads, ending before both."""
    start = np.array([0.20 * f.anatomy.length_mm, f.anatomy.heel_y_mm + 0.02 * f.anatomy.length_mm])
    stop = f.anatomy.heads[:2].mean(axis=0)
    way = stop - start
    t = ((f.x - start[0]) * way[0] + (f.y - start[1]) * way[1]) / (way @ way)
    off = np.abs((f.x - start[0]) * way[1] - (f.y - start[1]) * way[0]) / np.hypot(*way)
    shape = bump(t, (0.02, 0.18), (0.66, 0.84)) * (1.0 - step(off, 2.0, GROOVE_HALF_WIDTH_MM))
    most = float(np.min(np.where(shape > 0.02, room / np.maximum(shape, 0.02), np.inf)))
    if f.rx.fascia_groove_mm > most:
        limit = f"what leaves min_thickness_mm = {f.rx.min_thickness_mm:g} mm under it"
        raise DesignError(
            "fascia_groove_mm", f.rx.fascia_groove_mm, limit, float(np.floor(10.0 * max(most, 0.0)) / 10.0)
        )
    return f.rx.fascia_groove_mm * shape
