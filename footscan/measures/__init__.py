"""Every measure of a foot, by one definition each, on one axis, with how sure it is.

* ``foot_length_mm``: along the axis, longest toe − pternion
* ``ball_length_medial_mm``, ``ball_length_lateral_mm``: x(MTH1) and x(MTH5) − x(pternion)
* ``foot_breadth_mm``: MTH1–MTH5 in floor projection; ``foot_breadth_orthogonal_mm``: extent across the axis
* ``ball_girth_mm``: least hull perimeter over planes through MTH1 and MTH5 tilted up to 20 degrees
* ``heel_breadth_mm``: extent in y at 16 % of length, z ≤ 40 mm; ``heel_breadth_max_mm``: the widest in the rear 20 %
* ``instep_girth_mm``, ``instep_height_mm``: hull perimeter and highest point at 50 % of length; ``_55``: at 55 %
* ``waist_girth_mm``: hull perimeter midway between the instep point and the ball
* ``heel_girth_long_mm``, ``heel_girth_short_mm``: planes that contain y, from the heel's landing point to the ankle
  bend and to the instep point
* ``arch_index`` and the other values of the print: of the 2 mm contact print (Cavanagh & Rodgers 1987)
* ``rearfoot_angle_deg``: heel strip against the rear third of the leg; eversion positive

Landmarks: pternion = least x below 40 mm; MTH1 = largest medial y in 0.66–0.80 of the length, MTH5 = largest lateral y
in 0.56–0.72, both 5–40 mm high; instep = dorsal ridge at 0.553. Axis ``toe2`` (Lee 2014, J Foot Ankle Res 7:44,
doi:10.1186/s13047-014-0044-7) where the toes can be told apart, else ``ball_centre``.
"""

from __future__ import annotations

from footscan.measures.measuring import KEYS, Found, measure_points

__all__ = ["KEYS", "Found", "measure_points"]
