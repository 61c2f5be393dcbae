"""Shoe sizes of a foot. Millimetres are kept; conversion comes last.

Formulas (each in one place, so that it can be corrected); L is the length of the *foot*:

- EU (Paris point): 0.15 · L + 2, to the nearest half, ties up. The scale is one for all ages.
- UK adults: nearest half of 3 · L / 25.4 − 23. The scale of lasts is 3 · inches − 25, the last two barleycorns longer
  than the foot. Children's is 3 · inches − 12 of the same last and ends with 13½, after which adult 1 follows
  (https://zh.wikipedia.org/wiki/鞋碼, 英国码): 3 · L / 25.4 − 10.
- US men: UK + 1; US women: men + 1 (Brannock) or + 1.5 (retail). For children's feet public sources differ by half a
  size (UK + ½ or UK + 1): None with the reason.
- JP (JIS S 5037): cm, half steps; `japanese_width` has the letters.
- Mondopoint (ISO 9407:2019): length to 5 mm / linear foot width in mm. China (GB/T 43293-2022, which modifies
  ISO 9407:2019 and replaced GB/T 3293.1-1998): the same, with the girth type (型) as a named option.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

System = Literal["eu", "uk", "us-men", "us-women", "jp", "cn", "mondo"]
UsWomen = Literal["brannock", "retail"]
Sex = Literal["men", "women"]

SYSTEMS: tuple[System, ...] = ("eu", "uk", "us-men", "us-women", "jp", "cn", "mondo")
SHORTEST_ADULT_MM = 198.0
LENGTH_RANGE_MM = (80.0, 400.0)
INCH_MM = 25.4
EU_PER_MM = 0.15  #: a Paris point is 2/3 cm, and 1.5 of them make a centimetre
HALF_SIZE_MM = 0.5 / EU_PER_MM  #: half a Paris point, the finest step in which shoes are sold by length
US_WOMEN_OFFSET: dict[UsWomen, float] = {"brannock": 1.0, "retail": 1.5}  #: added to US men
UK_ADULT, UK_CHILD, UK_LAST_CHILD_SIZE = 23.0, 10.0, 13.5
#: JIS S 5037, adults: ball girth of an E foot and the length that it is for; 0.6 mm a mm of length
JIS_E_GIRTH_MM: dict[Sex, tuple[float, float]] = {"men": (243.0, 250.0), "women": (228.0, 230.0)}
JIS_GIRTH_PER_MM, JIS_STEP_MM, JIS_BELOW_MM = 0.6, 6.0, 3.0  #: a letter takes −3 … +2 mm
JIS_LETTERS = ("A", "B", "C", "D", "E", "EE", "EEE", "EEEE", "F", "G")
CN_TYPE_MM, CN_TYPES = 7.0, (1.0, 5.0)  #: 型差 7 mm, half types 3.5 mm; 一型 is the narrowest, 五型 the widest
TOE_ALLOWANCE_MM = (15.0, 20.0)  #: what a shoe is longer inside than the foot


@dataclass(frozen=True)
class Size:
    """``label`` as it stands on a shoe box (None where the scale has none, with the reason)."""

    system: str
    label: str | None
    reason: str | None = None


@dataclass(frozen=True)
class PairAdvice:
    """A pair takes the longer foot: ``length_mm`` is its length, ``difference_mm`` how much longer than the other,
    ``half_sizes`` that in half EU sizes, ``apart`` whether it is half a size or more, ``inner_length_mm`` how long a
    shoe should be inside, from and to."""

    longer: Literal["left", "right"]
    length_mm: float
    difference_mm: float
    half_sizes: float
    apart: bool
    inner_length_mm: tuple[float, float]


def nearest(value: float, step: float) -> float:
    """The nearest multiple of ``step``, ties up."""
    return math.floor(value / step + 0.5 + 1e-9) * step


def size(
    length_mm: float,
    system: System,
    breadth_mm: float | None = None,
    *,
    us_women: UsWomen = "brannock",
    girth_mm: float | None = None,
    cn_type_one_mm: float | None = None,
) -> Size:
    """The size of a foot ``length_mm`` long in one system. ValueError for an unknown system or an impossible length.

    breadth_mm : linear foot width, needed by mondo and cn
    us_women : what US women's sizes add to men's
    girth_mm, cn_type_one_mm : ball girth of the foot, and that of type 一 at this length in the maker's table; with
        both a Chinese size names its girth type (the standard fixes the steps, 7 and 3.5 mm, and not where they start)
    """
    if system not in SYSTEMS:
        raise ValueError(f"system must be one of {', '.join(SYSTEMS)}, got {system!r}")
    if us_women not in US_WOMEN_OFFSET:
        raise ValueError(f"us_women must be one of {', '.join(US_WOMEN_OFFSET)}, got {us_women!r}")
    if not LENGTH_RANGE_MM[0] <= length_mm <= LENGTH_RANGE_MM[1]:
        raise ValueError(f"length_mm must be {LENGTH_RANGE_MM[0]:.0f} to {LENGTH_RANGE_MM[1]:.0f}, got {length_mm}")
    if system == "eu":
        return Size(system, f"{nearest(EU_PER_MM * length_mm + 2.0, 0.5):g}")
    if system == "uk":
        return _british(length_mm)
    if system == "jp":
        return Size(system, f"{nearest(length_mm / 10.0, 0.5):.1f}")
    if system in ("us-men", "us-women"):
        if length_mm < SHORTEST_ADULT_MM:
            why = f"feet under {SHORTEST_ADULT_MM:.0f} mm have a children's scale, on which US sources do not agree"
            return Size(system, None, why)
        men = nearest(3.0 * length_mm / INCH_MM - UK_ADULT, 0.5) + 1.0
        return Size(system, f"{men + (US_WOMEN_OFFSET[us_women] if system == 'us-women' else 0.0):g}")
    if breadth_mm is None:
        return Size(system, None, "needs the foot's breadth")
    label = f"{nearest(length_mm, 5.0):.0f}/{nearest(breadth_mm, 1.0):.0f}"
    if system == "cn" and girth_mm is not None and cn_type_one_mm is not None:
        return _with_girth_type(label, girth_mm, cn_type_one_mm)
    return Size(system, label)


def sizes(length_mm: float, breadth_mm: float | None = None) -> dict[str, Size]:
    """The size of a foot in every system, each with its defaults."""
    return {system: size(length_mm, system, breadth_mm) for system in SYSTEMS}


def _british(length_mm: float) -> Size:
    """Children's sizes end with 13½; adult 1 is the next."""
    child = nearest(3.0 * length_mm / INCH_MM - UK_CHILD, 0.5)
    if child < 0.0:
        return Size("uk", None, "shorter than the children's size 0")
    if child <= UK_LAST_CHILD_SIZE:
        return Size("uk", f"child {child:g}")
    return Size("uk", f"{nearest(3.0 * length_mm / INCH_MM - UK_ADULT, 0.5):g}")


def _with_girth_type(label: str, girth_mm: float, type_one_mm: float) -> Size:
    """``250/96 (3½)``: the girth type (型) in half steps; outside of 1 to 5 the standard names none."""
    kind = 1.0 + nearest((girth_mm - type_one_mm) / CN_TYPE_MM, 0.5)
    if not CN_TYPES[0] <= kind <= CN_TYPES[1]:
        return Size("cn", label, f"the girth is outside of the types 1 to 5 ({kind:g})")
    return Size("cn", f"{label} ({int(kind)}{'½' if kind % 1 else ''})")


def japanese_width(length_mm: float, girth_mm: float | None, sex: Sex | None) -> Size:
    """The girth letter of an adult foot after JIS S 5037, A to G.

    The E girth belongs to the foot's *size*, its length to 5 mm: 243 + 0.6 · (L − 250) mm for men,
    228 + 0.6 · (L − 230) for women; letters are 6 mm apart and each takes whole millimetres from −3 to +2 about its
    middle. None with the reason for children, for an unknown sex or girth and beyond A and G.
    """
    if sex is None:
        return Size("jp-width", None, "needs to know whether it is a man's or a woman's size")
    if sex not in JIS_E_GIRTH_MM:
        raise ValueError(f"sex must be men or women, got {sex!r}")
    if girth_mm is None:
        return Size("jp-width", None, "needs the ball girth")
    if length_mm < SHORTEST_ADULT_MM:
        return Size("jp-width", None, f"feet under {SHORTEST_ADULT_MM:.0f} mm have a children's table")
    middle, at = JIS_E_GIRTH_MM[sex]
    middle += JIS_GIRTH_PER_MM * (nearest(length_mm, 5.0) - at)
    steps = math.floor((nearest(girth_mm, 1.0) - (middle - JIS_BELOW_MM)) / JIS_STEP_MM + 1e-9)
    index = JIS_LETTERS.index("E") + steps
    if not 0 <= index < len(JIS_LETTERS):
        return Size("jp-width", None, f"{'narrower than A' if index < 0 else 'wider than G'}, the ends of the table")
    return Size("jp-width", JIS_LETTERS[index])


def advise_pair(left_mm: float, right_mm: float) -> PairAdvice:
    """What a pair of feet of these lengths takes: the longer foot's size, and whether the two are half a size apart.

    Equal feet count as left longer by 0. Half a size is half a Paris point, 3.33 mm. The shoe's inner length is the
    longer foot's and 15–20 mm of toe allowance.
    """
    longer: Literal["left", "right"] = "left" if left_mm >= right_mm else "right"
    most, by = max(left_mm, right_mm), abs(left_mm - right_mm)
    low, high = TOE_ALLOWANCE_MM
    return PairAdvice(longer, most, by, by / HALF_SIZE_MM, by >= HALF_SIZE_MM - 1e-9, (most + low, most + high))
