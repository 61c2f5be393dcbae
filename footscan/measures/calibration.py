"""What the SD of each value is made of (uncertainty.py); `python benchmarks/calibrate.py` writes this.

150 feet of known truth (families loft, toes, find), each scanned with 250,000 points, 0.3 mm noise
and 1 % stray points.
"""

from __future__ import annotations

from collections.abc import Mapping

#: key -> usual spread of resampling, what the rule leaves open (mm, degrees, fractions or ml)
CALIBRATION: Mapping[str, tuple[float, float]] = {
    "ankle_girth_mm": (0.1418, 0.1995),
    "arch_apex_height_mm": (0.09115, 0.1798),
    "arch_apex_station": (0.0009348, 0.004731),
    "arch_height_index": (0.000805, 0.0008143),
    "arch_index": (0.002941, 0.005159),
    "ball_angle_deg": (0.4348, 0.1367),
    "ball_girth_mm": (0.4795, 0.3363),
    "ball_girth_raw_mm": (0.5113, 0.1728),
    "ball_height_mm": (0.2295, 0.2592),
    "ball_length_lateral_mm": (0.4662, 0.5109),
    "ball_length_medial_mm": (0.3341, 0.4177),
    "bimalleolar_breadth_mm": (0.09965, 0.08018),
    "chippaux_smirak": (0.00266, 0.0008364),
    "clarke_angle_deg": (1.707, 0.5369),
    "dorsum_height_50_mm": (0.09804, 0.03083),
    "foot_breadth_mm": (0.2309, 0.1774),
    "foot_breadth_orthogonal_mm": (0.135, 0.04244),
    "foot_length_mm": (0.1601, 0.05632),
    "heel_breadth_max_mm": (0.1217, 0.03827),
    "heel_breadth_mm": (0.1124, 0.03534),
    "heel_girth_long_mm": (0.2269, 0.07137),
    "heel_girth_short_mm": (0.403, 0.2877),
    "instep_girth_55_mm": (0.1462, 0.04599),
    "instep_girth_mm": (0.1503, 0.04727),
    "instep_height_55_mm": (0.09488, 0.04368),
    "instep_height_mm": (0.09804, 0.03083),
    "malleolus_lateral_height_mm": (0.4089, 0.1286),
    "malleolus_medial_height_mm": (0.3807, 0.1197),
    "navicular_height_mm": (0.7172, 3.881),
    "plantar_heel_breadth_mm": (0.341, 0.363),
    "rearfoot_angle_deg": (0.1304, 0.1372),
    "staheli": (0.003098, 0.0009743),
    "toe1_angle_deg": (0.3781, 0.1753),
    "toe1_height_mm": (0.1352, 0.04253),
    "toe5_angle_deg": (0.6496, 0.3326),
    "toe5_height_mm": (0.2571, 0.09953),
    "truncated_foot_length_mm": (0.3341, 0.4177),
    "volume_fore_ml": (3.888, 1.223),
    "volume_mid_ml": (5.947, 1.87),
    "volume_ml": (28.07, 21.29),
    "volume_rear_ml": (4.544, 25.43),
    "waist_girth_mm": (0.1638, 0.1421),
}

#: landmark, axis -> mean and SD of template minus rules (mm)
TRACKS_MM: Mapping[tuple[str, int], tuple[float, float]] = {
    ("mth1", 0): (-0.16, 1.47),
    ("mth5", 0): (-0.581, 3.23),
    ("longest_toe", 0): (-0.0144, 0.633),
    ("malleolus_medial", 2): (0.129, 2.06),
    ("malleolus_lateral", 2): (-0.178, 1.84),
    ("ankle_bend", 2): (0.263, 1.6),
    ("heel_landing", 0): (0.00567, 1.28),
}
