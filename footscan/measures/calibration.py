"""What the SD of each value is made of (uncertainty.py); `python benchmarks/calibrate.py` writes this.

150 feet of known truth (families loft, toes, find), each scanned with 250,000 points, 0.3 mm noise
and 1 % stray points.
"""

from __future__ import annotations

from collections.abc import Mapping

#: key -> usual spread of resampling, what the rule leaves open (mm, degrees, fractions or ml)
CALIBRATION: Mapping[str, tuple[float, float]] = {
    "ankle_girth_mm": (0.142, 0.2044),
    "arch_apex_height_mm": (0.09356, 0.2195),
    "arch_apex_station": (0.00121, 0.005844),
    "arch_height_index": (0.0008718, 0.0008611),
    "arch_index": (0.002727, 0.006721),
    "ball_angle_deg": (0.3844, 0.3626),
    "ball_girth_mm": (0.4069, 0.5546),
    "ball_girth_raw_mm": (0.4265, 0.479),
    "ball_height_mm": (0.2171, 0.3036),
    "ball_length_lateral_mm": (0.4301, 0.7894),
    "ball_length_medial_mm": (0.3597, 0.4278),
    "bimalleolar_breadth_mm": (0.1194, 0.04729),
    "chippaux_smirak": (0.002735, 0.00086),
    "clarke_angle_deg": (1.816, 0.571),
    "dorsum_height_50_mm": (0.09205, 0.07127),
    "foot_breadth_mm": (0.189, 0.2354),
    "foot_breadth_orthogonal_mm": (0.141, 0.04433),
    "foot_length_mm": (0.1215, 0.1284),
    "heel_breadth_max_mm": (0.1237, 0.03892),
    "heel_breadth_mm": (0.1305, 0.04103),
    "heel_girth_long_mm": (0.2329, 0.256),
    "heel_girth_short_mm": (0.3545, 0.5014),
    "instep_girth_55_mm": (0.1297, 0.08373),
    "instep_girth_mm": (0.1361, 0.1045),
    "instep_height_55_mm": (0.08754, 0.07098),
    "instep_height_mm": (0.09205, 0.07127),
    "malleolus_lateral_height_mm": (0.4236, 0.1332),
    "malleolus_medial_height_mm": (0.3878, 0.2104),
    "navicular_height_mm": (0.5911, 4.183),
    "plantar_heel_breadth_mm": (0.3353, 0.3805),
    "rearfoot_angle_deg": (0.1079, 0.1924),
    "staheli": (0.003134, 0.0009855),
    "toe1_angle_deg": (0.3337, 0.3266),
    "toe1_height_mm": (0.1394, 0.04383),
    "toe5_angle_deg": (0.5577, 0.4472),
    "toe5_height_mm": (0.2565, 0.213),
    "truncated_foot_length_mm": (0.3597, 0.4278),
    "volume_fore_ml": (4.461, 1.403),
    "volume_mid_ml": (6.235, 1.961),
    "volume_ml": (28.33, 23.19),
    "volume_rear_ml": (4.38, 26.4),
    "waist_girth_mm": (0.1413, 0.2136),
}

#: landmark, axis -> mean and SD of template minus rules (mm)
TRACKS_MM: Mapping[tuple[str, int], tuple[float, float]] = {
    ("mth1", 0): (-0.331, 0.707),
    ("mth5", 0): (-0.216, 0.803),
    ("longest_toe", 0): (0.0397, 0.139),
    ("malleolus_medial", 2): (-0.0583, 0.893),
    ("malleolus_lateral", 2): (-0.278, 0.896),
    ("ankle_bend", 2): (0.0485, 0.414),
    ("heel_landing", 0): (0.164, 0.358),
}
