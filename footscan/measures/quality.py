"""How good was the scan? A score from 100 down, a code and a sentence for each thing that costs points."""

from __future__ import annotations

from footscan.errors import ScanError
from footscan.measures.measuring import Found
from footscan.scans.ground import Ground
from footscan.scans.heading import SideVotes
from footscan.types import QualityReason, Side

POINTS_PER_CM2 = 40.0  #: after the 1 mm grid a good scan has about 100
#: Fractions of the length far outside any foot (ANSUR II: diagonal breadth 0.387 ± 0.017; children are broader).
POSSIBLE = {"foot_breadth_mm": (0.27, 0.54), "instep_height_mm": (0.14, 0.42)}


def check_proportions(found: Found) -> None:
    """ScanError where what was measured can't be a foot's."""
    for key, (low, high) in POSSIBLE.items():
        value = found.values[key].value
        share = value / found.located.length if isinstance(value, float) else None
        if share is not None and not low <= share <= high:
            raise ScanError(
                f"expected a foot whose {key} is {low:.2f} to {high:.2f} of its length, found {share:.2f}:"
                " this is no foot, or only a part of one"
            )


def judge(found: Found, ground: Ground, votes: SideVotes, side: Side, given: bool) -> tuple[int, list[QualityReason]]:
    """Score 0–100 and its reasons."""
    score, reasons = 100, []

    def cost(points: int, code: str, detail: str) -> None:
        nonlocal score
        score -= points
        reasons.append(QualityReason(code, detail))

    length = found.located.length
    if found.sole.capped:
        cost(13, "sole_flat", "the sole was closed with a flat lid: no value of the arch is possible")
    elif found.values["arch_apex_height_mm"].value is None:
        cost(15, "sole_missing", "the sole was not scanned: no value of the arch is possible")
    if found.located.axis != "toe2":
        cost(5, "toes_fused", "the toes can't be told apart: the axis goes through the middle of the ball")
    if float(found.located.points[:, 2].max()) < 0.36 * length:
        cost(5, "leg_short", "the scan ends below the ankle's narrowest place")
    density = len(found.located.points) / (0.9 * length * found.located.length * 0.75 / 100.0)
    if density < POINTS_PER_CM2 or not found.halves:
        cost(
            10, "too_sparse", f"about {density:.0f} points a cm² are left after cleaning, {POINTS_PER_CM2:.0f} are good"
        )
    if ground.method == "scanner":
        cost(10, "unloaded", "the sole rests on nothing: the scanner's own vertical was taken as up")
    elif ground.method == "support":
        cost(20, "vertical_unsure", "the sole rests on nothing and no axis of the scanner is near: up is a guess")
    if side == "unknown":
        cost(20, "side_unknown", "left and right can't be told apart: say which with --side")
    elif given and votes.side not in ("unknown", side):
        cost(25, "wrong_side", f"given as a {side} foot, but it looks like a {votes.side} one")
    breadth = found.values["foot_breadth_mm"].value
    if isinstance(breadth, float) and not 0.30 <= breadth / length <= 0.48:
        cost(20, "implausible", f"the ball is {breadth / length:.2f} of the length broad; 0.38 is usual")
    return max(score, 0), reasons
