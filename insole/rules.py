"""What fields must be together: heel and forefoot room, skives, thicknesses, and the rules for feet that can't feel.

Each rule is a function of the prescription that raises a DesignError with the nearest value that works.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from footscan.types import QualityReason
from insole.errors import DesignError

if TYPE_CHECKING:
    from insole.types import InsolePrescription

SKIVE_CUP_MM = 14.0  #: the least cup for any skive
DEEP_SKIVE_CUP_MM = 20.0  #: and where skive (mm) + inversion (°) pass DEEP_SKIVE
DEEP_SKIVE = 5.0
COUNTER_CLEARANCE_MM = 35.0  #: heel counter left above the insole
FOREFOOT_ROOM_MM = 4.0  #: insole and cover in a shoe whose forefoot was not measured
NOZZLES = 3.0  #: nozzle widths in the thinnest wall
MEASURED_BED_PITCH_MM = 40.0
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
BEYOND_THE_BALL = (
    *("relief_mth1", "relief_mth2", "relief_mth3", "relief_mth4", "relief_mth5"),
    *("morton_extension_mm", "reverse_morton_mm", "first_ray_cutout"),
)
BEYOND_THE_SULCUS = ("relief_toe1", "relief_toe2", "relief_toe3", "relief_toe4", "relief_toe5")
LABEL = re.compile(r"[A-Z0-9 .\-]{1,12}")


def check(rx: InsolePrescription) -> None:
    """DesignError for the first rule that the prescription breaks."""
    for rule in (_wound, _thickness, _skives, _heel_room, _forefoot_room, _pitch, _outline, _length, _morton, _label):
        rule(rx)
    if rx.risk == "neuropathic":
        _neuropathic(rx)


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
    if rx.met_pad_height_mm > 0 and rx.met_pad_shape == "bar":
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


def _wound(rx: InsolePrescription) -> None:
    if rx.open_wound:
        raise DesignError(
            "open_wound", "true", "no open wound: an insole is no treatment for one; see a professional first"
        )


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
        nearest = f"shoe_counter_height_mm = {total + COUNTER_CLEARANCE_MM:g}"
        if total - rx.heel_lift_mm <= room:
            nearest = f"heel_lift_mm = {room - total + rx.heel_lift_mm:.4g}"
        raise DesignError("heel total", f"{total:.4g} mm", limit, nearest)


def _forefoot_room(rx: InsolePrescription) -> None:
    total = rx.forefoot_thickness_mm + rx.cover_thickness_mm + stock_insole_mm(rx)
    room = rx.shoe_forefoot_depth_mm
    if room is None and total > FOREFOOT_ROOM_MM + 1e-9:
        limit = (
            f"at most {FOREFOOT_ROOM_MM:g} mm in the forefoot (insole and cover) unless shoe_forefoot_depth_mm is given"
        )
        raise DesignError("forefoot total", f"{total:g} mm", limit, f"shoe_forefoot_depth_mm = {total:g}")
    if room is not None and total > room + 1e-9:
        limit = f"at most shoe_forefoot_depth_mm = {room:g} mm (insole and cover)"
        raise DesignError("forefoot total", f"{total:g} mm", limit, f"{room:g} mm")


def _pitch(rx: InsolePrescription) -> None:
    if rx.shoe_pitch_mm > MEASURED_BED_PITCH_MM:
        limit = f"at most {MEASURED_BED_PITCH_MM:g} mm without a measured bed or last, which this version does not take"
        raise DesignError("shoe_pitch_mm", rx.shoe_pitch_mm, limit, MEASURED_BED_PITCH_MM)


def _outline(rx: InsolePrescription) -> None:
    if (rx.outline == "foot") != (rx.outline_points_mm is None):
        found = f"{rx.outline} with{'out' if rx.outline_points_mm is None else ''} outline_points_mm"
        raise DesignError("outline", found, "foot, or last or stock together with outline_points_mm", "foot")


def _length(rx: InsolePrescription) -> None:
    beyond = {"three_quarter": (*BEYOND_THE_BALL, *BEYOND_THE_SULCUS), "sulcus": BEYOND_THE_SULCUS, "full": ()}
    for name in beyond[rx.length]:
        if getattr(rx, name):
            nearest = "length = full" if name in BEYOND_THE_SULCUS else "length = sulcus"
            raise DesignError(name, getattr(rx, name), f"nothing there: the insole is {rx.length} long", nearest)


def _morton(rx: InsolePrescription) -> None:
    if rx.first_ray_cutout and rx.morton_extension_mm:
        raise DesignError(
            "morton_extension_mm",
            rx.morton_extension_mm,
            "0 with first_ray_cutout: one lowers what the other raises",
            0.0,
        )


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
            raise DesignError(name, "true", "false: no hole (risk = neuropathic)", "false")
    if rx.heel_lift_mm > NEUROPATHIC_LIFT_MM:
        limit = f"at most {NEUROPATHIC_LIFT_MM:g} mm (risk = neuropathic)"
        raise DesignError("heel_lift_mm", rx.heel_lift_mm, limit, NEUROPATHIC_LIFT_MM)
    low, high = TOTAL_CONTACT_ARCH_MM
    if not low <= rx.arch_offset_mm <= high:
        nearest = min(max(rx.arch_offset_mm, low), high)
        raise DesignError(
            "arch_offset_mm", rx.arch_offset_mm, f"{low:g} to {high:g} mm: total contact (risk = neuropathic)", nearest
        )
