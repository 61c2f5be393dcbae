"""What the SD of each value is made of (uncertainty.py); `python benchmarks/calibrate.py` writes this.

150 feet of known truth (families loft, toes, find), each scanned with 250,000 points, 0.3 mm noise
and 1 % stray points.
"""

from __future__ import annotations

from collections.abc import Mapping

#: key -> usual spread of resampling, what the rule leaves open (mm, degrees, fractions or ml)
CALIBRATION: Mapping[str, tuple[float, float]] = {
    "ankle_girth_mm": (0.1426, 0.2039),
    "arch_apex_height_mm": (0.09337, 0.2195),
    "arch_apex_station": (0.001221, 0.005841),
    "arch_height_index": (0.001059, 0.000641),
    "arch_index": (0.00296, 0.002623),
    "ball_angle_deg": (0.4614, 0.3034),
    "ball_girth_mm": (0.4629, 0.5101),
    "ball_girth_raw_mm": (0.4806, 0.4249),
    "ball_height_mm": (0.232, 0.2865),
    "ball_length_lateral_mm": (0.4843, 0.7614),
    "ball_length_medial_mm": (0.456, 0.2771),
    "bimalleolar_breadth_mm": (0.1192, 0.04849),
    "chippaux_smirak": (0, 0),
    "clarke_angle_deg": (1.816, 0.5711),
    "dorsum_height_50_mm": (0.09192, 0.07128),
    "foot_breadth_mm": (0.2136, 0.1852),
    "foot_breadth_orthogonal_mm": (0.1428, 0.0449),
    "foot_length_mm": (0.1211, 0.1288),
    "heel_breadth_max_mm": (0.124, 0.03899),
    "heel_breadth_mm": (0.1304, 0.04101),
    "heel_girth_long_mm": (0.2331, 0.256),
    "heel_girth_short_mm": (0.3524, 0.5016),
    "instep_girth_55_mm": (0.1301, 0.08286),
    "instep_girth_mm": (0.1364, 0.1039),
    "instep_height_55_mm": (0.08619, 0.07268),
    "instep_height_mm": (0.09192, 0.07128),
    "malleolus_lateral_height_mm": (0.4236, 0.1332),
    "malleolus_medial_height_mm": (0.3881, 0.2098),
    "navicular_height_mm": (0.6235, 4.178),
    "plantar_heel_breadth_mm": (0, 0),
    "rearfoot_angle_deg": (0.1081, 0.1923),
    "staheli": (0, 0),
    "toe1_angle_deg": (0.3364, 0.3252),
    "toe1_height_mm": (0.1395, 0.04386),
    "toe5_angle_deg": (0.5745, 0.4224),
    "toe5_height_mm": (0.2564, 0.2129),
    "truncated_foot_length_mm": (0.456, 0.2771),
    "volume_fore_ml": (4.461, 1.403),
    "volume_mid_ml": (6.235, 1.961),
    "volume_ml": (28.35, 23.17),
    "volume_rear_ml": (4.368, 26.4),
    "waist_girth_mm": (0.148, 0.2165),
}

#: landmark, axis -> mean and SD of template minus rules (mm)
TRACKS_MM: Mapping[tuple[str, int], tuple[float, float]] = {
    ("mth1", 0): (-0.0473, 0.696),
    ("mth5", 0): (-0.119, 0.841),
    ("longest_toe", 0): (0.0591, 0.137),
    ("malleolus_medial", 2): (-0.273, 0.918),
    ("malleolus_lateral", 2): (-0.28, 0.975),
    ("ankle_bend", 2): (-0.0501, 0.427),
    ("heel_landing", 0): (0.119, 0.356),
}
