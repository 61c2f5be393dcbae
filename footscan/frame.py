"""The foot frame: transforms and the mirror.

Right-handed, millimetres: origin at the pternion (rearmost heel point) projected on the floor, +x heel to toe,
+y to the wearer's left, +z up from the floor. Transforms are 4 x 4 and named ``T_target_source``:
``p_target = T_target_source @ p_source``.
"""

from __future__ import annotations

import numpy as np

from footscan.types import Array

#: y -> -y: a left foot becomes a right one and back
T_MIRROR: Array = np.diag([1.0, -1.0, 1.0, 1.0])
T_MIRROR.flags.writeable = False


def transform(T_target_source: Array, points: Array) -> Array:
    """Points (n, 3) in the source frame -> (n, 3) in the target frame."""
    return rotate(T_target_source, points) + T_target_source[:3, 3]


def rotate(T_target_source: Array, directions: Array) -> Array:
    """Directions (n, 3), e.g. normals: turned, not shifted."""
    # not by a matrix product: for three columns its threads cost more than they bring
    turned = np.empty((len(directions), 3))
    for k in range(3):
        turned[:, k] = along(directions, T_target_source[k, :3])
    return turned


def along(points: Array, direction: Array) -> Array:
    """Coordinate (n,) of points (n, 3) along a direction (3,)."""
    return np.asarray(points[:, 0] * direction[0] + points[:, 1] * direction[1] + points[:, 2] * direction[2])


def compose(R: Array, t: Array) -> Array:
    """4 x 4 transform of the rotation R (3, 3) and the shift t (3,)."""
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = R, t
    return T


def invert(T: Array) -> Array:
    """The inverse of a rigid transform (mirror allowed)."""
    R = T[:3, :3].T
    return compose(R, -R @ T[:3, 3])


def turn_z(angle_rad: float, origin_xy: tuple[float, float] = (0.0, 0.0)) -> Array:
    """Turn about the vertical through ``origin_xy`` (mm), counter-clockwise seen from above."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    R = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    o = np.array([*origin_xy, 0.0])
    return compose(R, o - R @ o)


def rotation_to_z(direction: Array) -> Array:
    """The smallest rotation (3, 3) that takes ``direction`` (3,) to +z."""
    d = np.asarray(direction, dtype=float) / np.linalg.norm(direction)
    axis = np.cross(d, [0.0, 0.0, 1.0])
    cos = float(d[2])
    if cos < -1.0 + 1e-12:  # opposite: half a turn about x
        return np.diag([1.0, -1.0, -1.0])
    K = np.array([[0.0, -axis[2], axis[1]], [axis[2], 0.0, -axis[0]], [-axis[1], axis[0], 0.0]])
    return np.asarray(np.eye(3) + K + K @ K / (1.0 + cos))
