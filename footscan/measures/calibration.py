"""What the SD of each value is made of (see uncertainty.py), written by `python benchmarks/calibrate.py`.

120 feet of known truth (families loft, toes, find), each scanned with 250,000 points, 0.3 mm noise and
1 % stray points.
"""

from __future__ import annotations

from collections.abc import Mapping

#: key -> usual spread of resampling, what the rule leaves open (mm, degrees, fractions or ml)
CALIBRATION: Mapping[str, tuple[float, float]] = {
    "ankle_girth_mm": (0.09523, 0.2307),
    "arch_apex_height_mm": (0.06342, 0.1882),
    "arch_apex_station": (0.004237, 0.001332),
    "arch_height_index": (0.0007697, 0.0008491),
    "arch_index": (0.002069, 0.006321),
    "ball_angle_deg": (0.333, 0.3043),
    "ball_girth_mm": (0.3593, 0.4439),
    "ball_girth_raw_mm": (0.3621, 0.3808),
    "ball_height_mm": (0.1877, 0.3017),
    "ball_length_lateral_mm": (0.3831, 0.4977),
    "ball_length_medial_mm": (0.3126, 0.4399),
    "bimalleolar_breadth_mm": (0.09865, 0.08326),
    "chippaux_smirak": (0.002768, 0.0008705),
    "clarke_angle_deg": (1.418, 0.9673),
    "dorsum_height_50_mm": (0.08007, 0.06046),
    "foot_breadth_mm": (0.1723, 0.2351),
    "foot_breadth_orthogonal_mm": (0.1152, 0.0703),
    "foot_length_mm": (0.117, 0.1295),
    "heel_breadth_max_mm": (0.1191, 0.03747),
    "heel_breadth_mm": (0.1091, 0.0343),
    "heel_girth_long_mm": (0.1892, 0.1459),
    "heel_girth_short_mm": (0.2874, 0.3999),
    "instep_girth_55_mm": (0.1135, 0.1136),
    "instep_girth_mm": (0.112, 0.1115),
    "instep_height_55_mm": (0.07579, 0.07183),
    "instep_height_mm": (0.08007, 0.06046),
    "malleolus_lateral_height_mm": (0.4204, 0.1659),
    "malleolus_medial_height_mm": (0.4034, 0.1268),
    "navicular_height_mm": (0.6485, 3.892),
    "plantar_heel_breadth_mm": (0.2442, 0.4221),
    "rearfoot_angle_deg": (0.1087, 0.1249),
    "staheli": (0.003282, 0.001032),
    "toe1_angle_deg": (0.2564, 0.3208),
    "toe1_height_mm": (0.1271, 0.06814),
    "toe5_angle_deg": (0.4941, 0.5535),
    "toe5_height_mm": (0.1699, 0.2036),
    "truncated_foot_length_mm": (0.3126, 0.4399),
    "volume_fore_ml": (1.047, 3.888),
    "volume_mid_ml": (2.033, 5.682),
    "volume_ml": (4.633, 33.64),
    "volume_rear_ml": (3.187, 25.32),
    "waist_girth_mm": (0.1227, 0.1776),
}

#: landmark, axis -> mean and SD of template minus rules (mm)
TRACKS_MM: Mapping[tuple[str, int], tuple[float, float]] = {
    ("mth1", 0): (-0.164, 1.54),
    ("mth5", 0): (-0.568, 3.09),
    ("longest_toe", 0): (-0.0217, 0.643),
    ("malleolus_medial", 2): (0.1, 2.05),
    ("malleolus_lateral", 2): (-0.143, 1.78),
    ("ankle_bend", 2): (0.263, 1.56),
    ("heel_landing", 0): (0.00432, 1.31),
}
