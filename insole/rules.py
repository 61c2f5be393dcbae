"""What fields must be together: heel and forefoot room, skives, thicknesses, and the rules for feet that can't feel.

Each rule is a function of the prescription that raises a DesignError with the nearest value that works.
"""

from __future__ import annotations

import math
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from footscan.types import QualityReason
from insole.errors import DesignError

if TYPE_CHECKING:
    from insole.types import InsolePrescription, Points

SKIVE_CUP_MM = 14.0  #: the least cup for any skive
DEEP_SKIVE_CUP_MM = 20.0  #: and where skive (mm) + inversion (°) pass DEEP_SKIVE
DEEP_SKIVE = 5.0
COUNTER_CLEARANCE_MM = 35.0  #: heel counter left above the insole
FOREFOOT_ROOM_MM = 4.0  #: insole and cover in a shoe whose forefoot was not measured
NOZZLES = 3.0  #: nozzle widths in the thinnest wall
LENGTHS = ("three_quarter", "sulcus", "full")  #: from short to long
RELIEF_MM_PER_POINT = 0.5
SPUR_DEPTH_MM = 2.0
LEAST_RELIEF_MM = 0.1  #: a relief that can carve less than this carves nothing
MEASURED_BED_PITCH_MM = 40.0
STEEPEST_BED = 1.0  #: a bed steeper than 45° is no shoe's
FOREFOOT_MM = (1.2, 4.0)  #: the range of forefoot_thickness_mm
NEUROPATHIC_COVER_MM = 4.0
NEUROPATHIC_LIFT_MM = 6.0
DEEP_SHOE_LIFT_MM = 6.0
NEUROPATHIC_ZERO = (
    "medial_skive_mm",
    "lateral_skive_mm",
    "medial_edge_mm",
    "lateral_edge_mm",
    "medial_flange_mm",
    "morton_extension_mm",
    "reverse_morton_mm",
    "fascia_groove_mm",
)
NEUROPATHIC_OFF = ("first_ray_cutout", "heel_spur_relief")
TOTAL_CONTACT_ARCH_MM = (-3.2, 0.0)  #: what the load state alone may take off; nothing pushed into the arch
RELIEF_MTH = ("relief_mth1", "relief_mth2", "relief_mth3", "relief_mth4", "relief_mth5")
RELIEF_TOE = ("relief_toe1", "relief_toe2", "relief_toe3", "relief_toe4", "relief_toe5")
BEYOND_THE_BALL = (*RELIEF_MTH, "morton_extension_mm", "reverse_morton_mm", "first_ray_cutout", "toe_filler")
BEYOND_THE_SULCUS = (*RELIEF_TOE, "toe_filler")
LABEL = re.compile(r"[A-Z0-9 .\-]{1,12}")


def check(rx: InsolePrescription) -> None:
    """DesignError for the first rule that the prescription breaks."""
    _wound(rx)
    if rx.risk == "neuropathic":
        _neuropathic(rx)
    for rule in RULES:
        rule(rx)


def advice(rx: InsolePrescription) -> tuple[QualityReason, ...]:
    """What the values themselves ask to be said."""
    notes = []
    if rx.risk == "neuropathic":
        notes.append(
            QualityReason(
                "needs_in_shoe_check", "check the pressure in the shoe before it is worn (risk = neuropathic)"
            )
        )
    if rx.sensation in ("reduced", "absent") and rx.risk is None:
        detail = f"sensation is {rx.sensation}: a professional should say whether the rules of risk = neuropathic hold"
        notes.append(QualityReason("risk_not_said", detail))
    if rx.heel_lift_mm > DEEP_SHOE_LIFT_MM:
        notes.append(QualityReason("deep_shoe", f"a lift of {rx.heel_lift_mm:g} mm needs a deep shoe"))
    if rx.risk == "neuropathic" and rx.cover_material is None:
        notes.append(
            QualityReason("soft_cover", "the cover must be a soft one (risk = neuropathic): say cover_material")
        )
    if rx.met_pad_height_mm > 0 and rx.met_pad_shape == "bar" and rx.met_bar_front_mm is None:
        detail = (
            "the bar's front edge follows the line of the metatarsal heads: no pressure map was given to place it by"
        )
        notes.append(QualityReason("bar_without_pressure_map", detail))
    return tuple(notes)


def pair_advice(left: InsolePrescription, right: InsolePrescription) -> tuple[QualityReason, ...]:
    """What the two insoles of a pair say together."""
    if left.heel_lift_mm == right.heel_lift_mm:
        return ()
    detail = (
        f"heel lift {left.heel_lift_mm:g} mm left, {right.heel_lift_mm:g} mm right: a one-sided lift tilts the pelvis"
    )
    return (QualityReason("one_sided_lift", detail),)


def stock_insole_mm(rx: InsolePrescription) -> float:
    """Thickness of the shoe's own insole where it stays in."""
    return rx.stock_insole_thickness_mm or 0.0 if rx.stock_insole_removed is False else 0.0


def cover_to(rx: InsolePrescription) -> str:
    """How far the cover goes: its own length, else the insole's."""
    return rx.cover_length or rx.length


def relief_room_mm(rx: InsolePrescription, name: str) -> float:
    """Printed material above the minimum where a relief lies (mm), before the foot's own shape adds to it."""
    thickness = rx.forefoot_thickness_mm if name in BEYOND_THE_BALL + BEYOND_THE_SULCUS else rx.base_thickness_mm
    return thickness - rx.min_thickness_mm


def _wound(rx: InsolePrescription) -> None:
    if rx.open_wound:
        raise DesignError("open_wound", True, "no open wound: an insole is no treatment for one; see a professional")


def _thickness(rx: InsolePrescription) -> None:
    least = round(NOZZLES * rx.nozzle_mm, 6)
    if rx.min_thickness_mm < least:
        raise DesignError(
            "min_thickness_mm", rx.min_thickness_mm, f"at least {NOZZLES:g} nozzle widths = {least:g} mm", least
        )
    for name in ("forefoot_thickness_mm", "base_thickness_mm"):
        value = getattr(rx, name)
        if value < rx.min_thickness_mm:
            raise DesignError(
                name, value, f"at least min_thickness_mm = {rx.min_thickness_mm:g} mm", rx.min_thickness_mm
            )


def cup_for_skive(medial_mm: float, lateral_mm: float, post_deg: float) -> float:
    """The least heel cup (mm) for these skives; 0 where there is none."""
    skive = max(medial_mm, lateral_mm)
    if skive == 0:
        return 0.0
    inversion = post_deg if medial_mm >= lateral_mm else -post_deg
    return DEEP_SKIVE_CUP_MM if skive + max(inversion, 0.0) > DEEP_SKIVE else SKIVE_CUP_MM


def _skives(rx: InsolePrescription) -> None:
    least = cup_for_skive(rx.medial_skive_mm, rx.lateral_skive_mm, rx.rearfoot_post_deg)
    if rx.heel_cup_depth_mm < least:
        deep = f"{DEEP_SKIVE_CUP_MM:g} where skive (mm) + inversion (deg) pass {DEEP_SKIVE:g}"
        limit = f"at least {SKIVE_CUP_MM:g} mm with a skive, {deep}"
        raise DesignError("heel_cup_depth_mm", rx.heel_cup_depth_mm, limit, least)


def _heel_room(rx: InsolePrescription) -> None:
    """Base, cover, lift and shoe's own insole; the post's share at the seat is added when the width is known."""
    heel_room(rx, 0.0)


def heel_room(rx: InsolePrescription, post_at_seat_mm: float) -> None:
    """DesignError where the heel stands too high for the shoe's counter."""
    if rx.shoe_counter_height_mm is None:
        return
    total = rx.base_thickness_mm + rx.cover_thickness_mm + rx.heel_lift_mm + post_at_seat_mm + stock_insole_mm(rx)
    room = rx.shoe_counter_height_mm - COUNTER_CLEARANCE_MM
    if total > room + 1e-9:
        counted = "base, cover, lift and post at the seat"
        limit = f"at most shoe_counter_height_mm − {COUNTER_CLEARANCE_MM:g} = {room:g} mm ({counted})"
        change = {"shoe_counter_height_mm": _up(total + COUNTER_CLEARANCE_MM)}
        if total - rx.heel_lift_mm <= room:
            change = {"heel_lift_mm": _down(room - total + rx.heel_lift_mm)}
        raise DesignError("heel total", f"{total:.4g} mm", limit, change=change)


def _forefoot_room(rx: InsolePrescription) -> None:
    cover = rx.cover_thickness_mm if cover_to(rx) != "three_quarter" else 0.0
    total = rx.forefoot_thickness_mm + cover + stock_insole_mm(rx)
    room, counted = rx.shoe_forefoot_depth_mm, "insole, cover and what stays in the shoe"
    if room is None and total > FOREFOOT_ROOM_MM + 1e-9:
        limit = f"at most {FOREFOOT_ROOM_MM:g} mm in the forefoot ({counted}) unless shoe_forefoot_depth_mm is given"
        raise DesignError("forefoot total", f"{total:g} mm", limit, change={"shoe_forefoot_depth_mm": _up(total)})
    if room is not None and total > room + 1e-9:
        limit = f"at most shoe_forefoot_depth_mm = {room:g} mm ({counted})"
        raise DesignError("forefoot total", f"{total:g} mm", limit, change=_thinner(rx, total - room, total))


def _thinner(rx: InsolePrescription, excess_mm: float, total_mm: float) -> dict[str, Any]:
    """The least change that takes so much off the forefoot: first the cover, then the insole, else a deeper shoe."""
    least_cover, covers = _least_cover_mm(rx), cover_to(rx) != "three_quarter"
    change: dict[str, Any] = {}
    if covers and rx.cover_thickness_mm > least_cover:
        change["cover_thickness_mm"] = max(_down(rx.cover_thickness_mm - excess_mm), least_cover)
        excess_mm -= rx.cover_thickness_mm - change["cover_thickness_mm"]
    if excess_mm > 1e-9:
        change["forefoot_thickness_mm"] = _down(rx.forefoot_thickness_mm - excess_mm)
    thin = change.get("forefoot_thickness_mm", math.inf) < max(rx.min_thickness_mm, 1.2)
    return {"shoe_forefoot_depth_mm": _up(total_mm)} if thin else change


def _least_cover_mm(rx: InsolePrescription) -> float:
    return NEUROPATHIC_COVER_MM if rx.risk == "neuropathic" else 0.0


def _down(value: float) -> float:
    """The next hundredth below, as a value that can be typed."""
    return math.floor(value * 100.0 + 1e-6) / 100.0


def _up(value: float) -> float:
    """The next hundredth above."""
    return math.ceil(value * 100.0 - 1e-6) / 100.0


def _pitch(rx: InsolePrescription) -> None:
    measured = rx.bed_points_mm is not None or rx.outline == "last"
    if rx.shoe_pitch_mm > MEASURED_BED_PITCH_MM and not measured:
        limit = f"at most {MEASURED_BED_PITCH_MM:g} mm without a measured bed (bed_points_mm) or a last's outline"
        raise DesignError("shoe_pitch_mm", rx.shoe_pitch_mm, limit, MEASURED_BED_PITCH_MM)


def _bed(rx: InsolePrescription) -> None:
    if rx.bed_points_mm is None:
        return
    steps = [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(rx.bed_points_mm)]
    if not all(dx > 0 for dx, _ in steps):
        raise DesignError("bed_points_mm", "points that turn back", "x rising from heel to toe")
    steepest = max(abs(dz) / dx for dx, dz in steps)
    if steepest > STEEPEST_BED:
        raise DesignError("bed_points_mm", f"a slope of {steepest:.2f}", f"no slope above {STEEPEST_BED:g}")


def polygon(rx: InsolePrescription) -> Points | None:
    """The polygon that decides the outline: the last's or shoe's, the stock insole's, or None for the foot's own."""
    if rx.outline == "stock":
        return rx.stock_points_mm or rx.outline_points_mm
    return rx.outline_points_mm if rx.outline == "last" else None


def _outline(rx: InsolePrescription) -> None:
    given = rx.outline_points_mm is not None or rx.stock_points_mm is not None
    if (rx.outline == "foot") != (not given) or (rx.outline != "foot" and polygon(rx) is None):
        found = f"{rx.outline} with{'' if given else 'out'} a polygon"
        limit = "foot without one, last with outline_points_mm, stock with stock_points_mm"
        change = {"outline": "foot"} if not given else {"outline": "last" if rx.outline_points_mm else "stock"}
        raise DesignError("outline", found, limit, change["outline"], change)


def _length(rx: InsolePrescription) -> None:
    beyond = {"three_quarter": (*BEYOND_THE_BALL, *RELIEF_TOE), "sulcus": BEYOND_THE_SULCUS, "full": ()}
    for name in beyond[rx.length]:
        if getattr(rx, name):
            change = {"length": "full" if name in BEYOND_THE_SULCUS else "sulcus"}
            raise DesignError(name, getattr(rx, name), f"nothing there: the insole is {rx.length} long", change=change)
    if LENGTHS.index(cover_to(rx)) > LENGTHS.index(rx.length):
        raise DesignError("cover_length", rx.cover_length, f"no longer than the insole ({rx.length})", rx.length)


def _reliefs(rx: InsolePrescription) -> None:
    """A relief where nothing stands above the minimum would go through the base: it is refused, not left out."""
    least = rx.min_thickness_mm
    if rx.heel_spur_relief and rx.base_thickness_mm - least < LEAST_RELIEF_MM - 1e-9:
        limit = f"base_thickness_mm at least {LEAST_RELIEF_MM:g} above min_thickness_mm = {least:g} mm"
        change = {"base_thickness_mm": least + SPUR_DEPTH_MM}
        raise DesignError("heel_spur_relief", True, f"{limit}: it would go through the base", change=change)
    for name in (*RELIEF_MTH, *RELIEF_TOE, "first_ray_cutout"):
        score = getattr(rx, name)
        if score and relief_room_mm(rx, name) < LEAST_RELIEF_MM - 1e-9:
            limit = f"forefoot_thickness_mm at least {LEAST_RELIEF_MM:g} above min_thickness_mm = {least:g} mm"
            thick = least + max(RELIEF_MM_PER_POINT * score, LEAST_RELIEF_MM)
            cover = rx.cover_thickness_mm if cover_to(rx) != "three_quarter" else 0.0
            room = FOREFOOT_ROOM_MM if rx.shoe_forefoot_depth_mm is None else rx.shoe_forefoot_depth_mm
            most = min(FOREFOOT_MM[1], _down(room - stock_insole_mm(rx) - cover))
            nothing = False if score is True else 0.0
            change = {"forefoot_thickness_mm": min(thick, most)} if most >= least + LEAST_RELIEF_MM else {name: nothing}
            raise DesignError(name, score, f"{limit}: it would go through the base", change=change)


def _morton(rx: InsolePrescription) -> None:
    if rx.first_ray_cutout and rx.morton_extension_mm:
        limit = "0 with first_ray_cutout: one lowers what the other raises"
        raise DesignError("morton_extension_mm", rx.morton_extension_mm, limit, 0.0)


def _bar(rx: InsolePrescription) -> None:
    if rx.met_bar_front_mm is None:
        return
    if rx.met_pad_shape != "bar":
        raise DesignError("met_pad_shape", rx.met_pad_shape, "bar together with met_bar_front_mm", "bar")
    if not all(b[1] > a[1] for a, b in pairwise(rx.met_bar_front_mm)):
        raise DesignError("met_bar_front_mm", "points that turn back", "y rising from lateral to medial")


def _label(rx: InsolePrescription) -> None:
    if rx.label is not None and not LABEL.fullmatch(rx.label):
        nearest = re.sub(r"[^A-Z0-9 .\-]", "-", rx.label.upper())[:12]
        raise DesignError("label", repr(rx.label), "1 to 12 of A–Z, 0–9, space, point, hyphen: it is engraved", nearest)


def _neuropathic(rx: InsolePrescription) -> None:
    """Feet that can't feel: total contact, a soft cover, nothing hard, nothing open, no high lift."""
    if rx.cover_thickness_mm < NEUROPATHIC_COVER_MM:
        limit = f"a soft cover of at least {NEUROPATHIC_COVER_MM:g} mm (risk = neuropathic)"
        raise DesignError("cover_thickness_mm", rx.cover_thickness_mm, limit, NEUROPATHIC_COVER_MM)
    if rx.length != "full":
        raise DesignError("length", rx.length, "full: total contact (risk = neuropathic)", "full")
    if rx.cover_length not in (None, "full"):
        raise DesignError("cover_length", rx.cover_length, "full: nothing unpadded (risk = neuropathic)", "full")
    for name in NEUROPATHIC_ZERO:
        if getattr(rx, name):
            raise DesignError(name, getattr(rx, name), "0: nothing hard or hollow (risk = neuropathic)", 0.0)
    for name in NEUROPATHIC_OFF:
        if getattr(rx, name):
            raise DesignError(name, True, "false: no hole (risk = neuropathic)", False)
    if rx.heel_lift_mm > NEUROPATHIC_LIFT_MM:
        limit = f"at most {NEUROPATHIC_LIFT_MM:g} mm (risk = neuropathic)"
        raise DesignError("heel_lift_mm", rx.heel_lift_mm, limit, NEUROPATHIC_LIFT_MM)
    low, high = TOTAL_CONTACT_ARCH_MM
    if not low <= rx.arch_offset_mm <= high:
        nearest = min(max(rx.arch_offset_mm, low), high)
        raise DesignError(
            "arch_offset_mm", rx.arch_offset_mm, f"{low:g} to {high:g} mm: total contact (risk = neuropathic)", nearest
        )


RULES = (
    *(_thickness, _skives, _heel_room, _forefoot_room, _pitch, _bed),
    *(_outline, _length, _reliefs, _morton, _bar, _label),
)
